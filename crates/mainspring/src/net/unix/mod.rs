//! Unix sockets: streams, listeners and datagrams between the processes of one machine.
//!
//! They have names of their own kind ([`SocketAddr`]), tell who is at the other end ([`UCred`]),
//! and carry open descriptors ([`os::unix`](crate::os::unix)).

mod address;
mod datagram;
mod listener;
mod split;
mod stream;
mod ucred;

pub use address::SocketAddr;
pub use datagram::UnixDatagram;
pub use listener::{Incoming, UnixListener};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::UnixStream;
pub use ucred::UCred;
