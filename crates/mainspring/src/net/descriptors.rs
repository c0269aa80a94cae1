//! The descriptor of each type, borrowed, for calls that this crate does not make.
//!
//! Closing it, or making it blocking, is not what it is for. A simulated socket has none: asking
//! one for it is a mistake in the program, and panics.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use crate::socket::Socket;

use super::tcp::{TcpListener, TcpSocket, TcpStream};
use super::udp::UdpSocket;
use super::unix::{UnixDatagram, UnixListener, UnixStream};

/// The socket of the operating system in a socket of any kernel.
trait Descriptor {
    fn descriptor(&self) -> BorrowedFd<'_>;
}

impl Descriptor for Socket {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.os().expect("a simulated socket has no descriptor").as_fd()
    }
}

impl Descriptor for socket2::Socket {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }
}

/// For types with a method `socket(&self)`.
macro_rules! descriptors {
    ($($type:ty),*) => {
        $(
            impl AsFd for $type {
                fn as_fd(&self) -> BorrowedFd<'_> {
                    self.socket().descriptor()
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

descriptors!(TcpListener, TcpSocket, TcpStream, UdpSocket);
descriptors!(UnixDatagram, UnixListener, UnixStream);
