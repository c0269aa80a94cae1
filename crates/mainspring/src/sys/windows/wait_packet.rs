//! Wait completion packets: an object that is signalled becomes a packet of a completion port.
//!
//! A packet is *associated* with a port and an object; when the object is signalled the kernel
//! takes the signal and queues the packet, and the association is over. No thread waits. The calls
//! are there since Windows 8, documented and in no import library, so they are looked for at run
//! time. Wine 10.0 has them not.
//!
//! A cancel says which of three it was: the object was not signalled yet and the association is
//! gone; the packet is in the port's queue already, hence the signal taken, and it will come; there
//! is no association. A packet in the queue is never removed here: with it the signal would be
//! lost.
//!
//! - <https://learn.microsoft.com/windows/win32/devnotes/ntcreatewaitcompletionpacket>
//! - <https://learn.microsoft.com/windows/win32/devnotes/ntassociatewaitcompletionpacket>
//! - <https://learn.microsoft.com/windows/win32/devnotes/ntcancelwaitcompletionpacket>

use std::ffi::{CStr, c_void};
use std::io;
use std::mem::transmute;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{GENERIC_ALL, HANDLE, NTSTATUS, STATUS_SUCCESS};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::w;

/// A function of the system's, of whatever signature.
type Function = unsafe extern "system" fn() -> isize;

type Create = unsafe extern "system" fn(*mut HANDLE, u32, *const c_void) -> NTSTATUS;
type Associate = unsafe extern "system" fn(
    HANDLE,
    HANDLE,
    HANDLE,
    *const c_void,
    *const c_void,
    NTSTATUS,
    usize,
    *mut u8,
) -> NTSTATUS;
type Cancel = unsafe extern "system" fn(HANDLE, u8) -> NTSTATUS;

/// The three calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls {
    pub(crate) create: Create,
    pub(crate) associate: Associate,
    pub(crate) cancel: Cancel,
}

/// A function of `ntdll`, if this system has it.
pub(super) fn ntdll(name: &CStr) -> Option<Function> {
    // SAFETY: a name that ends with a zero. The library is in every process from its first moment
    // to its last.
    let library = unsafe { GetModuleHandleW(w!("ntdll.dll")) };
    if library.is_null() {
        return None;
    }
    // SAFETY: a library that is there, and a name that ends with a zero.
    unsafe { GetProcAddress(library, name.as_ptr().cast()) }
}

impl Calls {
    /// Those of this system, if it has them.
    pub(crate) fn find() -> Option<Calls> {
        let create = ntdll(c"NtCreateWaitCompletionPacket")?;
        let associate = ntdll(c"NtAssociateWaitCompletionPacket")?;
        let cancel = ntdll(c"NtCancelWaitCompletionPacket")?;
        Some(Calls {
            // SAFETY: the function of this name has this signature.
            create: unsafe { transmute::<Function, Create>(create) },
            // SAFETY: the same.
            associate: unsafe { transmute::<Function, Associate>(associate) },
            // SAFETY: the same.
            cancel: unsafe { transmute::<Function, Cancel>(cancel) },
        })
    }
}

/// A packet.
#[derive(Debug)]
pub(crate) struct WaitPacket {
    calls: Calls,
    packet: OwnedHandle,
}

impl WaitPacket {
    /// One that waits for nothing yet.
    pub(crate) fn new(calls: Calls) -> io::Result<WaitPacket> {
        let mut packet = ptr::null_mut();
        // SAFETY: the call writes a handle to the place for one; nothing is said about it.
        check(unsafe { (calls.create)(&raw mut packet, GENERIC_ALL, ptr::null()) })?;
        // SAFETY: a handle that was made just now, and is nobody else's.
        Ok(WaitPacket { calls, packet: unsafe { OwnedHandle::from_raw_handle(packet) } })
    }

    /// The packet comes to `port`, with this key and tag, when `object` is signalled.
    pub(crate) fn associate(
        &self,
        port: BorrowedHandle<'_>,
        object: BorrowedHandle<'_>,
        key: usize,
        tag: usize,
    ) -> io::Result<()> {
        let (key, tag) = (ptr::without_provenance(key), ptr::without_provenance(tag));
        let packet = self.packet.as_raw_handle();
        let (port, object) = (port.as_raw_handle(), object.as_raw_handle());
        // SAFETY: the three handles are borrowed for the call, and the kernel keeps what they name
        // for as long as it needs it; key and tag are numbers here, which come back.
        check(unsafe {
            let at_once = ptr::null_mut();
            (self.calls.associate)(packet, port, object, key, tag, STATUS_SUCCESS, 0, at_once)
        })
    }

    /// Ends the association; whether there was one, and its packet will not come.
    pub(crate) fn cancel(&self) -> bool {
        const LEAVE_IT_QUEUED: u8 = 0;
        // SAFETY: a handle that is open.
        let status = unsafe { (self.calls.cancel)(self.packet.as_raw_handle(), LEAVE_IT_QUEUED) };
        status == STATUS_SUCCESS
    }
}

fn check(status: NTSTATUS) -> io::Result<()> {
    if status < 0 { Err(super::overlapped::handle_error(status)) } else { Ok(()) }
}
