//! Notifications of a socket's state: `ProcessSocketNotifications`, of Windows 11 and Server 2022
//! (build 20348), which puts what becomes ready into a completion port without a request for each
//! answer.
//!
//! # How the call behaves, by its documents
//!
//! - One call takes changes for any number of sockets and returns a result for each. If the call
//!   itself fails, nothing was changed.
//! - A socket is registered with one port at most, under a key that is given with the first change
//!   and stays until its removal. A later change of a registered socket takes the place of the
//!   former.
//! - A notification is a packet with that key; what became ready stands where other packets have
//!   the number of bytes. One for one answer (`ONESHOT`) disables the registration until the next
//!   change, and asks for a *level*: enabled again, it tells of what is still there.
//! - Removal ends in a notification too, the last one with its key. Closing the socket removes it
//!   *without* one; notifications that were queued before may still come.
//! - An error or a removal may be told unasked. Urgent data is not told at all, and sockets of
//!   providers other than Microsoft's are refused.
//!
//! # What we rely on
//!
//! On that, and on nothing else; no system that has the call has run this, only a stand-in that
//! behaves as the documents say. So it is tried before it is used, and used for what is most
//! frequent alone: that a socket can be read or written. The key is a number with a generation in
//! it, and names nothing that could be freed. Everything else (the ends of connections, the end of
//! the socket itself, urgent data) is asked of the driver, by [`afd`](super::afd).
//!
//! The call is looked up at run time and never linked: systems before have no such name.
//!
//! - <https://learn.microsoft.com/windows/win32/winsock/winsock-socket-state-notifications>
//! - <https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-processsocketnotifications>
//! - <https://learn.microsoft.com/windows/win32/api/winsock2/ns-winsock2-sock_notify_registration>

use std::ffi::CStr;
use std::io;
use std::mem::transmute;
use std::os::windows::io::{AsRawHandle, BorrowedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_INVALID_FUNCTION, ERROR_SUCCESS, HANDLE, WAIT_TIMEOUT};
use windows_sys::Win32::Networking::WinSock::{
    SOCK_NOTIFY_EVENT_IN, SOCK_NOTIFY_EVENT_OUT, SOCK_NOTIFY_EVENT_REMOVE, SOCK_NOTIFY_OP_ENABLE,
    SOCK_NOTIFY_OP_REMOVE, SOCK_NOTIFY_REGISTRATION, SOCK_NOTIFY_TRIGGER_LEVEL,
    SOCK_NOTIFY_TRIGGER_ONESHOT, SOCKET,
};
use windows_sys::Win32::System::IO::OVERLAPPED_ENTRY;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};

use crate::source::RawSource;

/// The socket can be read without blocking. In a filter and in a notification it is the same bit.
pub(crate) const IN: u32 = SOCK_NOTIFY_EVENT_IN;
/// The socket can be written without blocking.
pub(crate) const OUT: u32 = SOCK_NOTIFY_EVENT_OUT;
/// The registration is over: this is the last notification with its key.
pub(crate) const REMOVED: u32 = SOCK_NOTIFY_EVENT_REMOVE;

/// A function of Winsock's, of whatever signature.
type Function = unsafe extern "system" fn() -> isize;

type Process = unsafe extern "system" fn(
    HANDLE,
    u32,
    *mut SOCK_NOTIFY_REGISTRATION,
    u32,
    u32,
    *mut OVERLAPPED_ENTRY,
    *mut u32,
) -> u32;

/// The call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls {
    pub(crate) process: Process,
}

/// One change, and what became of it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Change(SOCK_NOTIFY_REGISTRATION);

// SAFETY: the pointer in it is a number here; nothing follows it.
unsafe impl Send for Change {}

impl Change {
    /// The next time that the socket is ready for any of `filter` is told, once.
    pub(crate) fn enable(socket: RawSource, key: usize, filter: u32) -> Change {
        const ONCE: u32 = SOCK_NOTIFY_TRIGGER_ONESHOT | SOCK_NOTIFY_TRIGGER_LEVEL;
        Change::new(socket, key, filter, SOCK_NOTIFY_OP_ENABLE, ONCE)
    }

    /// The socket is registered no longer.
    pub(crate) fn remove(socket: RawSource, key: usize) -> Change {
        Change::new(socket, key, 0, SOCK_NOTIFY_OP_REMOVE, 0)
    }

    fn new(socket: RawSource, key: usize, filter: u32, operation: u32, triggers: u32) -> Change {
        Change(SOCK_NOTIFY_REGISTRATION {
            // The number of a handle has 32 bits, on every Windows.
            socket: socket.0 as u32 as SOCKET,
            completionKey: ptr::without_provenance_mut(key),
            eventFilter: filter as u16,
            operation: operation as u8,
            triggerFlags: triggers as u8,
            // Made is what is said to be made.
            registrationResult: ERROR_INVALID_FUNCTION,
        })
    }

    /// Whether it was made, of a change that was handed over.
    pub(crate) fn is_made(&self) -> bool {
        self.0.registrationResult == ERROR_SUCCESS
    }
}

impl Calls {
    /// That of this system, if it has it.
    pub(crate) fn find() -> Option<Calls> {
        let function = winsock(c"ProcessSocketNotifications")?;
        // SAFETY: the function of this name has this signature.
        Some(Calls { process: unsafe { transmute::<Function, Process>(function) } })
    }

    /// Hands all changes over in one call; each says then whether it was made.
    ///
    /// # Errors
    ///
    /// The system's, if the call could not be carried out: then nothing was changed.
    pub(crate) fn hand_over(
        &self,
        port: BorrowedHandle<'_>,
        changes: &mut [Change],
    ) -> io::Result<()> {
        let count = u32::try_from(changes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: a change is the structure the call reads and writes, there are so many of them,
        // and it keeps no pointer to one; no notification is asked for, so there is no room for
        // any.
        let code = unsafe {
            (self.process)(
                port.as_raw_handle(),
                count,
                changes.as_mut_ptr().cast::<SOCK_NOTIFY_REGISTRATION>(),
                0,
                0,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        // Out of time: there was nothing to wait for, and the changes were made.
        if matches!(code, ERROR_SUCCESS | WAIT_TIMEOUT) {
            return Ok(());
        }
        Err(io::Error::from_raw_os_error(code as i32))
    }
}

/// A function of Winsock's, if this system has it.
fn winsock(name: &CStr) -> Option<Function> {
    // SAFETY: a string that ends. Winsock is there for as long as the program: it is linked to it.
    let winsock = unsafe { GetModuleHandleA(c"ws2_32.dll".as_ptr().cast()) };
    // SAFETY: a module that stays, or none, which has nothing; and a string that ends.
    unsafe { GetProcAddress(winsock, name.as_ptr().cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poll::build;

    /// The first build that has it.
    const FIRST: u32 = 20348;

    #[test]
    fn a_function_is_found_by_its_name() {
        assert!(winsock(c"WSAPoll").is_some());
        assert!(winsock(c"WSAPollNotAtAll").is_none());
    }

    #[test]
    fn older_systems_have_no_notifications() {
        assert!(Calls::find().is_none() || build() >= FIRST);
    }
}
