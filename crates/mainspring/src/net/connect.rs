//! The way from a fresh socket to a connected stream.

use std::io;
use std::panic::Location;

use socket2::SockAddr;

use crate::driver::Handle;
use crate::op::connect::{Connect, Registered, Unconnected};
use crate::socket::{Socket, UNIX_CONNECTS_AT_ONCE};

use super::byte_stream::ByteStream;

/// Connects `socket` to `address`. Dropping the future closes the socket.
pub(crate) async fn connect(
    handle: &Handle,
    socket: Socket,
    address: &SockAddr,
    location: &'static Location<'static>,
) -> io::Result<ByteStream> {
    if address.is_unix() && (UNIX_CONNECTS_AT_ONCE || socket.is_simulated()) {
        // Which connects at once or not at all, wherever the operation would be carried out.
        socket.connect(address)?;
        return ByteStream::new(handle, socket, location);
    }
    let registered = ByteStream::new(handle, socket, location).map(ByteStream::into_registered);
    Connect::<ByteStream>::prepare(handle.clone(), registered, address.clone()).await
}

/// Of a stream that has no type of its own yet.
impl Unconnected for ByteStream {
    type Address = SockAddr;
    type Stream = ByteStream;

    fn name(address: &SockAddr) -> SockAddr {
        address.clone()
    }

    fn register(self, _location: &'static Location<'static>) -> (Handle, io::Result<Registered>) {
        (self.registration().handle().clone(), Ok(self.into_registered()))
    }

    fn connected(registered: Registered) -> ByteStream {
        ByteStream::of(registered)
    }
}
