//! Sockets for async programs, under any executor.
//!
//! Each type is a socket and its registration with a driver: the one that is
//! [current](crate::Handle::current) when it is made, which for a future is its first poll. It may
//! be used from any thread and under any executor; only the driver has to be turned by somebody,
//! which a background thread does when the program has none of its own.

mod byte_stream;
mod connect;
mod deadline;
#[cfg(unix)]
mod descriptors;
mod futures_io;
#[cfg(feature = "hyper")]
#[allow(unsafe_code)]
mod hyper_io;
mod methods;
mod open;
mod resolve;
mod split;
pub mod tcp;
#[cfg(feature = "tokio")]
#[allow(unsafe_code)]
mod tokio_io;

pub use resolve::{Addresses, Resolve, ToSocketAddrs, lookup_host};
pub use tcp::{TcpListener, TcpSocket, TcpStream};
