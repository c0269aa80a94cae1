//! `openat2(2)`: the kernel keeps a path beneath a directory.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;

use super::Look;

/// How often a resolution is tried that a rename elsewhere made void. Each try loses only against
/// a rename at that very moment, so a few are enough; then the client may try again.
const ATTEMPTS_MAX: usize = 8;

/// Whether the call exists (Linux 5.6) and no sandbox forbids it.
pub fn is_available(directory: &OwnedFd) -> bool {
    open(directory, b".", OFlags::PATH | OFlags::CLOEXEC).is_ok()
}

/// Looks at a path without opening it.
pub fn look(directory: &OwnedFd, relative: &[u8]) -> Result<Look, Errno> {
    let place = open(directory, relative, OFlags::PATH | OFlags::CLOEXEC)?;
    Ok(Look::of(&fstat(place)?))
}

/// Opens a path.
pub fn open(directory: &OwnedFd, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut last = Errno::AGAIN;
    for _ in 0..ATTEMPTS_MAX {
        match openat2(directory, relative, flags, Mode::empty(), resolve) {
            Err(error @ (Errno::AGAIN | Errno::INTR)) => last = error,
            done => return done,
        }
    }
    Err(last)
}
