//! The two ways of being driven, and names for sockets.

use std::future::Future;
#[cfg(unix)]
use std::path::PathBuf;
#[cfg(unix)]
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

#[cfg(unix)]
use mainspring::net::unix::SocketAddr;

use crate::support::{block_on, driver};

/// Longer than any test takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `test` with a driver that this thread turns, and with the one on a thread of its own.
pub fn both_ways<F: Future<Output = ()>>(test: impl Fn() -> F + Send + 'static) {
    block_on(&mut driver(), test());
    let (done, finished) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        futures::executor::block_on(test());
        let _ = done.send(());
    });
    // A panic drops the sender, and the join shows it.
    let late = finished.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
    assert!(!late, "a wake of the background driver was lost");
    thread.join().expect("the test holds in the background, too");
}

/// A name that no other test of any process uses.
#[cfg(unix)]
fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("mainspring-test-{}-{next}", std::process::id())
}

/// An abstract name of one's own.
#[cfg(unix)]
pub fn abstract_name() -> SocketAddr {
    SocketAddr::from_abstract_name(unique()).expect("a name that fits")
}

/// A path for a socket, removed when dropped.
#[cfg(unix)]
pub struct SocketPath(pub PathBuf);

#[cfg(unix)]
impl SocketPath {
    pub fn new() -> SocketPath {
        SocketPath(std::env::temp_dir().join(unique()))
    }
}

#[cfg(unix)]
impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
