//! Giving a file another name.

use std::io;
use std::path::Path;

use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject};
use crate::sys::path::{self, Name};

use super::pathname::pathname;

/// Gives a file another name on the same file system, in place of whatever has it, in one step.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-op-rename-{}", std::process::id()));
/// # let new = path.with_extension("new");
/// # std::fs::write(&path, "")?;
/// use mainspring::op;
/// mainspring::block_on(async { op::rename(&path, &new).await })??;
/// assert!(new.exists() && !path.exists());
/// # std::fs::remove_file(&new)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Rename {
    old: Name,
    new: Name,
}

/// Gives a file another name; see [`Rename`].
pub fn rename(old: impl AsRef<Path>, new: impl AsRef<Path>) -> Prepared<'static, Rename> {
    let (old, refused_old) = pathname(old.as_ref());
    let (new, refused_new) = pathname(new.as_ref());
    Prepared::alone(Rename { old, new }).unless(refused_old).unless(refused_new)
}

impl Operation for Rename {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Rename {
            from: path::working_directory(),
            old: RawMemory::to_read(self.old.bytes()),
            to: path::working_directory(),
            new: RawMemory::to_read(self.new.bytes()),
            flags: 0,
        }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}
}

impl Emulation for Rename {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        path::rename(&self.old, &self.new).map(|()| 0)
    }
}
