//! The content of one file into another.
//!
//! Linux can copy inside the kernel: `copy_file_range`, which some file systems answer by sharing
//! the blocks, `sendfile` and `splice`. The standard library's `io::copy` tries them in this order
//! and falls back to a buffer; it knows which of the answers of old kernels mean what. So it is
//! used here, one [`PIECE`] after the other, so that a copy which nobody waits for any more ends.
//!
//! Apple's systems clone a whole file in one call, which the standard library's `fs::copy` does.
//!
//! <https://man7.org/linux/man-pages/man2/copy_file_range.2.html>

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Bytes copied between two looks at whether anybody still waits: a tenth of a second of a disk
/// that is not slow.
const PIECE: u64 = 64 << 20;

/// Copies content and permissions, until it is done or `goes_on` says no. Returns how many bytes
/// were copied.
///
/// # Errors
///
/// `InvalidInput` if `from` is no regular file; `Interrupted` if it was not to go on; the system's.
pub(crate) fn copy(from: &Path, to: &Path, goes_on: impl Fn() -> bool) -> io::Result<u64> {
    let reader = File::open(from)?;
    let metadata = reader.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("only regular files are copied, and {} is none", from.display()),
        ));
    }
    if cfg!(target_vendor = "apple") {
        return std::fs::copy(from, to);
    }
    let permissions = metadata.permissions();
    let mode = permissions.mode();
    // With the mode from the beginning: what is secret is not open to all for a moment.
    let writer = OpenOptions::new().write(true).create(true).truncate(false).mode(mode).open(to)?;
    let target = writer.metadata()?;
    if (target.dev(), target.ino()) == (metadata.dev(), metadata.ino()) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} and {} are one file", from.display(), to.display()),
        ));
    }
    if target.is_file() {
        writer.set_len(0)?;
        // The process's mask may have taken bits away, and an old file has its own. Nothing else
        // than a regular file is made to resemble one.
        writer.set_permissions(permissions)?;
    }
    let mut total = 0;
    loop {
        if !goes_on() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "nobody waits for the copy"));
        }
        let copied = io::copy(&mut (&reader).take(PIECE), &mut &writer)?;
        total += copied;
        if copied < PIECE {
            return Ok(total);
        }
    }
}
