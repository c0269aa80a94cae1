//! Several listeners on one port.
//!
//! Windows has no option that spreads connections over sockets: its `SO_REUSEADDR` lets a second
//! socket take the port of the first, and who then gets a connection is not said. So the
//! listeners are duplicates of one socket: they share one queue of connections, each may be
//! watched by a queue of its own, and whoever accepts first has the connection.
//!
//! - <https://learn.microsoft.com/windows/win32/winsock/using-so-reuseaddr-and-so-exclusiveaddruse>

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// `count` sockets that share `address`; they do not listen yet.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<Socket>> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let mut sockets = Vec::with_capacity(count);
    for _ in 1..count {
        sockets.push(socket.try_clone()?);
    }
    sockets.push(socket);
    Ok(sockets)
}

/// Starts to listen; `backlog` connections may wait to be accepted. Of duplicates each may be
/// told, and the first tells all.
pub(crate) fn listen(socket: Socket, backlog: i32) -> io::Result<TcpListener> {
    socket.listen(backlog)?;
    Ok(socket.into())
}
