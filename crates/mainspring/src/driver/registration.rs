//! One source of one driver: waiting for it, and doing I/O when it is ready.
//!
//! # Lazy arming
//!
//! A registration costs a slot and no system call. A call on the source is simply tried; only
//! when it says `WouldBlock` is the kernel asked to watch, and only for the direction that waits.
//! Adding a source that became ready in between reports it (clause C1), so nothing is lost on the
//! way. A connection that is served without blocking never meets the selector.
//!
//! # Waiting
//!
//! With an edge trigger the watch stays: what was reported is remembered in the slot until a call
//! says `WouldBlock`, or transfers less than it could, and the readiness is cleared; the clear is
//! void if an event came since the look. With a level or one-shot trigger the kernel is asked for
//! one report at a time, so that readiness nobody waits for never turns into a spinning loop. So it
//! is with an edge trigger where the system has no true edges: who waits after a `WouldBlock` asks
//! anew, and what came in between is found by that look and not guessed (clause C2).

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use crate::error;
use crate::interest::Interest;
use crate::metrics::Counters;

use crate::readiness::scheduled_io::{Facts, Look, Place, ScheduledIo, Side};
use crate::ready::Ready;
use crate::source::RawSource;
use crate::sync::Position;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sys::{AsSource, raw_source};
use crate::token::Token;
use crate::trigger::Trigger;

use super::budget;
use super::handle::Handle;
use super::wake::wake_all;

/// A source in a driver, until it is dropped.
///
/// The registration does not own the source and does no I/O by itself; [`Async`](crate::Async)
/// does both. Drop it before the source is closed: it is what takes the source out of the kernel.
/// If the order is the other way, nothing worse happens than an event that is counted as stale.
///
/// ```
/// use mainspring::{Interest, Registration, Trigger};
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
///
/// let (reader, mut writer) = UnixStream::pair()?;
/// reader.set_nonblocking(true)?;
/// let registration = Registration::new(&reader, Interest::READABLE, Trigger::Edge)?;
/// writer.write_all(b"!")?;
/// let event = futures::executor::block_on(registration.ready(Interest::READABLE))?;
/// assert!(event.ready().is_readable());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Registration {
    handle: Handle,
    token: Token,
    position: Position,
    source: RawSource,
    interest: Interest,
    /// Whether the backend was asked to take operations on the source, and has agreed.
    adopted: AtomicU8,
}

/// The backend was not asked yet, has agreed, has not.
const UNASKED: u8 = 0;
const ADOPTED: u8 = 1;
const REFUSED: u8 = 2;

/// What a source was ready for when it was looked at; given back to [`Registration::clear`].
#[derive(Clone, Copy, Debug)]
pub struct ReadyEvent {
    look: Look,
}

impl ReadyEvent {
    /// What the source was ready for, of what was asked.
    #[must_use]
    pub fn ready(&self) -> Ready {
        self.look.ready()
    }
}

impl Registration {
    /// Registers `source` with the [current](Handle::current) driver.
    ///
    /// The source must be in non-blocking mode. `interest` is the most that will be waited for.
    ///
    /// # Errors
    ///
    /// If there is no driver, it was shut down, or it holds its maximum of sources.
    #[track_caller]
    pub fn new(
        source: &(impl AsSource + ?Sized),
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<Registration> {
        Registration::of(&Handle::try_current()?, raw_source(source), interest, trigger)
    }

    #[track_caller]
    pub(crate) fn of(
        handle: &Handle,
        source: RawSource,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<Registration> {
        Registration::located(handle, source, interest, trigger, Location::caller())
    }

    /// The same for a caller that was called in turn, in a future that knows where it was made.
    pub(crate) fn located(
        handle: &Handle,
        source: RawSource,
        interest: Interest,
        trigger: Trigger,
        location: &'static Location<'static>,
    ) -> io::Result<Registration> {
        let facts = Facts { location, ..Facts::new(source, interest, trigger) };
        let shared = handle.shared();
        let token = shared.set.insert(facts)?;
        shared.counters.source_registered();
        let position = shared.set.position(token);
        let (handle, adopted) = (handle.clone(), AtomicU8::new(UNASKED));
        Ok(Registration { handle, token, position, source, interest, adopted })
    }

    /// The driver's handle.
    #[must_use]
    #[inline]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The number that was registered (clause C5).
    #[inline]
    pub(crate) fn source(&self) -> RawSource {
        self.source
    }

    /// Whether the backend carries out operations on the source. It is asked once: of two threads
    /// that ask at the same time, one may be told no, and leaves its operation to readiness.
    #[inline]
    pub(crate) fn is_adopted(&self) -> bool {
        match self.adopted.load(Ordering::Acquire) {
            ADOPTED => true,
            UNASKED => self.adopt().is_ok(),
            _ => false,
        }
    }

    /// Asks the backend to take operations on the source.
    ///
    /// # Errors
    ///
    /// The system's reason why not.
    pub(crate) fn adopt(&self) -> io::Result<()> {
        let asked = self.handle.shared().backend.adopt(self.source);
        match &asked {
            Ok(()) => self.adopted.store(ADOPTED, Ordering::Release),
            // A no that lost a race does not undo the yes.
            Err(_) => {
                let (new, order) = (REFUSED, Ordering::AcqRel);
                let _ = self.adopted.compare_exchange(UNASKED, new, order, Ordering::Acquire);
            }
        }
        asked
    }

    #[inline]
    fn io(&self) -> &ScheduledIo {
        let slot = self.handle.shared().set.at(self.position);
        slot.expect("a registration's slot is given back only by its drop")
    }

    /// Waits until the source is ready for any of `interest`.
    ///
    /// Any number of tasks may wait. The answer may be out of date when the task gets to act upon
    /// it: another task may have been faster. Do the call, and on `WouldBlock`
    /// [`clear`](Self::clear) the event and wait again; [`async_io`](Self::async_io) does just
    /// that.
    ///
    /// # Errors
    ///
    /// If the driver was shut down, `interest` was not registered, or the kernel refuses to watch
    /// the source: a regular file, a closed descriptor, one that is registered already.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no readiness.
    #[inline]
    pub fn ready(&self, interest: Interest) -> ReadyFuture<'_> {
        ReadyFuture { registration: self, interest, place: Place::Unplaced }
    }

    /// Like [`ready`](Self::ready) for one task a direction: the last caller is the one that is
    /// woken.
    ///
    /// # Errors
    ///
    /// Those of [`ready`](Self::ready).
    pub fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<io::Result<ReadyEvent>> {
        let io = self.io();
        self.poll_wait(io, interest, || io.wait_poll(interest, cx.waker()))
    }

    /// Waits: looks, makes the kernel watch, lets `store` leave the waker, and looks again, because
    /// an event before that look finds no waker.
    #[inline]
    fn poll_wait(
        &self,
        io: &ScheduledIo,
        interest: Interest,
        store: impl FnOnce(),
    ) -> Poll<io::Result<ReadyEvent>> {
        let look = io.look(interest);
        if let Poll::Ready(done) = Self::answer(look) {
            return Poll::Ready(done);
        }
        if !self.interest.contains(interest) {
            // Found before arming: a side that is watched for something else looks as if it were
            // watched for this.
            return Poll::Ready(Err(not_registered(interest, self.interest)));
        }
        if !look.is_armed() {
            self.arm(io, interest)?;
        }
        store();
        if Counters::ENABLED {
            io.stamp(interest, self.handle.shared().turn_ms.load(Ordering::Relaxed));
        }
        Self::answer(io.look(interest))
    }

    /// What a look says to somebody who waits.
    #[inline]
    fn answer(look: Look) -> Poll<io::Result<ReadyEvent>> {
        if look.is_shutdown() {
            Poll::Ready(Err(error::shut_down()))
        } else if look.ready().is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(Ok(ReadyEvent { look }))
        }
    }

    /// Takes back what `event` was asked for, unless something came since. Closed bits stay, and
    /// so does what others wait for.
    pub fn clear(&self, event: ReadyEvent) {
        self.io().clear(&event.look);
    }

    /// Calls `op` when the source is ready, until it says something else than `WouldBlock`. One
    /// task a direction, as with [`poll_ready`](Self::poll_ready).
    ///
    /// # Errors
    ///
    /// Those of `op` and of [`ready`](Self::ready).
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut op: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let io = self.io();
        let attempt = |look: &Look| self.attempt(io, look, &mut op);
        self.poll_until(io, cx, interest, attempt, |waker| io.wait_poll(interest, waker))
    }

    /// Attempts and waits in turn, until an attempt comes to something. `store` leaves the waker.
    #[inline]
    fn poll_until<R>(
        &self,
        io: &ScheduledIo,
        cx: &mut Context<'_>,
        interest: Interest,
        mut attempt: impl FnMut(&Look) -> Poll<io::Result<R>>,
        mut store: impl FnMut(&Waker),
    ) -> Poll<io::Result<R>> {
        loop {
            ready!(budget::poll(cx));
            // The look is taken before the call: an edge that comes in between makes a clear void.
            if let Poll::Ready(done) = attempt(&io.look(interest)) {
                return Poll::Ready(done);
            }
            ready!(self.poll_wait(io, interest, || store(cx.waker())))?;
        }
    }

    /// Calls `op` when the source is ready, until it says something else than `WouldBlock`. Any
    /// number of tasks.
    ///
    /// # Errors
    ///
    /// Those of `op` and of [`ready`](Self::ready).
    ///
    /// # Cancel safety
    ///
    /// `op` runs to its end or not at all: a dropped future has lost nothing.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut op: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        let attempt = |io: &ScheduledIo, look: &Look| self.attempt(io, look, &mut op);
        Call { waiter: self.ready(interest), interest: move || interest, attempt }.await
    }

    /// Calls `op` once if the source is ready or the kernel was not asked yet.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it is not ready, or `op` says so; those of `op`; shutdown.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        op: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        let io = self.io();
        match self.attempt(io, &io.look(interest), op) {
            Poll::Ready(done) => done,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Moves up to `len` bytes with `op` when the source is ready. One task a direction.
    ///
    /// For streams only: a transfer of fewer bytes means that there is no more for now, and where
    /// the system has true edges the call that would say `WouldBlock` is saved (clause C2). If it
    /// stopped for another reason, as a read from a Unix socket may, `op` sets its flag to false.
    #[inline]
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        len: usize,
        mut op: impl FnMut(&mut bool) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let io = self.io();
        let attempt = |look: &Look| self.attempt_transfer(io, look, len, &mut op);
        self.poll_until(io, cx, interest, attempt, |waker| io.wait_poll(interest, waker))
    }

    /// Like [`poll_transfer`](Self::poll_transfer), for any number of tasks. `interest` is a
    /// function so that each direction is compiled by itself: nothing is called more often.
    #[inline]
    pub(crate) fn transfer(
        &self,
        interest: impl Fn() -> Interest,
        len: usize,
        mut op: impl FnMut(&mut bool) -> io::Result<usize>,
    ) -> impl Future<Output = io::Result<usize>> {
        let attempt =
            move |io: &ScheduledIo, look: &Look| self.attempt_transfer(io, look, len, &mut op);
        Call { waiter: self.ready(interest()), interest, attempt }
    }

    /// Like [`poll_transfer`](Self::poll_transfer), once: `WouldBlock` if the source is not ready.
    #[inline]
    pub(crate) fn try_transfer(
        &self,
        interest: Interest,
        len: usize,
        op: impl FnOnce(&mut bool) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let io = self.io();
        match self.attempt_transfer(io, &io.look(interest), len, op) {
            Poll::Ready(done) => done,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Like [`attempt`](Self::attempt); a short transfer is taken for `WouldBlock` too, and nothing
    /// is transferred at once.
    #[inline]
    fn attempt_transfer(
        &self,
        io: &ScheduledIo,
        look: &Look,
        len: usize,
        op: impl FnOnce(&mut bool) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if len == 0 {
            return Poll::Ready(Ok(0));
        }
        let mut whole = true;
        let done = self.attempt(io, look, || op(&mut whole));
        if let Poll::Ready(Ok(count)) = done {
            let short = count != 0 && count < len && whole;
            // Not after urgent data: a read stops before its mark, although more may lie behind.
            let urgent = || io.side(Side::Read).look().has_mark();
            if short && look.is_armed() && self.handle.has_true_edges() && !urgent() {
                io.clear(look);
            }
        }
        done
    }

    /// Tries `op` if the source looks ready; `Pending` once it said `WouldBlock`.
    #[inline]
    fn attempt<R>(
        &self,
        io: &ScheduledIo,
        look: &Look,
        op: impl FnOnce() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        if look.is_shutdown() {
            return Poll::Ready(Err(error::shut_down()));
        }
        if look.is_armed() && look.ready().is_empty() {
            return Poll::Pending;
        }
        match op() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.blocked(io, look);
                Poll::Pending
            }
            done => Poll::Ready(done),
        }
    }

    /// A call said `WouldBlock` although `look` promised otherwise: what it promised is taken
    /// back, and an end of the stream that turned out not to be one is asked for anew.
    fn blocked(&self, io: &ScheduledIo, look: &Look) {
        io.clear(look);
        if look.ready().intersects(Ready::CLOSED) {
            io.reopen(look);
            let mut stranded = Vec::new();
            if let Some(facts) = io.facts().as_mut() {
                if let (Some(armed), false) = (facts.armed, self.reports_once(facts.trigger)) {
                    // The error itself is met again, and told, by whoever waits next.
                    if self.tell(facts, armed, false).is_err() {
                        io.unwatched(facts, &mut stranded);
                    }
                }
            }
            wake_all(&mut stranded, &self.handle.shared().counters);
        }
    }

    /// Makes the kernel watch every side of `interest`, if it does not yet.
    fn arm(&self, io: &ScheduledIo, interest: Interest) -> io::Result<()> {
        let mut guard = io.facts();
        let Some(facts) = guard.as_mut() else { return Err(error::shut_down()) };
        let unspent = facts.armed_tick == io.side(Side::Read).look().tick();
        if let (Trigger::OneShot, Some(armed), false) = (facts.trigger, facts.armed, unspent) {
            // Who comes when the shot is spent waits for the next, which has to be for them too.
            facts.armed = Some(armed | interest);
            return Ok(());
        }
        if io.look(interest).is_armed() {
            return Ok(());
        }
        let mut stranded = Vec::new();
        let told = self.watch(io, facts, interest, &mut stranded);
        drop(guard);
        wake_all(&mut stranded, &self.handle.shared().counters);
        told
    }

    /// Under the lock: tells the kernel to watch the sides of `interest`, beside those it watches
    /// already. If it refuses, the wakers of tasks that relied on it are moved to `stranded`.
    fn watch(
        &self,
        io: &ScheduledIo,
        facts: &mut Facts,
        interest: Interest,
        stranded: &mut Vec<Waker>,
    ) -> io::Result<()> {
        let of_sides = Side::BOTH
            .into_iter()
            .filter(|&side| side.is_in(interest) || io.side(side).look().is_armed())
            .fold(interest, |wanted, side| wanted | side.interest());
        let wanted = of_sides.intersection(facts.interest).unwrap_or(interest);
        // The words first: a report that comes before the call returns must find them.
        let once = self.reports_once(facts.trigger);
        for side in Side::of(wanted) {
            io.side(side).set_armed(once);
        }
        let read = io.side(Side::Read).look();
        let armed_tick = read.tick();
        // What stands there nobody waits for, and it would end the watch for those who wait. Looked
        // at after the words are set: a clear that comes in between takes the watch away again.
        let told = once && read.ready().is_priority();
        let known = if told { wanted.remove(Interest::PRIORITY) } else { None };
        match self.tell(facts, known.unwrap_or(wanted), once) {
            Ok(()) => {
                facts.armed = Some(wanted);
                facts.armed_tick = armed_tick;
                Ok(())
            }
            Err(error) => {
                // It may watch nothing any more also where it did before: the number may name
                // another file by now.
                io.unwatched(facts, stranded);
                Err(error)
            }
        }
    }

    /// Whether the kernel is asked for one report at a time; see the essay above.
    fn reports_once(&self, trigger: Trigger) -> bool {
        trigger != Trigger::Edge || !self.handle.has_true_edges()
    }

    fn tell(&self, facts: &Facts, wanted: Interest, once: bool) -> io::Result<()> {
        let trigger = if once { Trigger::OneShot } else { Trigger::Edge };
        let backend = &self.handle.shared().backend;
        match facts.armed {
            None => backend.add(self.source, self.token, wanted, trigger),
            Some(_) => backend.modify(self.source, self.token, wanted, trigger),
        }
    }

    /// Lets a one-shot registration report once more.
    ///
    /// With another trigger it makes the kernel look again at what is being waited for.
    ///
    /// # Errors
    ///
    /// What the kernel says, and if the driver was shut down.
    pub fn rearm(&self) -> io::Result<()> {
        if self.handle.is_shutdown() {
            return Err(error::shut_down());
        }
        let io = self.io();
        let mut guard = io.facts();
        let Some(facts) = guard.as_mut() else { return Err(error::shut_down()) };
        let Some(armed) = facts.armed else { return Ok(()) };
        let mut stranded = Vec::new();
        let told = self.watch(io, facts, armed, &mut stranded);
        drop(guard);
        wake_all(&mut stranded, &self.handle.shared().counters);
        told
    }
}

#[cfg(test)]
impl Registration {
    /// Reports `ready` as the kernel would, for tests of what such a report does.
    #[allow(dead_code, reason = "some of these tests need the simulator")]
    pub(crate) fn report(&self, ready: Ready) {
        let mut wakers = Vec::new();
        let io = self.io();
        assert!(io.dispatch(io.generation(), ready, false, &mut wakers), "it is registered");
        wake_all(&mut wakers, &self.handle.shared().counters);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let shared = self.handle.shared();
        let armed = self.io().facts().as_ref().and_then(|facts| facts.armed);
        if armed.is_some() {
            // The kernel may have forgotten the source with its descriptor; there is nobody to
            // tell, and nothing that could be done.
            let _ = shared.backend.remove(self.source, self.token);
        }
        // What held wakers is dropped here, outside every lock.
        drop(shared.set.remove(self.token));
    }
}

/// The future of [`Registration::ready`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReadyFuture<'a> {
    registration: &'a Registration,
    interest: Interest,
    place: Place,
}

impl Future for ReadyFuture<'_> {
    type Output = io::Result<ReadyEvent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (registration, interest) = (self.registration, self.interest);
        let (io, place) = (registration.io(), &mut self.place);
        registration.poll_wait(io, interest, || io.wait(place, interest, cx.waker()))
    }
}

impl Drop for ReadyFuture<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.place != Place::Unplaced {
            self.registration.io().leave(&mut self.place, self.interest);
        }
    }
}

/// Attempts and waits in turn: what everything that awaits I/O comes to.
#[must_use = "futures do nothing unless awaited"]
struct Call<'a, I, A> {
    /// Where the waker is while it waits. Dropped, it gives the place up.
    waiter: ReadyFuture<'a>,
    /// The waiter's interest, known to the compiler if it is always the same.
    interest: I,
    attempt: A,
}

/// Nothing in it is ever pinned.
impl<I, A> Unpin for Call<'_, I, A> {}

impl<R, I, A> Future for Call<'_, I, A>
where
    I: Fn() -> Interest,
    A: FnMut(&ScheduledIo, &Look) -> Poll<io::Result<R>>,
{
    type Output = io::Result<R>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Call { waiter, interest, attempt } = &mut *self;
        let (registration, interest) = (waiter.registration, interest());
        let io = registration.io();
        let store = |waker: &Waker| io.wait(&mut waiter.place, interest, waker);
        let done = registration.poll_until(io, cx, interest, |look| attempt(io, look), store);
        if done.is_ready() {
            io.leave(&mut waiter.place, interest);
        }
        done
    }
}

fn not_registered(wanted: Interest, registered: Interest) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "waiting for {wanted:?} on a source registered for {registered:?}: \
             register it with every interest that will be waited for"
        ),
    )
}
