//! What a file operation is on: an open file, or a place in a table of direct descriptors.

use std::io;
use std::sync::Arc;

use crate::error;
use crate::source::RawSource;
use crate::sys::file::{OpenFile, Transfer};

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
