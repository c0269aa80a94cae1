//! What is in a directory.
//!
//! No kernel reads directories for a queue, so a thread of the pool does, several entries at a
//! time. What kind of file an entry is, most file systems say together with its name.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use blocking::{Task, unblock};
use futures_core::Stream;

use crate::sys::{FileType, Metadata};

/// Entries of one visit to the pool: a visit costs about as much as reading so many.
const BATCH: usize = 64;

/// Begins to read what is in a directory, without `.` and `..`, in the order of the file system.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`, `PermissionDenied` and others of the system's.
///
/// # Cancel safety
///
/// It changes nothing.
///
/// ```
/// # mainspring::block_on(async {
/// let mut entries = mainspring::fs::read_dir("src").await?;
/// let mut names = Vec::new();
/// while let Some(entry) = entries.next_entry().await? {
///     names.push(entry.file_name());
/// }
/// assert!(names.iter().any(|name| name == "lib.rs"));
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let batch = unblock(move || std::fs::read_dir(path).map(Box::new).map(Batch::read)).await?;
    Ok(ReadDir { stage: Stage::Ready(batch) })
}

/// The entries of a directory; see [`read_dir`]. It is a `Stream` too.
pub struct ReadDir {
    stage: Stage,
}

enum Stage {
    Ready(Batch),
    Reading(Task<Batch>),
}

/// Some entries, and where the next ones come from.
struct Batch {
    entries: VecDeque<io::Result<DirEntry>>,
    /// Apart, because on Windows it has room for an entry in it.
    rest: Option<Box<std::fs::ReadDir>>,
}

impl Batch {
    fn read(mut directory: Box<std::fs::ReadDir>) -> Batch {
        let mut entries = VecDeque::with_capacity(BATCH);
        while entries.len() < BATCH {
            match directory.next() {
                Some(entry) => entries.push_back(entry.map(DirEntry::new)),
                None => return Batch { entries, rest: None },
            }
        }
        Batch { entries, rest: Some(directory) }
    }
}

impl ReadDir {
    /// The next entry; none at the end.
    ///
    /// # Errors
    ///
    /// The system's; what follows may still be read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// The next entry for a future that is written by hand.
    ///
    /// # Errors
    ///
    /// Those of [`next_entry`](Self::next_entry).
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            match &mut self.stage {
                Stage::Ready(batch) => {
                    if let Some(entry) = batch.entries.pop_front() {
                        return Poll::Ready(entry.map(Some));
                    }
                    let Some(rest) = batch.rest.take() else { return Poll::Ready(Ok(None)) };
                    self.stage = Stage::Reading(unblock(move || Batch::read(rest)));
                }
                Stage::Reading(task) => match Pin::new(task).poll(cx) {
                    Poll::Ready(batch) => self.stage = Stage::Ready(batch),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}

impl Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_next_entry(cx).map(Result::transpose)
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadDir").finish_non_exhaustive()
    }
}

/// One thing in a directory.
///
/// ```
/// # mainspring::block_on(async {
/// let mut entries = mainspring::fs::read_dir(".").await?;
/// let entry = entries.next_entry().await?.expect("something");
/// assert_eq!(entry.path().file_name(), Some(entry.file_name().as_os_str()));
/// assert_eq!(entry.metadata().await?.file_type(), entry.file_type().await?);
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct DirEntry {
    pub(super) entry: std::fs::DirEntry,
    /// If the file system said it with the name.
    kind: Option<FileType>,
}

impl DirEntry {
    fn new(entry: std::fs::DirEntry) -> DirEntry {
        // Asked here, on a thread that may block: some file systems do not say it with the name.
        let kind = entry.file_type().ok().map(FileType::of_std);
        DirEntry { entry, kind }
    }

    /// The path: that of the directory, as it was given, and the name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// The name.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// What is known about it; of a symbolic link, about the link.
    ///
    /// # Errors
    ///
    /// The system's: it may be gone.
    ///
    /// # Cancel safety
    ///
    /// It changes nothing.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        super::symlink_metadata(self.path()).await
    }

    /// What kind of thing it is; a symbolic link is one.
    ///
    /// # Errors
    ///
    /// Those of [`metadata`](Self::metadata), where the file system did not say it before.
    ///
    /// # Cancel safety
    ///
    /// It changes nothing.
    pub async fn file_type(&self) -> io::Result<FileType> {
        match self.kind {
            Some(kind) => Ok(kind),
            None => Ok(self.metadata().await?.file_type()),
        }
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}
