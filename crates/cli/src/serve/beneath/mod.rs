//! Files below one directory, and none beside it: how, is each system's own matter.

#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

use std::fs::File;
use std::time::SystemTime;

pub use system::{Directory, Errno, Root, names};

/// What kind of thing a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Whatever else there is: FIFOs, sockets, devices, links that are not followed.
    Special,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// What it is.
    pub kind: Kind,
    /// Bytes in it.
    pub size: u64,
    /// When it was changed last.
    pub modified: SystemTime,
}

/// What a path led to.
#[derive(Debug)]
pub enum Found {
    /// A regular file, open for reading.
    File(File, Look),
    /// A directory.
    Directory(Directory),
    /// Something that is not served, and was not opened.
    Special,
}
