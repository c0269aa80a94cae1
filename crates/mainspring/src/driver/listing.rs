//! What is registered, and who waits: for people hunting a hang.

use std::panic::Location;
use std::time::Duration;

use crate::interest::Interest;
use crate::readiness::scheduled_io::{Facts, ScheduledIo, Side};
use crate::ready::Ready;
use crate::sync::atomic::Ordering;
use crate::trigger::Trigger;

use super::handle::Handle;

/// Who waits in one direction of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    tasks: usize,
    since: Duration,
}

impl Waiting {
    /// The number of tasks; zero if nobody waits.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// For how long, measured to the last turn of the driver; zero if nobody waits. A driver
    /// without the feature `metrics` does not look at the clock for this and says zero.
    #[must_use]
    pub fn since(&self) -> Duration {
        self.since
    }
}

/// One registered source, as it was when it was looked at.
///
/// ```
/// use mainspring::{Driver, Interest, Trigger};
/// let driver = Driver::new()?;
/// let (a, _b) = std::os::unix::net::UnixStream::pair()?;
/// let _registration = driver.handle().register(&a, Interest::READABLE, Trigger::Edge)?;
/// let sources = driver.handle().sources();
/// assert!(sources[0].location().file().ends_with(".rs"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceReport {
    source: u64,
    interest: Interest,
    armed: Option<Interest>,
    trigger: Trigger,
    ready: Ready,
    events: u64,
    reading: Waiting,
    writing: Waiting,
    location: &'static Location<'static>,
}

impl SourceReport {
    /// The descriptor, or the number of the simulated socket.
    #[must_use]
    pub fn source(&self) -> u64 {
        self.source
    }

    /// What it was registered for.
    #[must_use]
    pub fn interest(&self) -> Interest {
        self.interest
    }

    /// What the kernel was asked to watch; `None` as long as nothing had to wait.
    #[must_use]
    pub fn armed(&self) -> Option<Interest> {
        self.armed
    }

    /// Its trigger.
    #[must_use]
    pub fn trigger(&self) -> Trigger {
        self.trigger
    }

    /// What was reported and not yet taken back.
    #[must_use]
    pub fn ready(&self) -> Ready {
        self.ready
    }

    /// Events so far, of both directions; each counts modulo 2^32.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Who waits to read.
    #[must_use]
    pub fn reading(&self) -> Waiting {
        self.reading
    }

    /// Who waits to write.
    #[must_use]
    pub fn writing(&self) -> Waiting {
        self.writing
    }

    /// The line of code that registered it.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl Handle {
    /// Every registered source with its state: what it is ready for, who waits, since when, and
    /// the line of code that registered it. The list is put together source by source while the
    /// program runs on, so two sources in it may be of two moments.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceReport> {
        let shared = self.shared();
        let now_ms = shared.turn_ms.load(Ordering::Relaxed);
        let report = |slot: &ScheduledIo| {
            let facts = slot.facts();
            facts.as_ref().map(|facts| report(slot, facts, now_ms))
        };
        shared.set.slots().filter_map(report).collect()
    }
}

fn report(slot: &ScheduledIo, facts: &Facts, now_ms: u32) -> SourceReport {
    let waiting = |side: Side| {
        let tasks = slot.waiting(side, facts);
        let since_ms = match slot.side(side).slot.since_ms() {
            0 => 0,
            since_ms => now_ms.max(1).wrapping_sub(since_ms),
        };
        Waiting { tasks, since: Duration::from_millis(u64::from(since_ms)) }
    };
    let looks = Side::BOTH.map(|side| slot.side(side).look());
    let events = |side: Side| u64::from(looks[side as usize].tick());
    SourceReport {
        source: facts.source.number(),
        interest: facts.interest,
        armed: facts.armed,
        trigger: facts.trigger,
        ready: looks.iter().fold(Ready::EMPTY, |ready, look| ready | look.ready()),
        events: Side::BOTH.map(events).iter().sum(),
        reading: waiting(Side::Read),
        writing: waiting(Side::Write),
        location: facts.location,
    }
}
