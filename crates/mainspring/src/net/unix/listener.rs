//! Taking Unix connections; what happens when there is no room for them is in `net/acceptor.rs`.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use socket2::Domain;

use crate::driver::{Handle, Registration};
use crate::net::accept_multi::Accepting;
use crate::net::acceptor::{Accepted, Acceptor, BACKLOG};
use crate::net::deadline::Pause;
use crate::net::shortages::Shortages;
use crate::socket::Socket;

use super::address::SocketAddr;
use super::stream::UnixStream;

/// A Unix socket that takes connections, registered with a driver.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use mainspring::net::{UnixListener, UnixStream, unix::SocketAddr};
/// # futures::executor::block_on(async {
/// // A free abstract name; `bind` takes a path.
/// let listener = UnixListener::bind_addr(&SocketAddr::unnamed()?)?;
/// let client = UnixStream::connect_addr(&listener.local_addr()?).await?;
/// client.write(b"hello").await?;
///
/// let (stream, _peer) = listener.accept().await?;
/// assert_eq!(stream.peer_cred()?.pid(), i32::try_from(std::process::id()).ok());
/// let mut buffer = [0; 16];
/// let count = stream.read(&mut buffer).await?;
/// assert_eq!(&buffer[..count], b"hello");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct UnixListener(pub(super) Acceptor);

impl UnixListener {
    /// Listens on a path, which must not be there yet, or on an abstract name if `path` begins
    /// with a zero byte, on the driver that is [current](Handle::current). 1024 connections may
    /// wait, if the system's maximum (4096 on Linux since 5.4, before 128) allows it.
    ///
    /// The file stays when the listener is gone: remove it then, or before the next bind. Who may
    /// connect is decided by the right to write to the file, which the process's umask sets.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if there is a file, of a living socket or a dead one; the path is too long, not
    /// allowed, or its folder is not there; there is no driver, or it was shut down.
    #[track_caller]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Listens on a name. The unnamed one lets Linux choose a free abstract name.
    ///
    /// # Errors
    ///
    /// Those of [`bind`](Self::bind).
    #[track_caller]
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        let handle = Handle::try_current()?;
        let socket = Socket::open(&handle, Domain::UNIX)?;
        socket.bind(address.as_socket2())?;
        socket.listen(BACKLOG)?;
        Acceptor::new(&handle, socket, Location::caller()).map(UnixListener)
    }

    /// Takes over a listening socket, for the current driver.
    ///
    /// # Errors
    ///
    /// If it is not a Unix stream socket, cannot be made non-blocking, or there is no driver for
    /// it.
    #[track_caller]
    pub fn from_socket2(socket: socket2::Socket) -> io::Result<UnixListener> {
        let handle = Handle::try_current()?;
        let socket = super::adopt(&handle, socket)?;
        Acceptor::new(&handle, socket, Location::caller()).map(UnixListener)
    }

    pub(crate) fn socket(&self) -> &Socket {
        self.0.socket()
    }

    /// The registration with the driver.
    pub fn registration(&self) -> &Registration {
        self.0.registration()
    }

    /// Takes a connection, and waits if there is none.
    ///
    /// # Errors
    ///
    /// When the process or the machine is out of descriptors or memory: that error, at once, for
    /// as long as it lasts; [`accept_steadily`](Self::accept_steadily) waits instead. Else what is
    /// wrong with the listener itself, or shutdown of the driver.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has taken no connection.
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> + Send + '_ {
        let location = Location::caller();
        async move { self.0.accept(location).await.map(stream) }
    }

    /// Like [`accept`](Self::accept), for one task: the last caller is the one that is woken.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept).
    #[track_caller]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.0.poll_accept(cx, Location::caller()).map_ok(stream)
    }

    /// Takes a connection that waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if none does; those of [`accept`](Self::accept).
    #[track_caller]
    pub fn try_accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.0.try_accept(Location::caller()).map(stream)
    }

    /// Like [`accept`](Self::accept), but when the process or the machine is out of descriptors or
    /// memory it waits, from five milliseconds to a second, and tries again until there is room.
    ///
    /// [`report_shortage`](Self::report_shortage) and [`shortages`](Self::shortages) tell of it.
    ///
    /// # Errors
    ///
    /// What is wrong with the listener itself, and shutdown of the driver.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has taken no connection.
    #[track_caller]
    pub fn accept_steadily(
        &self,
    ) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> + Send + '_ {
        let location = Location::caller();
        async move { self.0.accept_steadily(location).await.map(stream) }
    }

    /// The connections to come, one after the other, as a stream that goes on through shortages as
    /// [`accept_steadily`](Self::accept_steadily) does.
    #[track_caller]
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self, pause: Pause::new(), location: Location::caller() }
    }

    /// The connections to come, taken by the kernel without being asked each time, where it can;
    /// elsewhere the same as [`incoming`](Self::incoming), with which it shares what it does in a
    /// shortage.
    ///
    /// What the kernel takes before it is asked for waits here, as many as
    /// [`limit`](AcceptMulti::limit) says; then it pauses, and connections wait in the listener's
    /// queue.
    ///
    #[track_caller]
    pub fn accept_multi(&self) -> AcceptMulti<'_> {
        AcceptMulti(Accepting::new(&self.0, Location::caller()))
    }

    /// Calls `report` once for each episode of shortage, with the error that began it.
    ///
    /// It is called on the thread and in the task that accepts, so it had better be quick.
    #[must_use]
    pub fn report_shortage(
        mut self,
        report: impl Fn(&io::Error) + Send + Sync + 'static,
    ) -> UnixListener {
        self.0.report_shortage(report);
        self
    }

    /// How often there was no room for a connection so far.
    #[must_use]
    pub fn shortages(&self) -> Shortages {
        self.0.shortages()
    }

    /// The name the listener is bound to.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_address().map(SocketAddr::new)
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`).
    ///
    /// # Errors
    ///
    /// If even that cannot be asked.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().take_error()
    }
}

fn stream((bytes, peer): Accepted) -> (UnixStream, SocketAddr) {
    (UnixStream::new(bytes), SocketAddr::new(peer))
}

/// The connections of a listener, as a stream; see [`UnixListener::incoming`].
///
/// It never ends by itself. An error that it yields is the listener's own or the driver's end, and
/// will be met again.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use futures::StreamExt;
/// use mainspring::net::{UnixListener, UnixStream, unix::SocketAddr};
/// # futures::executor::block_on(async {
/// let listener = UnixListener::bind_addr(&SocketAddr::unnamed()?)?;
/// let clients = [UnixStream::connect_addr(&listener.local_addr()?).await?];
/// let served = listener.incoming().take(clients.len()).count().await;
/// assert_eq!(served, 1);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// # }
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
    pause: Pause,
    location: &'static Location<'static>,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<(UnixStream, SocketAddr)>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (listener, location) = (self.listener, self.location);
        listener.0.poll_next(cx, &mut self.pause, location).map_ok(stream).map(Some)
    }
}

/// The connections of a listener, taken by the kernel as they come; see
/// [`UnixListener::accept_multi`].
///
/// It ends only after [`stop`](Self::stop). An error that it yields is the listener's own or the
/// driver's end, and will be met again.
///
/// # Cancel safety
///
/// `next` loses nothing. Dropping this closes connections that were accepted and not taken;
/// [`stop`](Self::stop) loses none.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use futures::StreamExt;
/// use mainspring::net::{UnixListener, UnixStream, unix::SocketAddr};
/// # futures::executor::block_on(async {
/// let listener = UnixListener::bind_addr(&SocketAddr::unnamed()?)?;
/// let _clients = [UnixStream::connect_addr(&listener.local_addr()?).await?];
/// let mut connections = listener.accept_multi().limit(8);
/// connections.next().await.expect("the first")?;
/// connections.stop();
/// assert!(connections.next().await.is_none());
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// # }
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct AcceptMulti<'a>(Accepting<'a>);

impl AcceptMulti<'_> {
    /// How many connections may have been accepted and not taken before accepting pauses; 64
    /// unless said otherwise, and at least one. To be said before the first is awaited.
    pub fn limit(mut self, connections: usize) -> Self {
        self.0.limit(connections);
        self
    }

    /// Stops accepting: connections that were accepted are still given, then comes the end.
    pub fn stop(&mut self) {
        self.0.stop();
    }
}

impl Stream for AcceptMulti<'_> {
    type Item = io::Result<(UnixStream, SocketAddr)>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(cx).map(|next| next.map(|accepted| accepted.map(stream)))
    }
}
