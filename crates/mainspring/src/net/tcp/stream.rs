//! A TCP connection.

use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::panic::Location;
use std::time::Duration;

use socket2::Domain;

use crate::driver::{Handle, Registration};
use crate::interest::Interest;
use crate::net::byte_stream::ByteStream;
use crate::net::connect::connect;
use crate::net::deadline::{NEVER_NS, before};
use crate::net::methods::{read_methods, ready_methods, write_methods};
use crate::net::resolve::{Resolve, ToSocketAddrs, no_address};
use crate::socket::Socket;

/// A TCP connection, registered with a driver.
///
/// It reads and writes by methods on `&self` and by the `AsyncRead` and `AsyncWrite` of
/// `futures-io`; with the features `tokio` and `hyper` also by their traits. A connection that is
/// served without ever having to wait costs the driver nothing.
///
/// Dropping it closes both directions. What was written and not yet sent is sent by the system in
/// the background, unless bytes that came were never read: then the peer gets a reset.
///
/// ```
/// use mainspring::net::{TcpListener, TcpStream};
/// # futures::executor::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
///
/// client.write(b"hello").await?;
/// let mut buffer = [0; 16];
/// let count = server.read(&mut buffer).await?;
/// assert_eq!(&buffer[..count], b"hello");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct TcpStream(ByteStream);

impl TcpStream {
    pub(in crate::net) fn new(stream: ByteStream) -> TcpStream {
        TcpStream(stream)
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &ByteStream {
        &self.0
    }

    pub(crate) fn socket(&self) -> &Socket {
        self.0.socket()
    }

    /// Connects to the first of the addresses that answers, on the driver that is
    /// [current](Handle::current) when the future is first polled.
    ///
    /// # Errors
    ///
    /// That of the last address tried (`ConnectionRefused`, `TimedOut` after the system's minutes
    /// of trying, …), or of the lookup.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes its socket.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(
        addresses: A,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + use<A> {
        let location = Location::caller();
        let resolve = addresses.to_socket_addrs();
        async move { connect_any(resolve, None, location).await }
    }

    /// Like [`connect`](Self::connect), but gives up after `timeout`, which includes the lookup.
    ///
    /// Of several addresses, each gets an equal part of the time that is left, so that one that
    /// never answers does not use up the time of those after it.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the time was over before the last address gave another answer; else those of
    /// [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up and closes its socket.
    ///
    /// ```
    /// use mainspring::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    /// # futures::executor::block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let address = listener.local_addr()?;
    /// let _stream = TcpStream::connect_timeout(address, Duration::from_secs(5)).await?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn connect_timeout<A: ToSocketAddrs>(
        addresses: A,
        timeout: Duration,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + use<A> {
        let location = Location::caller();
        let resolve = addresses.to_socket_addrs();
        async move { connect_any(resolve, Some(timeout), location).await }
    }

    /// Takes over a connected stream of the standard library, for the current driver.
    ///
    /// # Errors
    ///
    /// If it cannot be made non-blocking or there is no driver for it.
    #[track_caller]
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_socket2(stream.into())
    }

    /// Takes over a connected socket, for the current driver.
    ///
    /// # Errors
    ///
    /// If it is not a TCP socket, cannot be made non-blocking, or there is no driver for it.
    #[track_caller]
    pub fn from_socket2(socket: socket2::Socket) -> io::Result<TcpStream> {
        let handle = Handle::try_current()?;
        let stream = ByteStream::new(&handle, super::adopt(socket)?, Location::caller())?;
        Ok(TcpStream(stream))
    }

    /// Ends the registration and gives the standard library's stream, still non-blocking.
    ///
    /// It is also the way to another driver: take the stream out here and in again there.
    ///
    /// # Errors
    ///
    /// If the connection is simulated.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        Ok(self.0.into_socket().into_os()?.into())
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        super::ip(&self.socket().peer_address()?)
    }

    /// Ends one direction of the connection, or both.
    ///
    /// After the end of the writing side the peer reads the end of the stream, and may still
    /// answer. Reads that wait are woken by the end of the reading side.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the connection is gone.
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

impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    /// The same as [`TcpStream::from_std`].
    #[track_caller]
    fn try_from(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_std(stream)
    }
}

read_methods!(TcpStream);
write_methods!(TcpStream);
ready_methods!(TcpStream);

/// Tries the addresses one after the other.
async fn connect_any(
    resolve: Resolve,
    timeout: Option<Duration>,
    location: &'static Location<'static>,
) -> io::Result<TcpStream> {
    let handle = &Handle::try_current()?;
    let deadline_ns = timeout.map_or(NEVER_NS, |timeout| handle.clock().deadline_after_ns(timeout));
    let mut addresses = before(handle, deadline_ns, resolve, too_late).await?;
    let mut last = no_address();
    while let Some(address) = addresses.next() {
        let share_ns = share_ns(handle.clock().now_ns(), deadline_ns, addresses.len());
        let attempt = connect_one(handle, address, location);
        match before(handle, share_ns, attempt, too_late).await {
            Ok(stream) => return Ok(TcpStream(stream)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_one(
    handle: &Handle,
    address: SocketAddr,
    location: &'static Location<'static>,
) -> io::Result<ByteStream> {
    let socket = Socket::open(handle, Domain::for_address(address))?;
    connect(handle, socket, &address.into(), location).await
}

/// When an attempt is given up that is followed by `others`: after its equal part of the time.
fn share_ns(now_ns: u64, deadline_ns: u64, others: usize) -> u64 {
    if deadline_ns == NEVER_NS {
        return NEVER_NS;
    }
    let left_ns = deadline_ns.saturating_sub(now_ns);
    now_ns + left_ns / (others as u64 + 1)
}

fn too_late() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the peer did not answer in the time given for connecting: it is down, its queue of \
         connections is full, or something on the way drops its packets",
    )
}

#[cfg(test)]
mod tests;
