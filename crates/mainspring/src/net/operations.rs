//! The types of this room as what operations are prepared on.

use std::io;
use std::net::SocketAddr;
use std::panic::Location;

use socket2::SockAddr;

use crate::driver::{Handle, Subject};
use crate::op::connect::{Registered, Unconnected};
use crate::op::{Arrived, Datagrams, Endpoint, Listener, Source, Stream, Taken, Target};

use super::byte_stream::ByteStream;
use super::datagram::Datagram;
use super::{TcpListener, TcpSocket, TcpStream, UdpSocket, tcp};

/// Streams and their halves.
macro_rules! streams {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::op::Source for $type {
            #[inline]
            fn target(&self) -> $crate::op::Target<'_> {
                self.bytes().target()
            }
        }

        impl $crate::op::Endpoint for $type {}

        impl $crate::op::Stream for $type {}
    )*};
}

pub(crate) use streams;

streams!(TcpStream, tcp::ReadHalf<'_>, tcp::WriteHalf<'_>);
streams!(tcp::OwnedReadHalf, tcp::OwnedWriteHalf);

impl Source for ByteStream {
    #[inline]
    fn target(&self) -> Target<'_> {
        Target::new(self.registration(), Subject::Socket(self.socket()))
    }
}

impl Endpoint for ByteStream {}

impl Stream for ByteStream {}

impl Source for TcpListener {
    fn target(&self) -> Target<'_> {
        Target::new(self.registration(), Subject::Socket(self.socket()))
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accepted(
        handle: &Handle,
        socket: Taken,
        location: &'static Location<'static>,
    ) -> io::Result<TcpStream> {
        Ok(TcpStream::new(ByteStream::new(handle, socket.0, location)?))
    }
}

impl Unconnected for TcpSocket {
    type Address = SocketAddr;
    type Stream = TcpStream;

    fn name(address: &SocketAddr) -> SockAddr {
        (*address).into()
    }

    fn register(self, location: &'static Location<'static>) -> (Handle, io::Result<Registered>) {
        let (handle, socket) = self.into_parts();
        let stream = ByteStream::new(&handle, socket, location);
        (handle, stream.map(ByteStream::into_registered))
    }

    fn connected(registered: Registered) -> TcpStream {
        TcpStream::new(ByteStream::of(registered))
    }
}

impl Source for UdpSocket {
    fn target(&self) -> Target<'_> {
        self.datagrams().target()
    }
}

impl Endpoint for UdpSocket {}

impl Datagrams for UdpSocket {
    type Address = SocketAddr;
    type Received = Datagram<SocketAddr>;

    fn name(address: &SocketAddr) -> SockAddr {
        (*address).into()
    }

    fn received(arrived: Arrived) -> io::Result<Datagram<SocketAddr>> {
        super::udp::datagram_of(&arrived.0)
    }
}
