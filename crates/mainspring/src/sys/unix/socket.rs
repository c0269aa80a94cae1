//! Stream sockets: the calls on the way of every byte, and those whose answers need reading.
//!
//! What moves bytes goes through rustix, which keeps a call down to the call; what socket2 gives
//! as well is used from there. A call that a signal interrupted before it did anything is made
//! again, so `EINTR` leaves this file only where a second call would be another one.
//!
//! Every socket made here is non-blocking and closed on exec, from its first moment where the
//! system has a call for that (`accept4`, `SOCK_CLOEXEC`). A write to a broken connection answers
//! `EPIPE` and raises no `SIGPIPE`: `MSG_NOSIGNAL` says so at each call, and on Apple's systems,
//! which have no such flag, an option that socket2 sets on every socket.
//!
//! - <https://man7.org/linux/man-pages/man2/accept.2.html> (which errors are the network's)
//! - <https://man7.org/linux/man-pages/man2/connect.2.html> (`EINPROGRESS`, `EAGAIN`, `EINTR`)

use std::ffi::OsStr;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use socket2::{Domain, SockAddr, Socket, Type};

pub(crate) use super::message::{
    Read, recv_stream as recv_unix, recv_stream_uninit as recv_unix_uninit,
};
use super::source::raw_source;
use crate::source::RawSource;

/// The buffers one vectored call takes: `IOV_MAX` on Linux, the BSDs and Apple's systems.
pub(crate) const BUFFERS_MAX: usize = 1024;

/// `MSG_NOSIGNAL`, where there is one.
#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: SendFlags = SendFlags::empty();

/// The flag of a send that goes on until all was sent, for the kernel's queue of operations.
pub(crate) const WHOLE: u32 = libc::MSG_WAITALL as u32;

/// What to make of an error of `accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptFailure {
    /// The connection failed before it was taken; the next one is not concerned.
    Connection,
    /// The process or the machine is out of descriptors or memory. The connection stays in the
    /// queue, and the next call fails the same way until something is given back.
    Shortage,
    /// The listener itself: it never gets better.
    Listener,
}

/// A new stream socket.
pub(crate) fn open_stream(domain: Domain) -> io::Result<Socket> {
    nonblocking(|kind| Socket::new(domain, kind, None))
}

/// Whether a Unix socket connects at once or not at all.
pub(crate) const UNIX_CONNECTS_AT_ONCE: bool = true;

/// Two connected stream sockets without names.
pub(crate) fn stream_pair() -> io::Result<(Socket, Socket)> {
    let (a, b) = Socket::pair(Domain::UNIX, Type::STREAM, None)?;
    a.set_nonblocking(true)?;
    b.set_nonblocking(true)?;
    Ok((a, b))
}

/// Makes a socket that does not block, with one call where the system has one.
fn nonblocking(open: impl FnOnce(Type) -> io::Result<Socket>) -> io::Result<Socket> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    return open(Type::STREAM.nonblocking());
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        let socket = open(Type::STREAM)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// Lets a listener have an address on which connections of an earlier one linger. On Windows the
/// option of that name means something else, and the system does this unasked.
pub(crate) fn reuse_listening_address(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// The number a driver knows the socket by.
pub(crate) fn source_of(socket: &Socket) -> RawSource {
    raw_source(socket)
}

/// Takes a connection from the queue, ready for use, and the address of its other end.
pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    loop {
        match accept_once(listener) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn accept_once(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    listener.accept4(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn accept_once(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    let (socket, address) = listener.accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// Takes over a connection that the kernel's queue of operations has accepted. `number` is the
/// result of that operation, and is taken over once.
pub(crate) fn accepted(number: u64) -> io::Result<Socket> {
    let number = RawFd::try_from(number).map_err(|_| io::Error::from(Errno::BADF))?;
    // SAFETY: the kernel made this number for the operation whose result it is, and the callers,
    // which are the ends of those operations, hand each result over once.
    Ok(unsafe { Socket::from_raw_fd(number) })
}

/// What an error of [`accept`] is about.
///
/// Linux hands errors that the network has for the new connection to whoever accepts it, and its
/// manual asks for them to be treated as if there had been no connection. Of its list, `EPERM` (a
/// firewall's answer) and `EOPNOTSUPP` are left out: they are also what a sandbox and a socket
/// that cannot listen say, for ever, and skipping those would be a busy loop.
pub(crate) fn accept_failure(error: &io::Error) -> AcceptFailure {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => AcceptFailure::Shortage,
        Some(libc::ECONNABORTED | libc::ECONNRESET | libc::EPROTO) => AcceptFailure::Connection,
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Some(
            libc::ENETDOWN
            | libc::ENOPROTOOPT
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::EHOSTUNREACH
            | libc::ENETUNREACH
            | libc::ETIMEDOUT,
        ) => AcceptFailure::Connection,
        // The simulated kernel's shortage of numbers has a kind and no number.
        None if error.kind() == io::ErrorKind::QuotaExceeded => AcceptFailure::Shortage,
        _ => AcceptFailure::Listener,
    }
}

/// Begins to connect; true if the connection is there already.
///
/// An interrupted call goes on in the kernel like one that answers `EINPROGRESS`. `EAGAIN` is an
/// error: a Unix socket says it when the listener's queue is full, and nothing was begun.
pub(crate) fn connect(socket: &Socket, address: &SockAddr) -> io::Result<bool> {
    match socket.connect(address) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(libc::EINPROGRESS | libc::EINTR | libc::EALREADY) => Ok(false),
            Some(libc::EISCONN) => Ok(true),
            _ => Err(error),
        },
    }
}

/// Whether an error says that the table of direct descriptors has no place, or is not there.
pub(crate) fn has_no_place(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENXIO | libc::ENFILE))
}

/// Whether an error says that no buffer was left: of a receive that was to choose one, in its
/// group; of anything else, in the kernel.
pub(crate) fn is_out_of_buffers(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

/// The kernel's number of a shutdown.
pub(crate) fn shutdown_number(how: Shutdown) -> i32 {
    match how {
        Shutdown::Read => libc::SHUT_RD,
        Shutdown::Write => libc::SHUT_WR,
        Shutdown::Both => libc::SHUT_RDWR,
    }
}

/// Reads into `buffer`; with `peek` what was read stays to be read again.
pub(crate) fn recv(socket: &Socket, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
    let flags = if peek { RecvFlags::PEEK } else { RecvFlags::empty() };
    let (_, count) = retry_on_intr(|| rustix::net::recv(socket, &mut *buffer, flags))?;
    Ok(count)
}

/// Reads into memory that need not be initialised; the first so many bytes then are.
#[allow(dead_code, reason = "only tokio's and hyper's traits read into such memory")]
pub(crate) fn recv_uninit(socket: &Socket, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let none = RecvFlags::empty();
    let recv = || rustix::net::recv(socket, &mut *buffer, none).map(|(_, count)| count);
    Ok(retry_on_intr(recv)?)
}

/// Reads into several buffers, each filled before the next.
pub(crate) fn recv_vectored(socket: &Socket, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let some = buffers.len().min(BUFFERS_MAX);
    Ok(retry_on_intr(|| rustix::io::readv(socket, &mut buffers[..some]))?)
}

/// Writes from `buffer`.
pub(crate) fn send(socket: &Socket, buffer: &[u8]) -> io::Result<usize> {
    Ok(retry_on_intr(|| rustix::net::send(socket, buffer, SEND_FLAGS))?)
}

/// Writes from several buffers, one after the other.
pub(crate) fn send_vectored(socket: &Socket, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let some = buffers.len().min(BUFFERS_MAX);
    let mut nothing = SendAncillaryBuffer::default();
    let count =
        retry_on_intr(|| rustix::net::sendmsg(socket, &buffers[..some], &mut nothing, SEND_FLAGS))?;
    Ok(count)
}

/// The bytes of a Unix address: a path, an abstract name with its leading 0, or nothing.
pub(crate) fn unix_name(address: &SockAddr) -> io::Result<Vec<u8>> {
    if let Some(path) = address.as_pathname() {
        return Ok(path.as_os_str().as_bytes().to_vec());
    }
    if let Some(name) = address.as_abstract_namespace() {
        return Ok([&[0], name].concat());
    }
    if address.is_unix() {
        return Ok(Vec::new());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no address of a Unix socket"))
}

/// The Unix address of these bytes; see [`unix_name`].
pub(crate) fn unix_address(name: &[u8]) -> io::Result<SockAddr> {
    SockAddr::unix(OsStr::from_bytes(name))
}

/// Whether an error says that a socket has no connection (any more).
pub(crate) fn not_connected(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NOTCONN.raw_os_error())
        || error.kind() == io::ErrorKind::NotConnected
}

#[cfg(test)]
mod tests;
