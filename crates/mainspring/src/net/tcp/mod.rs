//! TCP: listeners, streams, their halves, and sockets that are neither yet.

mod listener;
mod options;
mod socket;
mod split;
mod stream;

pub use super::shortages::Shortages;
pub use listener::{AcceptMulti, Incoming, TcpListener};
pub use socket::TcpSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;

use std::io;
use std::net::SocketAddr;

use socket2::SockAddr;

use crate::socket::Socket;

/// Takes over a socket that was made elsewhere.
fn adopt(socket: socket2::Socket) -> io::Result<Socket> {
    let stream = socket.r#type()? == socket2::Type::STREAM;
    if !stream || socket.local_addr()?.as_socket().is_none() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "this is not a TCP socket: a datagram or Unix socket belongs into the type of its kind",
        ));
    }
    Socket::from_os(socket)
}

/// The address of a TCP socket.
fn ip(address: &SockAddr) -> io::Result<SocketAddr> {
    address.as_socket().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "the system gave an address that is not TCP's")
    })
}
