//! What files and directories have on Unix alone.

use std::fs::File as StdFile;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::DirEntryExt;
use std::path::Path;
use std::sync::Arc;

use crate::sys::file::{self, OpenFile};

use super::paths::with_both;
use super::{DirBuilder, DirEntry, File, OpenOptions};

/// Makes a symbolic link that leads to `original`, which need not be there.
///
/// # Errors
///
/// `AlreadyExists`; the system's.
///
/// # Cancel safety
///
/// A dropped future may still do it.
///
/// # Platforms
///
/// Unix.
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    with_both(original, link, std::os::unix::fs::symlink).await
}

/// The file for the standard library, at its position.
pub(super) async fn into_std(open: Arc<OpenFile>) -> io::Result<StdFile> {
    file::into_std(open)
}

impl OpenOptions {
    /// The permission bits of a file that is made, less what the process's mask takes away: 0o666,
    /// unless this says otherwise.
    ///
    /// # Platforms
    ///
    /// Unix.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("mainspring-bits-{}", std::process::id()));
    /// use mainspring::fs::OpenOptions;
    /// mainspring::block_on(async {
    ///     let mut options = OpenOptions::new();
    ///     let file = options.write(true).create_new(true).mode(0o600).open(&path).await?;
    ///     file.write_at("secret", 0).await.0
    /// })??;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        self.mode = mode;
        self
    }

    /// Further flags of `open(2)`, like `O_NOFOLLOW`. Those of reading and writing are not for it
    /// to change.
    ///
    /// # Platforms
    ///
    /// Unix.
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        self.access.extra.custom_flags = flags;
        self
    }
}

impl DirBuilder {
    /// The permission bits of what is made, less what the process's mask takes away: 0o777, unless
    /// this says otherwise.
    ///
    /// # Platforms
    ///
    /// Unix.
    ///
    /// ```
    /// use mainspring::fs::{self, DirBuilder};
    /// # let path = std::env::temp_dir().join(format!("mainspring-700-{}", std::process::id()));
    /// mainspring::block_on(async {
    ///     DirBuilder::new().recursive(true).mode(0o700).create(path.join("a/b")).await?;
    ///     fs::remove_dir_all(&path).await
    /// })??;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn mode(&mut self, mode: u32) -> &mut DirBuilder {
        self.mode = mode;
        self
    }
}

impl DirEntry {
    /// The number on its device.
    ///
    /// # Platforms
    ///
    /// Unix.
    #[must_use]
    pub fn ino(&self) -> u64 {
        self.entry.ino()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.open.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.open.as_fd().as_raw_fd()
    }
}

impl From<OwnedFd> for File {
    fn from(descriptor: OwnedFd) -> File {
        File::from_std(descriptor.into())
    }
}
