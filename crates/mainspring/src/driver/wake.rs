//! Waking: outside every lock, and every one of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use crate::metrics::Counters;

/// Wakes all of `wakers`, in order, and leaves the vector empty with its memory.
///
/// A waker is somebody else's code: one that panics must not cost the others their wake (clause
/// C8), nor the program its loop. The panic is reported by the panic hook and counted.
pub(super) fn wake_all(wakers: &mut Vec<Waker>, counters: &Counters) {
    let mut left = wakers.drain(..);
    // A panic takes along the waker it came from and leaves the others.
    while let Err(payload) = catch_unwind(AssertUnwindSafe(|| left.by_ref().for_each(Waker::wake)))
    {
        counters.waker_panic();
        // What the panic carried is somebody else's too, and may panic in turn when it is
        // dropped; that second panic's is leaked, or there would be no end to it.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
    }
}
