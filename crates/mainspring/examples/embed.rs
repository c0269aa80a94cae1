//! A driver inside somebody else's loop: a game, a window, a runtime of your own.
//!
//! ```text
//! cargo run --release --example embed
//! ```
//!
//! The loop belongs to the program: it draws sixty frames a second and in between turns the
//! driver, which sleeps until the next frame or until there is I/O. Its only task is as small as a
//! task can be: a future, and a flag that a wake raises. A wake may come from any thread, so it
//! also unparks the driver; if the driver is awake, that costs no system call.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use mainspring::net::{TcpListener, TcpStream};
use mainspring::{Driver, Handle};

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 60);

struct Flag {
    raised: AtomicBool,
    handle: Handle,
}

impl Wake for Flag {
    fn wake(self: Arc<Flag>) {
        self.raised.store(true, Ordering::Release);
        self.handle.unpark();
    }
}

fn main() -> io::Result<()> {
    let mut driver = Driver::new()?;
    let handle = driver.handle();
    // From here on the sockets of this thread belong to this driver.
    let _entered = handle.enter();
    let flag = Arc::new(Flag { raised: AtomicBool::new(true), handle: handle.clone() });
    let waker = Waker::from(Arc::clone(&flag));
    let mut task = pin!(network());
    let (mut frames, mut next_frame) = (0, Instant::now());
    loop {
        // Poll the task if somebody woke it since the last time.
        if flag.raised.swap(false, Ordering::AcqRel) {
            if let Poll::Ready(heard) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
                println!("heard {:?}, {frames} frames, {} turns", heard?, handle.metrics().turns);
                return Ok(());
            }
        }
        let now = Instant::now();
        if now >= next_frame {
            frames += 1; // Here the program would draw.
            next_frame = now + FRAME;
        }
        driver.turn(Some(next_frame.saturating_duration_since(now)))?;
    }
}

/// What the program wants of the network: here, one word from itself, half a second later.
async fn network() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _peer) = listener.accept().await?;
    mainspring::time::sleep(Duration::from_millis(500)).await;
    client.write(b"hello").await?;
    let mut word = [0; 16];
    let count = server.read(&mut word).await?;
    Ok(String::from_utf8_lossy(&word[..count]).into_owned())
}
