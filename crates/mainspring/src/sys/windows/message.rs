//! Datagrams.
//!
//! A receive into a buffer that is too small fills it and fails with `WSAEMSGSIZE`; the rest is
//! gone. That is no failure here but a datagram that is marked as cut off, as on other systems.
//!
//! A connected socket hears as `WSAECONNRESET` that nobody listens at its peer's port. No
//! connection was reset, since there is none: elsewhere that is a refusal, and so it is here.
//!
//! - <https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsarecvfrom>

use std::io;
use std::mem::MaybeUninit;

use socket2::{MaybeUninitSlice, SockAddr, Socket};
use windows_sys::Win32::Networking::WinSock::{MSG_PEEK, WSAECONNRESET};

/// A datagram that was received.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) len: usize,
    /// It was longer than the buffer.
    pub(crate) truncated: bool,
    pub(crate) sender: SockAddr,
}

fn flags(peek: bool) -> i32 {
    if peek { MSG_PEEK } else { 0 }
}

/// Receives the bytes of a datagram; with `peek` it stays to be received again.
pub(crate) fn recv(socket: &Socket, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
    receive(socket, uninit(buffer), peek)
}

/// Receives the bytes of a datagram into memory that need not be initialised; the first so many
/// bytes then are.
pub(crate) fn recv_uninit(socket: &Socket, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    receive(socket, buffer, false)
}

fn receive(socket: &Socket, buffer: &mut [MaybeUninit<u8>], peek: bool) -> io::Result<usize> {
    let room = buffer.len();
    let mut buffers = [MaybeUninitSlice::new(buffer)];
    let received = socket.recv_vectored_with_flags(&mut buffers, flags(peek));
    let (len, received) = received.map_err(refused)?;
    // One that was cut off has filled the buffer, whatever length is told beside the error.
    Ok(if received.is_truncated() { room } else { len })
}

/// Receives a datagram and what is to be known about it.
pub(crate) fn recv_datagram(socket: &Socket, buffer: &mut [u8], peek: bool) -> io::Result<Arrived> {
    let room = buffer.len();
    let mut buffers = [MaybeUninitSlice::new(uninit(buffer))];
    let received = socket.recv_from_vectored_with_flags(&mut buffers, flags(peek));
    let (len, received, sender) = received.map_err(refused)?;
    let truncated = received.is_truncated();
    Ok(Arrived { len: if truncated { room } else { len }, truncated, sender })
}

pub(super) fn refused(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(WSAECONNRESET) => io::Error::new(io::ErrorKind::ConnectionRefused, error),
        _ => error,
    }
}

/// Sends a datagram to the connected peer.
pub(crate) fn send(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    socket.send(bytes).map_err(refused)
}

/// Sends a datagram to an address.
pub(crate) fn send_to(socket: &Socket, bytes: &[u8], target: &SockAddr) -> io::Result<usize> {
    socket.send_to(bytes, target)
}

/// The same bytes for a call that asks for less.
pub(super) fn uninit(buffer: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    let whole: *mut [u8] = buffer;
    // SAFETY: the layout is the same, and the calls of socket2 that this is for promise to write
    // initialised bytes alone, so the buffer stays what it was.
    unsafe { &mut *(whole as *mut [MaybeUninit<u8>]) }
}
