//! Whether the system would tell of sockets by itself: `ProcessSocketNotifications`, of Windows 11
//! and Server 2022 (build 20348), which puts what becomes ready into a completion port without a
//! request for each answer. It is looked for and not used; PLATFORM.md says why.
//!
//! - <https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-processsocketnotifications>

use std::ffi::CStr;

use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};

/// Whether this system has the call.
pub(crate) fn offered() -> bool {
    has(c"ProcessSocketNotifications")
}

/// Whether Winsock has a function of this name.
fn has(name: &CStr) -> bool {
    // SAFETY: a string that ends. Winsock is there for as long as the program: it is linked to it.
    let winsock = unsafe { GetModuleHandleA(c"ws2_32.dll".as_ptr().cast()) };
    // SAFETY: a module that stays, or none, which has nothing; and a string that ends.
    unsafe { GetProcAddress(winsock, name.as_ptr().cast()) }.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll::build;

    /// The first build that has it.
    const FIRST: u32 = 20348;

    #[test]
    fn a_function_is_found_by_its_name() {
        assert!(has(c"WSAPoll"));
        assert!(!has(c"WSAPollNotAtAll"));
    }

    #[test]
    fn older_systems_have_no_notifications() {
        assert!(!offered() || build() >= FIRST);
    }
}
