//! Nothing is counted, and nothing is left of the calls.

use super::snapshot::{Metrics, SystemCall};

/// The counters of one driver: none.
#[derive(Default)]
pub(crate) struct Counters {}

impl Counters {
    /// Whether anything is counted, for work that only a counter needs.
    pub(crate) const ENABLED: bool = false;

    pub(crate) fn turn(&self, _events: u64, _stale: u64, _timers: u64) {}

    #[allow(dead_code, reason = "counted where there is a ring")]
    pub(crate) fn ring(&self, _requests: u64, _completions: u64) {}

    #[allow(dead_code, reason = "counted where there is a ring")]
    pub(crate) fn overflow(&self) {}

    pub(crate) fn buffers_exhausted(&self) {}

    #[allow(dead_code, reason = "counted where memory is registered")]
    pub(crate) fn registered_operation(&self) {}

    #[allow(dead_code, reason = "counted where the kernel has operations")]
    pub(crate) fn cancel_requested(&self) {}

    #[allow(dead_code, reason = "counted where the kernel has operations")]
    pub(crate) fn cancel_found_nothing(&self) {}

    #[allow(dead_code, reason = "counted where the kernel has operations")]
    pub(crate) fn cancel_found_it_at_work(&self) {}

    #[allow(dead_code, reason = "some backends leave that to the layer above")]
    pub(crate) fn stale_event(&self) {}

    pub(crate) fn park(&self, _worked_ns: u64, _slept_ns: u64) {}

    pub(crate) fn wake(&self, _sent: bool) {}

    pub(crate) fn waker_panic(&self) {}

    pub(crate) fn source_registered(&self) {}

    pub(crate) fn leaked(&self, _operations: u64) {}

    pub(crate) fn operation_panics(&self, _panics: u64) {}

    pub(crate) fn system_call(&self, _call: SystemCall) {}

    pub(crate) fn snapshot(&self) -> Metrics {
        Metrics::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counted path must cost nothing in a build that does not count.
    #[test]
    fn counters_have_no_size_and_show_nothing() {
        assert_eq!(size_of::<Counters>(), 0);
        let counters = Counters::default();
        counters.turn(1, 1, 1);
        counters.stale_event();
        counters.ring(1, 1);
        counters.overflow();
        counters.buffers_exhausted();
        counters.cancel_requested();
        counters.cancel_found_nothing();
        counters.cancel_found_it_at_work();
        counters.park(1, 1);
        counters.wake(true);
        counters.waker_panic();
        counters.source_registered();
        counters.leaked(1);
        counters.operation_panics(1);
        counters.system_call(SystemCall::Wait);
        assert_eq!(counters.snapshot(), Metrics::default());
    }
}
