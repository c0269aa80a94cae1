//! The system's own list of handles.
//!
//! `GetProcessHandleCount` would be enough on Windows; Wine's says 0, and its list is right.

use std::io;

use windows_sys::Wdk::System::SystemInformation::{
    NtQuerySystemInformation, SYSTEM_INFORMATION_CLASS,
};
use windows_sys::Win32::Foundation::{RtlNtStatusToDosError, STATUS_INFO_LENGTH_MISMATCH};

/// `SystemExtendedHandleInformation`: every handle of every process.
const HANDLES: SYSTEM_INFORMATION_CLASS = 64;
/// Words of the list before the first entry: how many there are, and nothing.
const HEAD: usize = 2;
/// Words of an entry: object, process, handle, and 16 bytes of its rights and type.
const ENTRY: usize = 3 + 16 / size_of::<usize>();

/// How many are open.
pub(crate) fn count() -> io::Result<u64> {
    let mut list = vec![0_usize; 64 * 1024];
    loop {
        let bytes = u32::try_from(size_of_val(list.as_slice())).map_err(io::Error::other)?;
        let mut written = 0;
        // SAFETY: the call writes at most so many bytes to the list, which has them.
        let status = unsafe {
            NtQuerySystemInformation(HANDLES, list.as_mut_ptr().cast(), bytes, &raw mut written)
        };
        match status {
            STATUS_INFO_LENGTH_MISMATCH => list.resize(2 * list.len(), 0),
            0.. => break,
            _ => {
                // SAFETY: a number becomes another.
                let code = unsafe { RtlNtStatusToDosError(status) };
                return Err(io::Error::from_raw_os_error(code as i32));
            }
        }
    }
    let process = std::process::id() as usize;
    let entries = list[HEAD..].chunks_exact(ENTRY).take(list[0]);
    let count = entries.filter(|entry| entry[1] == process).count() as u64;
    if count == 0 {
        Err(io::Error::other("the list of handles has none of ours"))
    } else {
        Ok(count)
    }
}
