//! A socket of the simulated kernel, as a program holds one.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;

use super::Address;
use super::kernel::{FileId, Kernel};
use super::queue::Mask;
use super::simulation::Simulation;
use crate::interest::Interest;
use crate::ready::Ready;
use crate::source::RawSource;

/// An owned number of the simulated kernel. Dropping it closes the number.
///
/// Every call is non-blocking: what would block fails with `WouldBlock`. As with a descriptor, a
/// call acts on whatever the number names *now*.
///
/// ```
/// use mainspring::Simulation;
/// let (a, b) = Simulation::new(1).unix_pair()?;
/// assert_eq!(b.recv(&mut [0; 8], false).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
/// a.send(b"hello")?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Socket {
    simulation: Simulation,
    number: u32,
}

impl Socket {
    /// Takes ownership of an open number.
    pub(super) fn new(simulation: Simulation, number: u32) -> Socket {
        Socket { simulation, number }
    }

    /// The number, which like a descriptor's is the lowest that was free.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number.into()
    }

    /// The kernel it is of.
    pub(crate) fn simulation(&self) -> Simulation {
        self.simulation.clone()
    }

    /// The number, for a registration.
    pub(crate) fn raw_source(&self) -> RawSource {
        RawSource::simulated(self.number)
    }

    /// What it is ready for at this moment.
    pub(crate) fn ready(&self, interest: Interest) -> io::Result<Ready> {
        let heard = Mask::heard_by(interest);
        self.call(|kernel, file| Ok(kernel.poll(file, heard).only(heard).ready()))
    }

    fn call<R>(&self, call: impl FnOnce(&mut Kernel, FileId) -> io::Result<R>) -> io::Result<R> {
        let mut kernel = self.simulation.enter();
        let file = kernel.file_of(self.number.into())?;
        call(&mut kernel, file)
    }

    /// Gives the socket an address: port 0 is any free port, an empty Unix name any free abstract
    /// name.
    ///
    /// # Errors
    ///
    /// `AddrInUse`; `AddrNotAvailable` for an address other than the loopback's; `InvalidInput` for
    /// a second address, or one of another family.
    pub fn bind(&self, address: &Address) -> io::Result<()> {
        self.call(|kernel, file| kernel.bind(file, address))
    }

    /// Starts to accept. One connection more than `backlog` may wait, as on Linux.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the socket is connected, or is a Unix socket without a name.
    pub fn listen(&self, backlog: u32) -> io::Result<()> {
        self.call(|kernel, file| kernel.listen(file, backlog))
    }

    /// Takes a connection that waits, and the address of its other end.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if none waits; `QuotaExceeded` if no number is to be had, and then the
    /// connection goes on waiting; `InvalidInput` if the socket does not listen.
    pub fn accept(&self) -> io::Result<(Socket, Address)> {
        let (number, address) = self.call(|kernel, file| kernel.accept(file))?;
        Ok((Socket::new(self.simulation.clone(), number), address))
    }

    /// Connects. A TCP connection takes time: the answer is `WouldBlock`, and when the socket
    /// becomes writable [`take_error`](Self::take_error) says how it went. A Unix connection is
    /// there at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` (see above; from a Unix socket it means that the accept queue is full and
    /// nothing was begun), `ConnectionRefused`, `NotFound` for a path that does not exist,
    /// `NetworkUnreachable` for an address other than the loopback's, `AddrNotAvailable` if no port
    /// is free.
    pub fn connect(&self, address: &Address) -> io::Result<()> {
        self.call(|kernel, file| kernel.connect(file, address))
    }

    /// Takes the pending error.
    ///
    /// # Errors
    ///
    /// If the number is not open.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.call(|kernel, file| kernel.take_error(file))
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// If the number is not open.
    pub fn local_address(&self) -> io::Result<Address> {
        self.call(|kernel, file| Ok(kernel.file(file)?.local.clone()))
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// `NotConnected` before the connection is there and after it was reset.
    pub fn peer_address(&self) -> io::Result<Address> {
        self.call(|kernel, file| kernel.peer_address(file))
    }

    /// Reads what has come; with `peek` it stays to be read again. 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// `WouldBlock`, `NotConnected` (`InvalidInput` on a Unix socket), or the pending error.
    pub fn recv(&self, buffer: &mut [u8], peek: bool) -> io::Result<usize> {
        let bytes = self.call(|kernel, file| kernel.receive(file, buffer.len(), peek))?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// Reads what has come into several buffers, each filled before the next.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn recv_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room = buffers.iter().fold(0, |sum: usize, buffer| sum.saturating_add(buffer.len()));
        let bytes = self.call(|kernel, file| kernel.receive(file, room, false))?;
        let mut rest = bytes.as_slice();
        for buffer in buffers {
            let (now, later) = rest.split_at(rest.len().min(buffer.len()));
            buffer[..now.len()].copy_from_slice(now);
            rest = later;
        }
        Ok(bytes.len())
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; `BrokenPipe` or `NotConnected` if nobody will read it; or
    /// the pending error.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.send_vectored(&[IoSlice::new(bytes)])
    }

    /// Writes as much of several buffers, one after the other, as there is room for.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted = buffers.iter().fold(0, |sum: usize, buffer| sum.saturating_add(buffer.len()));
        self.call(|kernel, file| {
            let count = kernel.admit(file, wanted)?;
            let mut bytes = Vec::with_capacity(count);
            for buffer in buffers {
                let part = buffer.len().min(count - bytes.len());
                bytes.extend_from_slice(&buffer[..part]);
            }
            kernel.carry(file, bytes, wanted);
            Ok(count)
        })
    }

    /// Ends one direction or both.
    ///
    /// # Errors
    ///
    /// `NotConnected` before there is a connection and after it was reset.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.call(|kernel, file| kernel.shut_down(file, how))
    }

    /// Tears the connection, as a fault of the network: this end finds `ConnectionReset` at once,
    /// the other when the reset has travelled.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is nothing to tear.
    pub fn reset(&self) -> io::Result<()> {
        self.call(|kernel, file| kernel.tear(file))
    }

    /// Another number for the same file, as `dup(2)` gives.
    ///
    /// # Errors
    ///
    /// `QuotaExceeded` if no number is to be had.
    pub fn duplicate(&self) -> io::Result<Socket> {
        let number = self.call(|kernel, file| kernel.number(file))?;
        Ok(Socket::new(self.simulation.clone(), number))
    }

    /// Makes the number of `onto` name this socket's file, as `dup2(2)` does. What it named before
    /// loses that number.
    ///
    /// # Errors
    ///
    /// If one of the numbers is not open.
    pub fn duplicate_onto(&self, onto: &Socket) -> io::Result<()> {
        self.simulation.enter().duplicate_onto(self.number, onto.number)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It fails if the number was closed behind its owner's back, which is that test's wish.
        let _ = self.simulation.enter().close(self.number.into());
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("number", &self.number).finish_non_exhaustive()
    }
}
