//! Making a directory.

use std::io;
use std::path::Path;

use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject};
use crate::sys::path::{self, Name};

use super::pathname::pathname;

/// Makes a directory in one that is there.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-op-mkdir-{}", std::process::id()));
/// use mainspring::op;
/// mainspring::block_on(async { op::make_directory(&path, 0o700).await })??;
/// assert!(path.is_dir());
/// # std::fs::remove_dir(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct MakeDirectory {
    path: Name,
    mode: u32,
}

/// Makes a directory with these permission bits, less what the process's mask takes away; see
/// [`MakeDirectory`].
///
/// # Platforms
///
/// Windows has no such bits: a directory has the permissions of the one it is made in.
pub fn make_directory(path: impl AsRef<Path>, mode: u32) -> Prepared<'static, MakeDirectory> {
    let (path, refused) = pathname(path.as_ref());
    Prepared::alone(MakeDirectory { path, mode }).unless(refused)
}

impl Operation for MakeDirectory {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::MakeDirectory {
            directory: path::working_directory(),
            path: RawMemory::to_read(self.path.bytes()),
            mode: self.mode,
        }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}
}

impl Emulation for MakeDirectory {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        path::make_directory(&self.path, self.mode).map(|()| 0)
    }
}
