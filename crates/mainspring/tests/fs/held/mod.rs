//! Which files below a directory are still open.

#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

use std::path::Path;
use std::time::{Duration, Instant};

pub use system::open_below;

use crate::support::PATIENCE;

/// Waits until nothing has a file below a directory open any more: what was given up on a thread of
/// the pool is closed when that thread is done with it.
///
/// # Panics
///
/// If that takes longer than the patience of a test.
pub async fn until_closed_below(directory: &Path) {
    let begin = Instant::now();
    while open_below(directory) != 0 {
        assert!(begin.elapsed() < PATIENCE, "a descriptor was leaked");
        mainspring::time::sleep(Duration::from_millis(1)).await;
    }
}
