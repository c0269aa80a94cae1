//! Mainspring: its driver, net types and local tasks, by readiness.

use std::io;
use std::net::TcpListener;

use futures_lite::AsyncWriteExt;
use mainspring::rt::spawn_local;
use mainspring::{Builder, Choice, Kind, net};

pub(super) fn serve(listener: TcpListener, kind: Kind) -> io::Result<()> {
    Builder::new().choice(Choice::Exactly(kind)).pinned().build()?.block_on(async {
        let listener = net::TcpListener::from_std(listener)?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let echo = spawn_local(async move {
                let mut buffer = vec![0; super::BUFFER];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..n]).await.is_err() {
                        break;
                    }
                }
            });
            echo.detach();
        }
    })?
}
