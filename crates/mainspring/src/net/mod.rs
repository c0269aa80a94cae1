//! Sockets for async programs, under any executor.
//!
//! Each type is a socket and its registration with a driver: the one that is
//! [current](crate::Handle::current) when it is made, which for a future is its first poll. It may
//! be used from any thread and under any executor; only the driver has to be turned by somebody,
//! which a background thread does when the program has none of its own.

mod accept_multi;
mod acceptor;
mod byte_stream;
mod connect;
mod datagram;
mod deadline;
#[cfg(unix)]
mod descriptors;
mod futures_io;
#[cfg(feature = "hyper")]
#[allow(unsafe_code)]
mod hyper_io;
mod methods;
mod open;
pub(crate) mod operations;
mod recv_direct;
mod recv_multi;
mod resolve;
mod shortages;
#[cfg(windows)]
mod sockets;
mod split;
pub mod tcp;
#[cfg(feature = "tokio")]
#[allow(unsafe_code)]
mod tokio_io;
mod udp;
pub mod unix;

pub use datagram::Datagram;
pub use recv_multi::RecvMulti;
pub use resolve::{Addresses, Resolve, ToSocketAddrs, lookup_host};
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix::UnixDatagram;
pub use unix::{UnixListener, UnixStream};
