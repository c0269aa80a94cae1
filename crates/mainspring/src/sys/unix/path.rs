//! Paths: the calls that take a name.
//!
//! A path goes to the kernel as bytes that end with a zero, so it cannot hold one. All of these
//! may block, as long as the disk or the network behind it takes; opening a FIFO blocks until its
//! other end is opened too, unless `O_NONBLOCK` says otherwise.
//!
//! - <https://man7.org/linux/man-pages/man2/open.2.html>
//! - <https://man7.org/linux/man-pages/man7/path_resolution.7.html>

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawMode};
use rustix::io::retry_on_intr;

use super::file::DIRECT;

/// `unlinkat`'s flag for a directory.
pub(crate) const REMOVE_DIRECTORY: i32 = AtFlags::REMOVEDIR.bits() as i32;

/// The directory that relative paths begin at: the process's own.
pub(crate) fn working_directory() -> i32 {
    CWD.as_raw_fd()
}

/// How a file is to be opened, as the program says it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Access {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) append: bool,
    pub(crate) truncate: bool,
    pub(crate) create: bool,
    pub(crate) create_new: bool,
    pub(crate) direct: bool,
    pub(crate) custom_flags: i32,
}

/// A path as the kernel takes it.
///
/// # Errors
///
/// `InvalidInput` if it holds a byte of value zero.
pub(crate) fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|error| {
        let at = error.nul_position();
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("byte {at} of the path is zero, which ends a path to the system: {path:?}"),
        )
    })
}

/// The flags of `open(2)`.
///
/// # Errors
///
/// `InvalidInput` for what contradicts itself, `Unsupported` for direct I/O where there is none.
pub(crate) fn flags(access: &Access) -> io::Result<i32> {
    let Access { read, write, append, truncate, create, create_new, direct, .. } = *access;
    let writes = write || append;
    let invalid = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if !read && !writes {
        return invalid("a file is opened for something: set read, write or append");
    }
    if !writes && (truncate || create || create_new) {
        return invalid("only who may write can create or truncate: set write or append");
    }
    if append && truncate && !create_new {
        return invalid("appending keeps what is there and truncating does not: set one of them");
    }
    let mut flags = match (read, writes) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        (_, false) => OFlags::RDONLY,
    };
    flags |= OFlags::CLOEXEC;
    flags.set(OFlags::APPEND, append);
    flags.set(OFlags::TRUNC, truncate && !create_new);
    flags.set(OFlags::CREATE, create || create_new);
    flags.set(OFlags::EXCL, create_new);
    if direct && !cfg!(target_vendor = "apple") {
        flags |= DIRECT.ok_or_else(no_direct_io)?;
    }
    Ok(flags.bits() as i32 | (access.custom_flags & !libc::O_ACCMODE))
}

fn no_direct_io() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this system has no direct I/O on files")
}

/// Says what a refused direct opening lacks; other errors stay as they are.
pub(crate) fn explain(error: io::Error, access: &Access) -> io::Error {
    if !access.direct || error.raw_os_error() != Some(libc::EINVAL) {
        return error;
    }
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the file system of this file offers no direct I/O: open it without `direct`",
    )
}

/// Takes the cache out of the way of a file that was opened, where that is no flag of opening.
pub(crate) fn opened(file: &OwnedFd, access: &Access) -> io::Result<()> {
    #[cfg(target_vendor = "apple")]
    if access.direct {
        return Ok(rustix::fs::fcntl_nocache(file, true)?);
    }
    let _ = (file, access);
    Ok(())
}

/// Opens a path.
///
/// # Errors
///
/// The system's.
pub(crate) fn open(path: &CStr, flags: i32, mode: u32) -> io::Result<OwnedFd> {
    let flags = OFlags::from_bits_retain(flags as _);
    let mode = Mode::from_raw_mode(mode as RawMode);
    Ok(retry_on_intr(|| rustix::fs::open(path, flags, mode))?)
}

/// How many open files the process may have; `None` if as many as it likes.
pub(crate) fn files_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Removes a name: with `directory`, that of an empty directory, else that of anything else.
///
/// # Errors
///
/// The system's.
pub(crate) fn unlink(path: &CStr, directory: bool) -> io::Result<()> {
    let flags = if directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
    Ok(retry_on_intr(|| rustix::fs::unlinkat(CWD, path, flags))?)
}

/// Gives a file another name, in place of whatever has it.
///
/// # Errors
///
/// The system's.
pub(crate) fn rename(old: &CStr, new: &CStr) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::rename(old, new))?)
}

/// Makes a directory.
///
/// # Errors
///
/// The system's.
pub(crate) fn make_directory(path: &CStr, mode: u32) -> io::Result<()> {
    let mode = Mode::from_raw_mode(mode as RawMode);
    Ok(retry_on_intr(|| rustix::fs::mkdir(path, mode))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_itself_is_refused_in_words() {
        let refused = |access: Access| flags(&access).expect_err("a contradiction").to_string();
        assert!(refused(Access::default()).contains("set read, write or append"));
        let reads = Access { read: true, ..Access::default() };
        assert!(refused(Access { create: true, ..reads }).contains("set write"));
        assert!(refused(Access { truncate: true, ..reads }).contains("set write"));
        let appends = Access { append: true, ..Access::default() };
        assert!(refused(Access { truncate: true, ..appends }).contains("set one of them"));
    }

    #[test]
    fn flags_are_those_of_open() {
        let of = |access| flags(&access).expect("no contradiction") & !libc::O_CLOEXEC;
        let none = Access::default();
        assert_eq!(of(Access { read: true, ..none }), libc::O_RDONLY);
        assert_eq!(of(Access { append: true, ..none }), libc::O_WRONLY | libc::O_APPEND);
        let both = Access { read: true, write: true, ..none };
        assert_eq!(of(both), libc::O_RDWR);
        assert_eq!(
            of(Access { create: true, truncate: true, ..both }),
            libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC
        );
        // A new file needs no truncating, and exclusive opening creates.
        assert_eq!(
            of(Access { create_new: true, truncate: true, ..both }),
            libc::O_RDWR | libc::O_CREAT | libc::O_EXCL
        );
        // The access is not for custom flags to change.
        let custom = Access { custom_flags: libc::O_NOFOLLOW | libc::O_WRONLY, read: true, ..none };
        assert_eq!(of(custom), libc::O_RDONLY | libc::O_NOFOLLOW);
    }

    #[test]
    fn every_opening_is_closed_on_exec() {
        let flags = flags(&Access { read: true, ..Access::default() }).expect("reading");
        assert_ne!(flags & libc::O_CLOEXEC, 0);
    }

    #[test]
    fn a_path_with_a_zero_is_refused_in_words() {
        let error = c_path(Path::new("a\0b")).expect_err("it holds a zero");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("byte 1 of the path is zero"), "{error}");
    }
}
