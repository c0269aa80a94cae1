//! The shared half of a driver.

use std::fmt;
use std::io;
use std::task::Waker;

use crate::backend::choose::Chosen;
use crate::backend::contract::{Caps, Support};
use crate::backend::{Backend, Opened, SharedBackend};
use crate::completion::operation::Operation;
use crate::completion::operation_set::OperationSet;
use crate::interest::Interest;
use crate::metrics::{Counters, Metrics};
use crate::readiness::park::Park;
use crate::readiness::registration_set::RegistrationSet;
use crate::sim::Simulation;
use crate::source::RawSource;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use crate::sync::{Arc, Owner};
use crate::sys::{AsSource, raw_source};
use crate::time::Clock;
use crate::token::Token;
use crate::trigger::Trigger;

use super::buffer_group::Groups;
use super::context;
use super::registration::Registration;
use super::timers::Timers;
use super::wake::wake_all;

/// Slots in the first page of a driver's registrations: seven kilobytes.
const FIRST_PAGE_SLOTS: usize = 64;

/// The cheap, shared half of a [`Driver`](crate::Driver): clone it, send it, use it anywhere.
///
/// ```
/// let driver = mainspring::Driver::new()?;
/// let handle = driver.handle();
/// std::thread::spawn(move || handle.unpark()).join().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

/// What the driver and its handles share. The fields that every event touches come first.
pub(crate) struct Shared {
    /// Never another driver's.
    number: u64,
    pub(super) set: RegistrationSet,
    pub(super) park: Park,
    /// Milliseconds of the clock at the last turn, modulo 2^32: how long somebody has waited is
    /// told to the turn, without a look at the clock in every wait.
    pub(super) turn_ms: AtomicU32,
    pub(super) backend: SharedBackend,
    pub(super) timers: Timers,
    pub(super) operations: OperationSet,
    pub(super) groups: Groups,
    pub(super) registered: Groups,
    /// Places of all tables of direct descriptors.
    pub(super) direct: AtomicUsize,
    /// The thread that turns a pinned driver, once it does.
    pub(super) owner: Arc<Owner>,
    /// Whether only the owner may turn it.
    pub(super) pinned: bool,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Clock,
    shutdown: AtomicBool,
    caps: Caps,
    chosen: Chosen,
    simulation: Option<Simulation>,
}

impl Handle {
    pub(super) fn open(
        opened: Opened,
        counters: Arc<Counters>,
        owner: Arc<Owner>,
        pinned: bool,
    ) -> (Handle, Backend) {
        /// The next driver's number. Not `sync`'s: loom has no statics, and needs none of these.
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let shared = Shared {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            set: RegistrationSet::new(FIRST_PAGE_SLOTS),
            park: Park::new(),
            turn_ms: AtomicU32::new(0),
            backend: opened.shared,
            timers: Timers::new(),
            operations: OperationSet::new(owner.clone()),
            groups: Groups::new(),
            registered: Groups::new(),
            direct: AtomicUsize::new(0),
            owner,
            pinned,
            counters,
            clock: opened.clock,
            shutdown: AtomicBool::new(false),
            caps: opened.caps,
            chosen: opened.chosen,
            simulation: opened.simulation,
        };
        (Handle(Arc::new(shared)), opened.backend)
    }

    /// The driver that this thread is turning or has entered; without one, a process-wide driver
    /// on a thread of its own, started when it is first asked for.
    ///
    /// # Platforms
    ///
    /// On Unix a thread is not copied by `fork`: in a child that goes on without `exec`, the
    /// process-wide driver is not turned any more, and a driver of the parent shares its queue with
    /// it. Open a fresh [`Driver`](crate::Driver) in the child.
    ///
    /// # Panics
    ///
    /// If the process-wide driver cannot be opened; [`try_current`](Self::try_current) returns
    /// the error instead.
    ///
    /// ```
    /// let driver = mainspring::Driver::new()?;
    /// let _entered = driver.handle().enter();
    /// assert!(mainspring::Handle::current().is_same(&driver.handle()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn current() -> Handle {
        Handle::try_current().unwrap_or_else(|error| {
            panic!("no driver was entered on this thread and none could be started: {error}")
        })
    }

    /// The same as [`current`](Self::current).
    ///
    /// # Errors
    ///
    /// Those of opening the process-wide driver and of starting its thread.
    #[inline]
    pub fn try_current() -> io::Result<Handle> {
        context::current()
    }

    /// Makes this the current driver of the thread until the guard is dropped.
    ///
    /// ```
    /// let driver = mainspring::Driver::new()?;
    /// let handle = driver.handle();
    /// {
    ///     let _entered = handle.enter();
    ///     assert!(mainspring::Handle::current().is_same(&handle));
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn enter(&self) -> context::Entered {
        context::enter(self)
    }

    /// Whether both are handles of one driver.
    #[must_use]
    #[inline]
    pub fn is_same(&self, other: &Handle) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Registers a source; see [`Registration`].
    ///
    /// # Errors
    ///
    /// If the driver was shut down or holds its maximum of sources. What the kernel thinks of the
    /// source is known at the first wait: nothing is told to it before.
    #[track_caller]
    pub fn register(
        &self,
        source: &(impl AsSource + ?Sized),
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<Registration> {
        Registration::of(self, raw_source(source), interest, trigger)
    }

    /// Makes the driver's present sleep, or its next one, end at once.
    ///
    /// Costs a system call only if the driver is asleep; any number of calls before it wakes
    /// count as one.
    pub fn unpark(&self) {
        let sent = self.0.park.unpark();
        self.0.counters.wake(sent);
        if sent {
            // A queue that cannot be woken is unusable, and the driver's own wait says so.
            let woken = self.0.backend.wake();
            debug_assert!(woken.is_ok(), "the wake descriptor takes a write: {woken:?}");
        }
    }

    /// Which backend the driver uses, and why.
    #[must_use]
    pub fn backend(&self) -> &Chosen {
        &self.0.chosen
    }

    /// What the driver did so far.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics {
            sources_now: self.0.set.len() as u64,
            operations_now: self.0.operations.submitted() as u64,
            timers_now: self.0.timers.len() as u64,
            ..self.0.counters.snapshot()
        }
    }

    /// Whether the driver was shut down or dropped.
    #[must_use]
    #[inline]
    pub fn is_shutdown(&self) -> bool {
        self.0.shutdown.load(Ordering::Acquire)
    }

    /// The driver's clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The world of a simulated driver: its sockets are made there.
    pub(crate) fn simulation(&self) -> Option<&Simulation> {
        self.0.simulation.as_ref()
    }

    /// Shows `look` the clock of the current driver, or a real one if there is none.
    pub(crate) fn with_current_clock<R>(look: impl FnOnce(&Clock) -> R) -> R {
        context::with_clock(look)
    }

    /// The process-wide driver, whatever this thread has entered.
    ///
    /// # Errors
    ///
    /// Those of opening it and of starting its thread.
    pub(crate) fn background() -> io::Result<Handle> {
        context::background()
    }

    /// Whether a short transfer on a stream may be taken for `WouldBlock` (clause C2).
    #[inline]
    pub(crate) fn has_true_edges(&self) -> bool {
        self.0.caps.edge == Support::Native
    }

    /// Whether the kernel carries operations out: a chain of them then costs no thread.
    pub(crate) fn has_operations(&self) -> bool {
        self.completion() == Support::Native
    }

    /// A number that no other driver of the process has, ever.
    #[inline]
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// Makes a source that is not registered one that operations of this driver can be on.
    ///
    /// # Errors
    ///
    /// The system's reason why it cannot be had.
    pub(crate) fn adopt(&self, source: RawSource) -> io::Result<()> {
        self.0.backend.adopt(source)
    }

    /// Lets go of what was removed, now and not with the next turn. A queue that is unusable says
    /// so at its next turn, and by then has let go of everything.
    pub(crate) fn flush(&self) {
        let _ = self.0.backend.flush();
    }

    /// How operations are carried out.
    #[inline]
    pub(super) fn completion(&self) -> Support {
        self.0.caps.completion
    }

    /// Hands an operation to the backend; with the error the operation comes back.
    #[inline]
    pub(super) fn begin<O: Operation>(&self, operation: O) -> Result<Token, (io::Error, O)> {
        self.0.backend.begin(&self.0.operations, operation)
    }

    #[inline]
    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }

    pub(super) fn timers(&self) -> &Timers {
        &self.0.timers
    }

    /// Ends the driver: every waiter wakes, later calls fail (clause C14).
    pub(super) fn shut_down(&self) {
        if self.0.shutdown.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut wakers: Vec<Waker> = Vec::new();
        self.0.operations.shutdown();
        self.0.set.shutdown(&mut wakers);
        while self.0.timers.advance(u64::MAX, usize::MAX, &mut wakers).more {}
        wake_all(&mut wakers, &self.0.counters);
        self.0.groups.shutdown();
        self.0.registered.shutdown();
        self.unpark();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("backend", &self.0.chosen.kind())
            .field("sources", &self.0.set.len())
            .field("shutdown", &self.is_shutdown())
            .finish_non_exhaustive()
    }
}

/// Dropped, it makes the kernel let go of what was removed, as [`Handle::flush`] does.
///
/// A queue that is told of removals with its next turn keeps a removed source open until then. It
/// lies between a registration and a socket with a name: whose port is free when the socket is
/// dropped, and who connects to nobody is told so.
#[derive(Debug)]
pub(crate) struct Flush(pub(crate) Handle);

impl Drop for Flush {
    fn drop(&mut self) {
        self.0.flush();
    }
}
