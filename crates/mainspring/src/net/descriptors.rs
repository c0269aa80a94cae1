//! The descriptor of each type, borrowed, for calls that this crate does not make.
//!
//! Closing it, or making it blocking, is not what it is for. A simulated socket has none: asking
//! one for it is a mistake in the program, and panics.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use super::tcp::{TcpListener, TcpSocket, TcpStream};

/// For types with a method `socket(&self) -> &Socket`.
macro_rules! descriptors {
    ($($type:ty),*) => {
        $(
            impl AsFd for $type {
                fn as_fd(&self) -> BorrowedFd<'_> {
                    self.socket().os().expect("a simulated socket has no descriptor").as_fd()
                }
            }

            impl AsRawFd for $type {
                fn as_raw_fd(&self) -> RawFd {
                    self.as_fd().as_raw_fd()
                }
            }
        )*
    };
}

descriptors!(TcpListener, TcpSocket, TcpStream);
