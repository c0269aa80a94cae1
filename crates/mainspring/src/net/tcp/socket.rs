//! A TCP socket that neither listens nor is connected: the time to set its options.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;

use socket2::Domain;

use crate::driver::Handle;
use crate::net::connect::connect;
use crate::socket::Socket;
use crate::sys::tcp as sys;

use super::{TcpListener, TcpStream};

/// A TCP socket to be configured, and then to [`listen`](Self::listen) or
/// [`connect`](Self::connect).
///
/// It belongs to the driver that was [current](Handle::current) when it was made.
///
/// ```
/// use mainspring::net::TcpSocket;
/// # futures::executor::block_on(async {
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.set_recv_buffer_size(64 * 1024)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let listener = socket.listen(128)?;
///
/// let socket = TcpSocket::new_v4()?;
/// socket.set_nodelay(true)?;
/// let stream = socket.connect(listener.local_addr()?).await?;
/// assert!(stream.nodelay()?);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct TcpSocket {
    handle: Handle,
    socket: Socket,
}

impl TcpSocket {
    /// A new IPv4 socket.
    ///
    /// # Errors
    ///
    /// The system's, and those of starting a driver.
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4)
    }

    /// A new IPv6 socket.
    ///
    /// # Errors
    ///
    /// The system's, and those of starting a driver.
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV6)
    }

    fn new(domain: Domain) -> io::Result<TcpSocket> {
        let handle = Handle::try_current()?;
        let socket = Socket::open(&handle, domain)?;
        Ok(TcpSocket { handle, socket })
    }

    /// Takes over a socket, for the current driver.
    ///
    /// # Errors
    ///
    /// If it is not a TCP socket, cannot be made non-blocking, or there is no driver for it.
    pub fn from_socket2(socket: socket2::Socket) -> io::Result<TcpSocket> {
        Ok(TcpSocket { handle: Handle::try_current()?, socket: super::adopt(socket)? })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn into_parts(self) -> (Handle, Socket) {
        (self.handle, self.socket)
    }

    /// Whether an address may be bound although connections of an earlier listener linger on it
    /// (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.socket.os()?.reuse_address()
    }

    /// An address is to be bound although connections of an earlier listener linger on it
    /// (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Platforms
    ///
    /// On Windows the option means something else, which lets a stranger take the address over.
    pub fn set_reuseaddr(&self, reuse: bool) -> io::Result<()> {
        self.socket.configure(|socket| socket.set_reuse_address(reuse))
    }

    /// Whether several sockets may share the address (`SO_REUSEPORT`).
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Platforms
    ///
    /// Unix; elsewhere `Unsupported`.
    pub fn reuseport(&self) -> io::Result<bool> {
        sys::reuse_port(self.socket.os()?)
    }

    /// Several sockets are to share the address, if all of them say so (`SO_REUSEPORT`). Linux
    /// spreads new connections over listeners that do: one a core.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Platforms
    ///
    /// Unix; elsewhere `Unsupported`.
    pub fn set_reuseport(&self, reuse: bool) -> io::Result<()> {
        self.socket.configure(|socket| sys::set_reuse_port(socket, reuse))
    }

    /// Whether an IPv6 socket keeps away from IPv4 (`IPV6_V6ONLY`).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn only_v6(&self) -> io::Result<bool> {
        self.socket.os()?.only_v6()
    }

    /// Whether an IPv6 socket is to keep away from IPv4, or to serve it too (`IPV6_V6ONLY`). What
    /// it does unasked differs from system to system.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.socket.configure(|socket| socket.set_only_v6(only_v6))
    }

    /// Gives the socket its local address; port 0 is any free one.
    ///
    /// # Errors
    ///
    /// The system's (`AddrInUse`, `AddrNotAvailable`, `PermissionDenied`, …).
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        self.socket.bind(&address.into())
    }

    /// Starts to take connections, of which `backlog` may wait to be accepted. The system has a
    /// maximum for that (Linux: `net.core.somaxconn`) and quietly keeps to it.
    ///
    /// # Errors
    ///
    /// The system's, and those of registering with the driver.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.socket.listen(backlog)?;
        TcpListener::of(&self.handle, self.socket)
    }

    /// Connects to `address`.
    ///
    /// # Errors
    ///
    /// The system's (`ConnectionRefused`, …), and those of registering with the driver.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes the socket.
    #[track_caller]
    pub fn connect(
        self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + use<> {
        let location = Location::caller();
        async move {
            let stream = connect(&self.handle, self.socket, &address.into(), location).await?;
            Ok(TcpStream::new(stream))
        }
    }
}
