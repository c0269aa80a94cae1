//! `WSAPoll`, for a look at one socket.
//!
//! <https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsapoll>

use std::io;
use std::os::windows::io::{AsRawSocket, AsSocket};

use windows_sys::Win32::Networking::WinSock::{
    POLLERR, POLLHUP, POLLRDBAND, POLLRDNORM, POLLWRNORM, SOCKET, SOCKET_ERROR, WSAPOLLFD, WSAPoll,
};

use crate::interest::Interest;
use crate::ready::Ready;

/// What `source` is ready for at this moment, of what is asked, with errors and ends.
///
/// # Errors
///
/// The system's.
pub(crate) fn look(source: impl AsSocket, interest: Interest) -> io::Result<Ready> {
    let mut events = 0;
    for (asked, flags) in [
        (interest.is_readable(), POLLRDNORM),
        (interest.is_writable(), POLLWRNORM),
        (interest.is_priority(), POLLRDBAND),
    ] {
        events |= if asked { flags } else { 0 };
    }
    let fd = source.as_socket().as_raw_socket() as SOCKET;
    let mut line = WSAPOLLFD { fd, events, revents: 0 };
    // SAFETY: one line, exclusively borrowed for the call.
    let count = unsafe { WSAPoll(&raw mut line, 1, 0) };
    if count == SOCKET_ERROR {
        return Err(io::Error::last_os_error());
    }
    Ok(ready_of(line.revents as u16 as u32))
}

/// Winsock's bits in this crate's words (clause C9).
pub(crate) fn ready_of(flags: u32) -> Ready {
    let has = |flag: i16| flags & flag as u16 as u32 != 0;
    let bits = [
        (has(POLLRDNORM), Ready::READABLE),
        (has(POLLWRNORM), Ready::WRITABLE),
        (has(POLLRDBAND), Ready::PRIORITY),
        (has(POLLERR), Ready::ERROR | Ready::WRITE_CLOSED),
        (has(POLLHUP), Ready::READ_CLOSED),
    ];
    let said = bits.into_iter().filter(|(said, _)| *said);
    said.fold(Ready::EMPTY, |ready, (_, bit)| ready | bit)
}
