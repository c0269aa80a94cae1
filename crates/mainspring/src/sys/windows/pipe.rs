//! Named pipes, opened for overlapped calls.
//!
//! - <https://learn.microsoft.com/windows/win32/ipc/named-pipes>
//! - <https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-createnamedpipew>

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_PIPE_BUSY, ERROR_SEM_TIMEOUT, FALSE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, PIPE_ACCESS_DUPLEX,
    SECURITY_IDENTIFICATION,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, DisconnectNamedPipe, PIPE_READMODE_BYTE, PIPE_READMODE_MESSAGE,
    PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE, PIPE_TYPE_MESSAGE, PIPE_UNLIMITED_INSTANCES,
    PIPE_WAIT, SetNamedPipeHandleState, WaitNamedPipeW,
};

/// The most instances that can be asked for; more is "as many as there is memory for".
pub(crate) const INSTANCES_MAX: u32 = PIPE_UNLIMITED_INSTANCES - 1;

/// An instance to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instance {
    /// Messages keep their bounds.
    pub(crate) messages: bool,
    /// It is an error if there is one already.
    pub(crate) first: bool,
    /// Clients of other machines are refused.
    pub(crate) local: bool,
    /// `None`: as many as there is memory for.
    pub(crate) instances_max: Option<u32>,
    /// Bytes the kernel keeps in each direction: a wish.
    pub(crate) room: u32,
}

/// A name as the calls take it.
fn wide(name: &OsStr) -> io::Result<Vec<u16>> {
    let mut wide: Vec<u16> = name.encode_wide().collect();
    if wide.contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the name of a pipe holds a zero: name it like \\\\.\\pipe\\name",
        ));
    }
    wide.push(0);
    Ok(wide)
}

/// Makes an instance of a pipe.
pub(crate) fn create(name: &OsStr, instance: &Instance) -> io::Result<OwnedHandle> {
    let name = wide(name)?;
    let first = if instance.first { FILE_FLAG_FIRST_PIPE_INSTANCE } else { 0 };
    let kind = match instance.messages {
        true => PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE,
        false => PIPE_TYPE_BYTE | PIPE_READMODE_BYTE,
    };
    let local = if instance.local { PIPE_REJECT_REMOTE_CLIENTS } else { 0 };
    // SAFETY: the name ends with a zero and lives; nothing else is pointed to.
    let handle = unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
            kind | PIPE_WAIT | local,
            instance.instances_max.unwrap_or(PIPE_UNLIMITED_INSTANCES),
            instance.room,
            instance.room,
            0,
            ptr::null(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a handle that was made just now, and is nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Opens the client's end of an instance that waits for one. The server may learn who the client
/// is, and may not act in its name.
pub(crate) fn open(name: &OsStr, messages: bool) -> io::Result<OwnedHandle> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(FILE_FLAG_OVERLAPPED).security_qos_flags(SECURITY_IDENTIFICATION);
    let handle = OwnedHandle::from(options.open(name)?);
    if messages {
        let mode = PIPE_READMODE_MESSAGE;
        // SAFETY: a number is read before the call returns, and nothing else is pointed to.
        let set = unsafe {
            SetNamedPipeHandleState(
                handle.as_raw_handle(),
                &raw const mode,
                ptr::null(),
                ptr::null(),
            )
        };
        if set == FALSE {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(handle)
}

/// Whether no instance waits for a client.
pub(crate) fn is_busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ERROR_PIPE_BUSY as i32)
}

/// Waits on this thread until an instance may wait for a client, or the time is up; whether one
/// may.
pub(crate) fn wait_for_instance(name: &OsStr, timeout_ms: u32) -> io::Result<bool> {
    let name = wide(name)?;
    // SAFETY: the name ends with a zero and lives.
    if unsafe { WaitNamedPipeW(name.as_ptr(), timeout_ms) } != FALSE {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(code) if code as u32 == ERROR_SEM_TIMEOUT => Ok(false),
        _ => Err(error),
    }
}

/// Ends the connection to the client. What it has not read is lost.
pub(crate) fn disconnect(handle: BorrowedHandle<'_>) -> io::Result<()> {
    // SAFETY: a call without pointers on a borrowed handle.
    let ended = unsafe { DisconnectNamedPipe(handle.as_raw_handle()) };
    if ended == FALSE { Err(io::Error::last_os_error()) } else { Ok(()) }
}
