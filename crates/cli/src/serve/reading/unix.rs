//! Reading at once, on a thread that may block.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Fills `bytes` from `offset` on; blocks for as long as the file system does.
///
/// # Errors
///
/// The system's, and `UnexpectedEof` if the file ends before.
pub fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(bytes, offset)
}
