//! poll(2): an array of descriptors goes into the kernel, and comes back with what each is ready
//! for.
//!
//! Descriptors are numbers here and not `BorrowedFd`, because the driver has to be able to name
//! one that its owner may have closed in the meantime: the kernel checks each and answers
//! `POLLNVAL`. Nothing is read or written through them.
//!
//! - <https://man7.org/linux/man-pages/man2/poll.2.html> (`ppoll`: a timeout in nanoseconds)

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use crate::interest::Interest;
use crate::ready::Ready;
use crate::source::RawSource;

/// Data, a connection, or the end of the stream.
pub(crate) const IN: i16 = libc::POLLIN;
/// Room to write.
pub(crate) const OUT: i16 = libc::POLLOUT;
/// Urgent data.
pub(crate) const PRI: i16 = libc::POLLPRI;
/// An error is pending; never asked for, always told.
pub(crate) const ERR: i16 = libc::POLLERR;
/// Both ends are closed; never asked for, always told.
pub(crate) const HUP: i16 = libc::POLLHUP;
/// No open descriptor has this number; never asked for, always told.
pub(crate) const NVAL: i16 = libc::POLLNVAL;
/// The peer will send no more. Systems without it say so by the end of the file alone.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) const RDHUP: i16 = libc::POLLRDHUP;
/// The peer will send no more: this system says so by the end of the file alone.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(crate) const RDHUP: i16 = 0;

/// What is told unasked of a source that is open.
pub(crate) const UNASKED: i16 = ERR | HUP;
/// What is of interest to everybody.
pub(crate) const ALWAYS: i16 = ERR | HUP | NVAL;

/// What a queue of this kind is made of, for reports.
pub(crate) const CALLS: &str = "poll, or eventfd and pipe,";
/// What helps if it cannot be had.
pub(crate) const REMEDY: &str =
    "allow the calls in the sandbox, or raise the limit of open files (ulimit -n)";

/// One line of the array: a descriptor, what is asked of it, and what it answered.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Polled(libc::pollfd);

impl Polled {
    /// Asks whether `source` is ready for any of `events`.
    pub(crate) fn new(source: RawSource, events: i16) -> Polled {
        // A number that is no descriptor is one that the kernel passes over.
        Polled::of(RawFd::try_from(source.0).unwrap_or(-1), events)
    }

    /// The same for a descriptor of our own.
    pub(crate) fn own(descriptor: BorrowedFd<'_>, events: i16) -> Polled {
        Polled::of(descriptor.as_raw_fd(), events)
    }

    /// A line that the kernel passes over.
    pub(crate) fn nothing() -> Polled {
        Polled::of(-1, 0)
    }

    fn of(fd: RawFd, events: i16) -> Polled {
        Polled(libc::pollfd { fd, events, revents: 0 })
    }

    /// What the last wait said.
    pub(crate) fn answer(&self) -> i16 {
        self.0.revents
    }
}

/// Waits until a line has an answer, at most as long as `timeout` (`None`: without end). Returns
/// how many have one. The timeout is in nanoseconds where the system can.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) fn wait_ns(lines: &mut [Polled], timeout: Option<Duration>) -> io::Result<usize> {
    let timespec = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos() as _,
    });
    let timespec = timespec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let no_signal_mask = std::ptr::null::<libc::sigset_t>();
    let start = lines.as_mut_ptr().cast::<libc::pollfd>();
    // SAFETY: `Polled` is a `pollfd` and nothing else; the kernel writes into the exclusive borrow
    // only, and reads the timespec, which lives until the end of this function.
    let count = unsafe { libc::ppoll(start, lines.len() as _, timespec, no_signal_mask) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// This system has no call with nanoseconds: the answer is that of a kernel without it.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(crate) fn wait_ns(_lines: &mut [Polled], _timeout: Option<Duration>) -> io::Result<usize> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

/// The same in milliseconds, for systems without `ppoll`.
pub(crate) fn wait_ms(lines: &mut [Polled], timeout: Option<Duration>) -> io::Result<usize> {
    let start = lines.as_mut_ptr().cast::<libc::pollfd>();
    // SAFETY: `Polled` is a `pollfd` and nothing else; the kernel writes into the exclusive borrow
    // only.
    let count = unsafe { libc::poll(start, lines.len() as _, milliseconds(timeout)) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// The answers to a call that the kernel, or a seccomp filter in front of it, does not know.
pub(crate) fn is_unknown_call(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

/// Puts the remedy beside the error whose bare text does not tell.
pub(crate) fn explain(error: io::Error) -> io::Error {
    if error.raw_os_error() != Some(libc::EINVAL) {
        return error;
    }
    io::Error::new(
        error.kind(),
        format!(
            "more sources are watched than the limit of open files now allows: do not lower it \
             below what is open (ulimit -n), or watch fewer ({error})"
        ),
    )
}

/// Whether the call tells of a connection attempt that has failed: on every Unix.
pub(crate) fn tells_failures() -> bool {
    true
}

/// Nothing is kept back here.
pub(crate) fn find_failures(_lines: &mut [Polled]) {}

/// A timeout in whole milliseconds, rounded up so that it never ends early; who waits goes on if it
/// was cut to the 24 days an `int` holds. -1 is without end.
fn milliseconds(timeout: Option<Duration>) -> i32 {
    match timeout {
        None => -1,
        Some(timeout) => {
            let rounded_up = timeout.as_nanos().div_ceil(1_000_000);
            i32::try_from(rounded_up).unwrap_or(i32::MAX)
        }
    }
}

/// What `source` is ready for at this moment, of what is asked, with errors and ends.
///
/// # Errors
///
/// The system's.
pub(crate) fn look(source: impl AsFd, interest: Interest) -> io::Result<Ready> {
    let mut events = 0;
    for (asked, flags) in [
        (interest.is_readable(), IN | RDHUP),
        (interest.is_writable(), OUT),
        (interest.is_priority(), PRI),
    ] {
        events |= if asked { flags } else { 0 };
    }
    let mut lines = [Polled::own(source.as_fd(), events)];
    while let Err(error) = wait_ms(&mut lines, Some(Duration::ZERO)) {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(ready_of(lines[0].answer() as u32))
}

/// The kernel's bits in this crate's words (clause C9); `POLLNVAL` is not among them.
///
/// `POLLHUP` closes both sides. An error beside a writable end, or alone, is the broken pipe of
/// a writer whose reader has gone. A reset is `IN|RDHUP|ERR|HUP`: both sides closed and an error.
pub(crate) fn ready_of(flags: u32) -> Ready {
    let has = |flag: i16| flags & flag as u32 != 0;
    let mut ready = Ready::EMPTY;
    let mut set = |condition: bool, bits: Ready| {
        if condition {
            ready |= bits;
        }
    };
    set(has(IN), Ready::READABLE);
    set(has(OUT), Ready::WRITABLE);
    set(has(PRI), Ready::PRIORITY);
    set(has(ERR), Ready::ERROR);
    set(has(HUP | RDHUP), Ready::READ_CLOSED);
    let broken_pipe = has(ERR) && (has(OUT) || flags == ERR as u32);
    set(has(HUP) || broken_pipe, Ready::WRITE_CLOSED);
    ready
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c9_flags_map_to_ready() {
        let ready = |flags: i16| ready_of(flags as u32);
        assert!(ready(IN | RDHUP | ERR | HUP).contains(Ready::ERROR | Ready::CLOSED));
        assert_eq!(ready(IN | RDHUP), Ready::READABLE | Ready::READ_CLOSED);
        assert_eq!(ready(ERR), Ready::ERROR | Ready::WRITE_CLOSED);
        assert_eq!(ready(PRI), Ready::PRIORITY);
        assert_eq!(ready(OUT), Ready::WRITABLE);
    }

    #[test]
    fn c7_milliseconds_round_up_and_saturate() {
        assert_eq!(milliseconds(None), -1);
        assert_eq!(milliseconds(Some(Duration::ZERO)), 0);
        assert_eq!(milliseconds(Some(Duration::from_nanos(1))), 1);
        assert_eq!(milliseconds(Some(Duration::from_micros(1001))), 2);
        assert_eq!(milliseconds(Some(Duration::MAX)), i32::MAX);
    }

    /// What is proven of one mechanism's flags holds for the other's.
    #[cfg(target_os = "linux")]
    #[test]
    fn c9_the_flags_are_those_of_epoll() {
        use libc::{EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP};
        let flags = [IN, OUT, PRI, ERR, HUP, RDHUP].map(i32::from);
        assert_eq!(flags, [EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLERR, EPOLLHUP, EPOLLRDHUP]);
    }

    #[test]
    fn c8_a_number_that_names_nothing_says_so_and_a_line_of_nothing_is_passed_over() {
        let mut lines = [Polled::new(RawSource(i32::MAX as u64), IN), Polled::nothing()];
        assert_eq!(wait_ms(&mut lines, None).unwrap(), 1);
        assert_eq!(lines.map(|line| line.answer()), [NVAL, 0]);
    }
}
