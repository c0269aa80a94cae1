//! A listening socket with its registration: what `TcpListener` and `UnixListener` are made of.
//!
//! # When the process is out of descriptors
//!
//! `accept` then fails and the connection stays in the queue, so the listener stays ready: a loop
//! that merely tries again spins, and one that gives up has turned a busy minute into the end of
//! the service. `accept` of a listener returns the error and leaves the answer to its caller.
//! `accept_steadily` and `incoming` wait instead, five milliseconds at first and doubling up to one
//! second, and try again, for as long as it takes.
//!
//! So that this does not pass unseen, and does not fill a log either, shortages are told once an
//! episode. An episode begins with the first connection that could not be taken and ends when a
//! look finds the queue empty: a descriptor that is freed and used up again in between does not
//! begin another one.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::panic::Location;
use std::task::{Context, Poll, ready};

use socket2::SockAddr;

use crate::driver::{Flush, Handle, Registration};
use crate::interest::Interest;
use crate::socket::{AcceptFailure, Socket, accept_failure, not_connected};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::trigger::Trigger;

use super::byte_stream::ByteStream;
use super::deadline::Pause;
use super::shortages::Shortages;

/// Connections that may wait to be accepted, unless the caller says otherwise. The system cuts it
/// to its own maximum, which on Linux is 4096 since 5.4 and was 128.
pub(crate) const BACKLOG: u32 = 1024;

/// A connection and the name of its other end.
pub(crate) type Accepted = (ByteStream, SockAddr);

/// A listening socket and its registration.
pub(crate) struct Acceptor {
    // Dropped first: the kernel is told before the socket is closed.
    registration: Registration,
    _flush: Flush,
    socket: Socket,
    episodes: AtomicU64,
    refused: AtomicU64,
    ongoing: AtomicBool,
    report: Option<Report>,
}

/// Told of each episode of shortage.
type Report = Box<dyn Fn(&io::Error) + Send + Sync>;

impl Acceptor {
    /// Registers `socket`; `location` is the line of the program that asked for it.
    pub(crate) fn new(
        handle: &Handle,
        socket: Socket,
        location: &'static Location<'static>,
    ) -> io::Result<Acceptor> {
        let source = socket.raw_source();
        let interest = Interest::READABLE;
        let registration =
            Registration::located(handle, source, interest, Trigger::Edge, location)?;
        Ok(Acceptor {
            registration,
            _flush: Flush(handle.clone()),
            socket,
            episodes: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            ongoing: AtomicBool::new(false),
            report: None,
        })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// Ends the registration and gives the socket back.
    pub(crate) fn into_socket(self) -> Socket {
        let Acceptor { registration, socket, .. } = self;
        drop(registration);
        socket
    }

    pub(crate) fn report_shortage(&mut self, report: impl Fn(&io::Error) + Send + Sync + 'static) {
        self.report = Some(Box::new(report));
    }

    pub(crate) fn shortages(&self) -> Shortages {
        Shortages {
            episodes: self.episodes.load(Ordering::Relaxed),
            failures: self.refused.load(Ordering::Relaxed),
            ongoing: self.ongoing.load(Ordering::Relaxed),
        }
    }

    pub(crate) async fn accept(&self, at: &'static Location<'static>) -> io::Result<Accepted> {
        let accept = || self.accept_once();
        let accepted = self.registration.async_io(Interest::READABLE, accept).await?;
        self.register(accepted, at)
    }

    pub(crate) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
        at: &'static Location<'static>,
    ) -> Poll<io::Result<Accepted>> {
        let accept = || self.accept_once();
        let accepted = ready!(self.registration.poll_io(cx, Interest::READABLE, accept))?;
        Poll::Ready(self.register(accepted, at))
    }

    pub(crate) fn try_accept(&self, at: &'static Location<'static>) -> io::Result<Accepted> {
        let accepted = self.registration.try_io(Interest::READABLE, || self.accept_once())?;
        self.register(accepted, at)
    }

    pub(crate) async fn accept_steadily(
        &self,
        at: &'static Location<'static>,
    ) -> io::Result<Accepted> {
        let mut pause = Pause::new();
        loop {
            match self.accept(at).await {
                Err(error) if is_shortage(&error) => {
                    pause.begin(self.registration.handle());
                    poll_fn(|cx| pause.poll(cx)).await;
                }
                done => return done,
            }
        }
    }

    /// The next connection of a stream of them, whose pause between attempts is `pause`.
    pub(crate) fn poll_next(
        &self,
        cx: &mut Context<'_>,
        pause: &mut Pause,
        at: &'static Location<'static>,
    ) -> Poll<io::Result<Accepted>> {
        loop {
            ready!(pause.poll(cx));
            match ready!(self.poll_accept(cx, at)) {
                Err(error) if is_shortage(&error) => pause.begin(self.registration.handle()),
                done => {
                    *pause = Pause::new();
                    return Poll::Ready(done);
                }
            }
        }
    }

    /// One connection from the queue, past those that failed there.
    fn accept_once(&self) -> io::Result<(Socket, SockAddr)> {
        loop {
            let error = match self.socket.accept() {
                Ok(accepted) => return Ok(accepted),
                Err(error) => error,
            };
            if error.kind() == io::ErrorKind::WouldBlock {
                self.found_none();
                return Err(error);
            }
            match accept_failure(&error) {
                AcceptFailure::Connection => {}
                AcceptFailure::Shortage => {
                    self.note(&error);
                    return Err(error);
                }
                AcceptFailure::Listener => return Err(error),
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

    /// A connection that the kernel's queue of operations has accepted; none if it failed before
    /// it was taken.
    pub(crate) fn admit(
        &self,
        socket: Socket,
        at: &'static Location<'static>,
    ) -> Option<io::Result<Accepted>> {
        match socket.peer_address() {
            Ok(peer) => Some(self.register((socket, peer), at)),
            Err(error) if not_connected(&error) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// An operation of the kernel's queue that was to accept failed: whether with an error that
    /// concerns the listener; else it is to be begun again, after `pause`.
    pub(crate) fn failed(&self, error: &io::Error, pause: &mut Pause) -> bool {
        match accept_failure(error) {
            AcceptFailure::Connection => false,
            AcceptFailure::Shortage => {
                self.note(error);
                pause.begin(self.registration.handle());
                false
            }
            AcceptFailure::Listener => true,
        }
    }

    /// No connection waits.
    pub(crate) fn found_none(&self) {
        self.ongoing.store(false, Ordering::Relaxed);
    }

    fn register(
        &self,
        (socket, peer): (Socket, SockAddr),
        at: &'static Location<'static>,
    ) -> io::Result<Accepted> {
        Ok((ByteStream::new(self.registration.handle(), socket, at)?, peer))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("registration", &self.registration)
            .field("socket", &self.socket)
            .field("shortages", &self.shortages())
            .finish_non_exhaustive()
    }
}

/// Whether time may bring what is missing: descriptors, memory, or room in the driver.
fn is_shortage(error: &io::Error) -> bool {
    accept_failure(error) == AcceptFailure::Shortage
}
