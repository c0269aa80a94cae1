//! Operations on the pool of blocking threads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error;

use super::emulation::Emulation;

/// An operation that the pool carries out.
pub(super) struct OnPool<O: Emulation> {
    /// Ready when it is done.
    pub(super) task: blocking::Task<Carried<O>>,
    given_up: Arc<AtomicBool>,
}

impl<O: Emulation> OnPool<O> {
    /// Nobody wants it any more: if no thread has begun with it, none will.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }
}

/// An operation on its way through the pool.
pub(super) struct Carried<O: Emulation>(Option<(O, io::Result<u64>)>);

/// Gives an operation to the pool.
pub(super) fn carry<O: Emulation>(mut operation: O) -> OnPool<O> {
    let given_up = Arc::new(AtomicBool::new(false));
    let asks = Arc::clone(&given_up);
    let task = blocking::unblock(move || {
        let result = match asks.load(Ordering::Acquire) {
            true => Err(error::cancelled()),
            false => operation.block(),
        };
        Carried(Some((operation, result)))
    });
    OnPool { task, given_up }
}

impl<O: Emulation> Carried<O> {
    /// The operation and its result.
    pub(super) fn into_parts(mut self) -> (O, io::Result<u64>) {
        self.0.take().expect("filled when it is made, emptied by this alone")
    }
}

impl<O: Emulation> Drop for Carried<O> {
    fn drop(&mut self) {
        // Nobody waits for it any more.
        if let Some((operation, result)) = self.0.take() {
            operation.discard(result);
        }
    }
}
