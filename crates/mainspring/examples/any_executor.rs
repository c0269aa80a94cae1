//! Mainspring under an executor that knows nothing of it.
//!
//! ```text
//! cargo run --release --example any_executor
//! ```
//!
//! Nothing is set up here, and the executor is the one of the crate `futures`, which only polls.
//! The sockets and the timer find no driver on this thread, so they share the process-wide one,
//! which turns on a thread of its own from its first use on.

use std::io;
use std::time::{Duration, Instant};

use futures::future::try_join;
use futures::{AsyncReadExt, AsyncWriteExt};
use mainspring::Handle;
use mainspring::net::{TcpListener, TcpStream};
use mainspring::time::timeout;

const ROUNDS: u32 = 10_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> io::Result<()> {
    futures::executor::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let both = try_join(answer(&listener), ask(address));
        let ((), round_trip) = timeout(PATIENCE, both).await??;

        let driver = Handle::current();
        let metrics = driver.metrics();
        println!("{ROUNDS} round trips on {}, {round_trip:?} each", driver.backend().kind());
        println!("{} turns of the driver, {} events", metrics.turns, metrics.events);
        Ok(())
    })
}

/// Sends back what the first client says, until it says no more.
async fn answer(listener: &TcpListener) -> io::Result<()> {
    let (stream, _peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    futures::io::copy(&stream, &mut &stream).await.map(drop)
}

/// Measures the mean time from a question to its answer.
async fn ask(address: std::net::SocketAddr) -> io::Result<Duration> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let start = Instant::now();
    for round in 0..ROUNDS {
        let question = round.to_be_bytes();
        stream.write_all(&question).await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, question, "an echo repeats what was said");
    }
    let elapsed = start.elapsed();
    stream.close().await?;
    Ok(elapsed / ROUNDS)
}
