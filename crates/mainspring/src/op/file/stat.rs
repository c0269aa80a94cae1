//! Asking about a file.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject};
use crate::sys::Metadata;
use crate::sys::file::OpenFile;
use crate::sys::path::{NO_NAME, Name, working_directory};
use crate::sys::stat::{self, StatBuffer};

use super::pathname::pathname;

/// Asks what a file is: an open one, or the one a path leads to.
///
/// ```
/// use mainspring::op;
/// let metadata = mainspring::block_on(async { op::stat("Cargo.toml").await })??;
/// assert!(metadata.is_file());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Stat {
    whose: Whose,
    out: StatBuffer,
    /// The answer, where it does not come in the buffer.
    asked: Option<Metadata>,
}

#[derive(Debug)]
enum Whose {
    File(Arc<OpenFile>),
    /// What the path leads to, or, without following, what it names.
    Path {
        path: Name,
        follow: bool,
    },
}

/// Asks what a path leads to; see [`Stat`].
pub fn stat(path: impl AsRef<Path>) -> Prepared<'static, Stat> {
    of_path(path.as_ref(), true)
}

/// Asks what a path names, which may be a symbolic link; see [`Stat`].
pub fn symlink_stat(path: impl AsRef<Path>) -> Prepared<'static, Stat> {
    of_path(path.as_ref(), false)
}

fn of_path(path: &Path, follow: bool) -> Prepared<'static, Stat> {
    let (path, refused) = pathname(path);
    Prepared::alone(Stat::of(Whose::Path { path, follow })).unless(refused)
}

impl Stat {
    fn of(whose: Whose) -> Stat {
        Stat { whose, out: StatBuffer::new(), asked: None }
    }

    /// An open file.
    pub(crate) fn of_file(file: &Arc<OpenFile>) -> Prepared<'static, Stat> {
        Prepared::alone(Stat::of(Whose::File(Arc::clone(file))))
    }
}

impl Operation for Stat {
    type Output = io::Result<Metadata>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        let (directory, path, flags) = match &self.whose {
            Whose::File(file) => (file.directory(), NO_NAME, stat::FLAGS_OF_FILE),
            Whose::Path { path, follow: true } => {
                (working_directory(), path.bytes(), stat::FLAGS_OF_PATH)
            }
            Whose::Path { path, follow: false } => {
                (working_directory(), path.bytes(), stat::FLAGS_OF_LINK)
            }
        };
        let path = RawMemory::to_read(path);
        let (start, len) = self.out.memory();
        let out = RawMemory { start, len };
        RawOperation::Stat { directory, path, flags, mask: stat::MASK, out }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<Metadata> {
        result?;
        let answer = self.asked.or_else(|| self.out.metadata());
        answer.ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    fn cancelled(self) {}
}

impl Emulation for Stat {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        self.asked = Some(match &self.whose {
            Whose::File(file) => stat::of_file(file.file())?,
            Whose::Path { path, follow } => stat::of_path(path, *follow)?,
        });
        Ok(0)
    }
}
