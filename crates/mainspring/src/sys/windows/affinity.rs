//! Which processors a thread may run on. Threads are not bound here: the system places them, and
//! with more than 64 processors a mask would bind them to one group of processors as well.

use std::io;

/// The processors of the machine, by number.
pub(crate) fn processors() -> io::Result<Vec<usize>> {
    Ok((0..std::thread::available_parallelism()?.get()).collect())
}

/// Does nothing: the system places threads.
pub(crate) fn pin(_processor: usize) -> io::Result<()> {
    Ok(())
}
