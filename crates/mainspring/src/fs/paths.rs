//! What can be asked of and done to a path.

use std::io;
use std::path::{Path, PathBuf};

use blocking::unblock;

use crate::op;
use crate::sys::Metadata;

use super::Permissions;

/// Runs a call of the standard library's with one path on the pool.
async fn with<T: Send + 'static>(
    path: impl AsRef<Path>,
    call: fn(PathBuf) -> io::Result<T>,
) -> io::Result<T> {
    let path = path.as_ref().to_owned();
    unblock(move || call(path)).await
}

/// The same with two.
pub(super) async fn with_both(
    one: impl AsRef<Path>,
    other: impl AsRef<Path>,
    call: fn(PathBuf, PathBuf) -> io::Result<()>,
) -> io::Result<()> {
    let (one, other) = (one.as_ref().to_owned(), other.as_ref().to_owned());
    unblock(move || call(one, other)).await
}

/// What is known about the file that a path leads to.
///
/// # Errors
///
/// `NotFound`, `PermissionDenied` and others of the system's; `InvalidInput` for a path with a byte
/// of value zero.
///
/// # Cancel safety
///
/// It changes nothing.
///
/// ```
/// # mainspring::block_on(async {
/// assert!(mainspring::fs::metadata("Cargo.toml").await?.is_file());
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    op::stat(path).await
}

/// What is known about the file that a path names: a symbolic link itself, not what it leads to.
///
/// # Errors
///
/// Those of [`metadata`].
///
/// # Cancel safety
///
/// It changes nothing.
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    op::symlink_stat(path).await
}

/// Whether a path leads to anything.
///
/// # Errors
///
/// Those of [`metadata`], except `NotFound`.
///
/// # Cancel safety
///
/// It changes nothing.
///
/// ```
/// # mainspring::block_on(async {
/// assert!(!mainspring::fs::try_exists("no such file").await?);
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    match metadata(path).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the name of a file. The file itself goes when nobody has it open any more and it has no
/// other name.
///
/// # Errors
///
/// `IsADirectory` for a directory, `PermissionDenied` on systems that say it so, as for a file that
/// is marked read-only on Windows; the system's.
///
/// # Cancel safety
///
/// A dropped future may still do it.
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    op::unlink(path).await
}

/// Gives a file another name on the same file system, in place of whatever has it, in one step.
///
/// # Errors
///
/// `CrossesDevices` for another file system; the system's.
///
/// # Cancel safety
///
/// A dropped future may still do it.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    op::rename(from, to).await
}

/// The path without links, `.` and `..`, from the root on.
///
/// # Errors
///
/// `NotFound`; the system's.
///
/// # Cancel safety
///
/// It changes nothing.
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    with(path, std::fs::canonicalize).await
}

/// Gives a file a second name, as good as the first, on the same file system.
///
/// # Errors
///
/// `AlreadyExists`, `CrossesDevices`; the system's.
///
/// # Cancel safety
///
/// A dropped future may still do it.
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    with_both(original, link, std::fs::hard_link).await
}

/// Where a symbolic link leads.
///
/// # Errors
///
/// `InvalidInput` if it is none; the system's.
///
/// # Cancel safety
///
/// It changes nothing.
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    with(path, std::fs::read_link).await
}

/// Says who may do what with a file.
///
/// # Errors
///
/// The system's.
///
/// # Cancel safety
///
/// A dropped future may still do it.
///
/// ```
/// use mainspring::fs;
/// # let path = std::env::temp_dir().join(format!("mainspring-mode-{}", std::process::id()));
/// mainspring::block_on(async {
///     fs::write(&path, "kept").await?;
///     let mut permissions = fs::metadata(&path).await?.permissions();
///     let before = permissions.clone();
///     permissions.set_readonly(true);
///     fs::set_permissions(&path, permissions).await?;
///     assert!(fs::metadata(&path).await?.permissions().readonly());
///     fs::set_permissions(&path, before).await?;
///     fs::remove_file(&path).await
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::set_permissions(path, permissions)).await
}
