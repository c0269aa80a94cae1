//! New sockets of the kernel that a driver belongs to.

use std::io;

use socket2::Domain;

use crate::driver::Handle;
use crate::socket::Socket;

impl Socket {
    /// A new stream socket of the kernel whose events the driver of `handle` hears of.
    pub(crate) fn open(handle: &Handle, domain: Domain) -> io::Result<Socket> {
        match handle.simulation() {
            Some(simulation) => Socket::open_simulated(simulation, domain),
            None => Socket::open_os(domain),
        }
    }

    /// Two connected Unix stream sockets of that kernel.
    pub(crate) fn pair(handle: &Handle) -> io::Result<(Socket, Socket)> {
        match handle.simulation() {
            Some(simulation) => Socket::pair_simulated(simulation),
            None => Socket::pair_os(),
        }
    }
}
