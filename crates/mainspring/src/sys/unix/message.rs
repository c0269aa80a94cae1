//! Messages: what `recvmsg` tells beside the bytes, and descriptors that travel with them.
//!
//! A plain `recv` says how many bytes came. `recvmsg` also says whether a datagram was longer
//! than the buffer (`MSG_TRUNC`: the rest is gone), who sent it, and brings *control messages*:
//! open descriptors (`SCM_RIGHTS`) and the sender's credentials (`SCM_CREDENTIALS`).
//!
//! What we rely on, on Linux:
//!
//! - One message carries at most 253 descriptors ([`DESCRIPTORS_MAX`], the kernel's `SCM_MAX_FD`);
//!   more is `EINVAL`. They arrive as new numbers of this process, open from the moment the call
//!   returns, with close-on-exec set by `MSG_CMSG_CLOEXEC` so that no other thread's `exec`
//!   inherits them.
//! - If there is no room for all of them, in the buffer or in the process's table of descriptors,
//!   those that fit are installed, the kernel closes the others, and `MSG_CTRUNC` is set. Half a
//!   list of descriptors means nothing to anybody: we close what came and return an error.
//! - A read from a stream stops behind the bytes that descriptors came with, even if more bytes
//!   wait. A read that has no room for control messages closes the descriptors and sets
//!   `MSG_CTRUNC`, which is how [`recv_stream`] knows that a short read is not the end of what
//!   there is.
//! - Descriptors cannot travel without at least one byte of a stream: an empty write to a stream
//!   does nothing at all. An empty datagram carries them.
//!
//! Control messages are taken apart here, by [`Parts`], and not by rustix, whose `UCred` promises
//! that a process number is never 0; Linux writes 0 for a process of another PID namespace.
//!
//! - <https://man7.org/linux/man-pages/man7/unix.7.html>
//! - <https://man7.org/linux/man-pages/man2/recvmsg.2.html>
//! - <https://man7.org/linux/man-pages/man3/cmsg.3.html>

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::c_int;
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use socket2::{MaybeUninitSlice, SockAddr};

use super::credentials::{self, Credentials};

/// The descriptors one message carries at most: `SCM_MAX_FD` of Linux. Other systems take fewer
/// or more; where it is fewer, the error is theirs.
pub(crate) const DESCRIPTORS_MAX: usize = 253;

/// `MSG_NOSIGNAL`, where there is one: a broken connection is `EPIPE` and not a signal.
#[cfg(not(target_vendor = "apple"))]
pub(super) const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
pub(super) const SEND_FLAGS: SendFlags = SendFlags::empty();

/// `MSG_CMSG_CLOEXEC`, where there is one.
#[cfg(not(any(target_vendor = "apple", target_os = "aix", target_os = "solaris")))]
pub(super) const ARRIVE_CLOSED_ON_EXEC: c_int = libc::MSG_CMSG_CLOEXEC;
#[cfg(any(target_vendor = "apple", target_os = "aix", target_os = "solaris"))]
pub(super) const ARRIVE_CLOSED_ON_EXEC: c_int = 0;

/// Room for a message of the most descriptors, with rustix's allowance for alignment.
const SEND_CONTROL_BYTES: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX));

/// Room for the most descriptors, credentials and a few parts that nobody asked for: 1088 bytes.
pub(super) const RECV_CONTROL_BYTES: usize = 1088;

/// Memory that control messages may be written to.
#[repr(C, align(8))]
pub(super) struct Control(pub(super) [u8; RECV_CONTROL_BYTES]);

/// A datagram that was received.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) len: usize,
    /// It was longer than the buffer.
    pub(crate) truncated: bool,
    pub(crate) sender: SockAddr,
}

impl Arrived {
    /// What there is after the end: nothing, of nobody.
    pub(crate) fn end() -> io::Result<Arrived> {
        Ok(Arrived { len: 0, truncated: false, sender: SockAddr::unix("")? })
    }
}

/// A message with what travelled beside its bytes.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) len: usize,
    /// A datagram that was longer than the buffer.
    pub(crate) truncated: bool,
    pub(crate) sender: SockAddr,
    pub(crate) descriptors: Vec<OwnedFd>,
    pub(crate) credentials: Option<Credentials>,
}

impl Message {
    /// A message of which no more than this is known yet.
    fn bare(arrived: Arrived) -> Message {
        let Arrived { len, truncated, sender } = arrived;
        Message { len, truncated, sender, descriptors: Vec::new(), credentials: None }
    }

    /// What there is after the end: nothing, of nobody.
    pub(crate) fn end() -> io::Result<Message> {
        Arrived::end().map(Message::bare)
    }
}

/// Receives the bytes of a datagram; with `peek` it stays to be received again.
pub(crate) fn recv(socket: impl AsFd, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
    let flags = if peek { RecvFlags::PEEK } else { RecvFlags::empty() };
    let (_, len) = retry_on_intr(|| rustix::net::recv(&socket, &mut *buffer, flags))?;
    Ok(len)
}

/// Receives a datagram and what is to be known about it. Descriptors that came with it are closed
/// by the kernel.
pub(crate) fn recv_datagram(
    socket: impl AsFd,
    buffer: &mut [u8],
    peek: bool,
) -> io::Result<Arrived> {
    let flags = if peek { libc::MSG_PEEK } else { 0 };
    let (received, sender) =
        recvmsg(socket.as_fd(), &mut [IoSliceMut::new(buffer)], &mut [], flags)?;
    let truncated = received.flags & libc::MSG_TRUNC != 0;
    Ok(Arrived { len: received.len, truncated, sender })
}

/// What a read from a Unix stream brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) count: usize,
    /// Whether the read went as far as it could. If not, it stopped where descriptors, which
    /// nobody asked for, had been sent, and more may wait.
    pub(crate) whole: bool,
}

impl Read {
    fn of(received: &Received) -> Read {
        Read { count: received.len, whole: received.flags & libc::MSG_CTRUNC == 0 }
    }
}

/// Reads from a Unix stream, into several buffers, each filled before the next.
pub(crate) fn recv_stream(socket: impl AsFd, buffers: &mut [IoSliceMut<'_>]) -> io::Result<Read> {
    let (received, _) = recvmsg(socket.as_fd(), buffers, &mut [], 0)?;
    Ok(Read::of(&received))
}

/// The same into memory that need not be initialised; the first so many bytes then are.
pub(crate) fn recv_stream_uninit(
    socket: impl AsFd,
    buffer: &mut [MaybeUninit<u8>],
) -> io::Result<Read> {
    let (received, _) = recvmsg(socket.as_fd(), &mut [MaybeUninitSlice::new(buffer)], &mut [], 0)?;
    Ok(Read::of(&received))
}

/// Receives the bytes of a datagram into memory that need not be initialised; the first so many
/// bytes then are.
pub(crate) fn recv_uninit(socket: impl AsFd, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let none = RecvFlags::empty();
    let recv = || rustix::net::recv(&socket, &mut *buffer, none).map(|(_, count)| count);
    Ok(retry_on_intr(recv)?)
}

/// Sends a datagram to the connected peer.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(retry_on_intr(|| rustix::net::send(&socket, bytes, SEND_FLAGS))?)
}

/// Sends a datagram to an address.
pub(crate) fn send_to(
    socket: &socket2::Socket,
    bytes: &[u8],
    target: &SockAddr,
) -> io::Result<usize> {
    socket.send_to_with_flags(bytes, target, SEND_FLAGS.bits() as c_int)
}

/// Sends bytes and, with the first of them, descriptors, of which the kernel makes its own copies.
pub(crate) fn send_descriptors(
    socket: impl AsFd,
    buffers: &[IoSlice<'_>],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    if descriptors.len() > DESCRIPTORS_MAX {
        return Err(too_many(descriptors.len()));
    }
    let mut space = [MaybeUninit::uninit(); SEND_CONTROL_BYTES];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        // Some systems refuse an empty list.
        let fits = control.push(SendAncillaryMessage::ScmRights(descriptors));
        debug_assert!(fits, "there is room for the longest list");
    }
    Ok(retry_on_intr(|| rustix::net::sendmsg(&socket, buffers, &mut control, SEND_FLAGS))?)
}

/// Receives bytes with the descriptors and credentials that travelled with them.
///
/// # Errors
///
/// If not all of them could be taken, which closes those that were.
pub(crate) fn recv_descriptors(
    socket: impl AsFd,
    buffers: &mut [IoSliceMut<'_>],
) -> io::Result<Message> {
    let mut control = Control([0; RECV_CONTROL_BYTES]);
    recv_control(socket.as_fd(), buffers, &mut control.0)
}

fn recv_control(
    socket: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
    control: &mut [u8],
) -> io::Result<Message> {
    let (received, sender) = recvmsg(socket, buffers, control, ARRIVE_CLOSED_ON_EXEC)?;
    let truncated = received.flags & libc::MSG_TRUNC != 0;
    let arrived = Arrived { len: received.len, truncated, sender };
    message_of(arrived, &control[..received.control_len.min(control.len())], received.flags)
}

/// What arrived, with the control messages that the kernel has just written and nobody has read.
pub(super) fn message_of(arrived: Arrived, control: &[u8], flags: c_int) -> io::Result<Message> {
    let mut message = Message::bare(arrived);
    for part in Parts(control) {
        part.take(&mut message);
    }
    if flags & libc::MSG_CTRUNC != 0 {
        // Dropping the message closes the descriptors that did arrive.
        return Err(cut_short(message.descriptors.len()));
    }
    close_on_exec(&message.descriptors)?;
    Ok(message)
}

/// What one `recvmsg` said.
struct Received {
    len: usize,
    control_len: usize,
    flags: c_int,
}

/// A slice of memory in the form of an `iovec`, by its own promise. `recvmsg` only ever writes
/// bytes there: what was initialised stays so.
trait Iovec {}

impl Iovec for IoSliceMut<'_> {}
impl Iovec for MaybeUninitSlice<'_> {}

fn recvmsg<B: Iovec>(
    socket: BorrowedFd<'_>,
    buffers: &mut [B],
    control: &mut [u8],
    flags: c_int,
) -> io::Result<(Received, SockAddr)> {
    // SAFETY: all zeroes are a `msghdr` of no buffers, no name and no control messages.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    // Buffers beyond those that one call takes are left as they are.
    header.msg_iovlen = buffers.len().min(super::socket::BUFFERS_MAX) as _;
    header.msg_iov = buffers.as_mut_ptr().cast();
    if !control.is_empty() {
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = control.len() as _;
    }
    let receive = |storage: *mut socket2::SockAddrStorage, len: *mut libc::socklen_t| {
        header.msg_name = storage.cast();
        header.msg_namelen = size_of::<socket2::SockAddrStorage>() as libc::socklen_t;
        let received = loop {
            // SAFETY: name, buffers and control are borrowed for the call and as long as stated.
            let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
            if received >= 0 {
                break received.unsigned_abs();
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        };
        let named = header.msg_namelen.min(size_of::<socket2::SockAddrStorage>() as _);
        // SAFETY: `try_init` gives a pointer to a length of its own.
        unsafe { *len = named };
        Ok(Received {
            len: received,
            control_len: header.msg_controllen as usize,
            flags: header.msg_flags,
        })
    };
    // SAFETY: the kernel wrote a name of so many bytes, or none: then the family is the zero that
    // `try_init` put there.
    unsafe { SockAddr::try_init(receive) }
}

/// The control messages of one `recvmsg`, one after the other.
///
/// Nothing is believed: a length that is too small ends the list, one that is too large is cut.
struct Parts<'a>(&'a [u8]);

/// One control message.
#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    level: c_int,
    kind: c_int,
    data: &'a [u8],
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    #[allow(clippy::unnecessary_cast, reason = "`cmsg_len` has 32 bits on other systems")]
    fn next(&mut self) -> Option<Part<'a>> {
        if self.0.len() < size_of::<libc::cmsghdr>() {
            return None;
        }
        // SAFETY: there are as many bytes, and any bytes are a `cmsghdr`.
        let header: libc::cmsghdr =
            unsafe { self.0.as_ptr().cast::<libc::cmsghdr>().read_unaligned() };
        // SAFETY: arithmetic on a length.
        let data_at = unsafe { libc::CMSG_LEN(0) } as usize;
        let end = (header.cmsg_len as usize).min(self.0.len());
        let data = self.0.get(data_at..end)?;
        // SAFETY: arithmetic on a length, which is no more than that of a slice.
        let stride = unsafe { libc::CMSG_SPACE(data.len() as u32) } as usize;
        self.0 = self.0.get(stride..).unwrap_or(&[]);
        Some(Part { level: header.cmsg_level, kind: header.cmsg_type, data })
    }
}

/// A descriptor of the sender's process, which Linux adds for those who set `SO_PASSPIDFD`.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SCM_PIDFD: c_int = 4;

impl Part<'_> {
    /// Takes what is of use. Must be called once for each part: descriptors get their owner here.
    fn take(self, message: &mut Message) {
        match (self.level, self.kind) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => message.descriptors.extend(self.descriptors()),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => message.credentials = self.credentials(),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            (libc::SOL_SOCKET, SCM_PIDFD) => self.descriptors().for_each(drop),
            _ => {}
        }
    }

    fn numbers(&self) -> impl Iterator<Item = c_int> {
        let numbers = self.data.chunks_exact(size_of::<c_int>());
        numbers.map(|bytes| c_int::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn descriptors(&self) -> impl Iterator<Item = OwnedFd> {
        self.numbers().filter(|number| *number >= 0).map(|number: RawFd| {
            // SAFETY: the kernel made this number for us, and `take` is called once for it.
            unsafe { OwnedFd::from_raw_fd(number) }
        })
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn credentials(&self) -> Option<Credentials> {
        let mut numbers = self.numbers();
        let process = numbers.next()?;
        let user = numbers.next()? as u32;
        let group = numbers.next()? as u32;
        Some(credentials::from_kernel(process, user, group))
    }
}

/// Where no flag does it on arrival, this does it as soon as can be.
fn close_on_exec(descriptors: &[OwnedFd]) -> io::Result<()> {
    if ARRIVE_CLOSED_ON_EXEC == 0 {
        for descriptor in descriptors {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

pub(super) fn too_many(count: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "{count} descriptors in one message, and the kernel carries at most \
             {DESCRIPTORS_MAX}: send them in several messages"
        ),
    )
}

fn cut_short(arrived: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::QuotaExceeded,
        format!(
            "a message came with more descriptors than this process could take ({arrived} \
             arrived and were closed again, the kernel closed the others): raise the limit of \
             open files (RLIMIT_NOFILE) or close some, and let the sender send it again"
        ),
    )
}

#[cfg(test)]
mod tests;
