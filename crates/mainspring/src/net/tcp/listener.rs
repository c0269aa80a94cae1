//! Taking TCP connections; what happens when there is no room for them is in `net/acceptor.rs`.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use socket2::Domain;

use crate::driver::{Handle, Registration};
use crate::net::accept_multi::Accepting;
use crate::net::acceptor::{Accepted, Acceptor, BACKLOG};
use crate::net::deadline::Pause;
use crate::net::resolve::{ToSocketAddrs, no_address};
use crate::net::shortages::Shortages;
use crate::socket::Socket;

use super::TcpStream;

/// A TCP socket that takes connections, registered with a driver.
///
/// ```
/// use futures::{AsyncReadExt, AsyncWriteExt};
/// use mainspring::net::{TcpListener, TcpStream};
/// # futures::executor::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut client = TcpStream::connect(listener.local_addr()?).await?;
/// client.write_all(b"echo").await?;
/// client.close().await?;
///
/// let (mut stream, peer) = listener.accept().await?;
/// assert_eq!(peer, client.local_addr()?);
/// let mut said = String::new();
/// stream.read_to_string(&mut said).await?;
/// assert_eq!(said, "echo");
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct TcpListener(Acceptor);

impl TcpListener {
    /// Listens on the first of the addresses that can be bound, on the driver that is
    /// [current](Handle::current) when the future is first polled. Port 0 is any free one.
    ///
    /// An address is taken although connections of an earlier listener linger on it
    /// (`SO_REUSEADDR`), and 1024 connections may wait; [`TcpSocket`](super::TcpSocket) is for
    /// everything else.
    ///
    /// # Errors
    ///
    /// That of the last address tried (`AddrInUse`, `PermissionDenied`, …), or of the lookup.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing bound.
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(
        addresses: A,
    ) -> impl Future<Output = io::Result<TcpListener>> + Send + use<A> {
        let location = Location::caller();
        let resolve = addresses.to_socket_addrs();
        async move {
            let handle = Handle::try_current()?;
            let mut last = no_address();
            for address in resolve.await? {
                match bind_one(&handle, address) {
                    Ok(socket) => return TcpListener::located(&handle, socket, location),
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
    }

    #[track_caller]
    pub(super) fn of(handle: &Handle, socket: Socket) -> io::Result<TcpListener> {
        TcpListener::located(handle, socket, Location::caller())
    }

    fn located(
        handle: &Handle,
        socket: Socket,
        location: &'static Location<'static>,
    ) -> io::Result<TcpListener> {
        socket.check(handle)?;
        Acceptor::new(handle, socket, location).map(TcpListener)
    }

    /// Takes over a listener of the standard library, for the current driver.
    ///
    /// # Errors
    ///
    /// If it cannot be made non-blocking or there is no driver for it.
    #[track_caller]
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_socket2(listener.into())
    }

    /// Takes over a listening socket, for the current driver.
    ///
    /// # Errors
    ///
    /// If it is not a TCP socket, cannot be made non-blocking, or there is no driver for it.
    #[track_caller]
    pub fn from_socket2(socket: socket2::Socket) -> io::Result<TcpListener> {
        TcpListener::of(&Handle::try_current()?, super::adopt(socket)?)
    }

    /// Ends the registration and gives the standard library's listener, still non-blocking.
    ///
    /// # Errors
    ///
    /// If the listener is simulated.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.0.into_socket().into_os()?.into())
    }

    pub(crate) fn socket(&self) -> &Socket {
        self.0.socket()
    }

    /// The registration with the driver.
    pub fn registration(&self) -> &Registration {
        self.0.registration()
    }

    /// Takes a connection, and waits if there is none. Connections that failed before they were
    /// taken are passed over.
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
    pub fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send + '_ {
        let location = Location::caller();
        async move { self.0.accept(location).await.and_then(stream) }
    }

    /// Like [`accept`](Self::accept), for one task: the last caller is the one that is woken.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept).
    #[track_caller]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.0.poll_accept(cx, Location::caller()).map(|accepted| accepted.and_then(stream))
    }

    /// Takes a connection that waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if none does; those of [`accept`](Self::accept).
    #[track_caller]
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.try_accept(Location::caller()).and_then(stream)
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
    ) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send + '_ {
        let location = Location::caller();
        async move { self.0.accept_steadily(location).await.and_then(stream) }
    }

    /// The connections to come, one after the other, as a stream that goes on through shortages as
    /// [`accept_steadily`](Self::accept_steadily) does.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use mainspring::net::{TcpListener, TcpStream};
    /// # futures::executor::block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?
    ///     .report_shortage(|error| eprintln!("no room for more connections: {error}"));
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let mut incoming = listener.incoming();
    /// let (_stream, peer) = incoming.next().await.expect("it never ends")?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
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
    /// ```
    /// use futures::StreamExt;
    /// use mainspring::net::{TcpListener, TcpStream};
    /// # mainspring::block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (_stream, peer) = listener.accept_multi().next().await.expect("it never ends")?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # })??;
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
    ) -> TcpListener {
        self.0.report_shortage(report);
        self
    }

    /// How often there was no room for a connection so far.
    #[must_use]
    pub fn shortages(&self) -> Shortages {
        self.0.shortages()
    }

    /// The address the listener is bound to.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        super::ip(&self.socket().local_address()?)
    }

    /// The number of routers a packet may pass (`IP_TTL`, on IPv6 the unicast hop limit), which
    /// accepted connections inherit.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        super::options::ttl(self.socket().os()?)
    }

    /// The number of routers a packet is to pass at most.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.socket().configure(|socket| super::options::set_ttl(socket, hops))
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

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// The same as [`TcpListener::from_std`].
    #[track_caller]
    fn try_from(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }
}

fn stream((bytes, peer): Accepted) -> io::Result<(TcpStream, SocketAddr)> {
    let peer = super::ip(&peer)?;
    Ok((TcpStream::new(bytes), peer))
}

/// The connections of a listener, as a stream; see [`TcpListener::incoming`].
///
/// It never ends by itself. An error that it yields is the listener's own or the driver's end, and
/// will be met again.
///
/// ```
/// use futures::StreamExt;
/// use mainspring::net::{TcpListener, TcpStream};
/// # futures::executor::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let clients = [TcpStream::connect(listener.local_addr()?).await?];
/// let served = listener.incoming().take(clients.len()).count().await;
/// assert_eq!(served, 1);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
    pause: Pause,
    location: &'static Location<'static>,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<(TcpStream, SocketAddr)>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (listener, location) = (self.listener, self.location);
        let next = listener.0.poll_next(cx, &mut self.pause, location);
        next.map(|accepted| Some(accepted.and_then(stream)))
    }
}

/// The connections of a listener, taken by the kernel as they come; see
/// [`TcpListener::accept_multi`].
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
/// use futures::StreamExt;
/// use mainspring::net::{TcpListener, TcpStream};
/// # mainspring::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let _clients = [TcpStream::connect(listener.local_addr()?).await?];
/// let mut connections = listener.accept_multi().limit(8);
/// connections.next().await.expect("the first")?;
/// connections.stop();
/// assert!(connections.next().await.is_none());
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
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
    type Item = io::Result<(TcpStream, SocketAddr)>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(cx).map(|next| next.map(|accepted| accepted.and_then(stream)))
    }
}

/// A socket that listens on `address`.
fn bind_one(handle: &Handle, address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::open(handle, Domain::for_address(address))?;
    socket.configure(crate::sys::socket::reuse_listening_address)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}
