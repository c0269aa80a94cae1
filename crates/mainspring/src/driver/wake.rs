//! Waking: outside every lock, and every one of them.

use std::task::Waker;

use crate::completion::foreign::contain;
use crate::metrics::Counters;

/// Wakes all of `wakers`, in order, and leaves the vector empty with its memory.
///
/// A waker is somebody else's code: one that panics must not cost the others their wake (clause
/// C8), nor the program its loop. The panic is reported by the panic hook and counted.
pub(super) fn wake_all(wakers: &mut Vec<Waker>, counters: &Counters) {
    let mut left = wakers.drain(..);
    // A panic takes along the waker it came from and leaves the others.
    while contain(|| left.by_ref().for_each(Waker::wake)) {
        counters.waker_panic();
    }
}
