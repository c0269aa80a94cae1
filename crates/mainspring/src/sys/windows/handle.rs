//! Handles: what one names, and how it can be waited for.
//!
//! A handle says little about itself. `GetFileType` tells disks, characters and pipes apart, and
//! calls sockets pipes; what is no file at all has the name of its type, which `NtQueryObject`
//! tells. A file was opened for calls that wait or for overlapped ones, and its mode says which: an
//! overlapped call on a handle of the first sort waits.
//!
//! - <https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-getfiletype>
//! - <https://learn.microsoft.com/windows/win32/api/winternl/nf-winternl-ntqueryobject>

use std::io;
use std::os::windows::io::{
    AsHandle, AsRawHandle, BorrowedHandle, FromRawSocket, IntoRawHandle, OwnedHandle, OwnedSocket,
    RawSocket,
};
use std::ptr;

use windows_sys::Wdk::Foundation::{NtQueryObject, ObjectTypeInformation};
use windows_sys::Win32::Foundation::{FALSE, HANDLE, UNICODE_STRING};
use windows_sys::Win32::Networking::WinSock::{SO_TYPE, SOCKET, SOL_SOCKET, getsockopt};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_TYPE_CHAR, FILE_TYPE_DISK, FILE_TYPE_PIPE, FlushFileBuffers, GetFileType,
};
use windows_sys::Win32::System::Console::{GetConsoleMode, GetNumberOfConsoleInputEvents};
use windows_sys::Win32::System::Pipes::GetNamedPipeInfo;

use crate::source::RawSource;

use super::file_handle::mode_of;

/// The number a driver knows the handle by.
pub(crate) fn source_of(handle: &impl AsHandle) -> RawSource {
    RawSource(raw(handle.as_handle()) as usize as u64)
}

fn raw(handle: BorrowedHandle<'_>) -> HANDLE {
    handle.as_raw_handle()
}

/// What a handle names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceKind {
    /// A socket.
    Socket,
    /// One end of a named pipe, or of an anonymous one, which is a named pipe too.
    NamedPipe,
    /// A file on a disk, or a directory.
    File,
    /// The input or a screen of a console.
    Console,
    /// What is or will be signalled: an event, a process, a thread, a timer, a semaphore, a job; or
    /// a mutex, which a driver cannot wait for, since it belongs to the thread that does.
    Waitable,
    /// Something else.
    Unknown,
}

/// How a driver can serve a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IoModel {
    /// The driver tells when a call will not block.
    Readiness,
    /// The kernel carries operations out, and the driver tells of their ends.
    Overlapped,
    /// The driver tells when it is signalled. Reading what a console's input has then may block all
    /// the same, and is for a pool of threads.
    Waitable,
    /// Its calls block: it is for a pool of threads.
    Blocking,
}

/// The socket that a handle is: it is closed in another way.
pub(crate) fn into_socket(handle: OwnedHandle) -> OwnedSocket {
    let number = handle.into_raw_handle() as usize as RawSocket;
    // SAFETY: the caller has asked what it is, and gives it away.
    unsafe { OwnedSocket::from_raw_socket(number) }
}

/// What a handle names.
pub(crate) fn kind_of(handle: BorrowedHandle<'_>) -> SourceKind {
    // SAFETY: a call without pointers on a borrowed handle.
    match unsafe { GetFileType(raw(handle)) } {
        FILE_TYPE_DISK => SourceKind::File,
        FILE_TYPE_PIPE if is_socket(handle) => SourceKind::Socket,
        FILE_TYPE_PIPE if is_named_pipe(handle) => SourceKind::NamedPipe,
        FILE_TYPE_CHAR if is_console(handle) => SourceKind::Console,
        FILE_TYPE_PIPE | FILE_TYPE_CHAR => SourceKind::Unknown,
        _ if is_waitable(handle) => SourceKind::Waitable,
        _ => SourceKind::Unknown,
    }
}

/// How a source of this kind can be served; nothing if in no way.
pub(crate) fn model_of(handle: BorrowedHandle<'_>, kind: SourceKind) -> Option<IoModel> {
    match kind {
        SourceKind::Socket => Some(IoModel::Readiness),
        SourceKind::NamedPipe | SourceKind::File => Some(match waits(handle) {
            true => IoModel::Blocking,
            false => IoModel::Overlapped,
        }),
        // Signalled while there is input; a screen is nothing to wait for.
        SourceKind::Console if is_console_input(handle) => Some(IoModel::Waitable),
        SourceKind::Console => Some(IoModel::Blocking),
        SourceKind::Waitable if is_mutex(handle) => None,
        SourceKind::Waitable => Some(IoModel::Waitable),
        SourceKind::Unknown => None,
    }
}

fn is_socket(handle: BorrowedHandle<'_>) -> bool {
    let mut kind: i32 = 0;
    let mut len = size_of::<i32>() as i32;
    let socket = raw(handle) as SOCKET;
    // SAFETY: the call writes a number and a length to the places for them.
    let result =
        unsafe { getsockopt(socket, SOL_SOCKET, SO_TYPE, (&raw mut kind).cast(), &raw mut len) };
    result == 0
}

fn is_named_pipe(handle: BorrowedHandle<'_>) -> bool {
    let none = ptr::null_mut();
    // SAFETY: nothing is asked that would have to be written.
    unsafe { GetNamedPipeInfo(raw(handle), none, none, none, none) != FALSE }
}

fn is_console(handle: BorrowedHandle<'_>) -> bool {
    let mut mode = 0;
    // SAFETY: the call writes a number to the place for one.
    unsafe { GetConsoleMode(raw(handle), &raw mut mode) != FALSE }
}

/// Whether a console's handle is that of its input.
pub(crate) fn is_console_input(handle: BorrowedHandle<'_>) -> bool {
    let mut count = 0;
    // SAFETY: the call writes a number to the place for one.
    unsafe { GetNumberOfConsoleInputEvents(raw(handle), &raw mut count) != FALSE }
}

/// Whether the handle was opened for calls that wait.
fn waits(handle: BorrowedHandle<'_>) -> bool {
    mode_of(handle).waits
}

/// The name of the type of a mutex.
const MUTEX: &str = "Mutant";
/// The types whose objects are signalled, by name.
const WAITABLE: &[&str] = &["Event", "Process", "Thread", "Timer", "Semaphore", MUTEX, "Job"];

fn is_waitable(handle: BorrowedHandle<'_>) -> bool {
    type_name(handle).is_ok_and(|name| WAITABLE.contains(&name.as_str()))
}

/// Whether an object belongs to the thread that has waited for it.
pub(crate) fn is_mutex(handle: BorrowedHandle<'_>) -> bool {
    type_name(handle).is_ok_and(|name| name == MUTEX)
}

/// The name of the type of an object.
pub(super) fn type_name(handle: BorrowedHandle<'_>) -> io::Result<String> {
    // It begins with the name, whose letters lie behind the rest.
    let mut room = [0_u64; 128];
    let mut len = 0;
    // SAFETY: the call writes at most so many bytes, and a length.
    let status = unsafe {
        NtQueryObject(
            raw(handle),
            ObjectTypeInformation,
            room.as_mut_ptr().cast(),
            size_of_val(&room) as u32,
            &raw mut len,
        )
    };
    if status < 0 {
        return Err(super::overlapped::handle_error(status));
    }
    // SAFETY: the call has succeeded, and this is what it has written first.
    let name = unsafe { room.as_ptr().cast::<UNICODE_STRING>().read() };
    let letters = usize::from(name.Length) / size_of::<u16>();
    if name.Buffer.is_null() {
        return Ok(String::new());
    }
    // SAFETY: so many letters lie in the room, which lives.
    let name = unsafe { std::slice::from_raw_parts(name.Buffer, letters) };
    Ok(String::from_utf16_lossy(name))
}

/// Makes what was written to a file last, or waits until a pipe's other end has read it.
pub(crate) fn flush(handle: &impl AsHandle) -> io::Result<()> {
    // SAFETY: a call without pointers on a borrowed handle.
    let flushed = unsafe { FlushFileBuffers(raw(handle.as_handle())) };
    if flushed == FALSE { Err(io::Error::last_os_error()) } else { Ok(()) }
}
