//! The completion port: a queue of packets, each with a key and a tag.
//!
//! A packet comes when an operation on an associated handle ends, or when somebody posts one. The
//! key says which handle it was (all of ours of one sort share a key), the tag which operation:
//! it is the `lpOverlapped` of the entry, which for the requests of [`afd`](super::afd) is a
//! number of our own and never followed.
//!
//! - <https://learn.microsoft.com/windows/win32/fileio/i-o-completion-ports>
//! - <https://learn.microsoft.com/windows/win32/fileio/getqueuedcompletionstatusex-func>

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{FALSE, INVALID_HANDLE_VALUE, WAIT_TIMEOUT};
use windows_sys::Win32::System::IO::{
    CreateIoCompletionPort, GetQueuedCompletionStatusEx, OVERLAPPED_ENTRY,
    PostQueuedCompletionStatus,
};

/// A wait without end, in milliseconds.
pub(crate) const ENDLESS: u32 = u32::MAX;

/// An owned completion port.
#[derive(Debug)]
pub(crate) struct Port(OwnedHandle);

/// A packet as the port writes it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Packet(OVERLAPPED_ENTRY);

// SAFETY: the pointer in it is a number here; nothing follows it.
unsafe impl Send for Packet {}

impl Packet {
    /// A place for a packet.
    pub(crate) const EMPTY: Packet = Packet(OVERLAPPED_ENTRY {
        lpCompletionKey: 0,
        lpOverlapped: ptr::null_mut(),
        Internal: 0,
        dwNumberOfBytesTransferred: 0,
    });

    /// Which handle it is about.
    pub(crate) fn key(&self) -> usize {
        self.0.lpCompletionKey
    }

    /// What a notification tells of; of other packets the number of bytes.
    pub(crate) fn told(&self) -> u32 {
        self.0.dwNumberOfBytesTransferred
    }

    /// How the operation has ended: an `NTSTATUS`.
    pub(crate) fn status(&self) -> i32 {
        self.0.Internal as i32
    }

    /// Which operation has ended; 0 for a packet that was posted.
    pub(crate) fn tag(&self) -> usize {
        self.0.lpOverlapped as usize
    }
}

impl Port {
    /// A new port, for one waiting thread.
    pub(crate) fn new() -> io::Result<Port> {
        // SAFETY: no pointer is passed.
        let port = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, ptr::null_mut(), 0, 1) };
        if port.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a handle that was made just now, and is nobody else's.
        Ok(Port(unsafe { OwnedHandle::from_raw_handle(port) }))
    }

    /// Makes the operations of `handle` end in packets with `key`, for as long as it lives.
    pub(crate) fn associate(&self, handle: &impl AsHandle, key: usize) -> io::Result<()> {
        let handle = handle.as_handle().as_raw_handle();
        // SAFETY: no pointer is passed, and both handles are borrowed for the call.
        let port = unsafe { CreateIoCompletionPort(handle, self.0.as_raw_handle(), key, 0) };
        if port.is_null() { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// What takes a handle for a port, whatever it is: a port whose calls fail.
    #[cfg(test)]
    pub(crate) fn pretended(handle: OwnedHandle) -> Port {
        Port(handle)
    }

    /// The port's handle.
    pub(crate) fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }

    /// One more handle of the port's.
    pub(crate) fn try_clone(&self) -> io::Result<OwnedHandle> {
        self.0.try_clone()
    }

    /// Adds a packet.
    pub(crate) fn post(&self, key: usize, tag: usize) -> io::Result<()> {
        let tag = ptr::without_provenance(tag);
        // SAFETY: the pointer is a number here, which the port gives back and nobody follows.
        let posted = unsafe { PostQueuedCompletionStatus(self.0.as_raw_handle(), 0, key, tag) };
        if posted == FALSE { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits for packets and returns how many were written to the front of `packets`. It may
    /// return none some milliseconds before the time is up.
    pub(crate) fn wait(&self, packets: &mut [Packet], timeout_ms: u32) -> io::Result<usize> {
        let room = u32::try_from(packets.len()).unwrap_or(u32::MAX);
        let mut count = 0;
        // SAFETY: a packet is the structure the call writes, and there is room for so many.
        let waited = unsafe {
            GetQueuedCompletionStatusEx(
                self.0.as_raw_handle(),
                packets.as_mut_ptr().cast::<OVERLAPPED_ENTRY>(),
                room,
                &raw mut count,
                timeout_ms,
                FALSE,
            )
        };
        if waited != FALSE {
            return Ok(count as usize);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(code) if code as u32 == WAIT_TIMEOUT => Ok(0),
            _ => Err(error),
        }
    }
}
