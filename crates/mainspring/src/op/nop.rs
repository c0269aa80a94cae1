//! Nothing, done by the kernel: what a way through the queue costs.

use std::io;

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject};

/// The operation of [`nop`].
#[derive(Debug)]
pub struct Nop(());

/// Does nothing, by way of the kernel.
///
/// ```
/// mainspring::block_on(async { mainspring::op::nop().await })?
/// # ; Ok::<(), std::io::Error>(())
/// ```
pub fn nop() -> Prepared<'static, Nop> {
    Prepared::alone(Nop(()))
}

impl Operation for Nop {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Nop
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}
}

impl Emulation for Nop {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Completed(Ok(0))
    }
}
