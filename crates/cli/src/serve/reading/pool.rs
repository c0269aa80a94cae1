//! Files are read on a pool of threads, one read at a time.
//!
//! A read at an offset moves the cursor of the file on Windows, which nobody here uses.

use std::io;
use std::os::windows::fs::FileExt;
use std::sync::Arc;

use blocking::{Task, unblock};

/// A file that the pool reads.
pub struct File(Arc<std::fs::File>);

/// A read under way; it ends in what came of it, and the buffer.
pub type Reading = Task<(io::Result<usize>, Vec<u8>)>;

impl File {
    /// Takes over an open file.
    pub fn from_std(file: std::fs::File) -> File {
        File(Arc::new(file))
    }

    /// Reads up to the buffer's capacity from `offset` on.
    pub fn read_at(&self, mut buffer: Vec<u8>, offset: u64) -> Reading {
        let file = Arc::clone(&self.0);
        unblock(move || {
            buffer.resize(buffer.capacity(), 0);
            let read = file.seek_read(&mut buffer, offset);
            buffer.truncate(*read.as_ref().unwrap_or(&0));
            (read, buffer)
        })
    }
}

/// Fills `bytes` from `offset` on; blocks for as long as the file system does.
///
/// # Errors
///
/// The system's, and `UnexpectedEof` if the file ends before.
pub fn read_exact_at(file: &std::fs::File, mut bytes: &mut [u8], offset: u64) -> io::Result<()> {
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
