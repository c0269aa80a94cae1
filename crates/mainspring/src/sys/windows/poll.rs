//! `WSAPoll`: an array of sockets goes into the system, and comes back with what each is ready for.
//!
//! Sockets are numbers here and not `BorrowedSocket`, because the driver has to be able to name one
//! that its owner may have closed in the meantime: the system checks each.
//!
//! # How it differs from poll(2), and what is made of it here
//!
//! - *`POLLPRI` and `POLLRDHUP` are refused* with `WSAEINVAL`, which fails the whole call. Urgent
//!   data is `POLLRDBAND`; of what is asked only the three flags that are taken reach the system.
//! - *`POLLHUP` is the end of one half*: the peer sends no more. It is told unasked. Here it is
//!   [`RDHUP`], and a reset or a failed connection ([`ERR`]) is both halves, [`HUP`].
//! - *A number below zero is passed over*, but may come back as invalid (Wine).
//! - *A number that names no socket* is told as [`NVAL`]. Should it fail the call instead, which is
//!   all that is documented for an array without any valid one, each is asked alone, and the one
//!   that fails is invalid (clause C8).
//! - *A connection that is refused is not told* before Windows 10, version 2004; `select` tells it,
//!   among the exceptions. See [`find_failures`].
//! - *Timeouts* are milliseconds, and may end early by part of a tick.
//!
//! Links:
//! - <https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsapoll>
//! - <https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-select>

use std::io;
use std::mem::zeroed;
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket};
use std::ptr;
use std::time::Duration;

use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::Networking::WinSock::{
    FD_SET, INVALID_SOCKET, POLLERR, POLLHUP, POLLNVAL, POLLRDBAND, POLLRDNORM, POLLWRNORM, SOCKET,
    SOCKET_ERROR, TIMEVAL, WSAEINVAL, WSAENOTSOCK, WSAPOLLFD, WSAPoll, select,
};
use windows_sys::Win32::System::SystemInformation::OSVERSIONINFOW;

use crate::interest::Interest;
use crate::ready::Ready;
use crate::source::RawSource;

use super::inspect::has_peer;

/// Data or a connection.
pub(crate) const IN: i16 = POLLRDNORM;
/// Room to write.
pub(crate) const OUT: i16 = POLLWRNORM;
/// Urgent data.
pub(crate) const PRI: i16 = POLLRDBAND;
/// An error is pending; never asked for, always told.
pub(crate) const ERR: i16 = POLLERR;
/// The peer will send no more; never asked for, always told.
pub(crate) const RDHUP: i16 = POLLHUP;
/// Both directions have ended. No flag of the system's: its bit is free, and set with [`ERR`].
pub(crate) const HUP: i16 = 0x4000;
/// The number names no socket; never asked for, always told.
pub(crate) const NVAL: i16 = POLLNVAL;
/// What is told unasked of a source that is open.
pub(crate) const UNASKED: i16 = ERR | HUP | RDHUP;
/// What is of interest to everybody.
pub(crate) const ALWAYS: i16 = ERR | HUP | NVAL;

/// What a queue of this kind is made of, for reports.
pub(crate) const CALLS: &str = "WSAPoll, or a connection over the loopback,";
/// What helps if it cannot be had.
pub(crate) const REMEDY: &str =
    "allow connections over the loopback, from the program to itself, in filters and firewalls";

/// One line of the array: a socket, what is asked of it, and what it answered.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Polled(WSAPOLLFD);

impl Polled {
    /// Asks whether `source` is ready for any of `events`.
    pub(crate) fn new(source: RawSource, events: i16) -> Polled {
        // The number of a handle has 32 bits; what is larger is no socket of the system.
        Polled::of(
            u32::try_from(source.0).map_or(INVALID_SOCKET, |number| number as SOCKET),
            events,
        )
    }

    /// The same for a socket of our own.
    pub(crate) fn own(socket: BorrowedSocket<'_>, events: i16) -> Polled {
        Polled::of(socket.as_raw_socket() as SOCKET, events)
    }

    /// A line that is passed over.
    pub(crate) fn nothing() -> Polled {
        Polled::of(INVALID_SOCKET, 0)
    }

    fn of(fd: SOCKET, events: i16) -> Polled {
        Polled(WSAPOLLFD { fd, events: events & (IN | OUT | PRI), revents: 0 })
    }

    /// What the last wait said.
    pub(crate) fn answer(&self) -> i16 {
        match self.0.revents {
            _ if self.0.fd == INVALID_SOCKET => 0,
            answer if answer & POLLERR != 0 => answer | HUP,
            answer => answer,
        }
    }
}

/// The system counts in milliseconds.
pub(crate) fn wait_ns(_lines: &mut [Polled], _timeout: Option<Duration>) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The answer to a call that the system does not have.
pub(crate) fn is_unknown_call(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

/// Waits until a line has an answer, at most as long as `timeout` (`None`: without end). Returns
/// how many have one. The timeout is rounded up to milliseconds.
pub(crate) fn wait_ms(lines: &mut [Polled], timeout: Option<Duration>) -> io::Result<usize> {
    match call(lines, milliseconds(timeout)) {
        Err(error) if is_about_a_socket(&error) => ask_each(lines).ok_or(error),
        called => called,
    }
}

fn call(lines: &mut [Polled], timeout_ms: i32) -> io::Result<usize> {
    let count = u32::try_from(lines.len()).map_err(|_| io::ErrorKind::QuotaExceeded)?;
    // SAFETY: `Polled` is a `WSAPOLLFD` and nothing else; the system writes into the exclusive
    // borrow only, before the call returns.
    let answers = unsafe { WSAPoll(lines.as_mut_ptr().cast(), count, timeout_ms) };
    usize::try_from(answers).map_err(|_| io::Error::last_os_error())
}

fn is_about_a_socket(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(WSAENOTSOCK | WSAEINVAL))
}

/// Looks at each line alone, without waiting; how many have an answer. `None` if no socket is to
/// blame.
fn ask_each(lines: &mut [Polled]) -> Option<usize> {
    let mut invalid = 0;
    let mut answers = 0;
    for line in lines.iter_mut().filter(|line| line.0.fd != INVALID_SOCKET) {
        if call(std::slice::from_mut(line), 0).is_err() {
            line.0.revents = POLLNVAL;
            invalid += 1;
        }
        answers += usize::from(line.answer() != 0);
    }
    (invalid != 0).then_some(answers)
}

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

/// The first build of Windows 10, version 2004.
const TELLS_FAILURES: u32 = 19041;

/// Whether the call tells of a connection attempt that has failed. It is known by the version: to
/// try it takes two seconds, which is how long the system takes to be sure of a refusal.
pub(crate) fn tells_failures() -> bool {
    build() >= TELLS_FAILURES
}

/// The build of a Windows 10 or later; of others, and of one that tells none, 0.
pub(crate) fn build() -> u32 {
    // SAFETY: a structure of numbers, for which all zeroes are a value.
    let mut version: OSVERSIONINFOW = unsafe { zeroed() };
    version.dwOSVersionInfoSize = size_of::<OSVERSIONINFOW>() as u32;
    // SAFETY: the system fills in one structure of the size that stands in it.
    let status = unsafe { RtlGetVersion(&raw mut version) };
    if status >= 0 && version.dwMajorVersion >= 10 { version.dwBuildNumber } else { 0 }
}

/// Sockets that `select` takes in one call.
const SET_MAX: usize = 64;

/// Finds connection attempts that have failed among the lines that have no answer and are to be
/// written to, and gives them one: [`ERR`] and [`HUP`]. Nothing is taken from the sockets: the
/// error is there for who asks for it.
pub(crate) fn find_failures(lines: &mut [Polled]) {
    let waiting = |line: &&mut Polled| {
        line.0.events & OUT != 0 && line.answer() == 0 && line.0.fd != INVALID_SOCKET
    };
    let mut waiting: Vec<&mut Polled> = lines.iter_mut().filter(waiting).collect();
    for part in waiting.chunks_mut(SET_MAX) {
        let sockets: Vec<SOCKET> = part.iter().map(|line| line.0.fd).collect();
        // One that was closed in this moment fails the call for all: then each is asked alone.
        let failed = exceptions(&sockets).unwrap_or_else(|_| {
            let each = sockets.iter().filter_map(|socket| exceptions(&[*socket]).ok());
            each.flatten().collect()
        });
        for line in part.iter_mut() {
            // Urgent data is an exception too, of sockets that have a peer.
            if failed.contains(&line.0.fd) && !has_peer(line.0.fd) {
                line.0.revents = POLLERR;
            }
        }
    }
}

/// Those of at most [`SET_MAX`] sockets that `select` names as exceptions.
fn exceptions(sockets: &[SOCKET]) -> io::Result<Vec<SOCKET>> {
    let mut set = FD_SET { fd_count: sockets.len() as u32, fd_array: [0; SET_MAX] };
    set.fd_array[..sockets.len()].copy_from_slice(sockets);
    let now = TIMEVAL { tv_sec: 0, tv_usec: 0 };
    let none = ptr::null_mut();
    // SAFETY: the set says how many of its places are in use, and it and the time outlive the call.
    let count = unsafe { select(0, none, none, &raw mut set, &raw const now) };
    if count == SOCKET_ERROR {
        return Err(io::Error::last_os_error());
    }
    let named = (set.fd_count as usize).min(SET_MAX);
    Ok(set.fd_array[..named].to_vec())
}

/// The errors of this call tell enough.
pub(crate) fn explain(error: io::Error) -> io::Error {
    error
}

/// What `source` is ready for at this moment, of what is asked, with errors and ends.
///
/// # Errors
///
/// The system's.
pub(crate) fn look(source: impl AsSocket, interest: Interest) -> io::Result<Ready> {
    let mut events = 0;
    for (asked, flags) in
        [(interest.is_readable(), IN), (interest.is_writable(), OUT), (interest.is_priority(), PRI)]
    {
        events |= if asked { flags } else { 0 };
    }
    let mut lines = [Polled::own(source.as_socket(), events)];
    call(&mut lines, 0)?;
    Ok(ready_of(lines[0].answer() as u16 as u32))
}

/// The flags in this crate's words (clause C9). An end is something to read; the end of the whole
/// connection, or of the attempt to make one, is an answer to whatever was waited for.
pub(crate) fn ready_of(flags: u32) -> Ready {
    let has = |flag: i16| flags & flag as u16 as u32 != 0;
    let mut ready = Ready::EMPTY;
    let mut set = |condition: bool, bits: Ready| {
        if condition {
            ready |= bits;
        }
    };
    set(has(IN), Ready::READABLE);
    set(has(OUT), Ready::WRITABLE);
    set(has(PRI), Ready::PRIORITY);
    set(has(RDHUP), Ready::READABLE | Ready::READ_CLOSED);
    set(has(ERR), Ready::ERROR);
    set(has(HUP), Ready::READABLE | Ready::WRITABLE | Ready::CLOSED);
    ready
}

#[cfg(test)]
mod tests;
