//! What the tests of this room share, and the concurrent ones: the pairs that `tests/loom.rs`
//! explores in the small, here on real threads and in the large.

mod concurrent;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use crate::interest::Interest;
use crate::ready::Ready;
use crate::source::RawSource;
use crate::trigger::Trigger;

use super::scheduled_io::{Facts, ScheduledIo};

/// A task that only counts how often it was woken.
#[derive(Default)]
pub(crate) struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Task {
    pub(crate) fn new() -> (Arc<Task>, Waker) {
        let task = Arc::new(Task::default());
        (task.clone(), Waker::from(task))
    }

    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) fn facts() -> Facts {
    Facts::new(RawSource(3), Interest::READABLE | Interest::WRITABLE, Trigger::Edge)
}

/// A slot in its first use.
pub(crate) fn registered() -> ScheduledIo {
    let io = ScheduledIo::new();
    io.begin(facts());
    io
}

/// An event for the present registration, as the driver handles it; returns the number of wakers.
pub(crate) fn event(io: &ScheduledIo, ready: Ready) -> usize {
    let mut wakers = Vec::new();
    assert!(io.dispatch(io.generation(), ready, false, &mut wakers));
    wake_all(wakers)
}

pub(crate) fn wake_all(wakers: Vec<Waker>) -> usize {
    let count = wakers.len();
    wakers.into_iter().for_each(Waker::wake);
    count
}
