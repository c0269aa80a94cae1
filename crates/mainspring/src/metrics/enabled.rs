//! Counting, with relaxed atomics: a counter orders nothing and guards nothing.

use super::snapshot::{Histogram, Metrics, SystemCall};
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// One bucket for zero and one for each bit of a `u64`.
const BUCKETS: usize = 65;

struct Buckets([AtomicU64; BUCKETS]);

impl Default for Buckets {
    fn default() -> Buckets {
        Buckets(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Buckets {
    fn record(&self, value: u64) {
        add_alone(&self.0[(u64::BITS - value.leading_zeros()) as usize], 1);
    }

    fn snapshot(&self) -> Histogram {
        let mut buckets: Vec<u64> = self.0.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let used = buckets.iter().rposition(|&count| count != 0).map_or(0, |last| last + 1);
        buckets.truncate(used);
        Histogram { buckets }
    }
}

/// Adds to a counter that only the turning thread writes: a plain load and store, without the
/// locked instruction of `fetch_add`.
fn add_alone(counter: &AtomicU64, value: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(value), Relaxed);
}

/// The counters of one driver.
#[derive(Default)]
pub(crate) struct Counters {
    turns: AtomicU64,
    parks: AtomicU64,
    events: AtomicU64,
    stale_events: AtomicU64,
    wakes_sent: AtomicU64,
    wakes_elided: AtomicU64,
    waker_panics: AtomicU64,
    sources_ever: AtomicU64,
    operations_leaked: AtomicU64,
    operation_panics: AtomicU64,
    requests: AtomicU64,
    completions: AtomicU64,
    overflows: AtomicU64,
    buffers_exhausted: AtomicU64,
    registered_operations: AtomicU64,
    cancels: AtomicU64,
    cancels_late: AtomicU64,
    cancels_at_work: AtomicU64,
    timers_fired: AtomicU64,
    parked_total_ns: AtomicU64,
    working_total_ns: AtomicU64,
    events_per_turn: Buckets,
    parked_ns: Buckets,
    working_ns: Buckets,
    system_calls: [AtomicU64; SystemCall::COUNT],
}

impl Counters {
    /// Whether anything is counted, for work that only a counter needs.
    pub(crate) const ENABLED: bool = true;

    /// A turn ended; only the turning thread calls this.
    pub(crate) fn turn(&self, events: u64, stale: u64, timers: u64) {
        add_alone(&self.turns, 1);
        add_alone(&self.events, events);
        if stale != 0 {
            self.stale_events.fetch_add(stale, Relaxed);
        }
        if timers != 0 {
            add_alone(&self.timers_fired, timers);
        }
        self.events_per_turn.record(events);
    }

    /// A ring took requests and gave completions; only the turning thread calls this.
    #[allow(dead_code, reason = "counted where there is a ring")]
    pub(crate) fn ring(&self, requests: u64, completions: u64) {
        add_alone(&self.requests, requests);
        add_alone(&self.completions, completions);
    }

    /// A ring's queue of completions had overflowed.
    #[allow(dead_code, reason = "counted where there is a ring")]
    pub(crate) fn overflow(&self) {
        add_alone(&self.overflows, 1);
    }

    /// An operation ended because its group had no buffer left.
    pub(crate) fn buffers_exhausted(&self) {
        self.buffers_exhausted.fetch_add(1, Relaxed);
    }

    /// An operation on memory that the ring knows was handed over.
    #[allow(dead_code, reason = "counted where memory is registered")]
    pub(crate) fn registered_operation(&self) {
        self.registered_operations.fetch_add(1, Relaxed);
    }

    /// Somebody asked for the end of an operation.
    #[allow(dead_code, reason = "counted where the kernel has operations")]
    pub(crate) fn cancel_requested(&self) {
        self.cancels.fetch_add(1, Relaxed);
    }

    /// The operation had ended by then.
    #[allow(dead_code, reason = "counted where the kernel has operations")]
    pub(crate) fn cancel_found_nothing(&self) {
        self.cancels_late.fetch_add(1, Relaxed);
    }

    /// The operation could not be stopped any more.
    #[allow(dead_code, reason = "counted where the kernel has operations")]
    pub(crate) fn cancel_found_it_at_work(&self) {
        self.cancels_at_work.fetch_add(1, Relaxed);
    }

    /// A backend itself dropped an event that outlived its registration.
    #[allow(dead_code, reason = "some backends leave that to the layer above")]
    pub(crate) fn stale_event(&self) {
        self.stale_events.fetch_add(1, Relaxed);
    }

    /// The driver slept, after it had worked; only the turning thread calls this.
    pub(crate) fn park(&self, worked_ns: u64, slept_ns: u64) {
        add_alone(&self.parks, 1);
        add_alone(&self.working_total_ns, worked_ns);
        add_alone(&self.parked_total_ns, slept_ns);
        self.working_ns.record(worked_ns);
        self.parked_ns.record(slept_ns);
    }

    pub(crate) fn wake(&self, sent: bool) {
        let counter = if sent { &self.wakes_sent } else { &self.wakes_elided };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn waker_panic(&self) {
        self.waker_panics.fetch_add(1, Relaxed);
    }

    pub(crate) fn source_registered(&self) {
        self.sources_ever.fetch_add(1, Relaxed);
    }

    /// Operations whose memory the kernel did not give back when the driver was dropped.
    pub(crate) fn leaked(&self, operations: u64) {
        self.operations_leaked.fetch_add(operations, Relaxed);
    }

    /// Panics of operations whose completion was told.
    pub(crate) fn operation_panics(&self, panics: u64) {
        if panics != 0 {
            self.operation_panics.fetch_add(panics, Relaxed);
        }
    }

    /// A call of the system was made; a wait only by the turning thread.
    #[inline]
    pub(crate) fn system_call(&self, call: SystemCall) {
        let counter = &self.system_calls[call as usize];
        match call {
            SystemCall::Wait => add_alone(counter, 1),
            _ => _ = counter.fetch_add(1, Relaxed),
        }
    }

    pub(crate) fn snapshot(&self) -> Metrics {
        Metrics {
            turns: self.turns.load(Relaxed),
            parks: self.parks.load(Relaxed),
            events: self.events.load(Relaxed),
            stale_events: self.stale_events.load(Relaxed),
            wakes_sent: self.wakes_sent.load(Relaxed),
            wakes_elided: self.wakes_elided.load(Relaxed),
            waker_panics: self.waker_panics.load(Relaxed),
            sources_ever: self.sources_ever.load(Relaxed),
            operations_leaked: self.operations_leaked.load(Relaxed),
            operation_panics: self.operation_panics.load(Relaxed),
            requests: self.requests.load(Relaxed),
            completions: self.completions.load(Relaxed),
            overflows: self.overflows.load(Relaxed),
            buffers_exhausted: self.buffers_exhausted.load(Relaxed),
            registered_operations: self.registered_operations.load(Relaxed),
            cancels: self.cancels.load(Relaxed),
            cancels_late: self.cancels_late.load(Relaxed),
            cancels_at_work: self.cancels_at_work.load(Relaxed),
            timers_fired: self.timers_fired.load(Relaxed),
            parked: Duration::from_nanos(self.parked_total_ns.load(Relaxed)),
            working: Duration::from_nanos(self.working_total_ns.load(Relaxed)),
            events_per_turn: self.events_per_turn.snapshot(),
            parked_ns: self.parked_ns.snapshot(),
            working_ns: self.working_ns.snapshot(),
            system_calls: std::array::from_fn(|call| self.system_calls[call].load(Relaxed)),
            ..Metrics::default()
        }
    }
}
