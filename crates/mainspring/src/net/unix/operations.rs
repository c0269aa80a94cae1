//! The types of this room as what operations are prepared on.

use std::io;

use socket2::SockAddr;

use crate::driver::Subject;
use crate::net::Datagram;
use crate::net::operations::streams;
use crate::op::{Arrived, Datagrams, Endpoint, Source, Target};

use super::datagram::datagram_of;
use super::{
    OwnedReadHalf, OwnedWriteHalf, ReadHalf, SocketAddr, UnixDatagram, UnixListener, UnixStream,
    WriteHalf,
};

streams!(UnixStream, ReadHalf<'_>, WriteHalf<'_>, OwnedReadHalf, OwnedWriteHalf);

impl Source for UnixListener {
    fn target(&self) -> Target<'_> {
        Target::new(self.registration(), Subject::Socket(self.socket()))
    }
}

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
