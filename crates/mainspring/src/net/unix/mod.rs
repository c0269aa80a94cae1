//! Unix sockets: streams, listeners and datagrams between the processes of one machine.
//!
//! They have names of their own kind ([`SocketAddr`]). On Unix they tell who is at the other end
//! (`UCred`), and carry open descriptors (`os::unix`).
//!
//! # Platforms
//!
//! Unix. Windows has streams since Windows 10, version 1803, and neither datagrams nor pairs;
//! where it has none, as under Wine, binding and connecting are `Unsupported`, and the error says
//! what to use instead.

mod address;
#[cfg(unix)]
mod datagram;
#[cfg(unix)]
mod datagram_operations;
mod futures_io;
#[cfg(feature = "hyper")]
mod hyper_io;
mod listener;
mod operations;
mod split;
#[cfg(unix)]
mod standard;
mod stream;
#[cfg(feature = "tokio")]
mod tokio_io;
#[cfg(unix)]
mod ucred;

pub use super::shortages::Shortages;
pub use address::SocketAddr;
#[cfg(unix)]
pub use datagram::UnixDatagram;
pub use listener::{AcceptMulti, Incoming, UnixListener};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::UnixStream;
#[cfg(unix)]
pub use ucred::UCred;

use std::io;

use crate::driver::Handle;
use crate::socket::Socket;

/// Takes over a stream socket that was made elsewhere.
fn adopt(handle: &Handle, socket: socket2::Socket) -> io::Result<Socket> {
    let stream = socket.r#type()? == socket2::Type::STREAM;
    if !stream || !socket.local_addr()?.is_unix() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "this is not a Unix stream socket: a datagram or TCP socket belongs into the type of \
             its kind",
        ));
    }
    let socket = Socket::from_os(socket)?;
    socket.check(handle)?;
    Ok(socket)
}
