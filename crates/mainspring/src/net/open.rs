//! New sockets of the kernel that a driver belongs to.

use std::io;

use socket2::Domain;

use crate::driver::Handle;
use crate::socket::Socket;

impl Socket {
    /// A new stream socket of the kernel whose events the driver of `handle` hears of.
    pub(crate) fn open(handle: &Handle, domain: Domain) -> io::Result<Socket> {
        match handle.simulation() {
            Some(simulation) => Socket::open_sim(simulation, domain),
            None => Socket::open_os(domain),
        }
    }

    /// Two connected Unix stream sockets of that kernel.
    #[allow(dead_code, reason = "only systems with Unix sockets have pairs")]
    pub(crate) fn pair(handle: &Handle) -> io::Result<(Socket, Socket)> {
        match handle.simulation() {
            Some(simulation) => Socket::pair_sim(simulation),
            None => Socket::pair_os(),
        }
    }

    /// Whether the driver of `handle` can hear of this socket's events.
    ///
    /// # Errors
    ///
    /// If the one is simulated and the other is not: their numbers mean different things.
    pub(crate) fn check(&self, handle: &Handle) -> io::Result<()> {
        if self.is_simulated() == handle.simulation().is_some() {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the socket is the operating system's and the driver lives in a simulated world: \
             make the socket while that driver is the current one",
        ))
    }
}
