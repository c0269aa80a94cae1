//! Offsets in files, which end where a signed number does.

use std::io;

use crate::sys::file::{OFFSET_MAX, OpenFile, not_seekable};

/// Why nothing can be read or written at this offset, if nothing can. The kernel takes an offset
/// for a signed number, and -1 for the file's own position.
#[inline]
pub(super) fn refuse(file: &OpenFile, offset: u64) -> Option<io::Error> {
    beyond(offset).or_else(|| (!file.is_seekable()).then(not_seekable))
}

/// The part of it that can be said without looking at the file.
#[inline]
pub(super) fn beyond(offset: u64) -> Option<io::Error> {
    (offset > OFFSET_MAX).then(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the offset {offset} is beyond the end of every file, {OFFSET_MAX}"),
        )
    })
}
