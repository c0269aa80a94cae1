//! Several listeners on one port.
//!
//! With `SO_REUSEPORT` Linux spreads new connections over the listeners by a hash of the two
//! addresses. FreeBSD does so under the name of `SO_REUSEPORT_LB`; the other systems allow the
//! option and give all connections to one of the listeners.
//!
//! - <https://man7.org/linux/man-pages/man7/socket.7.html>

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// `count` sockets bound to `address`, or to one free port for all; they do not listen yet.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<Socket>> {
    let first = bind_one(address)?;
    let address = first.local_addr()?.as_socket().unwrap_or(address);
    let mut sockets = vec![first];
    for _ in 1..count {
        sockets.push(bind_one(address)?);
    }
    Ok(sockets)
}

/// A socket bound to `address` beside others that ask for the same.
fn bind_one(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    share(&socket)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Starts to listen; `backlog` connections may wait to be accepted.
pub(crate) fn listen(socket: Socket, backlog: i32) -> io::Result<TcpListener> {
    socket.listen(backlog)?;
    Ok(socket.into())
}

#[cfg(target_os = "freebsd")]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port_lb(true)
}

#[cfg(not(any(target_os = "freebsd", target_os = "solaris", target_os = "illumos")))]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(any(target_os = "solaris", target_os = "illumos"))]
fn share(_socket: &Socket) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system has no SO_REUSEPORT: accept on one core and hand the connections on",
    ))
}
