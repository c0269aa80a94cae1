//! Stream sockets: the calls on the way of every byte, and those whose answers need reading.
//!
//! Everything goes through socket2, which starts Winsock with the first socket. Sockets are not
//! inherited by child processes. A connection that is accepted may have the listener's blocking
//! mode or not; it is set in any case.
//!
//! - <https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-accept>
//! - <https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-connect>

use std::io::{self, IoSlice, IoSliceMut, Read as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::windows::io::{FromRawSocket, RawSocket};

use socket2::{Domain, SockAddr, Socket, Type};
use windows_sys::Win32::Networking::WinSock::{
    MSG_PEEK, SD_BOTH, SD_RECEIVE, SD_SEND, WSA_NOT_ENOUGH_MEMORY, WSAEAFNOSUPPORT, WSAEALREADY,
    WSAECONNABORTED, WSAECONNRESET, WSAEINPROGRESS, WSAEISCONN, WSAEMFILE, WSAENOBUFS, WSAENOTCONN,
    WSAENOTSOCK, WSAESHUTDOWN, WSAEWOULDBLOCK,
};

use super::message::uninit;
use super::source::raw_source;
use crate::source::RawSource;

/// The buffers one vectored call takes. Winsock names no limit; this is what other systems take.
pub(crate) const BUFFERS_MAX: usize = 1024;

/// The flag of a send that goes on until all was sent: the port carries out no operations.
pub(crate) const WHOLE: u32 = 0;

/// What to make of an error of `accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptFailure {
    /// The connection failed before it was taken; the next one is not concerned.
    Connection,
    /// The process or the machine is out of sockets or memory. The connection stays in the queue,
    /// and the next call fails the same way until something is given back.
    Shortage,
    /// The listener itself: it never gets better.
    Listener,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) count: usize,
    /// Whether the read went as far as it could; here always.
    pub(crate) whole: bool,
}

/// A new stream socket.
pub(crate) fn open_stream(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, None).map_err(|error| {
        match domain == Domain::UNIX && error.raw_os_error() == Some(WSAEAFNOSUPPORT) {
            true => no_unix_sockets(&error),
            false => error,
        }
    })?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The system has no Unix sockets.
fn no_unix_sockets(error: &io::Error) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!(
            "this system has no Unix sockets ({error}): Windows has them since Windows 10, version \
             1803, and Wine has none; use a named pipe (os::windows::named_pipe) or TCP over the \
             loopback"
        ),
    )
}

/// Whether a Unix socket connects at once or not at all: here it may be on its way, as others.
pub(crate) const UNIX_CONNECTS_AT_ONCE: bool = false;

/// Two connected stream sockets without names: Windows has no such call.
pub(crate) fn stream_pair() -> io::Result<(Socket, Socket)> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "Windows makes no pairs of sockets: connect two TCP sockets over the loopback",
    ))
}

/// Lets a listener have an address on which connections of an earlier one linger. Windows does
/// this unasked, and its option of that name would let others take the address away.
pub(crate) fn reuse_listening_address(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

/// The number a driver knows the socket by.
pub(crate) fn source_of(socket: &Socket) -> RawSource {
    raw_source(socket)
}

/// Takes a connection from the queue, ready for use, and the address of its other end.
pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    let (socket, address) = listener.accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// Takes over a connection that an operation of the system has accepted. `number` is the result
/// of that operation, and is taken over once.
pub(crate) fn accepted(number: u64) -> io::Result<Socket> {
    let number = RawSocket::try_from(number);
    let number = number.map_err(|_| io::Error::from_raw_os_error(WSAENOTSOCK))?;
    // SAFETY: the system made this number for the operation whose result it is, and the callers,
    // which are the ends of those operations, hand each result over once.
    Ok(unsafe { Socket::from_raw_socket(number) })
}

/// What an error of [`accept`] is about.
pub(crate) fn accept_failure(error: &io::Error) -> AcceptFailure {
    match error.raw_os_error() {
        Some(WSAEMFILE | WSAENOBUFS | WSA_NOT_ENOUGH_MEMORY) => AcceptFailure::Shortage,
        Some(WSAECONNRESET | WSAECONNABORTED) => AcceptFailure::Connection,
        // The simulated kernel's shortage of numbers has a kind and no number.
        None if error.kind() == io::ErrorKind::QuotaExceeded => AcceptFailure::Shortage,
        _ => AcceptFailure::Listener,
    }
}

/// Begins to connect; true if the connection is there already.
pub(crate) fn connect(socket: &Socket, address: &SockAddr) -> io::Result<bool> {
    match socket.connect(address) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(WSAEWOULDBLOCK | WSAEINPROGRESS | WSAEALREADY) => Ok(false),
            Some(WSAEISCONN) => Ok(true),
            _ => Err(error),
        },
    }
}

/// Whether an error says that a table of direct descriptors has no place: there is none here.
pub(crate) fn has_no_place(_error: &io::Error) -> bool {
    false
}

/// Whether an error says that no buffer was left in a group: the port chooses from none.
pub(crate) fn is_out_of_buffers(_error: &io::Error) -> bool {
    false
}

/// Winsock's number of a shutdown.
pub(crate) fn shutdown_number(how: Shutdown) -> i32 {
    match how {
        Shutdown::Read => SD_RECEIVE,
        Shutdown::Write => SD_SEND,
        Shutdown::Both => SD_BOTH,
    }
}

/// Reads into `buffer`; with `peek` what was read stays to be read again.
pub(crate) fn recv(socket: &Socket, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
    socket.recv_with_flags(uninit(buffer), if peek { MSG_PEEK } else { 0 })
}

/// Reads into memory that need not be initialised; the first so many bytes then are.
#[allow(dead_code, reason = "only tokio's and hyper's traits read into such memory")]
pub(crate) fn recv_uninit(socket: &Socket, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    socket.recv(buffer)
}

/// Reads into several buffers, each filled before the next.
pub(crate) fn recv_vectored(socket: &Socket, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let some = buffers.len().min(BUFFERS_MAX);
    let mut reader = socket;
    reader.read_vectored(&mut buffers[..some])
}

/// Reads from a Unix stream, into several buffers, each filled before the next.
pub(crate) fn recv_unix(socket: &Socket, buffers: &mut [IoSliceMut<'_>]) -> io::Result<Read> {
    recv_vectored(socket, buffers).map(|count| Read { count, whole: true })
}

/// The same into memory that need not be initialised; the first so many bytes then are.
pub(crate) fn recv_unix_uninit(
    socket: &Socket,
    buffer: &mut [MaybeUninit<u8>],
) -> io::Result<Read> {
    socket.recv(buffer).map(|count| Read { count, whole: true })
}

/// Writes from `buffer`.
pub(crate) fn send(socket: &Socket, buffer: &[u8]) -> io::Result<usize> {
    socket.send(buffer).map_err(broken)
}

/// Writes from several buffers, one after the other.
pub(crate) fn send_vectored(socket: &Socket, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let some = buffers.len().min(BUFFERS_MAX);
    socket.send_vectored(&buffers[..some]).map_err(broken)
}

/// A write after the end is a broken pipe, as everywhere.
pub(crate) fn broken(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(WSAESHUTDOWN) => io::Error::new(io::ErrorKind::BrokenPipe, error),
        _ => error,
    }
}

/// The bytes of a Unix address.
pub(crate) fn unix_name(address: &SockAddr) -> io::Result<Vec<u8>> {
    if !address.is_unix() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("this is no address of a stream: its family is {}", address.family()),
        ));
    }
    let path = super::address::pathname(address);
    Ok(path.map_or(Vec::new(), |path| path.as_os_str().as_encoded_bytes().to_vec()))
}

/// The Unix address of these bytes, as far as Windows has a form for it.
pub(crate) fn unix_address(name: &[u8]) -> io::Result<SockAddr> {
    SockAddr::unix(String::from_utf8_lossy(name).as_ref())
}

/// Whether an error says that a socket has no connection (any more).
pub(crate) fn not_connected(error: &io::Error) -> bool {
    error.raw_os_error() == Some(WSAENOTCONN) || error.kind() == io::ErrorKind::NotConnected
}
