//! Offsets in files, which end where a signed number does.

use std::io;

use crate::sys::file::{OFFSET_MAX, OpenFile, not_seekable};

/// Why nothing can be read or written at this offset, if nothing can. The kernel takes an offset
/// for a signed number, and -1 for the file's own position.
pub(super) fn refuse(file: &OpenFile, offset: u64) -> Option<io::Error> {
    if offset > OFFSET_MAX {
        return Some(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the offset {offset} is beyond the end of every file, {OFFSET_MAX}"),
        ));
    }
    (!file.is_seekable()).then(not_seekable)
}
