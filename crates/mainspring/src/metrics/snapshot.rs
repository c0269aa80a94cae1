//! The counters as plain values, the same with and without the feature.

use std::time::Duration;

/// The system calls a driver makes on its own account, by what they do.
///
/// Reads and writes on sources are the program's and not counted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SystemCall {
    /// The wait for events (`io_uring_enter`, `epoll_pwait2`, `epoll_wait`, `ppoll`, `poll`).
    Wait,
    /// A source added.
    Add,
    /// A source modified.
    Modify,
    /// A source removed.
    Remove,
    /// A write that ends another thread's wait.
    Wake,
    /// A question about one source: which file its number names, how much has passed through it.
    /// Only `poll` and `uring` have to ask.
    Inspect,
}

impl SystemCall {
    /// How many there are, for the arrays indexed by them.
    pub(crate) const COUNT: usize = 6;
}

/// A histogram with one bucket a power of two: bucket 0 counts zeros, bucket `n` the values from
/// 2^(n-1) up to, not including, 2^n.
///
/// ```
/// let histogram = mainspring::Histogram::default();
/// assert_eq!(histogram.count(), 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    pub(crate) buckets: Vec<u64>,
}

impl Histogram {
    /// The number of values a bucket counted, from bucket 0 on; as long as the last bucket used.
    #[must_use]
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// The number of values in all buckets.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// What a driver did since it was built.
///
/// All zero in a build without the feature `metrics`, except for what is known without counting
/// (`sources_now`, `operations_now`, `timers_now`). Counts of different threads are read one after
/// the other, so their sums may be off by what happened in between.
///
/// ```
/// let mut driver = mainspring::Driver::new().unwrap();
/// driver.turn(Some(std::time::Duration::ZERO)).unwrap();
/// if cfg!(feature = "metrics") {
///     assert_eq!(driver.handle().metrics().turns, 1);
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Turns of the loop.
    pub turns: u64,
    /// Turns that were prepared to sleep.
    pub parks: u64,
    /// Events the kernel delivered for living registrations.
    pub events: u64,
    /// Events that outlived their registration and were dropped (clause C4).
    pub stale_events: u64,
    /// Wakes that reached the kernel because the driver was parked.
    pub wakes_sent: u64,
    /// Wakes that cost no system call.
    pub wakes_elided: u64,
    /// Panics of wakers, each caught so that the others still ran.
    pub waker_panics: u64,
    /// Sources registered now.
    pub sources_now: u64,
    /// Sources ever registered.
    pub sources_ever: u64,
    /// Operations that the kernel has now.
    pub operations_now: u64,
    /// Operations that the kernel could not be made to give back when the driver was dropped: what
    /// they hold is lost on purpose, because the kernel may still write to it.
    pub operations_leaked: u64,
    /// Panics of buffers whose operation had ended after its future was dropped, each caught so
    /// that the other operations were not disturbed.
    pub operation_panics: u64,
    /// Requests that a ring took: operations, watches, cancels. System calls are
    /// [`SystemCall::Wait`].
    pub requests: u64,
    /// Completions that a ring gave.
    pub completions: u64,
    /// How often a ring's queue of completions had overflowed and was read again.
    pub overflows: u64,
    /// Operations that ended because their group had no buffer left.
    pub buffers_exhausted: u64,
    /// Operations handed over whose memory a ring knew beforehand.
    pub registered_operations: u64,
    /// Operations of the kernel that were asked to end early.
    pub cancels: u64,
    /// Those of them that had ended when the kernel was asked.
    pub cancels_late: u64,
    /// Those of them that the kernel could not stop any more.
    pub cancels_at_work: u64,
    /// Timers waiting now.
    pub timers_now: u64,
    /// Timers that fired.
    pub timers_fired: u64,
    /// Time asleep in the kernel.
    pub parked: Duration,
    /// Time between sleeps.
    pub working: Duration,
    /// Events a turn.
    pub events_per_turn: Histogram,
    /// Nanoseconds asleep a turn, for turns that were prepared to sleep.
    pub parked_ns: Histogram,
    /// Nanoseconds awake between two sleeps.
    pub working_ns: Histogram,
    pub(crate) system_calls: [u64; SystemCall::COUNT],
}

impl Metrics {
    /// How often the driver made this system call.
    #[must_use]
    pub fn system_calls(&self, call: SystemCall) -> u64 {
        self.system_calls[call as usize]
    }
}
