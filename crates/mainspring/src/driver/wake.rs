//! Waking: outside every lock, and every one of them.

use std::task::Waker;

use crate::completion::foreign::contain;
use crate::metrics::Counters;
use crate::sync::fetch_at;

/// So many wakers ahead, what a waker points to is fetched: with most executors the task's state.
const AHEAD: usize = 8;
/// Bytes of it. They seldom begin where a line of the cache does, so they may lie on two.
const FETCHED_BYTES: usize = 56;

/// Wakes all of `wakers`, in order, and leaves the vector empty with its memory.
///
/// A waker is somebody else's code: one that panics must not cost the others their wake (clause
/// C8), nor the program its loop. The panic is reported by the panic hook and counted.
pub(super) fn wake_all(wakers: &mut Vec<Waker>, counters: &Counters) {
    if wakers.len() > 1 {
        for waker in wakers.iter().take(AHEAD) {
            fetch_at(waker.data(), FETCHED_BYTES);
        }
    }
    let mut left = wakers.drain(..);
    let mut wake = || {
        while let Some(waker) = left.next() {
            if let Some(soon) = left.as_slice().get(AHEAD - 1) {
                fetch_at(soon.data(), FETCHED_BYTES);
            }
            waker.wake();
        }
    };
    // A panic takes along the waker it came from and leaves the others.
    while contain(&mut wake) {
        counters.waker_panic();
    }
}
