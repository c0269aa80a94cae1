//! The standard library's Unix sockets, and who is at the other end of one.

use std::io;

use crate::sys::{address, credentials};

use super::{SocketAddr, UCred, UnixListener, UnixStream};

impl SocketAddr {
    /// The standard library's form.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it has no room for the name: a path of 108 bytes, which a program in
    /// another language may have bound.
    pub fn to_std(&self) -> io::Result<std::os::unix::net::SocketAddr> {
        address::to_std(self.as_socket2())
    }

    /// From the standard library's form.
    ///
    /// # Errors
    ///
    /// None on the systems of today.
    pub fn from_std(address: &std::os::unix::net::SocketAddr) -> io::Result<SocketAddr> {
        address::from_std(address).map(SocketAddr::new)
    }
}

impl UnixStream {
    /// Takes over a connected stream of the standard library, for the current driver.
    ///
    /// # Errors
    ///
    /// If it cannot be made non-blocking or there is no driver for it.
    #[track_caller]
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        UnixStream::from_socket2(stream.into())
    }

    /// Ends the registration and gives the standard library's stream, still non-blocking.
    ///
    /// It is also the way to another driver: take the stream out here and in again there.
    ///
    /// # Errors
    ///
    /// If the stream is simulated.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixStream> {
        Ok(self.0.into_socket().into_os()?.into())
    }

    /// Who is at the other end: the process that connected, or that listened, or that made the
    /// pair, with the rights it had then.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no other end; `Unsupported` where the system does not say, and
    /// of a simulated stream.
    ///
    /// # Platforms
    ///
    /// The process is known on Linux and Android; user and group also on the BSDs and Apple's
    /// systems.
    pub fn peer_cred(&self) -> io::Result<UCred> {
        credentials::of_peer(self.socket().os()?).map(UCred::new)
    }
}

impl UnixListener {
    /// Takes over a listener of the standard library, for the current driver.
    ///
    /// # Errors
    ///
    /// If it cannot be made non-blocking or there is no driver for it.
    #[track_caller]
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        UnixListener::from_socket2(listener.into())
    }

    /// Ends the registration and gives the standard library's listener, still non-blocking.
    ///
    /// # Errors
    ///
    /// If the listener is simulated.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixListener> {
        Ok(self.0.into_socket().into_os()?.into())
    }
}

impl TryFrom<std::os::unix::net::UnixStream> for UnixStream {
    type Error = io::Error;

    /// The same as [`UnixStream::from_std`].
    #[track_caller]
    fn try_from(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        UnixStream::from_std(stream)
    }
}

impl TryFrom<std::os::unix::net::UnixListener> for UnixListener {
    type Error = io::Error;

    /// The same as [`UnixListener::from_std`].
    #[track_caller]
    fn try_from(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        UnixListener::from_std(listener)
    }
}
