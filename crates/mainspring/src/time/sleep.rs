//! Waiting until a moment.
//!
//! A [`Sleep`] costs nothing until it is polled: then it takes an entry in the wheel of a driver
//! and keeps it, so that moving the deadline and waiting again, also from one task to another, is
//! a change of that entry and no allocation.
//!
//! # When the driver goes first
//!
//! A driver that is shut down fires every timer it has; a sleep sees that and does not believe it.
//! On a real clock it then moves to a living driver, the thread's current one or else the
//! process-wide one, and still ends at its deadline: time goes on without the driver. On a virtual
//! clock nobody is left to move the time, so the sleep completes at once, and
//! [`is_elapsed`](Sleep::is_elapsed) says that it was not for the deadline.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::{Duration, Instant};

use crate::driver::{Handle, Timer};
use crate::time::clock::Clock;

#[cfg(test)]
mod tests;

/// How long a poll holds up its thread when no driver can be had for a sleep, before it asks for
/// another poll. Short, because the executor does nothing else meanwhile; long enough that the
/// retries cost under a hundredth of a core.
const NO_DRIVER_PAUSE: Duration = Duration::from_millis(1);

/// Waits for `duration`, from now.
///
/// Any duration is accepted; [`Duration::MAX`] is a sleep that never ends. Now is read from the
/// driver this thread is with, or from the machine's clock if it is with none, so on a driver with
/// a virtual clock make the sleep inside it or with [`Sleep::on`].
///
/// ```
/// use std::time::{Duration, Instant};
/// let start = Instant::now();
/// mainspring::block_on(mainspring::time::sleep(Duration::from_millis(2)))?;
/// assert!(start.elapsed() >= Duration::from_millis(2));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(Handle::with_current_clock(|clock| after(clock, duration)))
}

/// Waits until `deadline`; one in the past ends with the next turn of the driver.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, place: Place::Anywhere, done: false }
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It never completes before its deadline, except on a driver with a virtual clock that was shut
/// down; then [`is_elapsed`](Self::is_elapsed) is false. It belongs to the driver of the thread
/// that polls it first, and moves on to another only if that one is shut down. Should no driver be
/// had at all, because the process is out of descriptors or threads and the process-wide driver
/// cannot be opened, each poll pauses the thread for up to a millisecond and tries again: the sleep
/// still ends at its deadline.
///
/// Dropping it takes the timer out, in constant time.
///
/// ```
/// use std::time::{Duration, Instant};
/// use mainspring::time::Sleep;
///
/// let mut driver = mainspring::Driver::new()?;
/// let mut sleep = Sleep::on(&driver.handle(), Duration::MAX);
/// sleep.reset(Instant::now());
/// driver.block_on(&mut sleep)?;
/// assert!(sleep.is_elapsed());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    deadline: Instant,
    place: Place,
    /// Completed, and not reset since.
    done: bool,
}

/// Where a sleep waits.
#[derive(Debug)]
enum Place {
    /// Not polled yet: on the driver of whoever polls it.
    Anywhere,
    /// Not polled yet: on this driver.
    On(Handle),
    /// In the wheel of a driver, fired or not.
    Set(Timer),
}

impl Sleep {
    /// Waits for `duration` from now on the driver of `handle`, whoever polls the sleep.
    pub fn on(handle: &Handle, duration: Duration) -> Sleep {
        Sleep::until_on(handle, after(handle.clock(), duration))
    }

    /// Waits until `deadline` on the driver of `handle`, whoever polls the sleep.
    pub fn until_on(handle: &Handle, deadline: Instant) -> Sleep {
        Sleep { deadline, place: Place::On(handle.clone()), done: false }
    }

    /// When it ends. One that never ends has the latest moment the platform can name.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed, by the clock of the sleep's driver.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        self.with_clock(|clock| clock.now() >= self.deadline)
    }

    /// Gives it a new deadline, earlier or later, also after it has completed. A task that waits
    /// goes on waiting, for the new one.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.done = false;
        if let Place::Set(timer) = &mut self.place {
            let deadline_ns = timer.handle().clock().ns_of(deadline);
            timer.reset(deadline_ns);
        }
    }

    /// Gives it the deadline `duration` from now; see [`reset`](Self::reset).
    pub fn reset_after(&mut self, duration: Duration) {
        self.reset(self.with_clock(|clock| after(clock, duration)));
    }

    /// Now, by the clock of its driver.
    pub(super) fn now(&self) -> Instant {
        self.with_clock(Clock::now)
    }

    fn with_clock<R>(&self, look: impl FnOnce(&Clock) -> R) -> R {
        match &self.place {
            Place::Anywhere => Handle::with_current_clock(look),
            Place::On(handle) => look(handle.clock()),
            Place::Set(timer) => look(timer.handle().clock()),
        }
    }

    /// Whether its driver is gone and with it the time it waited for.
    pub(super) fn is_abandoned(&self) -> bool {
        let Place::Set(timer) = &self.place else { return false };
        let handle = timer.handle();
        handle.is_shutdown() && handle.clock().is_virtual() && !self.is_elapsed()
    }

    /// The timer, set now if it was not; `None` if no driver can be had.
    fn timer(&mut self) -> Option<&mut Timer> {
        match &self.place {
            Place::Set(_) => {}
            Place::On(handle) => self.set(&handle.clone()),
            Place::Anywhere => self.set(&Handle::try_current().ok()?),
        }
        let Place::Set(timer) = &mut self.place else { return None };
        Some(timer)
    }

    fn set(&mut self, handle: &Handle) {
        let deadline_ns = handle.clock().ns_of(self.deadline);
        self.place = Place::Set(Timer::new(handle, deadline_ns));
    }

    /// Asks for a poll a little later, without any driver.
    fn poll_alone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.deadline.saturating_duration_since(self.now());
        thread::sleep(left.min(NO_DRIVER_PAUSE));
        if self.is_elapsed() {
            self.done = true;
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.get_mut();
        while !sleep.done {
            let Some(timer) = sleep.timer() else { return sleep.poll_alone(cx) };
            ready!(timer.poll(cx.waker()));
            // A driver that is shut down fires everything; the flag is raised before it does.
            if !timer.handle().is_shutdown() || sleep.is_elapsed() || sleep.is_abandoned() {
                sleep.done = true;
            } else {
                let Ok(living) = living() else { return sleep.poll_alone(cx) };
                sleep.set(&living);
            }
        }
        Poll::Ready(())
    }
}

/// A driver on a real clock that is not shut down: the current one if it is such, else the
/// process-wide one.
fn living() -> io::Result<Handle> {
    let current = Handle::try_current()?;
    if current.is_shutdown() || current.clock().is_virtual() {
        return Handle::background();
    }
    Ok(current)
}

/// The moment `duration` from now, or the latest the platform can name.
pub(super) fn after(clock: &Clock, duration: Duration) -> Instant {
    clock.instant_of(clock.deadline_after_ns(duration))
}
