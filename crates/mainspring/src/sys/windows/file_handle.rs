//! What the system says of an open file by its handle.
//!
//! - <https://learn.microsoft.com/windows-hardware/drivers/ddi/ntifs/nf-ntifs-ntqueryinformationfile>
//! - <https://learn.microsoft.com/windows/win32/api/winbase/ns-winbase-file_storage_info>

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Wdk::Storage::FileSystem::{
    FILE_INFORMATION_CLASS, FILE_NO_INTERMEDIATE_BUFFERING, FILE_SEQUENTIAL_ONLY,
    FILE_SYNCHRONOUS_IO_ALERT, FILE_SYNCHRONOUS_IO_NONALERT, FILE_WRITE_THROUGH,
    FileAccessInformation, FileModeInformation, NtQueryInformationFile,
};
use windows_sys::Win32::Foundation::FALSE;
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_FLAG_NO_BUFFERING, FILE_FLAG_SEQUENTIAL_SCAN,
    FILE_FLAG_WRITE_THROUGH, FILE_STORAGE_INFO, FILE_TYPE_DISK, FileStorageInfo,
    GetFileInformationByHandle, GetFileInformationByHandleEx, GetFileType,
};
use windows_sys::Win32::System::IO::{IO_STATUS_BLOCK, IO_STATUS_BLOCK_0};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, WaitForSingleObject};

use crate::sys::transfer::Alignment;

/// How a file was opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    /// For calls that wait.
    pub(crate) waits: bool,
    /// Past the system's cache.
    pub(crate) direct: bool,
}

/// How a file was opened. One that cannot be asked is taken for the sort that blocks nobody by
/// surprise.
pub(crate) fn mode_of(file: BorrowedHandle<'_>) -> Mode {
    match number(file, FileModeInformation) {
        Ok(mode) => Mode {
            waits: mode & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT) != 0,
            direct: mode & FILE_NO_INTERMEDIATE_BUFFERING != 0,
        },
        Err(_) => Mode { waits: true, direct: false },
    }
}

/// The flags that a file was opened with and that hold for every call on it.
pub(crate) fn flags_of(file: BorrowedHandle<'_>) -> u32 {
    let mode = number(file, FileModeInformation).unwrap_or(0);
    let flags = [
        (FILE_WRITE_THROUGH, FILE_FLAG_WRITE_THROUGH),
        (FILE_SEQUENTIAL_ONLY, FILE_FLAG_SEQUENTIAL_SCAN),
        (FILE_NO_INTERMEDIATE_BUFFERING, FILE_FLAG_NO_BUFFERING),
    ];
    flags.into_iter().filter(|(bit, _)| mode & bit != 0).fold(0, |all, (_, flag)| all | flag)
}

/// What may be done with a handle, as it was granted.
pub(crate) fn access_of(file: BorrowedHandle<'_>) -> io::Result<u32> {
    number(file, FileAccessInformation)
}

/// An answer that is a number.
fn number(file: BorrowedHandle<'_>, class: FILE_INFORMATION_CLASS) -> io::Result<u32> {
    let mut block = IO_STATUS_BLOCK { Anonymous: IO_STATUS_BLOCK_0 { Status: 0 }, Information: 0 };
    let mut number: u32 = 0;
    // SAFETY: the call writes a block and a number to the places for them, before it returns.
    let status = unsafe {
        NtQueryInformationFile(
            file.as_raw_handle(),
            &raw mut block,
            (&raw mut number).cast(),
            size_of::<u32>() as u32,
            class,
        )
    };
    if status < 0 { Err(super::overlapped::handle_error(status)) } else { Ok(number) }
}

/// Whether it is a file on a disk, or a directory: those have positions.
pub(crate) fn is_on_disk(file: BorrowedHandle<'_>) -> bool {
    // SAFETY: a call without pointers on a borrowed handle.
    unsafe { GetFileType(file.as_raw_handle()) == FILE_TYPE_DISK }
}

/// What direct I/O on the file wants, if the system says it: transfers in whole sectors, and memory
/// that begins like one.
pub(crate) fn alignment_of(file: BorrowedHandle<'_>) -> Option<Alignment> {
    let mut info = FILE_STORAGE_INFO::default();
    // SAFETY: the call writes a structure of this size to the place for one.
    let asked = unsafe {
        GetFileInformationByHandleEx(
            file.as_raw_handle(),
            FileStorageInfo,
            (&raw mut info).cast(),
            size_of::<FILE_STORAGE_INFO>() as u32,
        )
    };
    let sector = info.LogicalBytesPerSector;
    (asked != FALSE && sector.is_power_of_two())
        .then_some(Alignment { memory: sector, offset: sector })
}

/// What tells one file from all others of the machine, while it is open: its disk, and its number
/// there.
pub(crate) fn identity_of(file: BorrowedHandle<'_>) -> io::Result<(u32, u64)> {
    let mut info = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the call writes a structure to the place for one.
    let asked = unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut info) };
    if asked == FALSE {
        return Err(io::Error::last_os_error());
    }
    let number = u64::from(info.nFileIndexHigh) << 32 | u64::from(info.nFileIndexLow);
    Ok((info.dwVolumeSerialNumber, number))
}

/// An event that is set by the end of a call, and taken back by the beginning of the next.
pub(crate) fn new_event() -> io::Result<OwnedHandle> {
    // SAFETY: neither attributes nor a name are pointed to.
    let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
    if event.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a handle that was made just now, and is nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(event) })
}

/// Waits on this thread until an event is set.
pub(crate) fn wait_for(event: BorrowedHandle<'_>) {
    // SAFETY: a call without pointers on a borrowed handle.
    unsafe { WaitForSingleObject(event.as_raw_handle(), INFINITE) };
}
