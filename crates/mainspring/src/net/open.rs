//! New sockets of the kernel that a driver belongs to.

use std::io;

use socket2::Domain;

use crate::driver::Handle;
use crate::socket::Socket;

impl Socket {
    /// A new stream socket of the kernel whose events the driver of `handle` hears of.
    pub(crate) fn open(_handle: &Handle, domain: Domain) -> io::Result<Socket> {
        Socket::open_os(domain)
    }

    /// Two connected Unix stream sockets of that kernel.
    pub(crate) fn pair(_handle: &Handle) -> io::Result<(Socket, Socket)> {
        Socket::pair_os()
    }
}
