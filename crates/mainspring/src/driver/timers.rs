//! The timers of one driver: the wheel under its lock, and when the driver would wake by itself.
//!
//! A timer set by another thread has to end the driver's sleep only if it is due before the
//! driver would wake anyway. `parked_until_ns` says when that is; it is written under the lock of
//! the wheel before the driver sleeps, so an insertion either comes before and is counted in, or
//! after and sees it.

use std::task::{Poll, Waker};

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::time::wheel::{Advanced, Polled, TimerKey, Wheel};

use super::handle::Handle;

/// A driver that is awake looks at the wheel before it sleeps: nobody needs to wake it.
const AWAKE: u64 = 0;

pub(super) struct Timers {
    wheel: Mutex<Wheel>,
    /// Whether timers may wait: set by an insertion, cleared by the turn that finds none.
    any: AtomicBool,
    parked_until_ns: AtomicU64,
}

impl Timers {
    pub(super) fn new() -> Timers {
        let parked_until_ns = AtomicU64::new(AWAKE);
        Timers { wheel: Mutex::new(Wheel::new()), any: AtomicBool::new(false), parked_until_ns }
    }

    /// The driver is about to sleep: the next deadline, and from here on earlier ones wake it.
    pub(super) fn park(&self) -> Option<u64> {
        let wheel = self.wheel.lock();
        let next = wheel.next_deadline_ns();
        self.parked_until_ns.store(next.unwrap_or(u64::MAX), Ordering::Relaxed);
        next
    }

    /// The next deadline, for a turn that does not sleep. Without timers it takes no lock; one that
    /// is set by another thread at this moment is met by the next turn.
    #[inline]
    pub(super) fn next_deadline_ns(&self) -> Option<u64> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let wheel = self.wheel.lock();
        let next = wheel.next_deadline_ns();
        // Under the lock, as insertions set it.
        self.any.store(next.is_some(), Ordering::Release);
        next
    }

    /// The driver is awake. Not under the lock: an insertion that still sees the old value wakes
    /// a driver that is awake, which costs it nothing but one quick turn.
    pub(super) fn unpark(&self) {
        self.parked_until_ns.store(AWAKE, Ordering::Relaxed);
    }

    /// Moves the wakers of timers that are due to `due`, at most `limit` timers.
    pub(super) fn advance(&self, now_ns: u64, limit: usize, due: &mut Vec<Waker>) -> Advanced {
        self.wheel.lock().advance(now_ns, limit, due)
    }

    pub(super) fn len(&self) -> usize {
        self.wheel.lock().len()
    }

    fn is_earlier(&self, deadline_ns: u64) -> bool {
        deadline_ns < self.parked_until_ns.load(Ordering::Relaxed)
    }
}

/// One timer of a driver, taken out when dropped.
#[derive(Debug)]
pub(crate) struct Timer {
    handle: Handle,
    key: TimerKey,
}

impl Timer {
    /// Sets a timer for `deadline_ns` on the clock of `handle`.
    pub(crate) fn new(handle: &Handle, deadline_ns: u64) -> Timer {
        let timers = handle.timers();
        let mut wheel = timers.wheel.lock();
        let key = wheel.insert(deadline_ns);
        timers.any.store(true, Ordering::Release);
        let earlier = timers.is_earlier(deadline_ns);
        drop(wheel);
        if earlier {
            handle.unpark();
        }
        Timer { handle: handle.clone(), key }
    }

    /// The driver's handle.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Gives the timer a new deadline, whether it fired or not; its waker stays.
    pub(crate) fn reset(&mut self, deadline_ns: u64) {
        let timers = self.handle.timers();
        let mut wheel = timers.wheel.lock();
        wheel.reset(self.key, deadline_ns);
        timers.any.store(true, Ordering::Release);
        let earlier = timers.is_earlier(deadline_ns);
        drop(wheel);
        if earlier {
            self.handle.unpark();
        }
    }

    /// Ready when the timer has fired, or can never fire because the driver is gone; then the
    /// caller asks [`Handle::is_shutdown`]. Else `waker` is woken when it does.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        let mut clone = None;
        let mut polled = self.ask(waker, &mut clone);
        if polled == Polled::Unheard {
            // A waker is cloned by the task's code, and what was replaced is dropped by it: both
            // outside the lock.
            clone = Some(waker.clone());
            polled = self.ask(waker, &mut clone);
        }
        drop(clone);
        let over = polled != Polled::Waiting || self.handle.is_shutdown();
        if over { Poll::Ready(()) } else { Poll::Pending }
    }

    fn ask(&self, waker: &Waker, clone: &mut Option<Waker>) -> Polled {
        self.handle.timers().wheel.lock().poll(self.key, waker, clone)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let left = self.handle.timers().wheel.lock().remove(self.key);
        // A waker's drop may run a task's destructor, which may drop another timer.
        drop(left);
    }
}
