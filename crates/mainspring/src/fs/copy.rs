//! The content of one file into another.

use std::io;
use std::path::Path;
use std::sync::Arc;

use blocking::unblock;

/// Copies the content and the permissions of a regular file, and returns how many bytes it has.
/// What was in the target is replaced.
///
/// # Errors
///
/// `InvalidInput` if the source is no regular file, or the same one as the target; those of opening
/// both; the system's.
///
/// # Cancel safety
///
/// A dropped future stops the copy within 64 MiB, and the target stays as far as it has come.
///
/// # Platforms
///
/// On Linux the kernel copies where it can, and file systems that share blocks do that. Apple's
/// systems clone the file in one step, which is not stopped.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-copy-{}", std::process::id()));
/// # mainspring::block_on(async {
/// let bytes = mainspring::fs::copy("Cargo.toml", &path).await?;
/// assert_eq!(bytes, std::fs::metadata("Cargo.toml")?.len());
/// # std::fs::remove_file(&path)
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    let waiting = Arc::new(());
    // Gone when this future is.
    let waits = Arc::downgrade(&waiting);
    let goes_on = move || waits.strong_count() > 0;
    let copied = unblock(move || crate::sys::copy::copy(&from, &to, goes_on)).await;
    drop(waiting);
    copied
}
