//! Operations for tests: each counts what becomes of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};

use super::operation::{AfterPart, Operation, Part, RawOperation};

/// What became of the operations that share it.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    pub(crate) parts: AtomicUsize,
    pub(crate) discarded: AtomicUsize,
    pub(crate) dropped: AtomicUsize,
}

impl Fates {
    pub(crate) fn count(&self) -> [usize; 3] {
        [self.parts.load(SeqCst), self.discarded.load(SeqCst), self.dropped.load(SeqCst)]
    }
}

/// An operation of `BYTES` that panics where it is told to.
#[derive(Debug)]
pub(crate) struct Probe<const BYTES: usize = 8> {
    pub(crate) fates: Arc<Fates>,
    pub(crate) panics: Panics,
    pub(crate) body: [u8; BYTES],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Panics {
    Never,
    InRaw,
    InPart,
    InDrop,
}

impl<const BYTES: usize> Probe<BYTES> {
    pub(crate) fn new(fates: &Arc<Fates>, panics: Panics) -> Probe<BYTES> {
        Probe { fates: fates.clone(), panics, body: [0xa5; BYTES] }
    }
}

impl<const BYTES: usize> Operation for Probe<BYTES> {
    type Output = io::Result<u64>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        assert_ne!(self.panics, Panics::InRaw, "as asked");
        assert_eq!(self.body, [0xa5; BYTES]);
        RawOperation::Nop
    }

    fn part(&mut self, _part: Part) -> AfterPart {
        assert_ne!(self.panics, Panics::InPart, "as asked");
        self.fates.parts.fetch_add(1, SeqCst);
        AfterPart::Wake
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<u64> {
        result
    }

    fn cancelled(self) {}

    fn discard(self, _result: io::Result<u64>) {
        self.fates.discarded.fetch_add(1, SeqCst);
    }
}

impl<const BYTES: usize> Drop for Probe<BYTES> {
    fn drop(&mut self) {
        assert_eq!(self.body, [0xa5; BYTES], "the operation was not moved as it should be");
        self.fates.dropped.fetch_add(1, SeqCst);
        assert_ne!(self.panics, Panics::InDrop, "as asked");
    }
}

/// A task that counts its wakes.
#[derive(Debug, Default)]
pub(crate) struct Task(AtomicUsize);

impl Task {
    pub(crate) fn new() -> (Arc<Task>, Waker) {
        let task = Arc::new(Task::default());
        (task.clone(), Waker::from(task))
    }

    pub(crate) fn wakes(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}
