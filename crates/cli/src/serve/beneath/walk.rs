//! A path walked name by name, following no link: what is left where the kernel has no better.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use super::Look;

/// Looks at a path without opening it.
pub fn look(directory: &OwnedFd, relative: &[u8]) -> Result<Look, Errno> {
    let (parent, name) = parent(directory, relative)?;
    Ok(Look::of(&statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Opens a path.
pub fn open(directory: &OwnedFd, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let (parent, name) = parent(directory, relative)?;
    openat(parent, name, flags | OFlags::NOFOLLOW, Mode::empty())
}

/// The directory that holds the last name, and that name.
fn parent<'a>(directory: &OwnedFd, relative: &'a [u8]) -> Result<(OwnedFd, &'a [u8]), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::io::fcntl_dupfd_cloexec(directory, 0)?;
    let mut names = relative.split(|byte| *byte == b'/');
    let last = names.next_back().ok_or(Errno::NOENT)?;
    for name in names {
        if name == b".." {
            return Err(Errno::XDEV);
        }
        at = openat(&at, name, flags, Mode::empty())?;
    }
    if last == b".." { Err(Errno::XDEV) } else { Ok((at, last)) }
}
