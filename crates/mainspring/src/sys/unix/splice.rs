//! `splice(2)`: bytes from one descriptor to another inside the kernel.
//!
//! One of the two is a pipe, whose pages take the bytes without copying them, or lend them. The
//! flag makes the pipe's side answer `EAGAIN` where it would block; the other side does so if its
//! descriptor is in non-blocking mode.
//!
//! - <https://man7.org/linux/man-pages/man2/splice.2.html>

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::retry_on_intr;
use rustix::pipe::SpliceFlags;

/// The pipe does not block.
pub(crate) const NONBLOCK: u32 = SpliceFlags::NONBLOCK.bits();

/// Moves up to `len` bytes.
pub(crate) fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    let splice = || rustix::pipe::splice(from, None, to, None, len, SpliceFlags::NONBLOCK);
    Ok(retry_on_intr(splice)?)
}

/// The descriptor of a socket.
pub(crate) fn borrowed(socket: &socket2::Socket) -> BorrowedFd<'_> {
    socket.as_fd()
}
