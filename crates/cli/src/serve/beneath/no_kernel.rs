//! Systems on which the kernel does not keep a path beneath a directory.

use std::os::fd::OwnedFd;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::Look;

/// Never: paths are walked.
pub fn is_available(_directory: &OwnedFd) -> bool {
    false
}

/// Not to be had here.
pub fn look(_directory: &OwnedFd, _relative: &[u8]) -> Result<Look, Errno> {
    Err(Errno::NOSYS)
}

/// Not to be had here.
pub fn open(_directory: &OwnedFd, _relative: &[u8], _flags: OFlags) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}
