//! Unix datagrams as what operations are prepared on.

use std::io;

use socket2::SockAddr;

use crate::net::Datagram;
use crate::op::{Arrived, Datagrams, Endpoint, Source, Target};

use super::datagram::datagram_of;
use super::{SocketAddr, UnixDatagram};

impl Source for UnixDatagram {
    fn target(&self) -> Target<'_> {
        self.datagrams().target()
    }
}

impl Endpoint for UnixDatagram {}

impl Datagrams for UnixDatagram {
    type Address = SocketAddr;
    type Received = Datagram<SocketAddr>;

    fn name(address: &SocketAddr) -> SockAddr {
        address.as_socket2().clone()
    }

    fn received(arrived: Arrived) -> io::Result<Datagram<SocketAddr>> {
        Ok(datagram_of(arrived.0))
    }
}
