//! Files below one directory, and none beside it, on Unix.
//!
//! A path that was checked is only safe if the kernel resolves it the way it was checked: between
//! a `canonicalize` and an `open`, a directory can become a symbolic link. So the question and the
//! opening are one call. Linux has `openat2(2)` with `RESOLVE_BENEATH` for that: links that stay
//! inside are followed, those that leave are refused (`EXDEV`). Where that call is missing, or a
//! sandbox forbids it, the path is walked name by name with `O_NOFOLLOW`, and no link at all is
//! followed: less is served, never more.
//!
//! A file is looked at before it is opened, because opening is not always harmless: it rewinds
//! tapes, and it lets a process that waits to write into a FIFO go on. It is looked at again after
//! it was opened, because it may be another one by then.
//!
//! <https://man7.org/linux/man-pages/man2/openat2.2.html>

#[cfg(target_os = "linux")]
mod kernel;
#[cfg(not(target_os = "linux"))]
#[path = "no_kernel.rs"]
mod kernel;
mod walk;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{Dir, FileType, Mode, OFlags, Stat};

use super::{Found, Kind, Look};

pub use rustix::io::Errno;

/// A directory that was found, open for reading.
pub type Directory = OwnedFd;

/// The served directory.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    /// Whether the kernel resolves paths beneath a directory by itself.
    by_kernel: bool,
}

impl Root {
    /// Opens the directory to serve; `path` may be or contain links.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn open(path: &Path) -> Result<Root, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())?;
        let by_kernel = kernel::is_available(&directory);
        Ok(Root { directory, by_kernel })
    }

    /// Looks at what `relative` leads to.
    ///
    /// # Errors
    ///
    /// The system's; `XDEV` or `LOOP` for what lies outside.
    pub fn look(&self, relative: &[u8]) -> Result<Look, Errno> {
        if self.by_kernel {
            kernel::look(&self.directory, relative)
        } else {
            walk::look(&self.directory, relative)
        }
    }

    /// Opens what `relative` leads to, if it is served.
    ///
    /// # Errors
    ///
    /// Those of [`look`](Self::look) and of opening.
    pub fn find(&self, relative: &[u8]) -> Result<Found, Errno> {
        if self.look(relative)?.kind == Kind::Special {
            return Ok(Found::Special);
        }
        // Regular files know nothing of NONBLOCK; it is for the FIFO that came in between.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = if self.by_kernel {
            kernel::open(&self.directory, relative, flags)?
        } else {
            walk::open(&self.directory, relative, flags)?
        };
        let look = Look::of(&rustix::fs::fstat(&opened)?);
        Ok(match look.kind {
            Kind::File => Found::File(File::from(opened), look),
            Kind::Directory => Found::Directory(opened),
            Kind::Special => Found::Special,
        })
    }
}

impl Look {
    /// What a stat says.
    pub fn of(stat: &Stat) -> Look {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            _ => Kind::Special,
        };
        // The fields have other types on other systems.
        #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
        let (seconds, nanoseconds) = (stat.st_mtime as i64, stat.st_mtime_nsec as u64);
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let second =
            if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
        let modified = second
            .and_then(|second| second.checked_add(Duration::from_nanos(nanoseconds)))
            .unwrap_or(UNIX_EPOCH);
        Look { kind, size: u64::try_from(stat.st_size).unwrap_or(0), modified }
    }
}

/// The names in a directory, and of each whether it is known to be nothing that is served; links
/// and unknown types need a look.
///
/// # Errors
///
/// Those of reading the directory.
pub fn names(
    directory: Directory,
) -> Result<impl Iterator<Item = Result<(Vec<u8>, bool), Errno>>, Errno> {
    Ok(Dir::new(directory)?.map(|entry| {
        let entry = entry?;
        Ok((entry.file_name().to_bytes().to_vec(), is_special(entry.file_type())))
    }))
}

fn is_special(kind: FileType) -> bool {
    !matches!(
        kind,
        FileType::RegularFile | FileType::Directory | FileType::Symlink | FileType::Unknown
    )
}

#[cfg(test)]
mod tests;
