//! Which processors a thread may run on.
//!
//! - <https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html>

use std::io;

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that the calling thread may run on, by number.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn processors() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&processor| allowed.is_set(processor)).collect())
}

/// Binds the calling thread to one processor.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn pin(processor: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(processor);
    Ok(sched_setaffinity(None, &only)?)
}

/// The processors of the machine: what a thread may use is not to be had here.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn processors() -> io::Result<Vec<usize>> {
    Ok((0..std::thread::available_parallelism()?.get()).collect())
}

/// Does nothing: there is no way to bind a thread here, or none that holds.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn pin(_processor: usize) -> io::Result<()> {
    Ok(())
}
