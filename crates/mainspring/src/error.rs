//! The errors this crate makes itself; everything else is the operating system's own.

use std::fmt;
use std::io;

/// Why a call on a registration, a timer or a handle failed without asking the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DriverError {
    ShutDown,
    SourceReplaced,
    TooManySources,
    TooManyOperations,
    Cancelled,
    TooManyGroups,
    OtherDriver,
    ChainBroken,
    WrongThread,
    TooManyDirect,
    DirectTableFull,
    NotOnDirect,
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DriverError::ShutDown => {
                "the I/O driver of this object was shut down: create the object on a living driver"
            }
            DriverError::SourceReplaced => {
                "the source inside this registration was replaced by another descriptor: \
                 take it out with `into_inner` and register the new one"
            }
            DriverError::TooManyOperations => {
                "this driver has its maximum of operations: await some before beginning more"
            }
            DriverError::OtherDriver => {
                "the operation is on an object of another driver: submit it to the object's own"
            }
            DriverError::ChainBroken => {
                "an operation before this one in the chain failed or fell short: this one was not \
                 begun"
            }
            DriverError::WrongThread => {
                "this driver is pinned to the thread that first turned it: turn it there, or build \
                 it without `pinned`"
            }
            DriverError::TooManyGroups => {
                "this driver has its maximum of 1024 groups of buffers: share one between streams"
            }
            DriverError::TooManyDirect => {
                "a table of direct descriptors has one place at least, and the tables of a driver \
                 have 4096 together: ask for fewer, or drop a table that is not used any more"
            }
            DriverError::DirectTableFull => {
                "every place of the table of direct descriptors is taken: close some, or make the \
                 table larger"
            }
            DriverError::NotOnDirect => {
                "this operation cannot be carried out on a direct descriptor by this kernel: use \
                 an ordinary one"
            }
            DriverError::Cancelled => "the operation was cancelled before it completed",
            DriverError::TooManySources => {
                "this driver holds its maximum of 16777216 sources: spread them over more drivers"
            }
        })
    }
}

impl std::error::Error for DriverError {}

/// The permanent error of everything that belonged to a driver that is gone (clause C14).
pub(crate) fn shut_down() -> io::Error {
    io::Error::other(DriverError::ShutDown)
}

/// The error of a registration whose owner swapped the descriptor (clause C5).
pub(crate) fn source_replaced() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, DriverError::SourceReplaced)
}

/// The error at the limit of a driver's slots (clause C13).
pub(crate) fn too_many_sources() -> io::Error {
    io::Error::new(io::ErrorKind::QuotaExceeded, DriverError::TooManySources)
}

/// The error at the limit of a driver's operations (clause C13).
pub(crate) fn too_many_operations() -> io::Error {
    io::Error::new(io::ErrorKind::QuotaExceeded, DriverError::TooManyOperations)
}

/// The error at the limit of a driver's groups of buffers (clause C13).
pub(crate) fn too_many_groups() -> io::Error {
    io::Error::new(io::ErrorKind::QuotaExceeded, DriverError::TooManyGroups)
}

/// The error at the limit of a driver's direct descriptors (clause C13).
pub(crate) fn too_many_direct() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, DriverError::TooManyDirect)
}

/// The error of a table of direct descriptors that has no place left (clause C13).
pub(crate) fn direct_table_full() -> io::Error {
    io::Error::new(io::ErrorKind::QuotaExceeded, DriverError::DirectTableFull)
}

/// The error of an operation that the kernel does not carry out on a direct descriptor: nobody else
/// can reach what that stands for.
pub(crate) fn not_on_direct() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, DriverError::NotOnDirect)
}

/// The end of a receiving operation that found no buffer in its group: a state, not a failure, and
/// met so often that it allocates nothing. Nobody above the streams of results is told.
#[allow(dead_code, reason = "said by backends whose kernel fills buffers")]
pub(crate) fn no_buffers() -> io::Error {
    io::ErrorKind::ResourceBusy.into()
}

/// Whether a receiving operation ended because it found no buffer.
pub(crate) fn is_no_buffers(error: &io::Error) -> bool {
    // Neither a number of the system's nor words: a kind alone, which nobody else says here.
    let alone = error.raw_os_error().is_none() && error.get_ref().is_none();
    alone && error.kind() == io::ErrorKind::ResourceBusy
}

/// The error of an operation that was submitted to a driver that its source is not with.
pub(crate) fn other_driver() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, DriverError::OtherDriver)
}

/// The result of an operation behind one that broke their chain.
pub(crate) fn chain_broken() -> io::Error {
    io::Error::other(DriverError::ChainBroken)
}

/// Whether `error` is the result of an operation that was not begun because one before it in its
/// [chain](crate::op::chain) failed or fell short.
///
/// ```
/// assert!(!mainspring::is_chain_broken(&std::io::Error::other("something else")));
/// ```
#[must_use]
pub fn is_chain_broken(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<DriverError>());
    inner == Some(&DriverError::ChainBroken)
}

/// The error of a pinned driver that is turned on another thread than its own.
pub(crate) fn wrong_thread() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, DriverError::WrongThread)
}

/// The result of an operation that was cancelled in time (clause C11).
pub(crate) fn cancelled() -> io::Error {
    io::Error::other(DriverError::Cancelled)
}

/// Whether `error` says that the driver was shut down.
///
/// ```
/// assert!(!mainspring::is_shutdown(&std::io::Error::other("something else")));
/// ```
#[must_use]
pub fn is_shutdown(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<DriverError>());
    inner == Some(&DriverError::ShutDown)
}

/// Whether `error` is the result of an operation that was cancelled in time (clause C11): it has
/// moved nothing.
///
/// ```
/// assert!(!mainspring::is_cancelled(&std::io::Error::other("something else")));
/// ```
#[must_use]
pub fn is_cancelled(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<DriverError>());
    inner == Some(&DriverError::Cancelled)
}

/// Whether `error` says that an operation would block: the one answer that means "wait".
pub(crate) fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
