//! Readiness as an operation.

use std::io;
use std::sync::Arc;

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Slot, Subject, wrong_subject};
use crate::interest::Interest;
use crate::ready::Ready;
use crate::source::RawSource;
use crate::sys::poll as sys;

use super::source::Source;

/// Completes when its source is ready.
#[derive(Debug)]
pub struct Poll {
    source: RawSource,
    interest: Interest,
    /// What an attempt found.
    found: Option<Ready>,
}

/// Completes when `source` is ready for any of `interest`, or was closed or met an error, and says
/// for what. It looks at the source itself and not at what was reported before: what it says was so
/// when it said it.
///
/// ```
/// use mainspring::{Interest, net::UnixStream, op};
/// mainspring::block_on(async {
///     let (a, b) = UnixStream::pair()?;
///     assert!(op::poll(&b, Interest::WRITABLE).await?.is_writable());
///     op::send(&a, "hello").await.0?;
///     assert!(op::poll(&b, Interest::READABLE).await?.is_readable());
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// If the kernel cannot watch the source, or it was registered for less; `QuotaExceeded` at the
/// limit of operations; shutdown of the driver.
///
/// # Cancel safety
///
/// Dropping the future loses nothing.
pub fn poll<S: Source + ?Sized>(source: &S, interest: Interest) -> Prepared<'_, Poll> {
    let target = source.target();
    target.prepare(Poll { source: target.source(), interest, found: None })
}

impl Poll {
    /// On a direct descriptor.
    pub(crate) fn direct(slot: &Arc<Slot>, interest: Interest) -> Prepared<'static, Poll> {
        Prepared::on_direct(slot, Poll { source: slot.source(), interest, found: None })
    }
}

impl Operation for Poll {
    type Output = io::Result<Ready>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Poll { source: self.source, interest: self.interest }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<Ready> {
        let flags = result?;
        Ok(self.found.unwrap_or_else(|| sys::ready_of(flags as u32)))
    }

    fn cancelled(self) {}
}

impl Emulation for Poll {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let found = match subject {
            Subject::Socket(socket) => socket.ready_now(self.interest),
            Subject::Datagrams { socket, .. } => sys::look(socket, self.interest),
            Subject::Descriptor(source) => sys::look(source, self.interest),
            Subject::Two { .. } | Subject::Nothing => wrong_subject(),
        };
        match found {
            Ok(Ready::EMPTY) => Attempt::Wait(self.interest),
            Ok(ready) => {
                self.found = Some(ready);
                Attempt::Completed(Ok(0))
            }
            Err(error) => Attempt::Completed(Err(error)),
        }
    }
}
