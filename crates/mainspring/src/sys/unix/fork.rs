//! Which process this is, counted in forks.
//!
//! A child after `fork(2)` has copies of the parent's objects and none of its threads. Memory that
//! is shared with the kernel is then shared with the parent too: a child that advanced a ring's
//! indices would steal the parent's completions. An object remembers the count of its birth and
//! compares; asking for the process id instead would be a system call each time.
//!
//! A child made by a bare `clone(2)`, past the C library, is not counted.
//!
//! - <https://man7.org/linux/man-pages/man3/pthread_atfork.3.html>

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks lie between the first process and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Runs in the child, before `fork` returns there: it may do only what is async-signal-safe.
extern "C" fn count() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Starts to count. Before its first call no object can be older than a fork.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler is a function of the required type that lives for ever, and does
        // nothing but add to an atomic.
        let result = unsafe { libc::pthread_atfork(None, None, Some(count)) };
        // Out of memory is its one error; then a child is not recognised.
        debug_assert_eq!(result, 0, "pthread_atfork");
    });
}

/// The count: equal to that of an earlier moment if no fork lies in between.
#[inline]
pub(crate) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}
