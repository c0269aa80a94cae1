//! Closing a direct descriptor.

use std::io;
use std::sync::Arc;

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Slot, Subject};

/// Closes a direct descriptor.
#[derive(Debug)]
pub struct CloseDirect {
    /// None if it is closed, or somebody else's to close.
    slot: Option<Slot>,
}

impl CloseDirect {
    pub(super) fn prepare(slot: Option<Arc<Slot>>) -> Prepared<'static, CloseDirect> {
        let operation = CloseDirect::of(slot);
        let home = operation.slot.as_ref().map(|slot| slot.handle().clone());
        let prepared = Prepared::alone(operation);
        match home {
            Some(home) => prepared.at_home(home),
            None => prepared,
        }
    }

    /// Of a place that operations still share, the last of them closes it.
    pub(super) fn of(slot: Option<Arc<Slot>>) -> CloseDirect {
        CloseDirect { slot: slot.and_then(Arc::into_inner) }
    }
}

impl Operation for CloseDirect {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        match &self.slot {
            Some(slot) => RawOperation::Close { source: slot.source() },
            None => RawOperation::Nop,
        }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        // After the kernel's answer the place may be another's already. Errors of ours, which have
        // no number of the system's, say that it was not asked: then the drop closes it.
        let answered = result.as_ref().map_or_else(|e| e.raw_os_error().is_some(), |_| true);
        match self.slot {
            Some(mut slot) if answered => slot.set_closed(),
            _ => {}
        }
        result.map(drop)
    }

    fn cancelled(self) {}

    fn discard(self, result: io::Result<u64>) {
        // An error of a close that nobody waits for concerns nobody.
        let _ = self.finish(result);
    }
}

impl Emulation for CloseDirect {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        // Dropped here, it is closed with the next turn.
        drop(self.slot.take());
        Attempt::Completed(Ok(0))
    }
}
