//! Linux and Android: epoll's own flags, interfaces to bind to, and credentials of every message.

mod epoll;

use std::io;

use crate::net::{UdpSocket, UnixDatagram, UnixStream};

pub use epoll::{EpollFlags, EpollRegistry};

/// Binding of a UDP socket to one interface.
///
/// ```
/// use mainspring::net::UdpSocket;
/// use mainspring::os::linux::BindDevice;
/// # futures::executor::block_on(async {
/// let socket = UdpSocket::bind("127.0.0.1:0").await?;
/// assert_eq!(socket.device()?, None);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub trait BindDevice {
    /// The name of the interface the socket is bound to.
    ///
    /// # Errors
    ///
    /// The system's.
    fn device(&self) -> io::Result<Option<Vec<u8>>>;

    /// Sends and receives through the interface `name` only; `None` through any again.
    ///
    /// # Errors
    ///
    /// "No such device"; `PermissionDenied` before Linux 5.7 without `CAP_NET_RAW`.
    fn bind_device(&self, name: Option<&[u8]>) -> io::Result<()>;
}

impl BindDevice for UdpSocket {
    fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.socket().device()
    }

    fn bind_device(&self, name: Option<&[u8]>) -> io::Result<()> {
        self.socket().bind_device(name)
    }
}

/// Credentials with every message that is received (`SO_PASSCRED`).
///
/// Unlike `peer_cred`, which tells who connected, they tell who sent this very message; on a
/// stream, messages of different senders are not received as one. Linux gives a socket that asks
/// for them a free abstract name when it connects.
///
/// ```
/// use mainspring::net::UnixDatagram;
/// use mainspring::os::linux::PassCredentials;
/// use mainspring::os::unix::DescriptorPassing;
/// # futures::executor::block_on(async {
/// let (a, b) = UnixDatagram::pair()?;
/// b.set_pass_credentials(true)?;
/// a.send(b"it is me").await?;
/// let message = b.recv_with_fds(&mut [0; 16]).await?;
/// let sender = message.credentials().expect("asked for");
/// assert_eq!(sender.pid(), i32::try_from(std::process::id()).ok());
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub trait PassCredentials {
    /// Whether the socket asks for credentials.
    ///
    /// # Errors
    ///
    /// The system's.
    fn passes_credentials(&self) -> io::Result<bool>;

    /// Asks for credentials, or no longer.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_pass_credentials(&self, pass: bool) -> io::Result<()>;
}

impl PassCredentials for UnixDatagram {
    fn passes_credentials(&self) -> io::Result<bool> {
        self.socket().passcred()
    }

    fn set_pass_credentials(&self, pass: bool) -> io::Result<()> {
        self.socket().set_passcred(pass)
    }
}

impl PassCredentials for UnixStream {
    fn passes_credentials(&self) -> io::Result<bool> {
        self.socket().os()?.passcred()
    }

    fn set_pass_credentials(&self, pass: bool) -> io::Result<()> {
        self.socket().os()?.set_passcred(pass)
    }
}
