//! How an operation is carried out where the kernel does not do it whole.

use std::io;

use crate::completion::operation::Operation;
use crate::interest::Interest;
use crate::socket::Socket;

/// What an operation is on.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A socket, of the system or simulated.
    Socket(&'a Socket),
    /// Nothing, or something that the operation itself holds.
    Nothing,
}

/// What became of an attempt to carry an operation out at once.
#[derive(Debug)]
pub enum Attempt {
    /// It is done.
    Completed(io::Result<u64>),
    /// It would block: again when the source is ready for this.
    Wait(Interest),
    /// It is done, with 0, when the driver's clock shows this.
    Until(u64),
    /// It may block, and no readiness tells when it would not: on a pool of threads.
    Blocking,
}

/// The way of an operation on a backend that only has readiness.
pub trait Emulation: Operation {
    /// Tries it. Each attempt that would block is repeated when its source is ready.
    #[doc(hidden)]
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt;

    /// Carries it out on a thread that may block, after an attempt said so.
    #[doc(hidden)]
    fn block(&mut self) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Attempt {
    /// The result of a call: `WouldBlock` is a reason to wait for `interest`.
    pub(crate) fn of(result: io::Result<u64>, interest: Interest) -> Attempt {
        match result {
            Err(error) if crate::error::would_block(&error) => Attempt::Wait(interest),
            result => Attempt::Completed(result),
        }
    }
}
