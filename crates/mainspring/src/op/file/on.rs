//! What a file operation is on: an open file, or a place in a table of direct descriptors.

use std::io;
use std::sync::Arc;

use crate::driver::Handle;
use crate::error;
use crate::source::RawSource;
use crate::sys::file::OpenFile;
use crate::sys::transfer::Transfer;

/// A file, and who keeps it open.
#[derive(Clone, Debug)]
pub(super) enum On {
    Open(Arc<OpenFile>),
    /// The submission keeps it, and only the kernel reaches it.
    Direct(RawSource),
}

impl On {
    #[inline]
    pub(super) fn source(&self) -> RawSource {
        match self {
            On::Open(file) => file.source(),
            On::Direct(source) => *source,
        }
    }

    /// Whether an operation at this offset may be handed to the driver's kernel queue.
    #[inline]
    pub(super) fn is_adopted(&self, handle: &Handle, offset: Option<u64>) -> bool {
        match self {
            // Simulated kernels have no files.
            On::Open(_) if handle.simulation().is_some() => false,
            On::Open(file) => {
                file.is_queued_by(handle.number(), offset, |source| handle.adopt(source))
            }
            On::Direct(_) => true,
        }
    }

    pub(super) fn explain(&self, error: io::Error, transfer: Transfer) -> io::Error {
        match self {
            On::Open(file) => file.explain(error, transfer),
            On::Direct(_) => error,
        }
    }

    /// The file, for a thread that carries the operation out.
    pub(super) fn file(&self) -> io::Result<&OpenFile> {
        match self {
            On::Open(file) => Ok(file),
            On::Direct(_) => Err(error::not_on_direct()),
        }
    }
}
