//! What the system knows about a file, by the standard library's calls.
//!
//! <https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-getfileinformationbyhandle>

use std::fmt;
use std::fs::{File, Permissions};
use std::io;
use std::os::windows::fs::{FileTypeExt, MetadataExt};
use std::os::windows::io::AsHandle;
use std::time::SystemTime;

use super::file_handle;
use super::path::Name;
use crate::sys::transfer::Alignment;

/// What the path of a file leads to, and what is known about it.
///
/// ```
/// # mainspring::block_on(async {
/// let metadata = mainspring::fs::metadata("Cargo.toml").await?;
/// assert!(metadata.is_file() && metadata.len() > 0);
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Metadata {
    known: std::fs::Metadata,
    direct: Option<Alignment>,
}

/// What kind of thing a file is.
///
/// ```
/// # mainspring::block_on(async {
/// let kind = mainspring::fs::metadata("/").await?.file_type();
/// assert!(kind.is_dir() && !kind.is_symlink());
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileType(std::fs::FileType);

impl Metadata {
    /// What kind of thing it is.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        FileType(self.known.file_type())
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.known.is_dir()
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.known.is_file()
    }

    /// Whether it is a symbolic link: never, unless
    /// [`symlink_metadata`](crate::fs::symlink_metadata) was asked.
    #[must_use]
    pub fn is_symlink(&self) -> bool {
        self.known.is_symlink()
    }

    /// Bytes in it.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a size, as the standard library calls it")]
    pub fn len(&self) -> u64 {
        self.known.len()
    }

    /// Who may do what with it.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.known.permissions()
    }

    /// When its content was changed last.
    ///
    /// # Errors
    ///
    /// If it is a time that [`SystemTime`] cannot hold.
    pub fn modified(&self) -> io::Result<SystemTime> {
        self.known.modified()
    }

    /// When its content was read last, as far as the file system keeps count of it.
    ///
    /// # Errors
    ///
    /// Those of [`modified`](Self::modified).
    pub fn accessed(&self) -> io::Result<SystemTime> {
        self.known.accessed()
    }

    /// When it was made.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the system or the file system does not know it.
    pub fn created(&self) -> io::Result<SystemTime> {
        self.known.created()
    }

    /// What direct I/O on it wants; `None` where the system does not say or offers none. 4096 suits
    /// every disk in wide use.
    ///
    /// # Platforms
    ///
    /// Windows 8 and later say it of an open file ([`File::metadata`](crate::fs::File::metadata)),
    /// and not of a path.
    #[must_use]
    pub fn direct_alignment(&self) -> Option<Alignment> {
        self.direct
    }

    /// `FILE_ATTRIBUTE_…` bits.
    #[must_use]
    pub fn file_attributes(&self) -> u32 {
        self.known.file_attributes()
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("file_type", &self.file_type())
            .field("len", &self.len())
            .field("attributes", &format_args!("{:#x}", self.file_attributes()))
            .field("modified", &self.modified().ok())
            .field("accessed", &self.accessed().ok())
            .field("created", &self.created().ok())
            .finish_non_exhaustive()
    }
}

impl FileType {
    /// The same, as the standard library has it.
    pub(crate) fn of_std(kind: std::fs::FileType) -> FileType {
        FileType(kind)
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.0.is_dir()
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.0.is_file()
    }

    /// Whether it is a symbolic link, or a junction.
    #[must_use]
    pub fn is_symlink(&self) -> bool {
        self.0.is_symlink()
    }

    /// Whether it is a symbolic link that was made to lead to a directory.
    #[must_use]
    pub fn is_symlink_dir(&self) -> bool {
        self.0.is_symlink_dir()
    }

    /// Whether it is a symbolic link that was made to lead to a file.
    #[must_use]
    pub fn is_symlink_file(&self) -> bool {
        self.0.is_symlink_file()
    }
}

impl fmt::Debug for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.is_file(), "file"),
            (self.is_dir(), "directory"),
            (self.is_symlink(), "symbolic link"),
        ];
        let name = names.iter().find(|(is, _)| *is).map_or("unknown", |(_, name)| name);
        f.debug_tuple("FileType").field(&format_args!("{name}")).finish()
    }
}

/// What an open file is.
///
/// # Errors
///
/// The system's.
pub(crate) fn of_file(file: &File) -> io::Result<Metadata> {
    let direct = file_handle::alignment_of(file.as_handle());
    Ok(Metadata { known: file.metadata()?, direct })
}

/// What a path leads to, or, with `follow` false, what it names.
///
/// # Errors
///
/// The system's.
pub(crate) fn of_path(path: &Name, follow: bool) -> io::Result<Metadata> {
    let known = match follow {
        true => std::fs::metadata(path.as_path())?,
        false => std::fs::symlink_metadata(path.as_path())?,
    };
    Ok(Metadata { known, direct: None })
}

/// Memory for an answer that comes another way here.
#[derive(Debug)]
pub(crate) struct StatBuffer(());

impl StatBuffer {
    pub(crate) fn new() -> StatBuffer {
        StatBuffer(())
    }

    pub(crate) fn memory(&mut self) -> (*mut u8, usize) {
        (std::ptr::null_mut(), 0)
    }

    pub(crate) fn metadata(&self) -> Option<Metadata> {
        None
    }
}

/// What a question is told to a queue with, elsewhere.
pub(crate) const MASK: u32 = 0;
/// The same, of an open file.
pub(crate) const FLAGS_OF_FILE: i32 = 0;
/// The same, of what a path leads to.
pub(crate) const FLAGS_OF_PATH: i32 = 0;
/// The same, of what a path names.
pub(crate) const FLAGS_OF_LINK: i32 = 0;
