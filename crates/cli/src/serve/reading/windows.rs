//! Reading at once, on a thread that may block.
//!
//! A file that is open for overlapped calls is read by these too, as long as nobody else reads it:
//! the standard library waits for the end.

use std::fs::File;
use std::io;
use std::os::windows::fs::FileExt;

/// Fills `bytes` from `offset` on; blocks for as long as the file system does.
///
/// # Errors
///
/// The system's, and `UnexpectedEof` if the file ends before.
pub fn read_exact_at(file: &File, mut bytes: &mut [u8], offset: u64) -> io::Result<()> {
    let mut offset = offset;
    while !bytes.is_empty() {
        match file.seek_read(bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                bytes = &mut bytes[count..];
                offset += count as u64;
            }
        }
    }
    Ok(())
}
