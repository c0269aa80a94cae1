//! Taking TCP connections, and going on when there is no room for them.
//!
//! # When the process is out of descriptors
//!
//! `accept` then fails and the connection stays in the queue, so the listener stays ready: a loop
//! that merely tries again spins, and one that gives up has turned a busy minute into the end of
//! the service. [`TcpListener::accept`] returns the error and leaves the answer to its caller.
//! [`TcpListener::accept_steadily`] and [`Incoming`] wait instead, five milliseconds at first and
//! doubling up to one second, and try again, for as long as it takes.
//!
//! So that this does not pass unseen, and does not fill a log either, shortages are told once an
//! episode. An episode begins with the first connection that could not be taken and ends when a
//! look finds the queue empty: a descriptor that is freed and used up again in between does not
//! begin another one.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use socket2::Domain;

use crate::driver::{Handle, Registration};
use crate::interest::Interest;
use crate::net::byte_stream::ByteStream;
use crate::net::deadline::Pause;
use crate::net::resolve::{ToSocketAddrs, no_address};
use crate::socket::{AcceptFailure, Socket, accept_failure};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::trigger::Trigger;

use super::TcpStream;

/// Connections that may wait to be accepted, unless [`TcpSocket::listen`](super::TcpSocket) says
/// otherwise. The system cuts it to its own maximum, which on Linux is 4096 since 5.4 and was 128.
const BACKLOG: u32 = 1024;

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
pub struct TcpListener {
    // Dropped first: the kernel is told before the socket is closed.
    registration: Registration,
    socket: Socket,
    episodes: AtomicU64,
    refused: AtomicU64,
    ongoing: AtomicBool,
    report: Option<Report>,
}

/// Told of each episode of shortage.
type Report = Box<dyn Fn(&io::Error) + Send + Sync>;

/// How often a listener had no room for a connection; see [`TcpListener::shortages`].
///
/// ```
/// let listener = futures::executor::block_on(mainspring::net::TcpListener::bind("127.0.0.1:0"));
/// let shortages = listener.unwrap().shortages();
/// assert_eq!((shortages.episodes(), shortages.failures(), shortages.is_ongoing()), (0, 0, false));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortages {
    episodes: u64,
    failures: u64,
    ongoing: bool,
}

impl Shortages {
    /// The times from the first connection without room to the next empty queue.
    #[must_use]
    pub fn episodes(&self) -> u64 {
        self.episodes
    }

    /// The calls that failed for want of descriptors or memory.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Whether an episode has begun and not ended.
    #[must_use]
    pub fn is_ongoing(&self) -> bool {
        self.ongoing
    }
}

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
        let source = socket.raw_source();
        let interest = Interest::READABLE;
        let registration =
            Registration::located(handle, source, interest, Trigger::Edge, location)?;
        Ok(TcpListener {
            registration,
            socket,
            episodes: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            ongoing: AtomicBool::new(false),
            report: None,
        })
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
        let TcpListener { registration, socket, .. } = self;
        drop(registration);
        Ok(socket.into_os()?.into())
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The registration with the driver.
    pub fn registration(&self) -> &Registration {
        &self.registration
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
        async move {
            let accepted =
                self.registration.async_io(Interest::READABLE, || self.accept_once()).await?;
            self.register(accepted, location)
        }
    }

    /// Like [`accept`](Self::accept), for one task: the last caller is the one that is woken.
    ///
    /// # Errors
    ///
    /// Those of [`accept`](Self::accept).
    #[track_caller]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let location = Location::caller();
        let accepted =
            ready!(self.registration.poll_io(cx, Interest::READABLE, || self.accept_once()))?;
        Poll::Ready(self.register(accepted, location))
    }

    /// Takes a connection that waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if none does; those of [`accept`](Self::accept).
    #[track_caller]
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let location = Location::caller();
        let accepted = self.registration.try_io(Interest::READABLE, || self.accept_once())?;
        self.register(accepted, location)
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
        async move {
            let mut pause = Pause::new();
            loop {
                let accepted =
                    self.registration.async_io(Interest::READABLE, || self.accept_once()).await;
                match accepted.and_then(|accepted| self.register(accepted, location)) {
                    Err(error) if is_shortage(&error) => {
                        pause.begin(self.registration.handle());
                        poll_fn(|cx| pause.poll(cx)).await;
                    }
                    done => return done,
                }
            }
        }
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

    /// Calls `report` once for each episode of shortage, with the error that began it.
    ///
    /// It is called on the thread and in the task that accepts, so it had better be quick.
    #[must_use]
    pub fn report_shortage(
        mut self,
        report: impl Fn(&io::Error) + Send + Sync + 'static,
    ) -> TcpListener {
        self.report = Some(Box::new(report));
        self
    }

    /// How often there was no room for a connection so far.
    #[must_use]
    pub fn shortages(&self) -> Shortages {
        Shortages {
            episodes: self.episodes.load(Ordering::Relaxed),
            failures: self.refused.load(Ordering::Relaxed),
            ongoing: self.ongoing.load(Ordering::Relaxed),
        }
    }

    /// The address the listener is bound to.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        super::ip(&self.socket.local_address()?)
    }

    /// The number of routers a packet may pass (`IP_TTL`, on IPv6 the unicast hop limit), which
    /// accepted connections inherit.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        super::options::ttl(self.socket.os()?)
    }

    /// The number of routers a packet is to pass at most.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.socket.configure(|socket| super::options::set_ttl(socket, hops))
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`).
    ///
    /// # Errors
    ///
    /// If even that cannot be asked.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// One connection from the queue, past those that failed there.
    fn accept_once(&self) -> io::Result<(Socket, SocketAddr)> {
        loop {
            match self.socket.accept() {
                Ok((socket, peer)) => return Ok((socket, super::ip(&peer)?)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ongoing.store(false, Ordering::Relaxed);
                    return Err(error);
                }
                Err(error) => match accept_failure(&error) {
                    AcceptFailure::Connection => {}
                    AcceptFailure::Shortage => {
                        self.note(&error);
                        return Err(error);
                    }
                    AcceptFailure::Listener => return Err(error),
                },
            }
        }
    }

    /// A connection found no room.
    fn note(&self, error: &io::Error) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if !self.ongoing.swap(true, Ordering::Relaxed) {
            self.episodes.fetch_add(1, Ordering::Relaxed);
            if let Some(report) = &self.report {
                report(error);
            }
        }
    }

    fn register(
        &self,
        (socket, peer): (Socket, SocketAddr),
        location: &'static Location<'static>,
    ) -> io::Result<(TcpStream, SocketAddr)> {
        let stream = ByteStream::new(self.registration.handle(), socket, location)?;
        Ok((TcpStream::new(stream), peer))
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener")
            .field("registration", &self.registration)
            .field("socket", &self.socket)
            .field("shortages", &self.shortages())
            .finish_non_exhaustive()
    }
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
        loop {
            ready!(self.pause.poll(cx));
            let interest = Interest::READABLE;
            let accepted =
                ready!(listener.registration.poll_io(cx, interest, || listener.accept_once()));
            match accepted.and_then(|accepted| listener.register(accepted, location)) {
                Err(error) if is_shortage(&error) => {
                    self.pause.begin(listener.registration.handle());
                }
                done => {
                    self.pause = Pause::new();
                    return Poll::Ready(Some(done));
                }
            }
        }
    }
}

/// Whether time may bring what is missing: descriptors, memory, or room in the driver.
fn is_shortage(error: &io::Error) -> bool {
    accept_failure(error) == AcceptFailure::Shortage
}

/// A socket that listens on `address`.
fn bind_one(handle: &Handle, address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::open(handle, Domain::for_address(address))?;
    socket.configure(crate::sys::socket::reuse_listening_address)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}
