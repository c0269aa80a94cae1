//! Unix: open descriptors sent to another process.
//!
//! A descriptor travels in a message beside its bytes. The receiver gets a number of its own for
//! the same open file; the sender may close its number as soon as the call returns.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::driver::Registration;
use crate::interest::Interest;
use crate::net::unix::{SocketAddr, UCred};
use crate::net::{UdpSocket, UnixDatagram, UnixStream};
use crate::op::{Carrier, Received};
use crate::socket::Socket;
use crate::sys::message;

/// The descriptors that one message carries at most: Linux's `SCM_MAX_FD`.
pub const DESCRIPTORS_MAX: usize = message::DESCRIPTORS_MAX;

/// Sending and receiving of descriptors on [`UnixStream`] and [`UnixDatagram`].
///
/// On a stream, the descriptors arrive with the first byte they were sent with, and a receive
/// stops behind the bytes of one message with descriptors, so that no two are mixed. A receive of
/// any other kind that comes to such a byte closes the descriptors.
///
/// Whoever can connect can send: check what arrives, and how many, before it is used.
///
/// ```
/// use mainspring::net::UnixStream;
/// use mainspring::os::unix::DescriptorPassing;
/// use std::io::{Read, Write};
/// use std::os::fd::{AsFd, OwnedFd};
/// use std::os::unix::net::UnixStream as Blocking;
/// # futures::executor::block_on(async {
/// let (a, b) = UnixStream::pair()?;
/// let (mut kept, given) = Blocking::pair()?;
/// a.send_with_fds(b"a stream", &[given.as_fd()]).await?;
/// drop(given);
///
/// let mut buffer = [0; 16];
/// let message = b.recv_with_fds(&mut buffer).await?;
/// assert_eq!(&buffer[..message.len()], b"a stream");
/// let given: OwnedFd = message.into_fds().pop().expect("one descriptor");
/// Blocking::from(given).write_all(b"through it")?;
/// let mut said = String::new();
/// kept.read_to_string(&mut said)?;
/// assert_eq!(said, "through it");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub trait DescriptorPassing: sealed::Carrier {
    /// Sends `bytes` to the connected peer and, with the first of them, `fds`. Returns how many
    /// bytes were sent: on a stream it may be fewer than all, and the rest is to be sent without
    /// the descriptors, which have gone.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for more than [`DESCRIPTORS_MAX`] descriptors, or for descriptors without a
    /// byte on a stream, where they would be lost; "too many references" if as many descriptors
    /// as this user may have open are on their way unreceived; those of a send without
    /// descriptors.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has sent nothing.
    fn send_with_fds(
        &self,
        bytes: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> impl Future<Output = io::Result<usize>> + Send {
        async move {
            let send = || self.send_now(bytes, fds);
            self.carrier_registration().async_io(Interest::WRITABLE, send).await
        }
    }

    /// The same if there is room now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`send_with_fds`](Self::send_with_fds).
    fn try_send_with_fds(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let send = || self.send_now(bytes, fds);
        self.carrier_registration().try_io(Interest::WRITABLE, send)
    }

    /// Receives bytes and the descriptors that came with them, which are closed on exec.
    ///
    /// # Errors
    ///
    /// `QuotaExceeded` if this process has no room for all the descriptors of the message: those
    /// that did arrive are closed, and the bytes are gone with them. Else those of a receive
    /// without descriptors.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has received nothing.
    fn recv_with_fds(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<Message>> + Send {
        async move {
            let recv = || self.recv_now(buffer);
            self.carrier_registration().async_io(Interest::READABLE, recv).await
        }
    }

    /// The same if something is there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`recv_with_fds`](Self::recv_with_fds).
    fn try_recv_with_fds(&self, buffer: &mut [u8]) -> io::Result<Message> {
        let recv = || self.recv_now(buffer);
        self.carrier_registration().try_io(Interest::READABLE, recv)
    }
}

impl DescriptorPassing for UnixStream {}
impl DescriptorPassing for UnixDatagram {}

impl Carrier for UnixStream {
    type Message = Message;

    const NEEDS_A_BYTE: bool = true;

    fn message(received: Received) -> Message {
        Message(received.0)
    }
}

impl Carrier for UnixDatagram {
    type Message = Message;

    const NEEDS_A_BYTE: bool = false;

    fn message(received: Received) -> Message {
        Message(received.0)
    }
}

mod sealed {
    use super::{BorrowedFd, Message, Registration, io};

    /// A socket that descriptors travel on.
    pub trait Carrier: Sync {
        /// The registration with the driver.
        fn carrier_registration(&self) -> &Registration;
        /// Sends once.
        fn send_now(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize>;
        /// Receives once.
        fn recv_now(&self, buffer: &mut [u8]) -> io::Result<Message>;
    }
}

impl sealed::Carrier for UnixStream {
    fn carrier_registration(&self) -> &Registration {
        self.registration()
    }

    fn send_now(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if bytes.is_empty() && !fds.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "descriptors travel with a byte of a stream, and there is none: send at least one",
            ));
        }
        message::send_descriptors(os(self.socket())?, &[IoSlice::new(bytes)], fds)
    }

    fn recv_now(&self, buffer: &mut [u8]) -> io::Result<Message> {
        if buffer.is_empty() {
            // The kernel would give 0 bytes, which says that the stream has ended.
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "descriptors come with a byte of a stream, and the buffer has room for none",
            ));
        }
        let buffers = &mut [IoSliceMut::new(buffer)];
        message::recv_descriptors(os(self.socket())?, buffers).map(Message)
    }
}

impl sealed::Carrier for UnixDatagram {
    fn carrier_registration(&self) -> &Registration {
        self.registration()
    }

    fn send_now(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        message::send_descriptors(self.as_fd(), &[IoSlice::new(bytes)], fds)
    }

    fn recv_now(&self, buffer: &mut [u8]) -> io::Result<Message> {
        match message::recv_descriptors(self.as_fd(), &mut [IoSliceMut::new(buffer)]) {
            Err(error) if self.is_end(&error) => Ok(Message(message::Message::end()?)),
            received => received.map(Message),
        }
    }
}

/// A simulated stream carries no descriptors: the error says so.
fn os(socket: &Socket) -> io::Result<BorrowedFd<'_>> {
    socket.os().map(|socket| socket.as_fd())
}

/// What [`DescriptorPassing::recv_with_fds`] received. Descriptors that are not taken out are
/// closed when it is dropped.
///
/// ```
/// use mainspring::net::UnixDatagram;
/// use mainspring::os::unix::DescriptorPassing;
/// # futures::executor::block_on(async {
/// let (a, b) = UnixDatagram::pair()?;
/// a.send(b"no descriptor").await?;
/// let message = b.recv_with_fds(&mut [0; 2]).await?;
/// assert_eq!((message.len(), message.is_truncated()), (2, true));
/// assert!(message.fds().is_empty() && message.credentials().is_none());
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Message(message::Message);

impl Message {
    /// The bytes that are in the buffer. On a stream, 0 is its end.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// Whether a datagram was longer than the buffer; the rest of it is gone. Never on a stream.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.0.truncated
    }

    /// Who sent it; most often it has no name.
    #[must_use]
    pub fn sender(&self) -> SocketAddr {
        SocketAddr::new(self.0.sender.clone())
    }

    /// Who sent it, if the socket asks for that.
    ///
    /// # Platforms
    ///
    /// Linux and Android, with `os::linux::PassCredentials`.
    #[must_use]
    pub fn credentials(&self) -> Option<UCred> {
        self.0.credentials.map(UCred::new)
    }

    /// The descriptors.
    #[must_use]
    pub fn fds(&self) -> &[OwnedFd] {
        &self.0.descriptors
    }

    /// The descriptors, to be kept.
    #[must_use]
    pub fn into_fds(self) -> Vec<OwnedFd> {
        self.0.descriptors
    }
}

/// Options of a UDP socket that Unix systems have.
///
/// ```
/// use mainspring::net::UdpSocket;
/// use mainspring::os::unix::UdpSocketExt;
/// # futures::executor::block_on(async {
/// let socket = UdpSocket::bind("[::1]:0").await?;
/// socket.set_tclass_v6(0x20)?;
/// assert_eq!(socket.tclass_v6()?, 0x20);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub trait UdpSocketExt {
    /// The traffic class in the head of IPv6 datagrams.
    ///
    /// # Errors
    ///
    /// The system's.
    fn tclass_v6(&self) -> io::Result<u32>;

    /// Sets the traffic class in the head of IPv6 datagrams: six bits of service, two of
    /// congestion.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_tclass_v6(&self, class: u32) -> io::Result<()>;
}

impl UdpSocketExt for UdpSocket {
    fn tclass_v6(&self) -> io::Result<u32> {
        self.socket().tclass_v6()
    }

    fn set_tclass_v6(&self, class: u32) -> io::Result<()> {
        self.socket().set_tclass_v6(class)
    }
}
