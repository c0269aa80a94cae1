//! The door of the simulator: what a program and its test hold of it, and where threads wait.
//!
//! # Time
//!
//! A thread that looks at its queue and finds nothing does not sleep: it moves the clock to the
//! next thing that will happen, or to its own deadline if that comes first, and looks again. It
//! sleeps, on a condition variable, only if nothing will ever happen by itself; then a wake, or a
//! call of another thread, ends its sleep.
//!
//! Time that never passes is a trap of its own: a task that spins until a timer fires would spin
//! for ever. So only [`FREE_LOOKS`] looks at one instant are free, and each further one costs
//! [`LOOK_NS`].
//!
//! # Threads
//!
//! Everything is behind one lock, and any thread may call; several queues may share a simulation.
//! But the order in which the machine's threads reach that lock is not drawn from the seed, so a
//! run is repeatable if one thread drives it. And the clock waits for no running thread: to a
//! thread that waits, all the others are slow, and what they do comes after its deadline.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut, RangeInclusive};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::kernel::{Family, FileId, Kernel, NO_FIGURE, Role};
use super::multishot::GroupMemory;
use super::network::any_address;
use super::operation::{Done, Request};
use super::queue::{QueueId, Report};
use super::socket::Socket;
use super::trace::{Actor, TraceEntry};
use crate::interest::Interest;
use crate::source::RawSource;
use crate::time::Clock;
use crate::token::Token;
use crate::trigger::Trigger;

/// Looks at one instant of virtual time that cost no time.
const FREE_LOOKS: u32 = 16;
/// What every further look at that instant costs.
const LOOK_NS: u64 = 1_000;
/// With spurious events on, one look in so many brings one.
const SPURIOUS_ONE_IN: u64 = 8;

/// A seeded, replayable kernel: virtual time, a loopback network, faults on demand.
///
/// It is what [`Kind::Sim`](crate::Kind::Sim) runs on. Clones are handles of the same kernel. As it
/// comes it behaves well: nothing is lost, cut short or invented, and only the travel times of
/// packets are drawn from the seed. Turn on what the program under test is to survive:
///
/// ```
/// use mainspring::Simulation;
/// use std::time::Duration;
///
/// let simulation = Simulation::new(42)
///     .latency(Duration::from_millis(1)..=Duration::from_millis(30))
///     .short_transfers(true)
///     .spurious_events(true)
///     .send_buffer(1024);
/// assert_eq!(simulation.now(), Duration::ZERO);
///
/// simulation.advance(Duration::from_secs(3600)); // takes no time
/// assert_eq!(simulation.now(), Duration::from_secs(3600));
///
/// // The same seed and the same program give the same history, to the last entry.
/// let again = Simulation::new(42);
/// assert_eq!(simulation.trace(), again.trace());
/// assert_eq!(simulation.trace_digest(), again.trace_digest());
/// ```
#[derive(Clone)]
pub struct Simulation {
    shared: Arc<Shared>,
}

struct Shared {
    kernel: Mutex<Kernel>,
    /// Something has changed that a blocked thread may wait for.
    changed: Condvar,
    clock: Clock,
}

/// The kernel, entered; leaving it tells blocked threads to look again.
pub(super) struct Entered<'a> {
    kernel: MutexGuard<'a, Kernel>,
    changed: &'a Condvar,
}

impl Deref for Entered<'_> {
    type Target = Kernel;

    fn deref(&self) -> &Kernel {
        &self.kernel
    }
}

impl DerefMut for Entered<'_> {
    fn deref_mut(&mut self) -> &mut Kernel {
        &mut self.kernel
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.changed.notify_all();
    }
}

impl Simulation {
    /// A kernel whose every choice follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Simulation {
        Simulation::with_clock(seed, Clock::virtual_clock())
    }

    /// A kernel that moves this clock, which is virtual.
    pub(crate) fn with_clock(seed: u64, clock: Clock) -> Simulation {
        let kernel = Mutex::new(Kernel::new(seed, clock.clone()));
        Simulation { shared: Arc::new(Shared { kernel, changed: Condvar::new(), clock }) }
    }

    /// How long a packet travels: a time from this range, both ends included, drawn for each.
    /// 20 µs to 200 µs unless set; zero is allowed.
    #[must_use]
    pub fn latency(self, range: RangeInclusive<Duration>) -> Simulation {
        let ns = |duration: &Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.enter().knobs.latency_ns = (ns(range.start()), ns(range.end()));
        self
    }

    /// Whether half of all reads and writes transfer less than they could. Off unless set.
    ///
    /// What is left counts as having come a moment later: it makes a new edge.
    #[must_use]
    pub fn short_transfers(self, on: bool) -> Simulation {
        self.enter().knobs.short_transfers = on;
        self
    }

    /// Whether queues now and then report a source that is not ready. Off unless set.
    #[must_use]
    pub fn spurious_events(self, on: bool) -> Simulation {
        self.enter().knobs.spurious_events = on;
        self
    }

    /// How many bytes of one direction of a connection may be sent and not yet read, at least 1;
    /// 65536 unless set.
    #[must_use]
    pub fn send_buffer(self, bytes: usize) -> Simulation {
        self.enter().knobs.send_buffer = bytes.max(1);
        self
    }

    /// How many sockets may be open at once; 65536 unless set. At the limit, making or accepting
    /// one fails with [`QuotaExceeded`](std::io::ErrorKind::QuotaExceeded).
    #[must_use]
    pub fn max_sockets(self, count: usize) -> Simulation {
        self.enter().knobs.max_sockets = count;
        self
    }

    /// The virtual time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.shared.clock.now_ns())
    }

    /// Moves the clock, and lets everything happen that lies on the way, each at its own time.
    ///
    /// A driver does this by itself when it has nothing to do; a program that calls the simulated
    /// kernel without one does it here.
    pub fn advance(&self, step: Duration) {
        let mut kernel = self.enter();
        let until_ns = kernel.clock.deadline_after_ns(step);
        kernel.run_until(until_ns);
    }

    /// What has happened, in order; the last 65536 entries of it.
    #[must_use]
    pub fn trace(&self) -> Vec<TraceEntry> {
        self.lock().trace.entries()
    }

    /// What has happened, an entry a line, to be read and compared.
    #[must_use]
    pub fn trace_text(&self) -> String {
        self.lock().trace.to_string()
    }

    /// One number for everything that has happened, also before the entries that are kept.
    #[must_use]
    pub fn trace_digest(&self) -> u64 {
        self.lock().trace.digest()
    }

    /// Removes a path that a Unix socket was bound to, as `unlink(2)` does. A socket that listens
    /// there goes on, out of reach; the path can be bound again.
    ///
    /// # Errors
    ///
    /// [`NotFound`](std::io::ErrorKind::NotFound) if nothing was bound to it.
    pub fn unlink(&self, path: &[u8]) -> io::Result<()> {
        self.enter().unlink(path)
    }

    /// The clock, to measure timeouts on.
    pub(crate) fn clock(&self) -> Clock {
        self.shared.clock.clone()
    }

    /// A TCP socket.
    ///
    /// # Errors
    ///
    /// `QuotaExceeded` if no number is to be had.
    pub fn tcp_socket(&self, ipv6: bool) -> io::Result<Socket> {
        self.socket(if ipv6 { Family::V6 } else { Family::V4 })
    }

    /// A Unix stream socket.
    ///
    /// # Errors
    ///
    /// `QuotaExceeded` if no number is to be had.
    pub fn unix_socket(&self) -> io::Result<Socket> {
        self.socket(Family::Unix)
    }

    fn socket(&self, family: Family) -> io::Result<Socket> {
        let mut kernel = self.enter();
        kernel.check_room()?;
        let file = kernel.create(family, any_address(family), Role::Idle);
        self.own(&mut kernel, file)
    }

    /// Two connected Unix stream sockets.
    ///
    /// # Errors
    ///
    /// `QuotaExceeded` if no two numbers are to be had.
    pub fn unix_pair(&self) -> io::Result<(Socket, Socket)> {
        let (first, second) = {
            let mut kernel = self.enter();
            kernel.check_room()?;
            let (first, second) = kernel.create_pair();
            let first = self.own(&mut kernel, first)?;
            match self.own(&mut kernel, second) {
                Ok(second) => (first, second),
                Err(error) => {
                    kernel.release(second, false);
                    drop(kernel); // before `first`, which enters the kernel to close itself
                    return Err(error);
                }
            }
        };
        Ok((first, second))
    }

    fn own(&self, kernel: &mut Kernel, file: FileId) -> io::Result<Socket> {
        Ok(Socket::new(self.clone(), kernel.number(file)?))
    }

    /// Takes over a number that an accept in the queue of operations has made.
    pub(crate) fn accepted(&self, number: u64) -> io::Result<Socket> {
        let number = u32::try_from(number).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(Socket::new(self.clone(), number))
    }

    /// Closes a number behind its owner's back, as a stray `close(2)` does. The owner's own close
    /// then hits whatever has the number by that time.
    ///
    /// # Errors
    ///
    /// If the number is not open.
    pub fn close_number(&self, number: u64) -> io::Result<()> {
        self.enter().close(number)
    }

    fn lock(&self) -> MutexGuard<'_, Kernel> {
        // No user code runs under the lock, so a panic leaves nothing half done.
        self.shared.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters the kernel, and lets happen what is due.
    pub(super) fn enter(&self) -> Entered<'_> {
        let mut kernel = self.lock();
        kernel.run_due();
        Entered { kernel, changed: &self.shared.changed }
    }
}

/// The calls of a readiness and completion queue.
impl Simulation {
    /// Opens a queue that `holders` will close.
    pub(crate) fn open_queue(&self, holders: usize) -> QueueId {
        self.enter().open_queue(holders)
    }

    pub(crate) fn close_queue(&self, queue: QueueId) {
        self.enter().close_queue(queue);
    }

    pub(crate) fn watch(
        &self,
        queue: QueueId,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.enter().watch(queue, source.simulated_number(), token, interest, trigger)
    }

    pub(crate) fn rewatch(
        &self,
        queue: QueueId,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.enter().rewatch(queue, source.simulated_number(), token, interest, trigger)
    }

    pub(crate) fn unwatch(&self, queue: QueueId, source: RawSource, token: Token) {
        self.enter().unwatch(queue, source.simulated_number(), token);
    }

    pub(crate) fn wake(&self, queue: QueueId) {
        let mut kernel = self.enter();
        kernel.note(Actor::Queue(queue.0), "wake", NO_FIGURE, NO_FIGURE);
        if let Some(queue) = kernel.queues.get_mut(&queue) {
            queue.woken = true;
        }
    }

    pub(crate) fn submit(&self, queue: QueueId, token: Token, request: Request) -> io::Result<()> {
        self.enter().submit(queue, token, request)
    }

    pub(crate) fn cancel(&self, queue: QueueId, token: Token) {
        self.enter().cancel(queue, token);
    }

    pub(crate) fn add_group(
        &self,
        queue: QueueId,
        number: u16,
        memory: Box<dyn GroupMemory>,
    ) -> io::Result<()> {
        self.enter().add_group(queue, number, memory)
    }

    pub(crate) fn remove_group(&self, queue: QueueId, number: u16) {
        self.enter().remove_group(queue, number);
    }

    pub(crate) fn lend_buffers(&self, queue: QueueId) {
        self.enter().lend_buffers(queue);
    }

    pub(crate) fn completions(&self, queue: QueueId) -> Vec<Done> {
        self.enter().completions(queue)
    }

    pub(crate) fn drain(&self, queue: QueueId) {
        self.enter().drain(queue);
    }

    pub(crate) fn abandon(&self, queue: QueueId) {
        self.enter().abandon(queue);
    }

    /// Waits until the queue has something to tell, or until `timeout` is over in virtual time.
    /// True if it was woken.
    pub(crate) fn wait(
        &self,
        queue: QueueId,
        timeout: Option<Duration>,
        reports: &mut Vec<Report>,
    ) -> bool {
        let Shared { changed, clock, .. } = &*self.shared;
        let mut kernel = self.lock();
        kernel.run_due();
        kernel.begin_look(queue);
        let deadline_ns = timeout.map_or(u64::MAX, |timeout| clock.deadline_after_ns(timeout));
        let mut woken = false;
        let mut moved = true;
        while !kernel.look(queue, reports, &mut woken) {
            let now_ns = clock.now_ns();
            if deadline_ns != u64::MAX && now_ns >= deadline_ns {
                kernel.note(Actor::Queue(queue.0), "timed out", NO_FIGURE, NO_FIGURE);
                break;
            }
            let deadline = (deadline_ns != u64::MAX).then_some(deadline_ns);
            match kernel.next_happening_ns().into_iter().chain(deadline).min() {
                Some(next_ns) => {
                    kernel.run_until(next_ns);
                    moved = true;
                }
                // Nothing will happen by itself.
                None => {
                    if std::mem::take(&mut moved) {
                        changed.notify_all();
                    }
                    kernel = changed.wait(kernel).unwrap_or_else(PoisonError::into_inner);
                    kernel.run_due();
                }
            }
        }
        // What happened on the way may concern threads that are blocked.
        changed.notify_all();
        woken
    }
}

impl Kernel {
    /// Counts a look, lets time pass if there were many, and now and then plants a lie.
    fn begin_look(&mut self, id: QueueId) {
        let now_ns = self.clock.now_ns();
        let haunted = self.knobs.spurious_events && self.random.one_in(SPURIOUS_ONE_IN);
        let choice = if haunted { self.random.next() } else { 0 };
        let Some(queue) = self.queues.get_mut(&id) else { return };
        queue.looks =
            if queue.looks.0 == now_ns { (now_ns, queue.looks.1 + 1) } else { (now_ns, 1) };
        let costs = queue.looks.1 > FREE_LOOKS;
        let planted = if haunted { queue.haunt(choice) } else { None };
        if let Some(token) = planted {
            self.note(Actor::Queue(id.0), "spurious", ("token", token.0), NO_FIGURE);
        }
        if costs {
            self.run_until(now_ns.saturating_add(LOOK_NS));
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.looks = (self.clock.now_ns(), FREE_LOOKS);
            }
        }
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("now", &self.now()).finish_non_exhaustive()
    }
}
