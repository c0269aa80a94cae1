//! Ticks, one a period.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::driver::Handle;
use crate::time::clock::{Clock, saturating_add};
use crate::time::sleep::{Sleep, sleep_until};

/// The shortest period: one step of the clock.
const PERIOD_MIN: Duration = Duration::from_nanos(1);

/// Ticks now and then once every `period`.
///
/// A period of zero counts as one nanosecond.
///
/// ```
/// use std::time::{Duration, Instant};
/// use mainspring::time::interval;
///
/// let start = Instant::now();
/// mainspring::block_on(async {
///     let mut interval = interval(Duration::from_millis(1));
///     for _ in 0..3 {
///         interval.tick().await;
///     }
/// })?;
/// assert!(start.elapsed() >= Duration::from_millis(2), "the first tick comes at once");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn interval(period: Duration) -> Interval {
    interval_at(Handle::with_current_clock(Clock::now), period)
}

/// Ticks at `start` and then once every `period`; see [`interval`].
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval {
        sleep: sleep_until(start),
        period: period.max(PERIOD_MIN),
        missed_tick: MissedTick::default(),
    }
}

/// What happens to ticks that nobody took in time. A tick is missed when the one after it is due
/// already; one that is merely late changes nothing in any mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissedTick {
    /// They come at once, one after the other, until the interval has caught up: their number is
    /// what counts.
    #[default]
    Burst,
    /// They are dropped, and the next comes one period after the late one was taken: the distance
    /// between ticks is what counts.
    Delay,
    /// They are dropped, and the next comes at the next multiple of the period from the start: the
    /// rhythm is what counts.
    Skip,
}

/// Ticks once every period; made by [`interval`] and [`interval_at`].
///
/// It allocates nothing, and keeps one timer for all its ticks. Like a
/// [`Sleep`] it moves to another driver if its own is shut down; on a driver with a
/// virtual clock that was shut down, time stands still and no further tick comes.
///
/// ```
/// use std::time::Duration;
/// use mainspring::time::{MissedTick, interval};
///
/// let mut interval = interval(Duration::from_secs(1));
/// interval.set_missed_tick(MissedTick::Skip);
/// assert_eq!(interval.period(), Duration::from_secs(1));
/// ```
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    missed_tick: MissedTick,
}

impl Interval {
    /// Waits for the next tick and returns the moment it was due.
    ///
    /// # Cancel safety
    ///
    /// A tick is taken when the future completes; dropping it before loses none.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Ready with the moment the tick was due.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let due = self.sleep.deadline();
        // Ticks to catch up with are there already: no turn of the driver is needed for them.
        let mut now = self.sleep.now();
        if now < due {
            ready!(std::pin::Pin::new(&mut self.sleep).poll(cx));
            if self.sleep.is_abandoned() {
                return Poll::Pending;
            }
            now = self.sleep.now();
        }
        self.sleep.reset(self.next(due, now));
        Poll::Ready(due)
    }

    /// When to tick after the tick of `due` was taken at `now`.
    fn next(&self, due: Instant, now: Instant) -> Instant {
        let late = now.saturating_duration_since(due);
        let missed = late >= self.period;
        match self.missed_tick {
            MissedTick::Delay if missed => saturating_add(now, self.period),
            MissedTick::Skip if missed => {
                let into_period_ns = late.as_nanos() % self.period.as_nanos();
                // Less than `late`, which is time that has passed: far below 584 years.
                let into_period = Duration::from_nanos(into_period_ns as u64);
                saturating_add(now, self.period.saturating_sub(into_period))
            }
            _ => saturating_add(due, self.period),
        }
    }

    /// The next tick comes one period from now.
    pub fn reset(&mut self) {
        let now = self.sleep.now();
        self.sleep.reset(saturating_add(now, self.period));
    }

    /// The next tick comes at `deadline`, and the others follow it.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.sleep.reset(deadline);
    }

    /// The time between two ticks.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What happens to missed ticks; [`MissedTick::Burst`] unless set.
    #[must_use]
    pub fn missed_tick(&self) -> MissedTick {
        self.missed_tick
    }

    /// Says what is to happen to missed ticks.
    pub fn set_missed_tick(&mut self, missed_tick: MissedTick) {
        self.missed_tick = missed_tick;
    }
}
