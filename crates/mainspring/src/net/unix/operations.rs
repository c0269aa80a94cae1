//! The types of this room as what operations are prepared on.

use std::io;
use std::panic::Location;

use socket2::SockAddr;

use crate::driver::{Handle, Subject};
use crate::net::Datagram;
use crate::net::byte_stream::ByteStream;
use crate::net::operations::streams;
use crate::op::{Arrived, Datagrams, Endpoint, Listener, Source, Taken, Target};

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

impl Listener for UnixListener {
    type Stream = UnixStream;

    fn accepted(
        handle: &Handle,
        socket: Taken,
        location: &'static Location<'static>,
    ) -> io::Result<UnixStream> {
        Ok(UnixStream::new(ByteStream::new(handle, socket.0, location)?))
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
