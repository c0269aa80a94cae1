//! Paths: the calls that take a name.
//!
//! A path goes to the kernel as bytes that end with a zero, so it cannot hold one. All of these
//! may block, as long as the disk or the network behind it takes; opening a FIFO blocks until its
//! other end is opened too, unless `O_NONBLOCK` says otherwise.
//!
//! - <https://man7.org/linux/man-pages/man2/open.2.html>
//! - <https://man7.org/linux/man-pages/man7/path_resolution.7.html>

use std::ffi::{CStr, CString};
use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawMode};
use rustix::io::retry_on_intr;

use super::file::DIRECT;
use crate::sys::access::Access;

/// `unlinkat`'s flag for a directory.
pub(crate) const REMOVE_DIRECTORY: i32 = AtFlags::REMOVEDIR.bits() as i32;

/// The directory that relative paths begin at: the process's own.
pub(crate) fn working_directory() -> i32 {
    CWD.as_raw_fd()
}

/// Whether a kernel's queue may open paths and read whole files, as far as the system goes.
pub(crate) const ON_QUEUE: bool = true;

/// A path, as operations keep it: with the zero at its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Name(CString);

impl Name {
    pub(crate) fn as_c_str(&self) -> &CStr {
        &self.0
    }

    /// What the kernel reads.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes_with_nul()
    }
}

/// The name of nothing: a question about the directory's number itself.
pub(crate) const NO_NAME: &[u8] = b"\0";

/// What this system has beside the usual ways of opening a file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extra {
    pub(crate) custom_flags: i32,
}

impl Extra {
    /// Whether it says itself what the file is opened for.
    pub(crate) fn opens_for_something(&self) -> bool {
        false
    }

    /// The same, for a file that operations are to be on.
    pub(crate) fn for_operations(self) -> Extra {
        self
    }
}

/// A path as the kernel takes it.
///
/// # Errors
///
/// `InvalidInput` if it holds a byte of value zero.
pub(crate) fn name_of(path: &Path) -> io::Result<Name> {
    CString::new(path.as_os_str().as_bytes()).map(Name).map_err(|error| {
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
    access.check()?;
    let Access { read, write, append, truncate, create, create_new, direct, extra } = *access;
    let writes = write || append;
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
    Ok(flags.bits() as i32 | (extra.custom_flags & !libc::O_ACCMODE))
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
pub(crate) fn open(path: &Name, _access: &Access, flags: i32, mode: u32) -> io::Result<OwnedFd> {
    let flags = OFlags::from_bits_retain(flags as _);
    let mode = Mode::from_raw_mode(mode as RawMode);
    Ok(retry_on_intr(|| rustix::fs::open(path.as_c_str(), flags, mode))?)
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
pub(crate) fn unlink(path: &Name, directory: bool) -> io::Result<()> {
    let flags = if directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
    Ok(retry_on_intr(|| rustix::fs::unlinkat(CWD, path.as_c_str(), flags))?)
}

/// Gives a file another name, in place of whatever has it.
///
/// # Errors
///
/// The system's.
pub(crate) fn rename(old: &Name, new: &Name) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::rename(old.as_c_str(), new.as_c_str()))?)
}

/// How directories are made with these permission bits.
pub(crate) fn directory_builder(mode: u32) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(mode);
    builder
}

/// Makes a directory.
///
/// # Errors
///
/// The system's.
pub(crate) fn make_directory(path: &Name, mode: u32) -> io::Result<()> {
    let mode = Mode::from_raw_mode(mode as RawMode);
    Ok(retry_on_intr(|| rustix::fs::mkdir(path.as_c_str(), mode))?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let extra = Extra { custom_flags: libc::O_NOFOLLOW | libc::O_WRONLY };
        let custom = Access { extra, read: true, ..none };
        assert_eq!(of(custom), libc::O_RDONLY | libc::O_NOFOLLOW);
    }

    #[test]
    fn every_opening_is_closed_on_exec() {
        let flags = flags(&Access { read: true, ..Access::default() }).expect("reading");
        assert_ne!(flags & libc::O_CLOEXEC, 0);
    }

    #[test]
    fn a_path_with_a_zero_is_refused_in_words() {
        let error = name_of(Path::new("a\0b")).expect_err("it holds a zero");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("byte 1 of the path is zero"), "{error}");
    }
}
