//! Opening a path.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject};
use crate::sys::access::Access;
use crate::sys::file::{Owned, let_go, made};
use crate::sys::path::{self, Name};

use super::pathname::pathname;

/// Opens a path, relative to the directory the process works in.
///
/// [`OpenOptions::prepare`](crate::fs::OpenOptions::prepare) makes it; awaiting it gives a
/// standard library's [`File`]. A file that was opened although the operation was dropped is closed
/// (clause C11).
///
/// ```
/// use mainspring::fs::{File, OpenOptions};
/// mainspring::block_on(async {
///     let file = File::from_std(OpenOptions::new().read(true).prepare("Cargo.toml").await?);
///     assert!(file.metadata().await?.is_file());
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct OpenAt {
    path: Name,
    flags: i32,
    mode: u32,
    access: Access,
}

impl OpenAt {
    /// A new file gets `mode`, less what the process's mask takes away.
    pub(crate) fn path(path: &Path, access: Access, mode: u32) -> Prepared<'static, OpenAt> {
        let (path, refused) = pathname(path);
        let (flags, contradicts) = match path::flags(&access) {
            Ok(flags) => (flags, None),
            Err(error) => (0, Some(error)),
        };
        Prepared::alone(OpenAt { path, flags, mode, access }).unless(refused).unless(contradicts)
    }
}

impl Operation for OpenAt {
    type Output = io::Result<File>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Open {
            directory: path::working_directory(),
            path: RawMemory::to_read(self.path.bytes()),
            flags: self.flags,
            mode: self.mode,
        }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<File> {
        let opened: Owned = result.map_err(|error| path::explain(error, &self.access)).map(made)?;
        path::opened(&opened, &self.access)?;
        Ok(opened.into())
    }

    fn cancelled(self) {}

    fn discard(self, result: io::Result<u64>) {
        drop(result.map(made));
    }
}

impl Emulation for OpenAt {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        path::open(&self.path, &self.access, self.flags, self.mode).map(let_go)
    }
}
