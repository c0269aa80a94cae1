//! A Unix stream.
//!
//! # When the listener's queue is full
//!
//! A TCP connection attempt then goes on by itself. A Unix one fails with `EAGAIN`, nothing has
//! begun, and no event tells when there is room. [`UnixStream::connect`] tries again after a
//! pause, which is what the blocking call amounts to.

use std::future::{Future, poll_fn};
use std::io;
use std::net::Shutdown;
use std::panic::Location;
use std::path::Path;
use std::time::Duration;

use socket2::Domain;

use crate::driver::{BufferGroup, Handle, Registration};
use crate::error::{self, would_block};
use crate::interest::Interest;
use crate::net::byte_stream::ByteStream;
use crate::net::connect::connect;
use crate::net::deadline::{Pause, before};
use crate::net::methods::{read_methods, ready_methods, write_methods};
use crate::net::{RecvMulti, recv_direct};
use crate::op::DirectStream;
use crate::socket::Socket;

use super::address::SocketAddr;

/// A Unix stream, registered with a driver.
///
/// It reads and writes by methods on `&self` and by the `AsyncRead` and `AsyncWrite` of
/// `futures-io`; with the features `tokio` and `hyper` also by their traits. It carries open
/// descriptors by [`os::unix::DescriptorPassing`](crate::os::unix::DescriptorPassing); those that
/// come while the other methods read are closed.
///
/// ```
/// use mainspring::net::UnixStream;
/// # futures::executor::block_on(async {
/// let (a, b) = UnixStream::pair()?;
/// a.write(b"hello").await?;
/// let mut buffer = [0; 16];
/// let count = b.read(&mut buffer).await?;
/// assert_eq!(&buffer[..count], b"hello");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct UnixStream(pub(super) ByteStream);

impl DirectStream<UnixStream> {
    /// What comes, in buffers of `group` that give themselves back, until the end of the stream or
    /// an error; see [`UnixStream::recv_multi`].
    ///
    /// # Errors
    ///
    /// The items': the system's, and `InvalidInput` if the group is of another driver. The stream
    /// ends with the first.
    pub fn recv_multi(&self, group: &BufferGroup) -> RecvMulti<'_> {
        recv_direct::recv_multi(self, group, UnixStream::recv_multi)
    }
}

impl UnixStream {
    pub(super) fn new(stream: ByteStream) -> UnixStream {
        UnixStream(stream.carrying())
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &ByteStream {
        &self.0
    }

    pub(crate) fn socket(&self) -> &Socket {
        self.0.socket()
    }

    /// Connects to the listener at `path`, or at an abstract name if it begins with a zero byte,
    /// on the driver that is [current](Handle::current) when the future is first polled. While the
    /// listener's queue is full, it is tried again after pauses of 1 to 32 milliseconds.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such path; `ConnectionRefused` if nobody listens there any more;
    /// `PermissionDenied` without the right to write to it; the driver's shutdown.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes its socket.
    #[track_caller]
    pub fn connect<P: AsRef<Path>>(
        path: P,
    ) -> impl Future<Output = io::Result<UnixStream>> + Send + use<P> {
        attempt(SocketAddr::from_pathname(path), None)
    }

    /// The same for a name of any kind.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes its socket.
    #[track_caller]
    pub fn connect_addr(
        address: &SocketAddr,
    ) -> impl Future<Output = io::Result<UnixStream>> + Send + use<> {
        attempt(Ok(address.clone()), None)
    }

    /// Like [`connect`](Self::connect), but gives up if the listener's queue stays full for
    /// `timeout`.
    ///
    /// # Errors
    ///
    /// `TimedOut` then; else those of [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes its socket.
    #[track_caller]
    pub fn connect_timeout<P: AsRef<Path>>(
        path: P,
        timeout: Duration,
    ) -> impl Future<Output = io::Result<UnixStream>> + Send + use<P> {
        attempt(SocketAddr::from_pathname(path), Some(timeout))
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    ///
    /// If there is no driver, or it was shut down; if the process is out of descriptors;
    /// `Unsupported` on Windows, which makes no pairs, except in a simulated world.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let location = Location::caller();
        let handle = Handle::try_current()?;
        let (a, b) = Socket::pair(&handle)?;
        let stream = |socket| ByteStream::new(&handle, socket, location).map(UnixStream::new);
        Ok((stream(a)?, stream(b)?))
    }

    /// Takes over a connected socket, for the current driver.
    ///
    /// # Errors
    ///
    /// If it is not a Unix stream socket, cannot be made non-blocking, or there is no driver for
    /// it.
    #[track_caller]
    pub fn from_socket2(socket: socket2::Socket) -> io::Result<UnixStream> {
        let handle = Handle::try_current()?;
        let socket = super::adopt(&handle, socket)?;
        ByteStream::new(&handle, socket, Location::caller()).map(UnixStream::new)
    }

    /// The name of this end; most often it has none.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_address().map(SocketAddr::new)
    }

    /// The name of the other end; that of a client has most often none.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no other end.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_address().map(SocketAddr::new)
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`).
    ///
    /// # Errors
    ///
    /// If even that cannot be asked.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().take_error()
    }

    /// Ends one direction of the connection, or both.
    ///
    /// After the end of the writing side the peer reads the end of the stream, and may still
    /// answer. Reads that wait are woken by the end of the reading side.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no other end.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// The registration with the driver.
    pub fn registration(&self) -> &Registration {
        self.0.registration()
    }

    /// Calls `op`, which is to try one non-blocking call on this stream, if the stream is ready
    /// for `interest` or the kernel was not asked yet. `WouldBlock` takes the readiness back.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the stream is not ready; those of `op`; shutdown of the driver.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        op: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.0.registration().try_io(interest, op)
    }

    /// Calls `op`, which is to try one non-blocking call on this stream, until it says something
    /// else than `WouldBlock`, and waits for `interest` in between.
    ///
    /// # Errors
    ///
    /// Those of `op`, and shutdown of the driver.
    ///
    /// # Cancel safety
    ///
    /// `op` runs to its end or not at all.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        op: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.0.registration().async_io(interest, op).await
    }
}

read_methods!(UnixStream);
write_methods!(UnixStream);
ready_methods!(UnixStream);

/// Connects, on the driver that is current when the future is first polled.
#[track_caller]
fn attempt(
    address: io::Result<SocketAddr>,
    timeout: Option<Duration>,
) -> impl Future<Output = io::Result<UnixStream>> + Send {
    let location = Location::caller();
    async move {
        let (handle, address) = (Handle::try_current()?, address?);
        let deadline_ns = timeout.map_or(u64::MAX, |after| handle.clock().deadline_after_ns(after));
        let stream = connect_patiently(&handle, &address, location);
        before(&handle, deadline_ns, stream, queue_full).await.map(UnixStream::new)
    }
}

async fn connect_patiently(
    handle: &Handle,
    address: &SocketAddr,
    location: &'static Location<'static>,
) -> io::Result<ByteStream> {
    let mut pause = Pause::between(1_000_000, 32_000_000);
    loop {
        let socket = Socket::open(handle, Domain::UNIX)?;
        match connect(handle, socket, address.as_socket2(), location).await {
            Err(error) if would_block(&error) => {
                if handle.is_shutdown() {
                    return Err(error::shut_down());
                }
                pause.begin(handle);
                poll_fn(|cx| pause.poll(cx)).await;
            }
            done => return done,
        }
    }
}

fn queue_full() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the listener's queue of connections stayed full for the time given for connecting: it \
         accepts too slowly or not at all, or its backlog is too small",
    )
}
