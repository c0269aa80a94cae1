//! The bottom floor made public: one queue, your tokens, your loop.
//!
//! A [`Poller`] waits; its [`Registry`] adds, modifies and removes sources and wakes it, from any
//! thread. Between the user's tokens and the kernel stands a table of slots with generations: the
//! kernel is given a slot's number, never the user's token, so tokens may be any value, shared or
//! pointers, and an event that outlived its registration is recognised and dropped (clause C4).

#[cfg(feature = "sim")]
mod simulated;
mod table;

use std::fmt;
use std::io;
use std::time::Duration;

use crate::backend::choose::{Choice, Chosen};
use crate::backend::{self, Backend, Opening, SharedBackend};
use crate::event::Events;
use crate::interest::Interest;
use crate::metrics::{Counters, Metrics};
use crate::readiness::park::Park;
use crate::sim::Simulation;
use crate::sync::{Arc, Mutex};
use crate::sys::{AsSource, raw_source};
use crate::time::Clock;
use crate::token::Token;
use crate::trigger::Trigger;

use table::Table;

/// An event queue for those who write their own loop.
///
/// ```
/// use mainspring::{Events, Interest, Poller, Token, Trigger};
/// use std::io::{Read, Write};
/// use std::net::{TcpListener, TcpStream};
///
/// const LISTENER: Token = Token(0);
/// const CLIENT: Token = Token(1);
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// listener.set_nonblocking(true)?;
/// let mut poller = Poller::new()?;
/// poller.registry().add(&listener, LISTENER, Interest::READABLE, Trigger::Edge)?;
///
/// let mut peer = TcpStream::connect(listener.local_addr()?)?;
/// peer.write_all(b"hello")?;
///
/// let mut client = None;
/// let mut events = Events::with_capacity(64);
/// let received = 'received: loop {
///     poller.wait(&mut events, None)?;
///     for event in &events {
///         match (event.token, client.as_mut()) {
///             (LISTENER, _) => {
///                 let (stream, _) = listener.accept()?;
///                 stream.set_nonblocking(true)?;
///                 poller.registry().add(&stream, CLIENT, Interest::READABLE, Trigger::Edge)?;
///                 client = Some(stream);
///             }
///             (_, Some(client)) => {
///                 let mut buffer = [0; 64];
///                 let n = client.read(&mut buffer)?;
///                 break 'received buffer[..n].to_vec();
///             }
///             (_, None) => {}
///         }
///     }
/// };
/// assert_eq!(received, b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Poller {
    backend: Backend,
    looked: Events,
    registry: Registry,
}

/// The half of a [`Poller`] that any thread may use; cheap to clone.
///
/// ```
/// use mainspring::{Events, Poller};
/// let mut poller = Poller::new()?;
/// let registry = poller.registry().clone();
/// std::thread::spawn(move || registry.wake()).join().unwrap()?;
/// let mut events = Events::new();
/// poller.wait(&mut events, None)?;
/// assert!(events.woken() && events.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

struct Shared {
    backend: SharedBackend,
    park: Park,
    table: Mutex<Table>,
    clock: Clock,
    counters: Arc<Counters>,
    chosen: Chosen,
}

impl Poller {
    /// A queue on the best backend.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::build`](crate::Builder::build).
    pub fn new() -> io::Result<Poller> {
        Poller::open(&Choice::Auto)
    }

    /// A queue on a backend of the caller's choice.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::build`](crate::Builder::build).
    pub fn open(choice: &Choice) -> io::Result<Poller> {
        Poller::open_in(choice, None)
    }

    fn open_in(choice: &Choice, simulation: Option<Simulation>) -> io::Result<Poller> {
        let counters = Arc::new(Counters::default());
        let opened = backend::open(&Opening {
            choice,
            event_capacity: backend::EVENT_CAPACITY,
            counters: &counters,
            simulation,
            owner: None,
        })?;
        let shared = Shared {
            backend: opened.shared,
            park: Park::new(),
            table: Mutex::new(Table::default()),
            clock: opened.clock,
            counters,
            chosen: opened.chosen,
        };
        let registry = Registry(Arc::new(shared));
        Ok(Poller { backend: opened.backend, looked: Events::new(), registry })
    }

    /// The half that adds, modifies, removes and wakes.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Waits for events, a wake, or the end of `timeout` (`None`: no end), and puts what came into
    /// `events`, which is cleared first.
    ///
    /// It returns early only with an event or a wake: interruptions by signals, and events of
    /// sources that were removed in the meantime, do not end it.
    ///
    /// # Errors
    ///
    /// Only if the queue itself is unusable.
    pub fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let shared = &*self.registry.0;
        events.clear();
        let deadline_ns = match timeout {
            Some(timeout) if !timeout.is_zero() => Some(shared.clock.deadline_after_ns(timeout)),
            _ => None,
        };
        let mut left = timeout;
        loop {
            self.looked.clear();
            let sleeps = left != Some(Duration::ZERO) && shared.park.prepare();
            let wait = if sleeps { left } else { Some(Duration::ZERO) };
            let result = self.backend.select(&mut self.looked, wait);
            events.woken |= shared.park.finish() | self.looked.woken;
            result?;
            let stale = shared.table.lock().translate(&self.looked, events);
            shared.counters.turn(events.len() as u64, stale, 0);
            let Some(deadline_ns) = deadline_ns else {
                if !events.is_empty() || events.woken || timeout.is_some() {
                    return Ok(());
                }
                continue;
            };
            let now_ns = shared.clock.now_ns();
            if !events.is_empty() || events.woken || now_ns >= deadline_ns {
                return Ok(());
            }
            left = Some(Duration::from_nanos(deadline_ns - now_ns));
        }
    }
}

impl Registry {
    /// Starts to report `source` under `token`. It has to be in non-blocking mode if the trigger
    /// is the edge, because such a source has to be worked until it says `WouldBlock`.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if the source is registered; a sentence with the remedy for a source the
    /// mechanism cannot watch, such as a regular file; otherwise the system's.
    pub fn add(
        &self,
        source: &(impl AsSource + ?Sized),
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        // Before the lock is taken: what a source says of itself is its own code.
        let source = raw_source(source);
        let add = |source, slot| self.0.backend.add(source, slot, interest, trigger);
        self.0.table.lock().add(source, token, add)
    }

    /// Adds a source with the mechanism's own flags; `os` has the public way to it.
    #[cfg(target_os = "linux")]
    pub(crate) fn add_with_flags(
        &self,
        source: &(impl AsSource + ?Sized),
        token: Token,
        flags: u32,
    ) -> io::Result<()> {
        let source = raw_source(source);
        let add = |source, slot| self.0.backend.add_with_flags(source, slot, flags);
        self.0.table.lock().add(source, token, add)
    }

    /// Changes token, interest and trigger, and looks again: a source that is ready is reported.
    ///
    /// Should the source's number name another open file than when it was added (`dup2` over it),
    /// that file is what is reported from now on.
    ///
    /// # Errors
    ///
    /// `NotFound` if the source is not registered; otherwise the system's.
    pub fn modify(
        &self,
        source: &(impl AsSource + ?Sized),
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        let source = raw_source(source);
        let mut table = self.0.table.lock();
        let slot = table.find(source)?;
        match self.0.backend.modify(source, slot, interest, trigger) {
            Ok(()) => table.rename(slot, token),
            // Under a fresh slot: what the former file still reports is not this one's.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let add = |source, slot| self.0.backend.add(source, slot, interest, trigger);
                table.add(source, token, add)?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Says that a call on `source` said `WouldBlock`: with an edge trigger the directions of
    /// `interest` are reported again when they are ready.
    ///
    /// On a kind that sees edges without being told there is nothing to do, and nothing is done.
    /// [`Kind::Iocp`](crate::Kind::Iocp) reports a direction once and is silent about it until this
    /// or [`modify`](Self::modify) is called, so a loop that is to run on every kind calls it after
    /// each `WouldBlock`; on a stream also after a read that brought less than there was room for,
    /// which says the same and saves a call. [`Kind::Poll`](crate::Kind::Poll) and
    /// [`Kind::WsaPoll`](crate::Kind::WsaPoll) find most edges by themselves and some of them late;
    /// told of the `WouldBlock` they find each at once.
    ///
    /// # Errors
    ///
    /// `NotFound` if the source is not registered; otherwise the system's.
    ///
    /// ```
    /// use mainspring::{Interest, Poller, Token, Trigger};
    /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_nonblocking(true)?;
    /// let poller = Poller::new()?;
    /// poller.registry().add(&socket, Token(1), Interest::READABLE, Trigger::Edge)?;
    /// let nothing = socket.recv(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// poller.registry().rearm(&socket, Interest::READABLE)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn rearm(&self, source: &(impl AsSource + ?Sized), interest: Interest) -> io::Result<()> {
        let source = raw_source(source);
        let table = self.0.table.lock();
        let slot = table.find(source)?;
        self.0.backend.rearm(source, slot, interest)
    }

    /// Stops reporting `source`: after this returns, no event of it is delivered.
    ///
    /// # Errors
    ///
    /// `NotFound` if the source is not registered; otherwise the system's, after it is forgotten.
    pub fn remove(&self, source: &(impl AsSource + ?Sized)) -> io::Result<()> {
        let source = raw_source(source);
        let mut table = self.0.table.lock();
        let slot = table.find(source)?;
        table.forget(source);
        self.0.backend.remove(source, slot)
    }

    /// Ends the present or the next [`Poller::wait`]. Wakes before it returns count as one; a
    /// poller that is not waiting costs no system call.
    ///
    /// # Errors
    ///
    /// What the system says; on a sound queue, none.
    pub fn wake(&self) -> io::Result<()> {
        let sent = self.0.park.unpark();
        self.0.counters.wake(sent);
        if sent { self.0.backend.wake() } else { Ok(()) }
    }

    /// Which backend is used, and why.
    #[must_use]
    pub fn backend(&self) -> &Chosen {
        &self.0.chosen
    }

    /// What the poller did so far; turns are waits.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let sources_now = self.0.table.lock().len() as u64;
        Metrics { sources_now, ..self.0.counters.snapshot() }
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("backend", &self.0.chosen.kind()).finish_non_exhaustive()
    }
}
