//! Unix datagrams.
//!
//! They arrive, in order, or the send fails: nothing is lost on the way. What is bounded is the
//! receiver's queue (`net.unix.max_dgram_qlen`, 10 datagrams at first). When it is full, a send
//! says `WouldBlock`.
//!
//! # Waiting for a full receiver
//!
//! A socket that is *connected* to the receiver becomes writable when the receiver takes a
//! datagram. For one that sends [to a name](UnixDatagram::send_to), writable only says that it has
//! room for bytes of its own. When datagrams of others fill the queue there is no event of any
//! kind when it empties; and each attempt that fails allocates and frees memory of the sender,
//! which Linux reports as a fresh edge of writability, so that waiting for that is a spin. So
//! `send_to` looks at the clock and not at readiness: it tries again after a pause.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::panic::Location;
use std::path::Path;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Socket, Type};

use crate::driver::{Handle, Registration};
use crate::error::{self, would_block};
use crate::interest::Interest;
use crate::net::datagram::{Datagram, DatagramSocket};
use crate::net::deadline::Pause;
use crate::ready::Ready;
use crate::sync::Mutex;
use crate::sys::message::Arrived;

use super::address::SocketAddr;

/// A Unix datagram socket.
///
/// All methods take `&self`. The `async` methods serve any number of tasks, the `poll_*` methods
/// one task a direction.
///
/// ```
/// use mainspring::net::UnixDatagram;
/// # futures::executor::block_on(async {
/// let (a, b) = UnixDatagram::pair()?;
/// a.send(b"one").await?;
/// a.send(b"two").await?;
/// let mut buffer = [0; 16];
/// let n = b.recv(&mut buffer).await?;
/// assert_eq!(&buffer[..n], b"one");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct UnixDatagram {
    datagrams: DatagramSocket,
    /// The pause of `poll_send_to`, which has no other place between two calls.
    pause: Mutex<Option<Box<Pause>>>,
}

pub(super) fn datagram_of(arrived: Arrived) -> Datagram<SocketAddr> {
    Datagram::new(arrived.len, arrived.truncated, SocketAddr::new(arrived.sender))
}

fn open() -> io::Result<Socket> {
    Socket::new(Domain::UNIX, Type::DGRAM, None)
}

/// From 100 microseconds, in which a receiver that runs takes its ten datagrams, to 32
/// milliseconds, which is as late as it may be noticed that one runs again.
const fn pause() -> Pause {
    Pause::between(100_000, 32_000_000)
}

impl UnixDatagram {
    /// Binds a socket to a path, which must not be there yet, or to an abstract name if `path`
    /// begins with a zero byte.
    ///
    /// The file stays when the socket is gone: remove it then, or before the next bind.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if there is a file, of a living socket or a dead one; the path is too long, not
    /// allowed, or its folder is not there; there is no driver, or it was shut down.
    #[track_caller]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        UnixDatagram::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Binds a socket to a name. The unnamed one lets Linux choose a free abstract name.
    ///
    /// # Errors
    ///
    /// Those of [`bind`](Self::bind).
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use mainspring::net::{UnixDatagram, unix::SocketAddr};
    /// let socket = UnixDatagram::bind_addr(&SocketAddr::unnamed()?)?;
    /// assert!(socket.local_addr()?.as_abstract_name().is_some());
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        let location = Location::caller();
        let socket = open()?;
        socket.bind(address.as_socket2())?;
        UnixDatagram::located(socket, location)
    }

    /// A socket without a name, to send from.
    ///
    /// # Errors
    ///
    /// If there is no driver, or it was shut down; if the process is out of descriptors.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::located(open()?, Location::caller())
    }

    /// Two sockets that are connected to each other and to nobody else.
    ///
    /// # Errors
    ///
    /// If there is no driver, or it was shut down; if the process is out of descriptors.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let location = Location::caller();
        let (a, b) = Socket::pair(Domain::UNIX, Type::DGRAM, None)?;
        Ok((UnixDatagram::located(a, location)?, UnixDatagram::located(b, location)?))
    }

    fn located(socket: Socket, location: &'static Location<'static>) -> io::Result<UnixDatagram> {
        let datagrams = DatagramSocket::new(&Handle::try_current()?, socket, location)?;
        Ok(UnixDatagram { datagrams, pause: Mutex::new(None) })
    }

    /// Takes over a socket of the standard library, makes it non-blocking and registers it with
    /// the current driver.
    ///
    /// # Errors
    ///
    /// If there is no driver, or it was shut down.
    #[track_caller]
    pub fn from_std(socket: std::os::unix::net::UnixDatagram) -> io::Result<UnixDatagram> {
        UnixDatagram::located(socket.into(), Location::caller())
    }

    /// Takes over a socket made with `socket2`, with whatever options it was given.
    ///
    /// # Errors
    ///
    /// If it is not a Unix datagram socket; if there is no driver, or it was shut down.
    #[track_caller]
    pub fn from_socket2(socket: Socket) -> io::Result<UnixDatagram> {
        let location = Location::caller();
        if socket.r#type()? != Type::DGRAM || !socket.local_addr()?.is_unix() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this is no Unix datagram socket: make it with `Domain::UNIX` and `Type::DGRAM`",
            ));
        }
        UnixDatagram::located(socket, location)
    }

    /// Gives the socket back to the standard library. It stays non-blocking.
    ///
    /// # Errors
    ///
    /// None on the systems of today; a socket of another world would be one.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixDatagram> {
        Ok(self.datagrams.into_socket().into())
    }

    pub(super) fn datagrams(&self) -> &DatagramSocket {
        &self.datagrams
    }

    pub(crate) fn socket(&self) -> &Socket {
        self.datagrams.socket()
    }

    pub(crate) fn is_end(&self, error: &io::Error) -> bool {
        self.datagrams.is_end(error)
    }

    /// The registration with the driver.
    pub fn registration(&self) -> &Registration {
        self.datagrams.registration()
    }

    /// The name of this end.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr().map(SocketAddr::new)
    }

    /// The name of the socket it is connected to.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr().map(SocketAddr::new)
    }

    /// Takes the error that is pending on the socket.
    ///
    /// # Errors
    ///
    /// The system's, about the question itself.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().take_error()
    }

    /// Sets the peer: [`send`](Self::send) sends to it, and only its datagrams are received. May
    /// be called again for another peer.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such path; `ConnectionRefused` if its socket is gone; "protocol
    /// wrong type" if it is a stream.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// The same for a name of any kind.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.socket().connect(address.as_socket2())
    }

    /// Ends sending, receiving or both. Waiting receives return 0 then.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no peer.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.datagrams.shutdown(how)
    }

    /// Waits until the socket is ready for any of `interest`; the answer may be out of date when
    /// a call is made upon it, which then says `WouldBlock`.
    ///
    /// # Errors
    ///
    /// If the driver was shut down.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no readiness.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.datagrams.ready(interest).await
    }

    /// Waits until there is something to receive; see [`ready`](Self::ready).
    ///
    /// # Errors
    ///
    /// Those of [`ready`](Self::ready).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no readiness.
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Waits until there is room to send to the connected peer; see [`ready`](Self::ready). Of
    /// [`send_to`](Self::send_to) it says nothing.
    ///
    /// # Errors
    ///
    /// Those of [`ready`](Self::ready).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no readiness.
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Sends a datagram to the connected peer. Returns its length: datagrams are not cut.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if the peer is gone; `BrokenPipe` after a shutdown; `NotConnected`
    /// without a peer; "message too long"; the driver's shutdown.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has sent nothing.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.datagrams.send(bytes).await
    }

    /// Sends a datagram if there is room now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`send`](Self::send).
    pub fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.datagrams.try_send(bytes)
    }

    /// Like [`send`](Self::send) for one task: the last caller is the one that is woken.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.datagrams.poll_send(cx, bytes)
    }

    /// Sends a datagram to the socket at `path`. If its queue is full, the socket is tried again
    /// after a pause: the kernel tells nobody when there is room again.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such path; `ConnectionRefused` if its socket is gone; those of
    /// [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has sent nothing.
    pub async fn send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_to_addr(bytes, &SocketAddr::from_pathname(path)?).await
    }

    /// The same for a name of any kind.
    ///
    /// # Errors
    ///
    /// Those of [`send_to`](Self::send_to).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has sent nothing.
    pub async fn send_to_addr(&self, bytes: &[u8], target: &SocketAddr) -> io::Result<usize> {
        let mut pause = pause();
        loop {
            match self.try_send_to_addr(bytes, target) {
                Err(error) if would_block(&error) => {
                    pause.begin(self.registration().handle());
                    poll_fn(|cx| pause.poll(cx)).await;
                }
                sent => return sent,
            }
        }
    }

    /// Sends a datagram to the socket at `path` if there is room now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`send_to`](Self::send_to).
    pub fn try_send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.try_send_to_addr(bytes, &SocketAddr::from_pathname(path)?)
    }

    /// The same for a name of any kind.
    ///
    /// # Errors
    ///
    /// Those of [`try_send_to`](Self::try_send_to).
    pub fn try_send_to_addr(&self, bytes: &[u8], target: &SocketAddr) -> io::Result<usize> {
        if self.registration().handle().is_shutdown() {
            return Err(error::shut_down());
        }
        self.datagrams.send_to_now(bytes, target.as_socket2())
    }

    /// Like [`send_to_addr`](Self::send_to_addr) for one task: the last caller is the one that is
    /// woken.
    ///
    /// # Errors
    ///
    /// Those of [`send_to`](Self::send_to).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        target: &SocketAddr,
    ) -> Poll<io::Result<usize>> {
        // Not polled under the lock: wakers are the callers' code.
        let mut kept = self.pause.lock().take();
        loop {
            match self.try_send_to_addr(bytes, target) {
                Err(error) if would_block(&error) => {}
                sent => return Poll::Ready(sent),
            }
            let handle = self.registration().handle();
            let pause = kept.get_or_insert_with(|| {
                let mut pause = Box::new(pause());
                pause.begin(handle);
                pause
            });
            if pause.poll(cx).is_pending() {
                *self.pause.lock() = kept;
                return Poll::Pending;
            }
            pause.begin(handle);
        }
    }

    /// Receives a datagram; returns its length. What does not fit into the buffer is thrown away:
    /// [`recv_datagram`](Self::recv_datagram) tells whether that happened. 0 is an empty datagram,
    /// or the end if receiving was shut down.
    ///
    /// # Errors
    ///
    /// `ConnectionReset` if the connected peer went with datagrams of ours unread; the driver's
    /// shutdown.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has received nothing: the datagram is there for the next call.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.datagrams.recv(buffer, false).await
    }

    /// Receives a datagram if one is there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`recv`](Self::recv).
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.datagrams.try_recv(buffer, false)
    }

    /// Like [`recv`](Self::recv) for one task: the last caller is the one that is woken.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.datagrams.poll_recv(cx, buffer, false)
    }

    /// Receives a datagram and the name of its sender.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has received nothing.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let arrived = self.datagrams.recv_datagram(buffer, false).await?;
        Ok((arrived.len, SocketAddr::new(arrived.sender)))
    }

    /// The same if a datagram is there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`recv`](Self::recv).
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let arrived = self.datagrams.try_recv_datagram(buffer, false)?;
        Ok((arrived.len, SocketAddr::new(arrived.sender)))
    }

    /// Like [`recv_from`](Self::recv_from) for one task: the last caller is the one that is woken.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let arrived = ready!(self.datagrams.poll_recv_datagram(cx, buffer, false))?;
        Poll::Ready(Ok((arrived.len, SocketAddr::new(arrived.sender))))
    }

    /// Receives a datagram and all there is to know about it: its sender, and whether its end was
    /// cut off because the buffer was too small.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has received nothing.
    pub async fn recv_datagram(&self, buffer: &mut [u8]) -> io::Result<Datagram<SocketAddr>> {
        self.datagrams.recv_datagram(buffer, false).await.map(datagram_of)
    }

    /// The same if a datagram is there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`recv`](Self::recv).
    pub fn try_recv_datagram(&self, buffer: &mut [u8]) -> io::Result<Datagram<SocketAddr>> {
        self.datagrams.try_recv_datagram(buffer, false).map(datagram_of)
    }

    /// Waits for a datagram and copies it without taking it: the next receive gets the same one.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.datagrams.recv(buffer, true).await
    }

    /// Like [`peek`](Self::peek), with the name of the sender.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let arrived = self.datagrams.recv_datagram(buffer, true).await?;
        Ok((arrived.len, SocketAddr::new(arrived.sender)))
    }

    /// Makes a call of your own on the socket once, if it is ready for `interest`.
    ///
    /// `call` must return `WouldBlock` only if the socket said so: that is taken for its answer.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the socket is not ready; those of `call`; the driver's shutdown.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        call: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration().try_io(interest, call)
    }

    /// Makes a call of your own on the socket until it says something else than `WouldBlock`,
    /// waiting for `interest` in between.
    ///
    /// # Errors
    ///
    /// Those of `call`; the driver's shutdown.
    ///
    /// # Cancel safety
    ///
    /// `call` runs to its end or not at all.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        call: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration().async_io(interest, call).await
    }
}

impl TryFrom<std::os::unix::net::UnixDatagram> for UnixDatagram {
    type Error = io::Error;

    /// The same as [`UnixDatagram::from_std`].
    #[track_caller]
    fn try_from(socket: std::os::unix::net::UnixDatagram) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(socket)
    }
}
