//! Mainspring on the ring: what comes lies in leased buffers, and is sent from them.

use std::io;
use std::net::TcpListener;

use futures_lite::{AsyncWriteExt, StreamExt};
use mainspring::rt::spawn_local;
use mainspring::{BufferGroup, Builder, Choice, Handle, Kind, net};

pub(super) fn serve(listener: TcpListener) -> io::Result<()> {
    let ring = Choice::Exactly(Kind::Uring);
    Builder::new().choice(ring).pinned().build()?.block_on(async {
        let listener = net::TcpListener::from_std(listener)?;
        let group = Handle::current().buffer_group(super::BUFFERS, super::BUFFER)?;
        let mut connections = listener.accept_multi();
        while let Some((stream, _)) = connections.next().await.transpose()? {
            stream.set_nodelay(true)?;
            let group = group.clone();
            // A connection that ends takes nobody along.
            spawn_local(async move { _ = echo(stream, group).await }).detach();
        }
        Ok(())
    })?
}

async fn echo(stream: net::TcpStream, group: BufferGroup) -> io::Result<()> {
    let mut incoming = stream.recv_multi(&group);
    while let Some(lease) = incoming.next().await.transpose()? {
        let (sent, lease) = stream.send(lease).await;
        let sent = sent?;
        if sent < lease.len() {
            (&stream).write_all(&lease[sent..]).await?;
        }
    }
    Ok(())
}
