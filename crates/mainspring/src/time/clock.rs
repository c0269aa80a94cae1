//! The clock of a driver: real, or virtual and moved by hand.
//!
//! A driver counts time in nanoseconds since its clock was made. 64 bits of nanoseconds last 584
//! years, fit in one register and one atomic, and compare with one instruction; `Instant` is kept
//! for the doors where users hand us one. The two ends of the scale have a meaning: an instant
//! before the clock's base is 0 ("already past") and anything beyond the scale is `u64::MAX`, which
//! no running program reaches. So every [`Duration`] and every [`Instant`] is accepted, and no sum
//! of them can overflow or panic.
//!
//! A **real** clock asks the operating system's monotonic clock. This file is the only one that
//! does: whoever needs the time takes a `Clock`, and whoever is pure takes a number.
//!
//! A **virtual** clock stands still until somebody moves it, and then jumps. All its clones show
//! the same time. It never runs backwards: of two threads that move it, the later time wins. The
//! simulator drives it from deadline to deadline, and a test of an hour's timeout takes no time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

const NS_PER_SECOND: u64 = 1_000_000_000;

/// Where a driver's time comes from. Cheap to clone; clones agree on their base and their time.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// The instant that is 0 ns on this clock.
    base: Instant,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Real,
    /// Nanoseconds since the base. Written with `Release` and read with `Acquire`, so whoever sees
    /// that time has moved also sees what was written before it was moved.
    #[allow(dead_code, reason = "only the simulator has such clocks")]
    Virtual(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that follows the operating system's monotonic clock; 0 ns is now.
    pub(crate) fn real() -> Clock {
        Clock { base: Instant::now(), source: Source::Real }
    }

    /// A clock that stands at 0 ns until it is moved with [`advance`](Clock::advance) or
    /// [`advance_to`](Clock::advance_to).
    ///
    /// The machine's clock is read once, only because an `Instant` cannot be made from nothing; no
    /// time on this clock depends on when that was.
    #[allow(dead_code, reason = "only the simulator has such clocks")]
    pub(crate) fn virtual_clock() -> Clock {
        Clock { base: Instant::now(), source: Source::Virtual(Arc::new(AtomicU64::new(0))) }
    }

    /// Whether this clock is moved by hand.
    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self.source, Source::Virtual(_))
    }

    /// The time on this clock.
    pub(crate) fn now(&self) -> Instant {
        match &self.source {
            Source::Real => Instant::now(),
            Source::Virtual(offset_ns) => self.instant_of(offset_ns.load(Ordering::Acquire)),
        }
    }

    /// The time on this clock in nanoseconds since its base.
    pub(crate) fn now_ns(&self) -> u64 {
        match &self.source {
            Source::Real => self.ns_of(Instant::now()),
            Source::Virtual(offset_ns) => offset_ns.load(Ordering::Acquire),
        }
    }

    /// Where `instant` lies on this clock, in nanoseconds since its base: 0 for one before the
    /// base, `u64::MAX` for one beyond the scale.
    pub(crate) fn ns_of(&self, instant: Instant) -> u64 {
        saturating_ns(instant.saturating_duration_since(self.base))
    }

    /// The instant at `ns` nanoseconds after the base. Exact wherever the platform's `Instant`
    /// reaches that far, else the furthest instant the platform can name.
    pub(crate) fn instant_of(&self, ns: u64) -> Instant {
        saturating_add(self.base, Duration::from_nanos(ns))
    }

    /// The deadline, in nanoseconds since the base, of a wait of `timeout` that starts now. A wait
    /// too long for the scale ends at `u64::MAX`: never.
    pub(crate) fn deadline_after_ns(&self, timeout: Duration) -> u64 {
        self.now_ns().saturating_add(saturating_ns(timeout))
    }

    /// Moves a virtual clock to `ns` nanoseconds after its base, unless it is already later. A real
    /// clock is moved by the world alone: there this does nothing.
    #[allow(dead_code, reason = "only the simulator has such clocks")]
    pub(crate) fn advance_to(&self, ns: u64) {
        if let Source::Virtual(offset_ns) = &self.source {
            offset_ns.fetch_max(ns, Ordering::AcqRel);
        }
    }

    /// Moves a virtual clock forward by `step`, at most to the end of the scale. A real clock is
    /// moved by the world alone: there this does nothing.
    #[allow(dead_code, reason = "only the simulator has such clocks")]
    pub(crate) fn advance(&self, step: Duration) {
        if let Source::Virtual(offset_ns) = &self.source {
            let step_ns = saturating_ns(step);
            // The closure always gives a value, so the update cannot be refused.
            let _ = offset_ns.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now_ns| {
                Some(now_ns.saturating_add(step_ns))
            });
        }
    }
}

/// A duration in nanoseconds; `u64::MAX` if it is longer than 584 years.
pub(crate) fn saturating_ns(duration: Duration) -> u64 {
    let whole_seconds_ns = duration.as_secs().saturating_mul(NS_PER_SECOND);
    whole_seconds_ns.saturating_add(u64::from(duration.subsec_nanos()))
}

/// `start + distance`, or where the platform cannot name that instant, the furthest one it can name
/// within 64 bits of nanoseconds from `start`.
///
/// How far an `Instant` reaches differs by platform and is not published, so it is felt out bit by
/// bit, in 64 additions. No distance on our scale needs this on the platforms we know.
pub(crate) fn saturating_add(start: Instant, distance: Duration) -> Instant {
    start.checked_add(distance).unwrap_or_else(|| {
        let steps_ns = (0..u64::BITS).rev().map(|bit| Duration::from_nanos(1 << bit));
        steps_ns.fold(start, |instant, step| instant.checked_add(step).unwrap_or(instant))
    })
}
