//! How an operation is carried out where the kernel does not do it whole.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::completion::operation::Operation;
use crate::interest::Interest;
use crate::ready::Ready;
use crate::socket::Socket;
use crate::sync::atomic::AtomicBool;
use crate::sys::BorrowedSource;

use super::handle::Handle;
use super::registration::Registration;

/// What an operation is on.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A stream or listening socket, of the system or simulated.
    Socket(&'a Socket),
    /// A datagram socket.
    Datagrams {
        /// The socket, which is always the system's.
        socket: &'a socket2::Socket,
        /// Receiving was shut down: what finds nothing has come to the end.
        ended: &'a AtomicBool,
    },
    /// Anything else of the system's, in non-blocking mode.
    Descriptor(BorrowedSource<'a>),
    /// Two of the system's, in non-blocking mode.
    Two {
        /// The first, which [`Attempt::Wait`] is about.
        from: BorrowedSource<'a>,
        /// The second, which [`Attempt::WaitOther`] is about.
        to: BorrowedSource<'a>,
    },
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
    /// It would block: again when the other source, of an operation on two, is ready for this.
    WaitOther(Interest),
    /// It would block: again when [`Emulation::poll_own`] is ready.
    WaitOwn,
    /// It would block, and nothing tells when it would not: again after so long.
    Pause(Duration),
    /// It is done, with 0, when the driver's clock shows this.
    Until(u64),
    /// It is done, with 0, after so long on the driver's clock.
    After(Duration),
    /// It may block, and no readiness tells when it would not: on a pool of threads.
    Blocking,
}

/// The way of an operation on a backend that only has readiness.
pub trait Emulation: Operation {
    /// Tries it. Each attempt that would block is repeated when its source is ready.
    #[doc(hidden)]
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt;

    /// What the source was ready for when the wait that an attempt asked for has ended. The next
    /// attempt follows.
    #[doc(hidden)]
    fn note_ready(&mut self, ready: Ready) {
        let _ = ready;
    }

    /// Waits for a source that the operation itself holds, after an attempt said so.
    #[doc(hidden)]
    fn poll_own(&mut self, handle: &Handle, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = (handle, cx);
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    /// The registration of a source that the operation itself holds.
    #[doc(hidden)]
    fn own_source(&self) -> Option<&Registration> {
        None
    }

    /// Whether the driver's kernel carries out operations on what this one holds, beside a source
    /// that is registered. Asked once, before it is handed over.
    #[doc(hidden)]
    #[inline]
    fn is_adopted(&self, handle: &Handle) -> bool {
        let _ = handle;
        true
    }

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

    /// The same for a number of bytes.
    pub(crate) fn of_bytes(result: io::Result<usize>, interest: Interest) -> Attempt {
        Attempt::of(result.map(|count| count as u64), interest)
    }
}

/// The result of an operation that was prepared on something it is not for; no operation is.
pub(crate) fn wrong_subject<T>() -> io::Result<T> {
    Err(io::ErrorKind::InvalidInput.into())
}
