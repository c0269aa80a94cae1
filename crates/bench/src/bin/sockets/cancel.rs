//! Waits that are given up while what they wait for arrives.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mainspring::net::{TcpListener, TcpStream};
use mainspring::rt::yield_now;
use mainspring::time::timeout;

/// How long a byte that was written may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Begins a wait on each of `sockets`, gives all up while a thread writes to them, and reads what
/// was written: all of it, `rounds` times.
pub(crate) fn run(sockets: usize, rounds: usize) -> io::Result<()> {
    mainspring::block_on(all(sockets, rounds))?
}

async fn all(sockets: usize, rounds: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..sockets {
        let both = futures_lite::future::zip(TcpStream::connect(address), listener.accept()).await;
        ours.push(both.0?);
        theirs.push(both.1?.0.into_std()?);
    }
    let (begin, mut given_up, mut answered) = (Instant::now(), 0_usize, 0_usize);
    let written = Arc::new(AtomicUsize::new(0));
    for round in 0..rounds {
        let mut waits: Vec<_> = Vec::with_capacity(sockets);
        for stream in &ours {
            let mut wait = Box::pin(async {
                let mut byte = [0];
                stream.read(&mut byte).await.map(|count| (count, byte[0]))
            });
            // Nothing is there yet.
            if futures_lite::future::poll_once(&mut wait).await.is_some() {
                return Err(io::Error::other("a byte that nobody wrote"));
            }
            waits.push(wait);
        }
        // The requests are made, and the thread writes while they are given up.
        yield_now().await;
        let (mut writers, counted) = (std::mem::take(&mut theirs), Arc::clone(&written));
        let writing = thread::spawn(move || {
            for writer in &mut writers {
                writer.write_all(&[round as u8])?;
                counted.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, io::Error>(writers)
        });
        let mut have = vec![false; sockets];
        for (index, mut wait) in waits.into_iter().enumerate() {
            // Those that were in time have read; the others are dropped in mid-flight.
            match futures_lite::future::poll_once(&mut wait).await {
                Some(read) => have[index] = check(read?, round)?,
                None => given_up += 1,
            }
            if index % 16 == 0 {
                yield_now().await;
            }
        }
        for (stream, have) in ours.iter().zip(have) {
            let mut byte = [0];
            if !have {
                let count = timeout(PATIENCE, stream.read(&mut byte)).await??;
                check((count, byte[0]), round)?;
            }
            answered += 1;
        }
        theirs = writing.join().map_err(|_| io::Error::other("the writer panicked"))??;
    }
    println!(
        "{sockets} sockets, {rounds} rounds in {:.1?}: {given_up} waits given up while {} bytes \
         arrived, {answered} read, none lost",
        begin.elapsed(),
        written.load(Ordering::Relaxed),
    );
    Ok(())
}

/// Whether a read brought the byte of this round.
fn check(read: (usize, u8), round: usize) -> io::Result<bool> {
    if read == (1, round as u8) {
        Ok(true)
    } else {
        Err(io::Error::other(format!("{read:?} in round {round}: a byte was lost or came twice")))
    }
}
