//! UDP sockets.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Socket, Type};

use crate::driver::{Handle, Registration};
use crate::interest::Interest;
use crate::ready::Ready;
use crate::sys::message::Arrived;

use super::datagram::{Datagram, DatagramSocket};
use super::resolve::{ToSocketAddrs, no_address};

mod options;
mod polling;

/// A UDP socket.
///
/// All methods take `&self`: put the socket into an `Arc` to send in one task and receive in
/// another. The `async` methods serve any number of tasks, the `poll_*` methods one task a
/// direction.
///
/// A socket that is [connected](Self::connect) receives from that peer only, and hears of it when
/// nobody listens there: the next call fails with `ConnectionRefused`, and the one after works as
/// before.
///
/// ```
/// use mainspring::net::UdpSocket;
/// # futures::executor::block_on(async {
/// let server = UdpSocket::bind("127.0.0.1:0").await?;
/// let client = UdpSocket::bind("127.0.0.1:0").await?;
/// client.connect(server.local_addr()?).await?;
/// client.send(b"ping").await?;
///
/// let mut buffer = [0; 1500];
/// let (n, sender) = server.recv_from(&mut buffer).await?;
/// assert_eq!(&buffer[..n], b"ping");
/// server.send_to(b"pong", sender).await?;
/// let n = client.recv(&mut buffer).await?;
/// assert_eq!(&buffer[..n], b"pong");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct UdpSocket {
    datagrams: DatagramSocket,
}

/// The address of a sender, which a datagram of the internet always has.
fn sender_of(arrived: &Arrived) -> io::Result<SocketAddr> {
    arrived.sender.as_socket().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "a datagram came without an address of the internet: \
             this is not a socket of that family",
        )
    })
}

pub(super) fn datagram_of(arrived: &Arrived) -> io::Result<Datagram<SocketAddr>> {
    Ok(Datagram::new(arrived.len, arrived.truncated, sender_of(arrived)?))
}

impl UdpSocket {
    /// Binds a socket to the first of the addresses that can be bound, on the driver that is
    /// [current](Handle::current) when the future is first polled. Port 0 is any free one.
    ///
    /// # Errors
    ///
    /// Of the lookup; of the last address that was tried: it is in use, is not this machine's, or
    /// needs a privilege.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no socket behind.
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(
        addresses: A,
    ) -> impl Future<Output = io::Result<UdpSocket>> + Send + use<A> {
        let location = Location::caller();
        let resolve = addresses.to_socket_addrs();
        async move {
            let handle = Handle::try_current()?;
            let mut last = no_address();
            for address in resolve.await? {
                match bind_one(address) {
                    Ok(socket) => return UdpSocket::located(&handle, socket, location),
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
    }

    fn located(
        handle: &Handle,
        socket: Socket,
        location: &'static Location<'static>,
    ) -> io::Result<UdpSocket> {
        DatagramSocket::new(handle, socket, location).map(|datagrams| UdpSocket { datagrams })
    }

    /// Takes over a socket of the standard library, makes it non-blocking and registers it with
    /// the current driver.
    ///
    /// # Errors
    ///
    /// If there is no driver, or it was shut down.
    #[track_caller]
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::located(&Handle::try_current()?, socket.into(), Location::caller())
    }

    /// Takes over a socket made with `socket2`, with whatever options it was given.
    ///
    /// # Errors
    ///
    /// If it is not a datagram socket of the internet; if there is no driver, or it was shut down.
    ///
    /// ```
    /// use mainspring::net::UdpSocket;
    /// use socket2::{Domain, Socket, Type};
    /// let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    /// socket.set_reuse_address(true)?;
    /// socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into())?;
    /// let socket = UdpSocket::from_socket2(socket)?;
    /// assert!(socket.local_addr()?.port() != 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn from_socket2(socket: Socket) -> io::Result<UdpSocket> {
        let location = Location::caller();
        let local = socket.local_addr()?;
        if socket.r#type()? != Type::DGRAM || !(local.is_ipv4() || local.is_ipv6()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this is no UDP socket: make it with `Type::DGRAM` and `Domain::IPV4` or \
                 `Domain::IPV6`",
            ));
        }
        UdpSocket::located(&Handle::try_current()?, socket, location)
    }

    /// Gives the socket back to the standard library. It stays non-blocking.
    ///
    /// # Errors
    ///
    /// None on the systems of today; a socket of another world would be one.
    pub fn into_std(self) -> io::Result<std::net::UdpSocket> {
        Ok(self.datagrams.into_socket().into())
    }

    pub(super) fn datagrams(&self) -> &DatagramSocket {
        &self.datagrams
    }

    pub(crate) fn socket(&self) -> &Socket {
        self.datagrams.socket()
    }

    /// The registration with the driver.
    pub fn registration(&self) -> &Registration {
        self.datagrams.registration()
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()?.as_socket().ok_or_else(not_internet)
    }

    /// The address it is connected to.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()?.as_socket().ok_or_else(not_internet)
    }

    /// Takes the error that is pending on the socket, such as a refusal by the peer's machine.
    ///
    /// # Errors
    ///
    /// The system's, about the question itself.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().take_error()
    }

    /// Sets the peer: [`send`](Self::send) sends to it, and only its datagrams are received. Takes
    /// the first of the addresses that can be had; may be called again for another peer.
    ///
    /// # Errors
    ///
    /// Of the lookup; of the last address that was tried: no route, or another family.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the peer as it was.
    pub async fn connect(&self, addresses: impl ToSocketAddrs) -> io::Result<()> {
        let mut last = no_address();
        for address in addresses.to_socket_addrs().await? {
            match self.socket().connect(&address.into()) {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
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

    /// Waits until there is a datagram, or an error, to receive; see [`ready`](Self::ready).
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

    /// Waits until there is room to send; see [`ready`](Self::ready).
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
    /// `ConnectionRefused` if an earlier one was; `InvalidInput` or "message too long" if it does
    /// not fit a datagram; "destination address required" without a peer; the driver's shutdown.
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

    /// Sends a datagram to the first address of `target`.
    ///
    /// # Errors
    ///
    /// Of the lookup; those of [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// A dropped future has sent nothing.
    pub async fn send_to(&self, bytes: &[u8], target: impl ToSocketAddrs) -> io::Result<usize> {
        let target = target.to_socket_addrs().await?.next().ok_or_else(no_address)?;
        self.datagrams.send_to(bytes, &target.into()).await
    }

    /// Sends a datagram to `target` if there is room now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`send`](Self::send).
    pub fn try_send_to(&self, bytes: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.datagrams.try_send_to(bytes, &target.into())
    }

    /// Receives a datagram from the connected peer, or from anybody if there is none; returns its
    /// length. What does not fit into the buffer is thrown away:
    /// [`recv_datagram`](Self::recv_datagram) tells whether that happened.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if nobody listens at the peer; the driver's shutdown.
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

    /// Receives a datagram and the address of its sender; see [`recv`](Self::recv).
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
        Ok((arrived.len, sender_of(&arrived)?))
    }

    /// Receives a datagram and the address of its sender if one is there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`recv`](Self::recv).
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let arrived = self.datagrams.try_recv_datagram(buffer, false)?;
        Ok((arrived.len, sender_of(&arrived)?))
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
        datagram_of(&self.datagrams.recv_datagram(buffer, false).await?)
    }

    /// The same if a datagram is there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`recv`](Self::recv).
    pub fn try_recv_datagram(&self, buffer: &mut [u8]) -> io::Result<Datagram<SocketAddr>> {
        datagram_of(&self.datagrams.try_recv_datagram(buffer, false)?)
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

    /// Copies a datagram without taking it if one is there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`recv`](Self::recv).
    pub fn try_peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.datagrams.try_recv(buffer, true)
    }

    /// Like [`peek`](Self::peek), with the address of the sender.
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
        Ok((arrived.len, sender_of(&arrived)?))
    }

    /// Like [`try_peek`](Self::try_peek), with the address of the sender.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no datagram; those of [`recv`](Self::recv).
    pub fn try_peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let arrived = self.datagrams.try_recv_datagram(buffer, true)?;
        Ok((arrived.len, sender_of(&arrived)?))
    }

    /// Who sent the next datagram, which stays where it is.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.peek_from(&mut []).await.map(|(_, sender)| sender)
    }

    /// Who sent the next datagram, if there is one.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if not; those of [`recv`](Self::recv).
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.try_peek_from(&mut []).map(|(_, sender)| sender)
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

/// A socket that is bound to `address`.
fn bind_one(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn not_internet() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the socket has no address of the internet")
}

impl TryFrom<std::net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    /// The same as [`UdpSocket::from_std`].
    #[track_caller]
    fn try_from(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::from_std(socket)
    }
}
