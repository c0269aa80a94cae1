//! The socket of each type, borrowed, for calls that this crate does not make.
//!
//! Closing it, or making it blocking, is not what it is for. A simulated socket has none: asking
//! one for it is a mistake in the program, and panics.

use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, RawSocket};

use crate::socket::Socket;

use super::tcp::{TcpListener, TcpSocket, TcpStream};
use super::udp::UdpSocket;
use super::unix::{UnixListener, UnixStream};

/// The socket of the operating system in a socket of any kernel.
trait SystemSocket {
    fn system_socket(&self) -> BorrowedSocket<'_>;
}

impl SystemSocket for Socket {
    fn system_socket(&self) -> BorrowedSocket<'_> {
        self.os().expect("a simulated socket is none of the system's").as_socket()
    }
}

impl SystemSocket for socket2::Socket {
    fn system_socket(&self) -> BorrowedSocket<'_> {
        self.as_socket()
    }
}

/// For types with a method `socket(&self)`.
macro_rules! sockets {
    ($($type:ty),*) => {
        $(
            impl AsSocket for $type {
                fn as_socket(&self) -> BorrowedSocket<'_> {
                    self.socket().system_socket()
                }
            }

            impl AsRawSocket for $type {
                fn as_raw_socket(&self) -> RawSocket {
                    self.as_socket().as_raw_socket()
                }
            }
        )*
    };
}

sockets!(TcpListener, TcpSocket, TcpStream, UdpSocket, UnixListener, UnixStream);
