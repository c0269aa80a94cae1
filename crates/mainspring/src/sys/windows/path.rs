//! Paths: the calls that take a name.
//!
//! No queue of this system opens paths, so these are made on a thread that may block, with the
//! standard library's calls: it knows which forms of a path the system takes, and that a file which
//! is being removed keeps its name for a moment.
//!
//! <https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew>

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::OwnedHandle;
use std::path::{Path, PathBuf};

use windows_sys::Win32::Foundation::ERROR_INVALID_PARAMETER;
use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_NO_BUFFERING, FILE_FLAG_OVERLAPPED};

use crate::sys::access::Access;

/// Whether a kernel's queue may open paths and read whole files: here a visit to the pool does it
/// all.
pub(crate) const ON_QUEUE: bool = false;

/// What a removal of a directory is told to a queue with, elsewhere.
pub(crate) const REMOVE_DIRECTORY: i32 = 0;

/// The name of nothing.
pub(crate) const NO_NAME: &[u8] = b"";

/// A path, as operations keep it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Name(PathBuf);

impl Name {
    pub(crate) fn as_path(&self) -> &Path {
        &self.0
    }

    /// What a queue would be told; none of this system reads it.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_os_str().as_encoded_bytes()
    }
}

/// The number that relative paths begin at, elsewhere.
pub(crate) fn working_directory() -> i32 {
    -1
}

/// What this system has beside the usual ways of opening a file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extra {
    pub(crate) access_mode: Option<u32>,
    pub(crate) share_mode: Option<u32>,
    pub(crate) custom_flags: u32,
    pub(crate) attributes: u32,
    pub(crate) security_qos_flags: Option<u32>,
    /// For overlapped calls, and not for those that wait.
    overlapped: bool,
}

impl Extra {
    /// Whether it says itself what the file is opened for.
    pub(crate) fn opens_for_something(&self) -> bool {
        self.access_mode.is_some()
    }

    /// The same, for a file that operations are to be on.
    pub(crate) fn for_operations(self) -> Extra {
        Extra { overlapped: true, ..self }
    }
}

/// A path as the calls take it.
///
/// # Errors
///
/// `InvalidInput` if it holds a character of value zero.
pub(crate) fn name_of(path: &Path) -> io::Result<Name> {
    let bytes = path.as_os_str().as_encoded_bytes();
    match bytes.iter().position(|byte| *byte == 0) {
        None => Ok(Name(path.to_owned())),
        Some(at) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("byte {at} of the path is zero, which ends a path to the system: {path:?}"),
        )),
    }
}

/// Refuses what contradicts itself; the flags of opening are no number here.
///
/// # Errors
///
/// `InvalidInput`.
pub(crate) fn flags(access: &Access) -> io::Result<i32> {
    access.check()?;
    if access.direct && access.append {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "Windows finds the end of a file in its cache, which direct I/O goes past: set \
             `append` or `direct`",
        ));
    }
    Ok(0)
}

/// Says what a refused direct opening lacks; other errors stay as they are.
pub(crate) fn explain(error: io::Error, access: &Access) -> io::Error {
    if !access.direct || error.raw_os_error() != Some(ERROR_INVALID_PARAMETER as i32) {
        return error;
    }
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the file system of this file offers no direct I/O: open it without `direct`",
    )
}

/// What is to be done to a file that was opened: nothing here.
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
pub(crate) fn opened(_file: &OwnedHandle, _access: &Access) -> io::Result<()> {
    Ok(())
}

/// Opens a path.
///
/// # Errors
///
/// The system's.
pub(crate) fn open(
    path: &Name,
    access: &Access,
    _flags: i32,
    _mode: u32,
) -> io::Result<OwnedHandle> {
    let Access { read, write, append, truncate, create, create_new, direct, extra } = *access;
    let mut options = OpenOptions::new();
    options.read(read).write(write).append(append);
    options.truncate(truncate && !create_new).create(create).create_new(create_new);
    let overlapped = if extra.overlapped { FILE_FLAG_OVERLAPPED } else { 0 };
    let direct = if direct { FILE_FLAG_NO_BUFFERING } else { 0 };
    options.custom_flags(extra.custom_flags | overlapped | direct).attributes(extra.attributes);
    if let Some(mode) = extra.access_mode {
        options.access_mode(mode);
    }
    if let Some(mode) = extra.share_mode {
        options.share_mode(mode);
    }
    if let Some(flags) = extra.security_qos_flags {
        options.security_qos_flags(flags);
    }
    options.open(path.as_path()).map(OwnedHandle::from)
}

/// Removes a name: with `directory`, that of an empty directory, else that of anything else.
///
/// # Errors
///
/// The system's.
pub(crate) fn unlink(path: &Name, directory: bool) -> io::Result<()> {
    match directory {
        true => std::fs::remove_dir(path.as_path()),
        false => std::fs::remove_file(path.as_path()),
    }
}

/// Gives a file another name, in place of whatever has it.
///
/// # Errors
///
/// The system's.
pub(crate) fn rename(old: &Name, new: &Name) -> io::Result<()> {
    std::fs::rename(old.as_path(), new.as_path())
}

/// How directories are made; permission bits are nothing to this system.
pub(crate) fn directory_builder(_mode: u32) -> DirBuilder {
    DirBuilder::new()
}

/// Makes a directory.
///
/// # Errors
///
/// The system's.
pub(crate) fn make_directory(path: &Name, _mode: u32) -> io::Result<()> {
    std::fs::create_dir(path.as_path())
}
