//! Many sockets on one driver, all waited for at once.

use std::io;
use std::time::Instant;

use mainspring::net::{TcpListener, TcpStream};
use mainspring::rt::spawn_local;
use mainspring::{Handle, SystemCall};

/// Connects half as many pairs as `sockets`, waits on both ends of all, and lets each pair talk.
pub(crate) fn run(sockets: usize) -> io::Result<()> {
    mainspring::block_on(all(sockets / 2))?
}

async fn all(pairs: usize) -> io::Result<()> {
    let begin = Instant::now();
    let handle = Handle::current();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (mut clients, mut echoes) = (Vec::with_capacity(pairs), Vec::with_capacity(pairs));
    for _ in 0..pairs {
        let accepting = listener.accept();
        let connecting = TcpStream::connect(address);
        let (client, accepted) = futures_lite::future::zip(connecting, accepting).await;
        let (client, (server, _)) = (client?, accepted?);
        clients.push(client);
        echoes.push(spawn_local(echo(server)));
    }
    let connected = begin.elapsed();
    let open = handle.metrics().sources_now;
    // Every client waits for an answer, and every server for a word, before the first is said.
    let readers: Vec<_> = clients
        .into_iter()
        .map(|client| {
            spawn_local(async move {
                let mut answer = [0; 4];
                client.write(b"ping").await?;
                let count = client.read(&mut answer).await?;
                Ok::<bool, io::Error>(answer[..count] == *b"ping")
            })
        })
        .collect();
    let begin = Instant::now();
    let mut right = 0;
    for reader in readers {
        right += usize::from(reader.await.map_err(io::Error::other)??);
    }
    for echo in echoes {
        echo.await.map_err(io::Error::other)??;
    }
    let talked = begin.elapsed();
    drop(listener);
    let metrics = handle.metrics();
    println!(
        "{open} sockets on one driver ({}): connected in {connected:.1?}, {right} of {pairs} \
         answered in {talked:.1?}, {} left; {} waits",
        handle.backend().kind(),
        metrics.sources_now,
        metrics.system_calls(SystemCall::Wait),
    );
    if right == pairs && metrics.sources_now == 0 && open as usize > 2 * pairs {
        Ok(())
    } else {
        Err(io::Error::other("not every pair talked, or something is left"))
    }
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4];
    while let count @ 1.. = stream.read(&mut buffer).await? {
        stream.write(&buffer[..count]).await?;
    }
    Ok(())
}
