//! Making and removing directories.

use std::io;
use std::path::Path;

use blocking::unblock;

use crate::op;
use crate::sys::path;

/// The permission bits of a new directory: all may do everything, as far as the process's mask
/// lets them.
const MODE: u32 = 0o777;

/// How a directory is to be made.
///
/// ```
/// use mainspring::fs::{self, DirBuilder};
/// # let path = std::env::temp_dir().join(format!("mainspring-builder-{}", std::process::id()));
/// mainspring::block_on(async {
///     DirBuilder::new().recursive(true).create(path.join("a/b")).await?;
///     fs::remove_dir_all(&path).await
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DirBuilder {
    recursive: bool,
    pub(super) mode: u32,
}

impl Default for DirBuilder {
    fn default() -> DirBuilder {
        DirBuilder::new()
    }
}

impl DirBuilder {
    /// One directory, in one that is there.
    #[must_use]
    pub fn new() -> DirBuilder {
        DirBuilder { recursive: false, mode: MODE }
    }

    /// Whether to make the directories above it too; then one that is there is no error.
    pub fn recursive(&mut self, yes: bool) -> &mut DirBuilder {
        self.recursive = yes;
        self
    }

    /// Makes it.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, unless it is recursive; `NotFound` if there is nothing to make it in;
    /// `NotADirectory`; the system's.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may still make it, or a part of what is above.
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        if !self.recursive {
            return op::make_directory(path, self.mode).await;
        }
        let (path, mode) = (path.as_ref().to_owned(), self.mode);
        unblock(move || path::directory_builder(mode).recursive(true).create(path)).await
    }
}

/// Makes a directory in one that is there.
///
/// # Errors
///
/// Those of [`DirBuilder::create`].
///
/// # Cancel safety
///
/// A dropped future may still make it.
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    DirBuilder::new().create(path).await
}

/// Makes a directory and those above it, as far as they are not there.
///
/// # Errors
///
/// Those of [`DirBuilder::create`].
///
/// # Cancel safety
///
/// A dropped future may still make it, or a part of what is above.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path).await
}

/// Removes an empty directory.
///
/// # Errors
///
/// `DirectoryNotEmpty`, `NotADirectory`; the system's.
///
/// # Cancel safety
///
/// A dropped future may still do it.
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    op::remove_directory(path).await
}

/// Removes a directory with all that is in it. Symbolic links in it are removed and not followed.
///
/// # Errors
///
/// The system's, after what could be removed before.
///
/// # Cancel safety
///
/// A dropped future may still do it.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::remove_dir_all(path)).await
}
