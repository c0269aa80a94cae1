//! Closing a file in a table of direct descriptors, or the one that stands for it.

use std::io;

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Place, Subject};
use crate::op::file::Close;

use super::CloseDirect;

/// Closes what a [`DirectFile`](super::DirectFile) is.
#[derive(Debug)]
pub struct CloseDirectFile(pub(super) Closing);

#[derive(Debug)]
pub(super) enum Closing {
    Direct(CloseDirect),
    /// The descriptor goes before its place.
    Ordinary(Close, Place),
}

impl Operation for CloseDirectFile {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        match &mut self.0 {
            Closing::Direct(close) => close.raw(),
            Closing::Ordinary(close, _) => close.raw(),
        }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        match self.0 {
            Closing::Direct(close) => close.finish(result),
            Closing::Ordinary(close, place) => {
                let closed = close.finish(result);
                drop(place);
                closed
            }
        }
    }

    fn cancelled(self) {}

    fn discard(self, result: io::Result<u64>) {
        // An error of a close that nobody waits for concerns nobody.
        let _ = self.finish(result);
    }
}

impl Emulation for CloseDirectFile {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        match &mut self.0 {
            Closing::Direct(close) => close.attempt(subject),
            Closing::Ordinary(close, _) => close.attempt(subject),
        }
    }

    fn block(&mut self) -> io::Result<u64> {
        match &mut self.0 {
            Closing::Direct(close) => close.block(),
            Closing::Ordinary(close, _) => close.block(),
        }
    }
}
