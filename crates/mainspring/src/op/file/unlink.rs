//! Removing a name.

use std::io;
use std::path::Path;

use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject};
use crate::sys::path::{self, Name};

use super::pathname::pathname;

/// Removes a name: of a directory that is empty, or of anything else.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-op-unlink-{}", std::process::id()));
/// # std::fs::write(&path, "")?;
/// use mainspring::op;
/// mainspring::block_on(async { op::unlink(&path).await })??;
/// assert!(!path.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Unlink {
    path: Name,
    directory: bool,
}

/// Removes the name of anything but a directory; see [`Unlink`].
pub fn unlink(path: impl AsRef<Path>) -> Prepared<'static, Unlink> {
    Unlink::path(path.as_ref(), false)
}

/// Removes an empty directory; see [`Unlink`].
pub fn remove_directory(path: impl AsRef<Path>) -> Prepared<'static, Unlink> {
    Unlink::path(path.as_ref(), true)
}

impl Unlink {
    fn path(path: &Path, directory: bool) -> Prepared<'static, Unlink> {
        let (path, refused) = pathname(path);
        Prepared::alone(Unlink { path, directory }).unless(refused)
    }
}

impl Operation for Unlink {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Unlink {
            directory: path::working_directory(),
            path: RawMemory::to_read(self.path.bytes()),
            flags: if self.directory { path::REMOVE_DIRECTORY } else { 0 },
        }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}
}

impl Emulation for Unlink {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        path::unlink(&self.path, self.directory).map(|()| 0)
    }
}
