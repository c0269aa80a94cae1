//! Paths as operations hold them.

use std::io;
use std::path::Path;

use crate::sys::path::{Name, name_of};

/// The path as the kernel takes it; an empty one, and why, if it takes it not.
pub(in crate::op) fn pathname(path: &Path) -> (Name, Option<io::Error>) {
    match name_of(path) {
        Ok(path) => (path, None),
        Err(error) => (Name::default(), Some(error)),
    }
}
