//! Closing a file.

use std::io;

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject};
use crate::sys::file::{self, Owned};

/// Closes a descriptor (a handle on Windows), without blocking the thread: on a file system across
/// a network that may take as long as what was written takes.
///
/// Whatever becomes of it, the descriptor is closed: also when it is dropped or cancelled.
///
/// ```
/// use mainspring::op;
/// let descriptor = std::fs::File::open("Cargo.toml")?.into();
/// mainspring::block_on(async { op::close(descriptor).await })?
/// # ; Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Close {
    /// There until it is given to be closed.
    descriptor: Option<Owned>,
}

/// Closes a descriptor; see [`Close`].
pub fn close(descriptor: Owned) -> Prepared<'static, Close> {
    Prepared::alone(Close::of(descriptor))
}

impl Close {
    pub(in crate::op) fn of(descriptor: Owned) -> Close {
        Close { descriptor: Some(descriptor) }
    }

    /// After the kernel's answer the number may be another file's already. Only an operation that
    /// it never began leaves it open; those errors are ours and have no number of the system's.
    fn is_closed(result: &io::Result<u64>) -> bool {
        result.as_ref().map_or_else(|error| error.raw_os_error().is_some(), |_| true)
    }
}

impl Operation for Close {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        let descriptor = self.descriptor.as_ref().expect("an operation is submitted once");
        RawOperation::Close { source: file::source_of(descriptor) }
    }

    fn finish(mut self, result: io::Result<u64>) -> io::Result<()> {
        if let Some(descriptor) = self.descriptor.take() {
            if Close::is_closed(&result) {
                file::forget(descriptor);
            }
        }
        result.map(drop)
    }

    fn cancelled(self) {}

    fn discard(self, result: io::Result<u64>) {
        // An error of a close that nobody waits for concerns nobody.
        let _ = self.finish(result);
    }
}

impl Emulation for Close {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        self.descriptor.take().map_or(Ok(()), file::close).map(|()| 0)
    }
}
