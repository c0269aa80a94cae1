//! A TCP proxy: every connection to LISTEN becomes one to TARGET, in both directions.
//!
//! ```text
//! cargo run --release --example proxy -- LISTEN TARGET
//! cargo run --release --example proxy -- 127.0.0.1:8080 example.org:80
//! ```
//!
//! The two directions end one by one: where the bytes end, only that way is closed at the other
//! side, and the answer still comes back. A connection that was torn down is torn down on the
//! other side too, so that nobody takes half a message for a whole one.

use std::io;
use std::net::Shutdown;
use std::time::Duration;

use futures::AsyncWriteExt;
use futures::future::try_join;
use mainspring::net::{TcpListener, TcpStream};
use mainspring::rt::spawn_local;

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
const BUFFER_BYTES: usize = 64 * 1024;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, target] = arguments.as_slice() else {
        eprintln!("proxy: it takes two addresses, where to listen and where to connect to");
        std::process::exit(2);
    };
    let served = mainspring::block_on(serve(listen, target)).and_then(|served| served);
    if let Err(error) = served {
        eprintln!("proxy: {listen}: {error}");
        std::process::exit(1);
    }
}

async fn serve(listen: &str, target: &str) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    println!("proxy on {} to {target}", listener.local_addr()?);
    loop {
        let (client, peer) = listener.accept_steadily().await?;
        let target = target.to_string();
        spawn_local(async move {
            if let Err(error) = carry(&client, target).await {
                eprintln!("proxy: {peer}: {error}");
                // Without the rest of the bytes it must not look like a proper end.
                let _ = client.set_zero_linger();
            }
        })
        .detach();
    }
}

async fn carry(client: &TcpStream, target: String) -> io::Result<()> {
    let server = TcpStream::connect_timeout(target, CONNECT_PATIENCE).await?;
    // Small messages go on at once: whoever sent them has decided what belongs together.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let carried = try_join(copy(client, &server), copy(&server, client)).await;
    carried.map(drop).inspect_err(|_| drop(server.set_zero_linger()))
}

/// Carries one direction to its end, and hands the end on.
async fn copy(from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown(Shutdown::Write);
        }
        to.write_all(&buffer[..count]).await?;
    }
}
