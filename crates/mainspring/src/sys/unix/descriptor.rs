//! Reads and writes on whatever has a descriptor.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::io::retry_on_intr;

/// Reads into memory that need not be initialised; the first so many bytes then are.
pub(crate) fn read_uninit(
    descriptor: BorrowedFd<'_>,
    memory: &mut [MaybeUninit<u8>],
) -> io::Result<usize> {
    let read = || rustix::io::read(descriptor, &mut *memory).map(|(read, _)| read.len());
    Ok(retry_on_intr(read)?)
}

/// Writes what there is room for.
pub(crate) fn write(descriptor: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    Ok(retry_on_intr(|| rustix::io::write(descriptor, bytes))?)
}
