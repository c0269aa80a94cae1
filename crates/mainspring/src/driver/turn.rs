//! One turn of the loop.

use std::io;
use std::task::Waker;
use std::time::Duration;

use crate::backend::Backend;
use crate::backend::contract::Cancel;
use crate::error;
use crate::event::Events;
use crate::metrics::Counters;
use crate::sync::atomic::Ordering;
use crate::token::Token;

use super::builder::Builder;
use super::context;
use super::handle::{Handle, Shared};
use super::wake::wake_all;

/// Timers fired between two rounds of waking, so that a million that are due at once do not keep
/// the lock of the wheel, or the tasks, waiting for all of them.
const TIMERS_PER_ROUND: usize = 1024;
/// Rounds in one turn; what is due beyond them makes the next turn's wait end at once. So a thread
/// that keeps setting timers in the past cannot keep the loop from its events.
const TIMER_ROUNDS_MAX: usize = 64;

/// Turns without a sleep after which the time is noted again.
const LOOKS_PER_TIME: u32 = 64;

/// The owner of an event loop: whoever has it, turns it.
///
/// A driver has no thread and no executor. [`turn`](Self::turn) waits for events, wakes the tasks
/// they concern, fires timers and returns. [`handle`](Self::handle) gives the half that
/// everything else uses. Dropping the driver shuts it down.
///
/// ```
/// use std::time::Duration;
/// let mut driver = mainspring::Driver::new()?;
/// driver.handle().unpark();
/// let turn = driver.turn(Some(Duration::from_secs(60)))?;
/// assert!(turn.woken());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Driver {
    backend: Backend,
    events: Events,
    /// How many of the completions of the last look were told; the others wait for a later turn.
    told: usize,
    wakers: Vec<Waker>,
    /// Operations that have had enough and are to be cancelled.
    stops: Vec<Token>,
    handle: Handle,
    /// When the last sleep ended, for the time spent working.
    awake_since_ns: u64,
    /// Turns that did not sleep because a look was enough.
    looks: u32,
    /// Whether the kernel has let go of everything already.
    drained: bool,
}

/// How much of what has come a caller has use for in one turn; not nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Enough {
    /// Events of sources, if the mechanism can keep the others back.
    pub(crate) events: usize,
    /// Completions of operations; the rest is for the next turns.
    pub(crate) completions: usize,
    /// Whether to look at the kernel although there is such a rest.
    pub(crate) looks: bool,
}

impl Enough {
    /// All there is.
    const ALL: Enough = Enough { events: usize::MAX, completions: usize::MAX, looks: true };
}

/// What a turn brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    events: usize,
    timers: usize,
    woken: bool,
}

impl Turn {
    /// Events for living registrations, and completions of operations.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// Timers that fired.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.timers
    }

    /// Whether somebody asked for the end of the sleep: with [`Handle::unpark`], by setting on
    /// another thread a timer that is due before all others, or by waking a task of
    /// [`block_on`](Driver::block_on).
    #[must_use]
    pub fn woken(&self) -> bool {
        self.woken
    }
}

impl Driver {
    /// A driver with the default settings.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::build`].
    pub fn new() -> io::Result<Driver> {
        Builder::new().build()
    }

    pub(super) fn new_with(handle: Handle, backend: Backend) -> Driver {
        let awake_since_ns = handle.clock().now_ns();
        Driver {
            backend,
            events: Events::new(),
            told: 0,
            wakers: Vec::new(),
            stops: Vec::new(),
            handle,
            awake_since_ns,
            looks: 0,
            drained: false,
        }
    }

    /// The shared half.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits for events for at most `max_wait` (`None`: without end), wakes whom they concern,
    /// and fires the timers that are due.
    ///
    /// It waits no longer than to the next timer, and not at all if [`Handle::unpark`] was called
    /// since the last turn. It returns early only with an event, a timer or an unpark. Two that
    /// came to nothing end the wait too: an event that outlived its registration, which counts only
    /// as stale, and the moment of a timer that was dropped or moved meanwhile.
    ///
    /// # Errors
    ///
    /// Only if the queue itself is unusable, or the driver was shut down. A failing source is
    /// never an error here: its own calls say what is wrong with it.
    pub fn turn(&mut self, max_wait: Option<Duration>) -> io::Result<Turn> {
        self.turn_for(max_wait, Enough::ALL)
    }

    /// The same for a caller that knows how much is enough for now.
    pub(crate) fn turn_for(
        &mut self,
        max_wait: Option<Duration>,
        enough: Enough,
    ) -> io::Result<Turn> {
        if self.handle.is_shutdown() {
            return Err(error::shut_down());
        }
        if self.handle.shared().pinned && !self.handle.shared().owner.claim() {
            return Err(error::wrong_thread());
        }
        let entered = (!context::is_current(&self.handle)).then(|| self.handle.enter());
        self.events.enough = Some(enough.events);
        let (woken, deadline) =
            if self.looks(enough) { self.wait(max_wait)? } else { self.go_on() };
        let looked = &self.events.list;
        let shared = self.handle.shared();
        let stale = shared.set.dispatch(looked, &mut self.wakers);
        shared.set.refuse(&self.events.refused, &mut self.wakers);
        self.events.refused.clear();
        let events = looked.len() - stale as usize;
        let (first, last) = self.next_completions(enough);
        let completed = &mut self.events.completions[first..last];
        let told = shared.operations.dispatch(completed, &mut self.wakers, &mut self.stops);
        self.note_told(last);
        self.stop();
        let events = events + (last - first) - told.stale as usize;
        let timers = self.expire(deadline);
        let counters = &self.handle.shared().counters;
        counters.turn(events as u64, stale + told.stale, timers as u64);
        counters.operation_panics(told.panics);
        wake_all(&mut self.wakers, counters);
        drop(entered);
        Ok(Turn { events, timers, woken })
    }

    /// Ends the driver: everybody who waits on it wakes with an error that says so, and later
    /// calls fail the same way. Dropping it does the same.
    pub fn shutdown(&mut self) {
        self.handle.shut_down();
        self.drain();
    }

    /// Takes every operation back from the kernel (clause C12), and tells whoever waits.
    fn drain(&mut self) {
        if std::mem::replace(&mut self.drained, true) {
            return;
        }
        let leaked = self.backend.drain(&mut self.events);
        let shared = self.handle.shared();
        let completed = &mut self.events.completions[self.told..];
        let told = shared.operations.dispatch(completed, &mut self.wakers, &mut self.stops);
        // What was to be stopped has ended.
        self.stops.clear();
        shared.counters.operation_panics(told.panics);
        shared.counters.leaked(leaked as u64);
        wake_all(&mut self.wakers, &shared.counters);
        self.note_told(self.events.completions.len());
    }

    /// Cancels the operations that have had enough.
    fn stop(&mut self) {
        let shared = self.handle.shared();
        for token in self.stops.drain(..) {
            if shared.backend.cancel(token) == Cancel::Withdrawn {
                let ended = shared.operations.end_unseen(token, Err(error::cancelled()));
                self.wakers.extend(ended);
            }
        }
    }

    /// Sleeps in the kernel; returns whether somebody unparked, and the deadline of the earliest
    /// timer before the sleep.
    fn wait(&mut self, max_wait: Option<Duration>) -> io::Result<(bool, Option<u64>)> {
        self.events.list.clear();
        self.events.woken = false;
        self.forget_told();
        let shared = self.handle.shared();
        let max_wait = if self.is_behind() { Some(Duration::ZERO) } else { max_wait };
        let may_wait = max_wait != Some(Duration::ZERO);
        if may_wait && self.backend.expects() {
            self.backend.select(&mut self.events, Some(Duration::ZERO))?;
            if self.events.has_come() {
                return Ok(self.without_sleep());
            }
        }
        let sleeps = may_wait && shared.park.prepare();
        let deadline = if sleeps { shared.timers.park() } else { shared.timers.next_deadline_ns() };
        let timeout =
            if sleeps { timeout(shared, max_wait, deadline) } else { Some(Duration::ZERO) };
        let asleep_since_ns = if sleeps && Counters::ENABLED { shared.clock.now_ns() } else { 0 };
        let result = self.backend.select(&mut self.events, timeout);
        if sleeps && Counters::ENABLED {
            let now_ns = shared.clock.now_ns();
            let worked_ns = asleep_since_ns.saturating_sub(self.awake_since_ns);
            shared.counters.park(worked_ns, now_ns.saturating_sub(asleep_since_ns));
            shared.turn_ms.store((now_ns / 1_000_000) as u32, Ordering::Relaxed);
            self.awake_since_ns = now_ns;
        }
        let noted = shared.park.finish();
        shared.timers.unpark();
        if result.is_err() {
            self.events.completions.drain(..std::mem::take(&mut self.told));
        }
        result?;
        Ok((noted || self.events.woken, deadline))
    }

    /// Whether there are completions that no turn has told yet.
    #[inline]
    pub(crate) fn is_behind(&self) -> bool {
        !self.events.completions.is_empty()
    }

    /// Whether this turn looks at the kernel. If none of those that are there was told, the look
    /// that brought them ended with an error: then they come first.
    #[inline]
    fn looks(&self, enough: Enough) -> bool {
        !self.is_behind() || (enough.looks && self.told != 0)
    }

    /// Makes room for what a look brings, when it is worth moving the rest.
    #[inline]
    fn forget_told(&mut self) {
        if self.told > self.events.completions.len() / 2 {
            self.events.completions.drain(..std::mem::take(&mut self.told));
        }
    }

    /// What [`wait`](Self::wait) returns while there are completions for a later turn: this is it.
    fn go_on(&mut self) -> (bool, Option<u64>) {
        self.events.list.clear();
        self.events.woken = false;
        self.without_sleep()
    }

    /// Which completions this turn tells: not those that were told, and no more than are enough.
    #[inline]
    fn next_completions(&self, enough: Enough) -> (usize, usize) {
        let all = self.events.completions.len();
        (self.told, self.told.saturating_add(enough.completions).min(all))
    }

    /// Those before `last` were told.
    #[inline]
    fn note_told(&mut self, last: usize) {
        if last == self.events.completions.len() {
            self.events.completions.clear();
            self.told = 0;
        } else {
            self.told = last;
        }
    }

    /// What [`wait`](Self::wait) returns when a look was enough. No clock was read, and whoever
    /// begins to wait is told the time all the same, now and then.
    #[inline]
    fn without_sleep(&mut self) -> (bool, Option<u64>) {
        let shared = self.handle.shared();
        self.looks = self.looks.wrapping_add(1);
        if Counters::ENABLED && self.looks % LOOKS_PER_TIME == 0 {
            let now_ms = (shared.clock.now_ns() / 1_000_000) as u32;
            shared.turn_ms.store(now_ms, Ordering::Relaxed);
        }
        let noted = shared.park.take_note();
        (noted || self.events.woken, shared.timers.next_deadline_ns())
    }

    /// Fires the timers that are due. Without any before the sleep there can be none now that
    /// the next turn would not fire in time.
    fn expire(&mut self, deadline_ns: Option<u64>) -> usize {
        let shared = self.handle.shared();
        let Some(deadline_ns) = deadline_ns else { return 0 };
        let now_ns = shared.clock.now_ns();
        if now_ns < deadline_ns {
            return 0;
        }
        let mut fired = 0;
        for _ in 0..TIMER_ROUNDS_MAX {
            let advanced = shared.timers.advance(now_ns, TIMERS_PER_ROUND, &mut self.wakers);
            fired += advanced.fired;
            if !advanced.more {
                break;
            }
            wake_all(&mut self.wakers, &shared.counters);
        }
        fired
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.handle.shut_down();
        self.drain();
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// The shorter of the caller's wait and the way to the next timer.
fn timeout(shared: &Shared, max_wait: Option<Duration>, deadline: Option<u64>) -> Option<Duration> {
    let to_timer = deadline
        .map(|deadline| Duration::from_nanos(deadline.saturating_sub(shared.clock.now_ns())));
    match (max_wait, to_timer) {
        (Some(max_wait), Some(to_timer)) => Some(max_wait.min(to_timer)),
        (max_wait, to_timer) => max_wait.or(to_timer),
    }
}
