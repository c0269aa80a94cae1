//! A datagram socket with its registration: what `UdpSocket` and `UnixDatagram` are made of.
//!
//! A datagram comes whole or, if the buffer is too small, with its end cut off and thrown away;
//! [`Datagram::is_truncated`] tells. A receive that brought something says nothing about whether
//! more waits, so unlike a stream's short read it never stands for `WouldBlock`.
//!
//! Linux keeps saying `WouldBlock` to a non-blocking receive after the socket itself has shut down
//! receiving, and reports the socket readable: to wait for that is a spin. A shutdown made here is
//! therefore remembered, and a receive that finds nothing says 0, as the blocking call does.
//!
//! An error that the network sent back (`ECONNREFUSED` after an ICMP message) is reported once, by
//! the next call on the socket whatever it was about, and then gone; the socket goes on.
//!
//! # Cancel safety
//!
//! Every call is made to its end or not at all, and its result is returned in the same poll: a
//! future that is dropped has sent nothing and lost no datagram.

use std::io;
use std::net::Shutdown;
use std::panic::Location;
use std::task::{Context, Poll};

use socket2::{SockAddr, Socket};

use crate::driver::{Flush, Handle, Registration, Subject};
use crate::error::would_block;
use crate::interest::Interest;
use crate::op::Target;
use crate::ready::Ready;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sys::message::{self, Arrived};
use crate::sys::raw_source;
use crate::trigger::Trigger;

/// A datagram that was received into a buffer.
///
/// ```
/// use mainspring::net::UdpSocket;
/// # futures::executor::block_on(async {
/// let receiver = UdpSocket::bind("127.0.0.1:0").await?;
/// let sender = UdpSocket::bind("127.0.0.1:0").await?;
/// sender.send_to(b"too long", receiver.local_addr()?).await?;
/// let mut buffer = [0; 3];
/// let datagram = receiver.recv_datagram(&mut buffer).await?;
/// assert_eq!(&buffer[..datagram.len()], b"too");
/// assert!(datagram.is_truncated());
/// assert_eq!(*datagram.sender(), sender.local_addr()?);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram<A> {
    len: usize,
    truncated: bool,
    sender: A,
}

impl<A> Datagram<A> {
    pub(super) fn new(len: usize, truncated: bool, sender: A) -> Datagram<A> {
        Datagram { len, truncated, sender }
    }

    /// The bytes that are in the buffer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none: a datagram may be empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the datagram was longer than the buffer. The rest of it is gone, unless this was a
    /// peek.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Who sent it.
    #[must_use]
    pub fn sender(&self) -> &A {
        &self.sender
    }
}

/// A datagram socket and its registration.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    // Dropped first: the kernel is told before the socket is closed.
    registration: Registration,
    _flush: Flush,
    socket: Socket,
    /// Receiving was shut down.
    ended: AtomicBool,
}

impl DatagramSocket {
    /// Makes `socket` non-blocking and registers it; `location` is the line of the program that
    /// asked for it.
    pub(crate) fn new(
        handle: &Handle,
        socket: Socket,
        location: &'static Location<'static>,
    ) -> io::Result<DatagramSocket> {
        if handle.simulation().is_some() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the simulated network carries no datagrams: \
                 make this socket with a driver of the operating system",
            ));
        }
        socket.set_nonblocking(true)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let source = raw_source(&socket);
        let registration =
            Registration::located(handle, source, interest, Trigger::Edge, location)?;
        let (_flush, ended) = (Flush(handle.clone()), AtomicBool::new(false));
        Ok(DatagramSocket { registration, _flush, socket, ended })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// What operations need.
    pub(crate) fn target(&self) -> Target<'_> {
        let subject = Subject::Datagrams { socket: &self.socket, ended: &self.ended };
        Target::new(&self.registration, subject)
    }

    /// Ends the registration and gives the socket back.
    pub(crate) fn into_socket(self) -> Socket {
        let DatagramSocket { registration, socket, .. } = self;
        drop(registration);
        socket
    }

    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.registration.ready(interest).await?.ready())
    }

    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, interest).map_ok(drop)
    }

    pub(crate) async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let send = || message::send(&self.socket, bytes);
        self.registration.async_io(Interest::WRITABLE, send).await
    }

    pub(crate) fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_io(cx, Interest::WRITABLE, || message::send(&self.socket, bytes))
    }

    pub(crate) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.registration.try_io(Interest::WRITABLE, || message::send(&self.socket, bytes))
    }

    pub(crate) fn send_to_now(&self, bytes: &[u8], target: &SockAddr) -> io::Result<usize> {
        message::send_to(&self.socket, bytes, target)
    }

    pub(crate) async fn send_to(&self, bytes: &[u8], target: &SockAddr) -> io::Result<usize> {
        let send = || self.send_to_now(bytes, target);
        self.registration.async_io(Interest::WRITABLE, send).await
    }

    pub(crate) fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        target: &SockAddr,
    ) -> Poll<io::Result<usize>> {
        self.registration.poll_io(cx, Interest::WRITABLE, || self.send_to_now(bytes, target))
    }

    pub(crate) fn try_send_to(&self, bytes: &[u8], target: &SockAddr) -> io::Result<usize> {
        self.registration.try_io(Interest::WRITABLE, || self.send_to_now(bytes, target))
    }

    fn recv_now(&self, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
        match message::recv(&self.socket, buffer, peek) {
            Err(error) if self.is_end(&error) => Ok(0),
            received => received,
        }
    }

    fn recv_datagram_now(&self, buffer: &mut [u8], peek: bool) -> io::Result<Arrived> {
        match message::recv_datagram(&self.socket, buffer, peek) {
            Err(error) if self.is_end(&error) => {
                Ok(Arrived { len: 0, truncated: false, sender: SockAddr::unix("")? })
            }
            received => received,
        }
    }

    /// Whether an error of a receive means that there will never be anything.
    pub(crate) fn is_end(&self, error: &io::Error) -> bool {
        would_block(error) && self.ended.load(Ordering::Acquire)
    }

    pub(crate) async fn recv(&self, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
        let recv = || self.recv_now(buffer, peek);
        self.registration.async_io(Interest::READABLE, recv).await
    }

    pub(crate) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        peek: bool,
    ) -> Poll<io::Result<usize>> {
        let recv = || self.recv_now(buffer, peek);
        self.registration.poll_io(cx, Interest::READABLE, recv)
    }

    pub(crate) fn try_recv(&self, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
        let recv = || self.recv_now(buffer, peek);
        self.registration.try_io(Interest::READABLE, recv)
    }

    pub(crate) async fn recv_datagram(&self, buffer: &mut [u8], peek: bool) -> io::Result<Arrived> {
        let recv = || self.recv_datagram_now(buffer, peek);
        self.registration.async_io(Interest::READABLE, recv).await
    }

    pub(crate) fn poll_recv_datagram(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        peek: bool,
    ) -> Poll<io::Result<Arrived>> {
        let recv = || self.recv_datagram_now(buffer, peek);
        self.registration.poll_io(cx, Interest::READABLE, recv)
    }

    pub(crate) fn try_recv_datagram(&self, buffer: &mut [u8], peek: bool) -> io::Result<Arrived> {
        let recv = || self.recv_datagram_now(buffer, peek);
        self.registration.try_io(Interest::READABLE, recv)
    }

    #[allow(dead_code, reason = "only Unix datagram sockets are shut down")]
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        // First, so that whoever the shutdown wakes finds it.
        let ends = matches!(how, Shutdown::Read | Shutdown::Both);
        let before = ends && self.ended.swap(true, Ordering::AcqRel);
        let done = self.socket.shutdown(how);
        if done.is_err() && ends && !before {
            self.ended.store(false, Ordering::Release);
        }
        done
    }
}
