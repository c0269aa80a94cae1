//! Whether the driver sleeps, and who has to wake it (clause C6).
//!
//! | state      | `prepare()`         | `unpark()`                  | `finish()`    |
//! |------------|---------------------|-----------------------------|---------------|
//! | `AWAKE`    | `PARKED`: sleep     | `NOTIFIED`                  | `AWAKE`       |
//! | `PARKED`   | not called          | `NOTIFIED`, wake the kernel | `AWAKE`       |
//! | `NOTIFIED` | stays: do not sleep | stays                       | `AWAKE`, true |
//!
//! An unpark of a driver that is awake only leaves a note; the driver reads it before it sleeps
//! and does not. Only the unpark that finds the driver `PARKED` pays for a system call, so any
//! number of them coalesce into one. Every turn ends with `finish`, whether it slept or not: it
//! takes the note, and with it everything that those who left it had written before.
//!
//! An unpark that has found the driver `PARKED` may be slow to make its system call. The driver
//! may then be awake already for another reason, and its next sleep ends early once; a wake is
//! never lost for it.

use crate::sync::atomic::AtomicU8;
use crate::sync::atomic::Ordering::{AcqRel, Acquire};

const AWAKE: u8 = 0;
const PARKED: u8 = 1;
const NOTIFIED: u8 = 2;

/// The three states, in one byte.
#[derive(Debug)]
pub(crate) struct Park {
    state: AtomicU8,
}

impl Park {
    pub(crate) fn new() -> Park {
        Park { state: AtomicU8::new(AWAKE) }
    }

    /// The driver is about to sleep. False: there is a note, it must not. The note stays until
    /// [`finish`](Self::finish).
    #[must_use]
    pub(crate) fn prepare(&self) -> bool {
        self.state.compare_exchange(AWAKE, PARKED, AcqRel, Acquire).is_ok()
    }

    /// The driver is awake again; true if somebody had asked for it.
    pub(crate) fn finish(&self) -> bool {
        self.state.swap(AWAKE, AcqRel) == NOTIFIED
    }

    /// The same for a driver that has not been asleep since: without a note there is nothing to do.
    #[inline]
    pub(crate) fn take_note(&self) -> bool {
        self.state.load(Acquire) != AWAKE && self.finish()
    }

    /// Leaves a note; true if the kernel has to be asked to end the driver's sleep.
    ///
    /// The swap is made even if a note is there already: it releases what this thread wrote to
    /// the driver that will read the note.
    #[must_use]
    pub(crate) fn unpark(&self) -> bool {
        self.state.swap(NOTIFIED, AcqRel) == PARKED
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
