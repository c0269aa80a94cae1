//! What can be asked about a descriptor without touching what is in it: which file its number
//! names, and how much has passed through it.
//!
//! Descriptors are numbers here, as in [`poll`](super::poll): the kernel checks them.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use crate::source::RawSource;

/// Which file a number names: two files that are open at the same time differ in it, with the
/// exceptions that [`identity`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    sort: Sort,
}

/// What sort of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A socket.
    Socket,
    /// A regular file or a directory: always ready.
    Storage,
    /// A pipe, a terminal, an eventfd and the like.
    Other,
}

impl Identity {
    pub(crate) fn sort(&self) -> Sort {
        self.sort
    }

    /// Whether it is a regular file or a directory.
    pub(crate) fn is_storage(&self) -> bool {
        self.sort == Sort::Storage
    }

    /// Whether `now`, which the number names, is the same file.
    pub(crate) fn is_still(&self, now: &Identity) -> bool {
        self == now
    }

    /// Whether a connection attempt may be under way: asked only where its failure is not told.
    pub(crate) fn is_connecting(&self) -> bool {
        false
    }

    /// The identity in 32 bits, never zero, for tables: two files in four billion share one.
    #[allow(dead_code, reason = "kept by the mechanisms that have a table of all descriptors")]
    pub(crate) fn fingerprint(&self) -> u32 {
        // The odd constant is 2^64 divided by the golden ratio: neighbours end up far apart.
        let mixed = (self.inode ^ self.device.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as u32 | 1
    }
}

/// Which file a number names. Sockets and pipes have a number of their own that is not given out
/// again; two openings of one FIFO or device look alike, and on Linux so do all eventfds, timerfds
/// and the like, which share one.
///
/// # Errors
///
/// `EBADF` if it names none; a sentence if no descriptor has such a number.
pub(crate) fn identity(source: RawSource) -> io::Result<Identity> {
    let descriptor = number(source);
    if descriptor < 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "this queue is the system's and the source is not: register a simulated socket with \
             a driver or poller of its simulation",
        ));
    }
    let mut answer = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel writes one `stat` to where the pointer leads, which is ours.
    let result = unsafe { libc::fstat(descriptor, answer.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so the kernel has written it.
    let answer = unsafe { answer.assume_init() };
    let sort = match answer.st_mode & libc::S_IFMT {
        libc::S_IFSOCK => Sort::Socket,
        libc::S_IFREG | libc::S_IFDIR => Sort::Storage,
        _ => Sort::Other,
    };
    Ok(Identity { device: answer.st_dev as _, inode: answer.st_ino as _, sort })
}

/// How much has passed through a source. Compared with an earlier answer it tells whether something
/// happened in between, for certain or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All bytes that ever came and all that were ever written: the same numbers mean that nothing
    /// happened.
    Totals { received: u64, written: u64 },
    /// What waits to be read now: other numbers mean that something happened, the same mean
    /// nothing.
    Waiting { received: u64 },
}

/// How much has passed through a source. Never fails: what cannot be asked counts as 0.
pub(crate) fn progress(source: RawSource, sort: Sort) -> Progress {
    let descriptor = number(source);
    let tcp = if sort == Sort::Socket { tcp_progress(descriptor) } else { None };
    tcp.unwrap_or_else(|| Progress::Waiting { received: ask(descriptor, libc::FIONREAD as _) })
}

fn number(source: RawSource) -> RawFd {
    RawFd::try_from(source.0).unwrap_or(-1)
}

/// An `ioctl` that answers with one number of bytes.
fn ask(descriptor: RawFd, request: u64) -> u64 {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the two requests used here, FIONREAD and TIOCOUTQ, write one `int` to where the
    // pointer leads, which is ours, and change nothing.
    let result = unsafe { libc::ioctl(descriptor, request as _, &raw mut bytes) };
    if result == 0 { u64::try_from(bytes).unwrap_or(0) } else { 0 }
}

/// TCP counts what it received and what was acknowledged, from Linux 4.1 on; what was written is
/// the latter and what still waits to be acknowledged. A listener tells the connections that wait.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn tcp_progress(descriptor: RawFd) -> Option<Progress> {
    /// As many bytes as of `struct tcp_info` are needed.
    const LENGTH: usize = 136;
    const STATE: usize = 0;
    const STATE_LISTEN: u8 = 10;
    /// For a listener: the connections that wait to be accepted.
    const UNACKED: usize = 24;
    const BYTES_ACKED: usize = 120;
    const BYTES_RECEIVED: usize = 128;

    let mut info = [0_u8; LENGTH];
    let mut length = LENGTH as libc::socklen_t;
    let (level, option) = (libc::IPPROTO_TCP, libc::TCP_INFO);
    let start = info.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `length` bytes to the array, and the length to `length`.
    let result = unsafe { libc::getsockopt(descriptor, level, option, start, &raw mut length) };
    if result != 0 || length < LENGTH as libc::socklen_t {
        return None;
    }
    let word = |at: usize| {
        let bytes = info[at..at + 8].try_into().expect("eight bytes of the array");
        u64::from_ne_bytes(bytes)
    };
    if info[STATE] == STATE_LISTEN {
        let bytes = info[UNACKED..UNACKED + 4].try_into().expect("four bytes of the array");
        return Some(Progress::Waiting { received: u32::from_ne_bytes(bytes).into() });
    }
    let unacknowledged = ask(descriptor, libc::TIOCOUTQ as _);
    let written = word(BYTES_ACKED).wrapping_add(unacknowledged);
    Some(Progress::Totals { received: word(BYTES_RECEIVED), written })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn tcp_progress(_descriptor: RawFd) -> Option<Progress> {
    None
}

#[cfg(test)]
mod tests;
