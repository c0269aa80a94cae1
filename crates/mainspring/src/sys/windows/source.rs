//! What can be registered on Windows: anything with a socket.

use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, RawSocket};

use crate::source::RawSource;

/// Anything the driver can watch: on Windows whatever implements
/// [`AsSocket`](std::os::windows::io::AsSocket).
///
/// ```
/// fn watchable(_: &impl mainspring::AsSource) {}
/// watchable(&std::net::UdpSocket::bind("127.0.0.1:0")?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait AsSource {
    /// The number the kernel knows the source by.
    #[doc(hidden)]
    fn raw_source_number(&self) -> u64;
}

impl<T: AsSocket + ?Sized> AsSource for T {
    fn raw_source_number(&self) -> u64 {
        number_of(self.as_socket().as_raw_socket())
    }
}

/// A borrowed source: on Windows a socket.
pub(crate) type BorrowedSource<'a> = BorrowedSocket<'a>;

/// The number of a socket, which is as wide as a pointer, so that no cast suits every target.
pub(crate) fn number_of(socket: RawSocket) -> u64 {
    socket as usize as u64
}

/// The number of a source, as the backends take it.
pub(crate) fn raw_source(source: &(impl AsSource + ?Sized)) -> RawSource {
    RawSource(source.raw_source_number())
}
