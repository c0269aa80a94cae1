//! The system's own count of handles.

use std::io;

use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};

/// How many are open.
pub(crate) fn count() -> io::Result<u64> {
    let mut count = 0;
    // SAFETY: a call without pointers; what it returns is a constant and need not be closed.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the count is written before the call returns.
    let counted = unsafe { GetProcessHandleCount(process, &raw mut count) };
    if counted == 0 { Err(io::Error::last_os_error()) } else { Ok(u64::from(count)) }
}
