//! Connections that come and go.

use std::io;
use std::time::Instant;

use mainspring::net::{TcpListener, TcpStream};

use crate::handles;

/// Cycles before the first count: what is made once is made then.
const WARM_UP: usize = 200;

/// Connects, accepts, waits once and closes, so often; no handle is left.
pub(crate) fn run(cycles: usize) -> io::Result<()> {
    let mut driver = mainspring::Builder::new().pinned().build()?;
    let kind = driver.handle().backend().kind();
    driver.block_on(some(WARM_UP))??;
    driver.turn(Some(std::time::Duration::ZERO))?;
    let before = handles::count()?;
    let begin = Instant::now();
    driver.block_on(some(cycles))??;
    let took = begin.elapsed();
    // The packets of the last requests.
    driver.turn(Some(std::time::Duration::ZERO))?;
    let after = handles::count()?;
    println!(
        "{cycles} connections came and went in {took:.1?} ({kind}, {:.0} a second): \
         {before} handles before, {after} after",
        cycles as f64 / took.as_secs_f64(),
    );
    if before == after { Ok(()) } else { Err(io::Error::other("handles were lost")) }
}

async fn some(cycles: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    for cycle in 0..cycles {
        let both = futures_lite::future::zip(TcpStream::connect(address), listener.accept());
        let (client, accepted) = both.await;
        let (client, (server, _)) = (client?, accepted?);
        let mut byte = [0];
        let (read, written) =
            futures_lite::future::zip(server.read(&mut byte), client.write(b"x")).await;
        if (read?, written?) != (1, 1) {
            return Err(io::Error::other("the byte did not arrive"));
        }
        // In both orders, and every other time with a wait that is given up.
        if cycle % 2 == 0 {
            futures_lite::future::poll_once(server.read(&mut byte)).await;
            drop(client);
        } else {
            drop(server);
        }
    }
    Ok(())
}
