//! Whole files at once.
//!
//! Where the kernel carries operations out, this is a chain of them; elsewhere one visit to the
//! pool of threads does it all.

use std::io;
use std::path::Path;
use std::sync::Arc;

use blocking::unblock;

use crate::driver::Handle;
use crate::error;
use crate::op::{ReadAt, WriteAt};
use crate::sys::file::OpenFile;
use crate::sys::path;

use super::File;

/// Bytes of one read or write at most: a copy from the cache, which is made where the operation is
/// submitted, then takes a tenth of a millisecond from whoever else is served there.
const PIECE: usize = 1 << 20;
/// Room for what a file without a size holds, to begin with: most of `/proc`.
const UNKNOWN_SIZE: usize = 4096;

/// Whether the current driver has the kernel carry all of these operations out.
fn has_operations() -> io::Result<bool> {
    let driver = Handle::try_current()?;
    if driver.is_shutdown() {
        return Err(error::shut_down());
    }
    Ok(path::ON_QUEUE && driver.has_operations())
}

/// Reads all of a file.
///
/// # Errors
///
/// Those of [`File::open`] and of reading; `OutOfMemory` if there is no room for it.
///
/// # Cancel safety
///
/// It changes nothing.
///
/// ```
/// # mainspring::block_on(async {
/// let bytes = mainspring::fs::read("Cargo.toml").await?;
/// assert!(!bytes.is_empty());
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    if !has_operations()? {
        let path = path.to_owned();
        return unblock(move || std::fs::read(path)).await;
    }
    let file = File::open(path).await?;
    let size = file.metadata().await?.len();
    let size = usize::try_from(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = Vec::new();
    // One byte more shows the end in the same read, if the file has not grown.
    reserve(&mut bytes, if size == 0 { UNKNOWN_SIZE } else { size.saturating_add(1) })?;
    loop {
        if bytes.len() == bytes.capacity() {
            let more = bytes.len().clamp(UNKNOWN_SIZE, PIECE);
            reserve(&mut bytes, more)?;
        }
        let read;
        // At its own position: a FIFO or a terminal has no other.
        (read, bytes) = ReadAt::behind(&file.open, bytes, None, PIECE).await;
        match read {
            Ok(0) => return Ok(bytes),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn reserve(bytes: &mut Vec<u8>, more: usize) -> io::Result<()> {
    bytes.try_reserve(more).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

/// Reads all of a file as text.
///
/// # Errors
///
/// `InvalidData` if it is not UTF-8; those of [`read`].
///
/// # Cancel safety
///
/// It changes nothing.
///
/// ```
/// # mainspring::block_on(async {
/// assert!(mainspring::fs::read_to_string("Cargo.toml").await?.contains("mainspring"));
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let bytes = read(path).await?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let why = format!("the file is not UTF-8: byte {at} begins no character");
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

/// Writes a file that then holds `contents` and nothing else; makes it if it is not there.
///
/// # Errors
///
/// Those of [`File::create`] and of writing.
///
/// # Cancel safety
///
/// A dropped future leaves the file as far as it has come, and may go on a little.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-write-{}", std::process::id()));
/// # mainspring::block_on(async {
/// mainspring::fs::write(&path, "hello").await?;
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// assert_eq!(std::fs::read(&path)?, b"hello");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let path = path.as_ref();
    // The kernel, or the thread, needs bytes that stay.
    let bytes: Arc<[u8]> = Arc::from(contents.as_ref());
    drop(contents);
    if !has_operations()? {
        let path = path.to_owned();
        return unblock(move || std::fs::write(path, bytes)).await;
    }
    let file = File::create(path).await?;
    let written = write_all(&file.open, bytes).await;
    // What a file system across a network says only at the end is said, too.
    file.close().await.and(written).and(Ok(()))
}

/// At the file's own position: a FIFO or a terminal has no other.
async fn write_all(file: &Arc<OpenFile>, mut bytes: Arc<[u8]>) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        let written;
        (written, bytes) = WriteAt::rest(file, bytes, done, None).await;
        match written {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
