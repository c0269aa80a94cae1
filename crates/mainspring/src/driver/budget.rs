//! How much a task may do before the others have their turn.
//!
//! A task ends its poll when a call would block. One whose stream always has more never would: a
//! peer that floods it would keep every other task, every timer and every signal of the thread
//! waiting. So the executor of this crate grants each poll a number of calls, and a future that
//! has used them up says `Pending` once and wakes itself. Nothing is lost by it, because the call
//! was not made yet.
//!
//! Other executors grant nothing, and there a task is limited by nothing, as with any I/O library
//! that is not its executor's own.

use std::cell::Cell;
use std::task::{Context, Poll};

/// Calls that one poll may make: tokio's number, which its authors found to cost nothing measurable
/// and to keep latencies short.
const CALLS_PER_POLL: u8 = 128;
/// No executor of ours is polling.
const UNLIMITED: u8 = u8::MAX;

thread_local! {
    static LEFT: Cell<u8> = const { Cell::new(UNLIMITED) };
}

/// A poll of a task begins.
#[inline]
pub(crate) fn grant() {
    LEFT.set(CALLS_PER_POLL);
}

/// The executor ends: whoever polls next on this thread is not ours.
pub(crate) fn end() {
    LEFT.set(UNLIMITED);
}

/// Uses one call up; false when none is left. The next ones are granted at once: an executor that
/// is nested in a task, and grants nothing itself, must get on too.
#[inline]
fn spend() -> bool {
    match LEFT.get() {
        UNLIMITED => true,
        0 => {
            grant();
            false
        }
        left => {
            LEFT.set(left - 1);
            true
        }
    }
}

/// Ready if a call may be made; else the task is woken at once, behind those that are waiting.
#[inline]
pub(crate) fn poll(cx: &mut Context<'_>) -> Poll<()> {
    if spend() {
        Poll::Ready(())
    } else {
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn calls_until_pending() -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        (0..1000).take_while(|_| poll(&mut cx).is_ready()).count()
    }

    #[test]
    fn a_poll_has_a_number_of_calls_and_the_next_has_as_many() {
        assert_eq!(calls_until_pending(), 1000, "no executor, no limit");
        grant();
        assert_eq!(calls_until_pending(), usize::from(CALLS_PER_POLL));
        assert_eq!(calls_until_pending(), usize::from(CALLS_PER_POLL));
        end();
        assert_eq!(calls_until_pending(), 1000);
    }
}
