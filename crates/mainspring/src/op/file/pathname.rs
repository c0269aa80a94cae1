//! Paths as operations hold them.

use std::ffi::CString;
use std::io;
use std::path::Path;

use crate::sys::path::c_path;

/// The path as the kernel takes it; an empty one, and why, if it takes it not.
pub(in crate::op) fn pathname(path: &Path) -> (CString, Option<io::Error>) {
    match c_path(path) {
        Ok(path) => (path, None),
        Err(error) => (CString::default(), Some(error)),
    }
}
