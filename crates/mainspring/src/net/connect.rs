//! The way from a fresh socket to a connected stream.
//!
//! `connect` on a non-blocking socket starts the attempt. When it has ended, either way, the
//! socket becomes writable, and the pending error says how it ended. A report of writability
//! alone proves nothing, so the peer's address is asked for too: there is none before there is a
//! connection.

use std::io;
use std::panic::Location;

use socket2::SockAddr;

use crate::driver::Handle;
use crate::interest::Interest;
use crate::socket::{Connect, Socket, not_connected};

use super::byte_stream::ByteStream;

/// Connects `socket` to `address`. Dropping the future closes the socket.
pub(crate) async fn connect(
    handle: &Handle,
    socket: Socket,
    address: &SockAddr,
    location: &'static Location<'static>,
) -> io::Result<ByteStream> {
    let begun = socket.connect(address)?;
    let stream = ByteStream::new(handle, socket, location)?;
    if begun == Connect::InProgress {
        outcome(&stream).await?;
    }
    Ok(stream)
}

/// Waits for the end of an attempt.
async fn outcome(stream: &ByteStream) -> io::Result<()> {
    loop {
        let event = stream.registration().ready(Interest::WRITABLE).await?;
        if let Some(error) = stream.socket().take_error()? {
            return Err(error);
        }
        match stream.socket().peer_address() {
            Ok(_) => return Ok(()),
            Err(error) if not_connected(&error) && !event.ready().is_write_closed() => {
                stream.registration().clear(event);
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(all(test, feature = "sim"))]
mod tests;
