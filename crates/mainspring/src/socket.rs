//! A stream socket of whichever kernel: the machine's, or the simulated one.
//!
//! This is the seam of the network types: what `net` does with a stream, it does through
//! [`Socket`], and so the same listener, stream and test run on both kernels. Each match on it
//! is written once, here. In a build without the simulator only one variant can exist, and there is
//! no branch.
//!
//! Every socket is non-blocking and closed on exec. Calls interrupted by a signal are made again.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Shutdown;

use socket2::{Domain, SockAddr};

use crate::error::would_block;
use crate::interest::Interest;
use crate::ready::Ready;
use crate::sim;
use crate::source::RawSource;
use crate::sys::socket as os;

pub(crate) use crate::sys::socket::{
    AcceptFailure, BUFFERS_MAX, Read, UNIX_CONNECTS_AT_ONCE, accept_failure, not_connected,
};

/// The most bytes that one call is taken to move. Linux stops a little below 2 GiB and others
/// refuse more than that, so beyond this a short transfer says nothing about the socket.
const TRANSFER_MAX: usize = 1 << 30;

/// An owned stream socket: TCP or Unix, listening or not.
#[derive(Debug)]
pub enum Socket {
    /// A descriptor of the operating system.
    Os(socket2::Socket),
    /// A number of the simulated kernel; no value of it exists in a build without one.
    Sim(sim::Socket),
}

/// The kernel that a socket is of, for numbers of it that have no owner yet.
#[derive(Clone, Debug)]
pub(crate) enum World {
    /// The machine's.
    Os,
    /// A simulated one.
    Sim(sim::Simulation),
}

impl World {
    /// Takes over a number that an accept has just made.
    pub(crate) fn accepted(&self, number: u64) -> io::Result<Socket> {
        match self {
            World::Os => os::accepted(number).map(Socket::Os),
            World::Sim(simulation) => simulation.accepted(number).map(Socket::Sim),
        }
    }
}

/// How far a connection attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connect {
    /// Connected.
    Done,
    /// On the way: once the socket is writable, [`Socket::take_error`] says how it went.
    InProgress,
}

impl Socket {
    /// A new socket of the operating system.
    pub(crate) fn open_os(domain: Domain) -> io::Result<Socket> {
        os::open_stream(domain).map(Socket::Os)
    }

    /// Two connected Unix sockets of the operating system.
    #[allow(dead_code, reason = "only systems with Unix sockets have pairs")]
    pub(crate) fn pair_os() -> io::Result<(Socket, Socket)> {
        let (a, b) = os::stream_pair()?;
        Ok((Socket::Os(a), Socket::Os(b)))
    }

    /// A new socket of the simulated kernel.
    pub(crate) fn open_sim(simulation: &sim::Simulation, domain: Domain) -> io::Result<Socket> {
        let socket = match domain {
            Domain::UNIX => simulation.unix_socket(),
            _ => simulation.tcp_socket(domain == Domain::IPV6),
        };
        socket.map(Socket::Sim)
    }

    /// Two connected Unix sockets of the simulated kernel.
    #[allow(dead_code, reason = "only systems with Unix sockets have pairs")]
    pub(crate) fn pair_sim(simulation: &sim::Simulation) -> io::Result<(Socket, Socket)> {
        let (a, b) = simulation.unix_pair()?;
        Ok((Socket::Sim(a), Socket::Sim(b)))
    }

    /// Whether the socket is of the simulated kernel.
    pub(crate) fn is_simulated(&self) -> bool {
        matches!(self, Socket::Sim(_))
    }

    /// Takes over a socket of the operating system and makes it non-blocking.
    pub(crate) fn from_os(socket: socket2::Socket) -> io::Result<Socket> {
        socket.set_nonblocking(true)?;
        Ok(Socket::Os(socket))
    }

    /// The operating system's socket, still non-blocking.
    ///
    /// # Errors
    ///
    /// If it is a simulated one.
    pub(crate) fn into_os(self) -> io::Result<socket2::Socket> {
        match self {
            Socket::Os(socket) => Ok(socket),
            Socket::Sim(_) => Err(simulated()),
        }
    }

    /// The operating system's socket, to read an option or borrow a descriptor.
    ///
    /// # Errors
    ///
    /// If it is a simulated one.
    pub(crate) fn os(&self) -> io::Result<&socket2::Socket> {
        match self {
            Socket::Os(socket) => Ok(socket),
            Socket::Sim(_) => Err(simulated()),
        }
    }

    /// Sets an option. A simulated network has none: there this does nothing.
    pub(crate) fn configure(
        &self,
        set: impl FnOnce(&socket2::Socket) -> io::Result<()>,
    ) -> io::Result<()> {
        match self {
            Socket::Os(socket) => set(socket),
            Socket::Sim(_) => Ok(()),
        }
    }

    /// The number a driver knows the socket by.
    pub(crate) fn raw_source(&self) -> RawSource {
        match self {
            Socket::Os(socket) => os::source_of(socket),
            Socket::Sim(socket) => socket.raw_source(),
        }
    }

    /// The kernel it is of.
    #[allow(unreachable_code, reason = "without the simulator there is only one")]
    pub(crate) fn world(&self) -> World {
        match self {
            Socket::Os(_) => World::Os,
            Socket::Sim(socket) => World::Sim(socket.simulation()),
        }
    }

    /// Gives the socket its local address.
    pub(crate) fn bind(&self, address: &SockAddr) -> io::Result<()> {
        match self {
            Socket::Os(socket) => socket.bind(address),
            Socket::Sim(socket) => socket.bind(&name(address)?),
        }
    }

    /// Starts to take connections, of which `backlog` may wait; the system has a maximum.
    pub(crate) fn listen(&self, backlog: u32) -> io::Result<()> {
        match self {
            Socket::Os(socket) => socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX)),
            Socket::Sim(socket) => socket.listen(backlog),
        }
    }

    /// Takes a connection, and the address of its other end.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if none waits; else [`accept_failure`] says what the error is about.
    pub(crate) fn accept(&self) -> io::Result<(Socket, SockAddr)> {
        match self {
            Socket::Os(socket) => {
                os::accept(socket).map(|(socket, peer)| (Socket::Os(socket), peer))
            }
            Socket::Sim(socket) => {
                let (socket, peer) = socket.accept()?;
                Ok((Socket::Sim(socket), address(&peer)?))
            }
        }
    }

    /// Begins to connect.
    ///
    /// # Errors
    ///
    /// The system's. `WouldBlock` from a Unix socket means that the listener's queue is full and
    /// nothing was begun.
    pub(crate) fn connect(&self, address: &SockAddr) -> io::Result<Connect> {
        match self {
            Socket::Os(socket) => Ok(match os::connect(socket, address)? {
                true => Connect::Done,
                false => Connect::InProgress,
            }),
            Socket::Sim(socket) => match socket.connect(&name(address)?) {
                Ok(()) => Ok(Connect::Done),
                Err(error) if would_block(&error) && !address.is_unix() => Ok(Connect::InProgress),
                Err(error) => Err(error),
            },
        }
    }

    /// Takes the pending error.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Socket::Os(socket) => socket.take_error(),
            Socket::Sim(socket) => socket.take_error(),
        }
    }

    /// The address of this end.
    pub(crate) fn local_address(&self) -> io::Result<SockAddr> {
        match self {
            Socket::Os(socket) => socket.local_addr(),
            Socket::Sim(socket) => address(&socket.local_address()?),
        }
    }

    /// The address of the other end; `NotConnected` if there is none.
    pub(crate) fn peer_address(&self) -> io::Result<SockAddr> {
        match self {
            Socket::Os(socket) => socket.peer_addr(),
            Socket::Sim(socket) => address(&socket.peer_address()?),
        }
    }

    /// Reads what has come; with `peek` it stays to be read again. 0 is the end of the stream.
    pub(crate) fn recv(&self, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
        match self {
            Socket::Os(socket) => os::recv(socket, limited_mut(buffer), peek),
            Socket::Sim(socket) => socket.recv(limited_mut(buffer), peek),
        }
    }

    /// Reads into memory that need not be initialised; the first so many bytes then are.
    #[allow(dead_code, reason = "only tokio's and hyper's traits read into such memory")]
    pub(crate) fn recv_uninit(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        match self {
            Socket::Os(socket) => os::recv_uninit(socket, limited_mut(buffer)),
            Socket::Sim(socket) => {
                let mut bytes = vec![0; buffer.len().min(TRANSFER_MAX)];
                let count = socket.recv(&mut bytes, false)?;
                for (to, byte) in buffer.iter_mut().zip(&bytes[..count]) {
                    to.write(*byte);
                }
                Ok(count)
            }
        }
    }

    /// Reads what has come into several buffers, each filled before the next.
    pub(crate) fn recv_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self {
            Socket::Os(socket) => os::recv_vectored(socket, buffers),
            Socket::Sim(socket) => socket.recv_vectored(buffers),
        }
    }

    /// Reads from a Unix stream like [`recv_vectored`](Self::recv_vectored), and says whether the
    /// read went as far as it could.
    pub(crate) fn recv_unix(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<Read> {
        match self {
            Socket::Os(socket) => os::recv_unix(socket, buffers),
            Socket::Sim(socket) => {
                socket.recv_vectored(buffers).map(|count| Read { count, whole: true })
            }
        }
    }

    /// The same into memory that need not be initialised; the first so many bytes then are.
    pub(crate) fn recv_unix_uninit(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<Read> {
        match self {
            Socket::Os(socket) => os::recv_unix_uninit(socket, limited_mut(buffer)),
            Socket::Sim(_) => self.recv_uninit(buffer).map(|count| Read { count, whole: true }),
        }
    }

    /// Writes as much as there is room for.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Os(socket) => os::send(socket, &bytes[..bytes.len().min(TRANSFER_MAX)]),
            Socket::Sim(socket) => socket.send(&bytes[..bytes.len().min(TRANSFER_MAX)]),
        }
    }

    /// Writes as much of several buffers, one after the other, as there is room for.
    pub(crate) fn send_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Os(socket) => os::send_vectored(socket, buffers),
            Socket::Sim(socket) => socket.send_vectored(buffers),
        }
    }

    /// What it is ready for at this moment, of what is asked, with errors and ends.
    pub(crate) fn ready_now(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Socket::Os(socket) => crate::sys::poll::look(socket, interest),
            Socket::Sim(socket) => socket.ready(interest),
        }
    }

    /// Ends one direction or both.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Socket::Os(socket) => socket.shutdown(how),
            Socket::Sim(socket) => socket.shutdown(how),
        }
    }
}

/// The simulated kernel's name for an address.
fn name(address: &SockAddr) -> io::Result<sim::Address> {
    match address.as_socket() {
        Some(address) => Ok(sim::Address::Ip(address)),
        None => os::unix_name(address).map(sim::Address::Unix),
    }
}

/// The address that the simulated kernel names.
fn address(name: &sim::Address) -> io::Result<SockAddr> {
    match name {
        sim::Address::Ip(address) => Ok(SockAddr::from(*address)),
        sim::Address::Unix(name) => os::unix_address(name),
    }
}

fn simulated() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this socket is simulated: it has no descriptor and no options of the operating system",
    )
}

fn limited_mut<T>(buffer: &mut [T]) -> &mut [T] {
    let len = buffer.len().min(TRANSFER_MAX);
    &mut buffer[..len]
}

/// What a call that is offered `lens` bytes, one buffer after the other, must move for its result
/// to say that the socket has more room, or more to give.
pub(crate) fn full_transfer(lens: impl Iterator<Item = usize>) -> usize {
    lens.take(BUFFERS_MAX).fold(0, usize::saturating_add).min(TRANSFER_MAX)
}

#[cfg(test)]
mod tests;
