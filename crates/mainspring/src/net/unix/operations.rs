//! The types of this room as what operations are prepared on.

use std::io;
use std::panic::Location;

use crate::driver::{Handle, Subject};
use crate::net::byte_stream::ByteStream;
use crate::net::operations::streams;
use crate::op::{Listener, Source, Taken, Target};

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, UnixListener, UnixStream, WriteHalf};

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
