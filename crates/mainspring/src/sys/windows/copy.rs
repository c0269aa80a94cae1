//! The content of one file into another.
//!
//! `CopyFileExW` copies all that a file is: its streams, its attributes and times. Some file
//! systems share the blocks, and a server copies by itself. It asks again and again whether to go
//! on.
//!
//! <https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-copyfileexw>

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::AsHandle;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_REQUEST_ABORTED, FALSE, HANDLE};
use windows_sys::Win32::Storage::FileSystem::CopyFileExW;

use super::file_handle::identity_of;
use super::path::name_of;

/// What the call does next: go on, or stop and leave the target as it is.
const GO_ON: u32 = 0;
/// See [`GO_ON`].
const STOP: u32 = 2;

/// Who is asked whether to go on, and what has come of it.
struct Progress<'a> {
    goes_on: &'a dyn Fn() -> bool,
    stopped: bool,
}

/// Copies content and permissions, until it is done or `goes_on` says no. Returns how many bytes
/// were copied.
///
/// # Errors
///
/// `InvalidInput` if `from` is no regular file; `Interrupted` if it was not to go on; the system's.
pub(crate) fn copy(from: &Path, to: &Path, goes_on: impl Fn() -> bool) -> io::Result<u64> {
    let len = refuse(from, to)?;
    let mut progress = Progress { goes_on: &goes_on, stopped: !goes_on() };
    if progress.stopped {
        return Err(nobody_waits());
    }
    let (from, to) = (wide(from)?, wide(to)?);
    // SAFETY: both names end with a zero and live, as does what the function is given, which nobody
    // else uses before the call returns.
    let copied = unsafe {
        CopyFileExW(
            from.as_ptr(),
            to.as_ptr(),
            Some(ask),
            (&raw mut progress).cast::<c_void>(),
            ptr::null_mut(),
            0,
        )
    };
    if copied != FALSE {
        return Ok(len);
    }
    let error = io::Error::last_os_error();
    let aborted = error.raw_os_error() == Some(ERROR_REQUEST_ABORTED as i32);
    Err(if progress.stopped && aborted { nobody_waits() } else { error })
}

fn nobody_waits() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "nobody waits for the copy")
}

/// Refuses what is not to be copied; how long the rest is.
fn refuse(from: &Path, to: &Path) -> io::Result<u64> {
    let metadata = std::fs::metadata(from)?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("only regular files are copied, and {} is none", from.display()),
        ));
    }
    // A target that cannot be opened for reading is told from the source by the copy itself.
    if let Ok(target) = File::open(to) {
        if identity_of(target.as_handle())? == identity_of(File::open(from)?.as_handle())? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} and {} are one file", from.display(), to.display()),
            ));
        }
    }
    Ok(metadata.len())
}

/// A name as the call takes it.
fn wide(path: &Path) -> io::Result<Vec<u16>> {
    let name = name_of(path)?;
    Ok(name.as_path().as_os_str().encode_wide().chain([0]).collect())
}

/// Asked by the call, on the thread that makes it.
///
/// # Safety
///
/// `progress` is what [`copy`] gave, and nobody else's.
unsafe extern "system" fn ask(
    _size: i64,
    _copied: i64,
    _stream_size: i64,
    _stream_copied: i64,
    _stream: u32,
    _reason: u32,
    _from: HANDLE,
    _to: HANDLE,
    progress: *const c_void,
) -> u32 {
    let progress = progress.cast::<Progress<'_>>().cast_mut();
    // SAFETY: the caller's.
    let progress = unsafe { &mut *progress };
    progress.stopped = !(progress.goes_on)();
    if progress.stopped { STOP } else { GO_ON }
}
