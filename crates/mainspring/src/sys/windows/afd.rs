//! The driver behind all sockets, asked directly whether a socket is ready.
//!
//! `\Device\Afd` (ancillary function driver) is what Winsock is built on. A handle to it takes the
//! request that `select` is made of: "tell me when this socket has one of these events". The
//! request is asynchronous, so its end comes as a packet of a completion port, and one handle
//! takes requests for any number of sockets; the sockets themselves are associated with nothing.
//! The interface is not documented, and has been the same since Windows 2000; libuv, wepoll and
//! the runtimes built on them rely on it.
//!
//! A request answers once. It answers at once if the socket is ready, and it is *level*: asked
//! again, it gives the same answer. [`LOCAL_CLOSE`] is the end of the socket itself, and has to be
//! asked for like everything else. Cancelled, a request ends in a packet too; and if it was ready
//! in the same moment, in its answer.
//!
//! # Memory
//!
//! The kernel writes the status and the events of a request when it ends, on its own account. That
//! memory is reached here by a raw pointer alone, never by a reference, and lives until the packet
//! of the request was taken from the port: [`Request`] frees nothing that is lent.
//!
//! # The base socket
//!
//! Other programs (filters, virus scanners) may put a layer between Winsock and the driver. The
//! driver knows the socket below the layers: [`base_socket`] asks each layer for the next. A socket
//! without layers is its own base, and the driver refuses a number that is none of its sockets: so
//! it is asked first, and only who is refused has to look below ([`BaseSocket::presumed`]).
//!
//! - <https://learn.microsoft.com/windows/win32/winsock/winsock-ioctls> (`SIO_BASE_HANDLE`)

use std::io;
use std::num::NonZeroUsize;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr::{self, NonNull};

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem::{FILE_OPEN, NtCancelIoFileEx, NtCreateFile};
use windows_sys::Wdk::System::IO::NtDeviceIoControlFile;
use windows_sys::Win32::Foundation::{
    FALSE, HANDLE, NTSTATUS, RtlNtStatusToDosError, STATUS_CANCELLED, STATUS_NOT_FOUND,
    STATUS_PENDING, UNICODE_STRING,
};
use windows_sys::Win32::Networking::WinSock::{
    SIO_BASE_HANDLE, SIO_BSP_HANDLE, SIO_BSP_HANDLE_POLL, SIO_BSP_HANDLE_SELECT, SOCKET,
    SOCKET_ERROR, WSAENOTSOCK, WSAIoctl,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_SHARE_READ, FILE_SHARE_WRITE, SYNCHRONIZE, SetFileCompletionNotificationModes,
};
use windows_sys::Win32::System::IO::{IO_STATUS_BLOCK, IO_STATUS_BLOCK_0};
use windows_sys::Win32::System::WindowsProgramming::FILE_SKIP_SET_EVENT_ON_HANDLE;

use crate::source::RawSource;

/// Data can be read.
pub(crate) const RECEIVE: u32 = 0x0001;
/// Urgent data can be read.
pub(crate) const RECEIVE_EXPEDITED: u32 = 0x0002;
/// There is room to send; also the end of a connection attempt that succeeded.
pub(crate) const SEND: u32 = 0x0004;
/// The peer has shut down sending.
pub(crate) const DISCONNECT: u32 = 0x0008;
/// The connection was reset.
pub(crate) const ABORT: u32 = 0x0010;
/// The last handle of the socket was closed in this process.
pub(crate) const LOCAL_CLOSE: u32 = 0x0020;
/// A connection waits to be accepted.
pub(crate) const ACCEPT: u32 = 0x0080;
/// The attempt to connect has failed.
pub(crate) const CONNECT_FAIL: u32 = 0x0100;

/// `IOCTL_AFD_POLL`.
const POLL: u32 = 0x0001_2024;
/// The device, and a name of our own below it: there has to be one.
const DEVICE: &str = r"\Device\Afd\Mainspring";

/// A handle of the driver.
#[derive(Debug)]
pub(crate) struct Afd(OwnedHandle);

impl AsHandle for Afd {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }
}

impl Afd {
    /// Opens the device.
    pub(crate) fn open() -> io::Result<Afd> {
        let name: Vec<u16> = DEVICE.encode_utf16().collect();
        let bytes = (name.len() * size_of::<u16>()) as u16;
        let name = UNICODE_STRING {
            Length: bytes,
            MaximumLength: bytes,
            Buffer: name.as_ptr().cast_mut(),
        };
        let attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
            RootDirectory: ptr::null_mut(),
            ObjectName: &raw const name,
            Attributes: 0,
            SecurityDescriptor: ptr::null(),
            SecurityQualityOfService: ptr::null(),
        };
        let mut handle: HANDLE = ptr::null_mut();
        let mut block = pending_block();
        // SAFETY: all pointers are to values of this function, which outlive the call; the file is
        // opened for calls that wait, so nothing is written later.
        let status = unsafe {
            NtCreateFile(
                &raw mut handle,
                SYNCHRONIZE,
                &raw const attributes,
                &raw mut block,
                ptr::null(),
                0,
                FILE_SHARE_READ | FILE_SHARE_WRITE,
                FILE_OPEN,
                0,
                ptr::null(),
                0,
            )
        };
        if status < 0 {
            return Err(error_of(status));
        }
        // SAFETY: a handle that was made just now, and is nobody else's.
        let afd = Afd(unsafe { OwnedHandle::from_raw_handle(handle) });
        // Nobody waits for the handle itself: the event in it need not be set with each packet.
        let modes = FILE_SKIP_SET_EVENT_ON_HANDLE as u8;
        // SAFETY: a call without pointers on a handle that is ours.
        let set = unsafe { SetFileCompletionNotificationModes(afd.0.as_raw_handle(), modes) };
        if set == FALSE { Err(io::Error::last_os_error()) } else { Ok(afd) }
    }
}

/// A socket as the driver knows it, below all layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BaseSocket(SOCKET);

impl BaseSocket {
    /// The socket itself, as if no layer lay over it. The driver refuses what it does not know.
    pub(crate) fn presumed(source: RawSource) -> BaseSocket {
        // The number of a handle has 32 bits, on every Windows.
        BaseSocket(source.0 as u32 as SOCKET)
    }
}

/// Layers that are looked through at most; a machine has one or two, if any.
const LAYERS_MAX: usize = 16;

/// The socket below all layers.
///
/// # Errors
///
/// `WSAENOTSOCK` for what is no socket, or was closed; of others the first layer's.
pub(crate) fn base_socket(source: RawSource) -> io::Result<BaseSocket> {
    // The number of a handle has 32 bits, on every Windows; what is larger is a simulated socket.
    let number = u32::try_from(source.0);
    let number = number.map_err(|_| io::Error::from_raw_os_error(WSAENOTSOCK))?;
    let mut socket = number as SOCKET;
    for _ in 0..LAYERS_MAX {
        let refused = match socket_below(socket, SIO_BASE_HANDLE) {
            Ok(base) => return Ok(BaseSocket(base)),
            Err(error) if error.raw_os_error() == Some(WSAENOTSOCK) => return Err(error),
            Err(error) => error,
        };
        // A layer that hides the base still has to answer for `select`, and mostly names what is
        // below it when asked for that.
        let below = [SIO_BSP_HANDLE_POLL, SIO_BSP_HANDLE_SELECT, SIO_BSP_HANDLE]
            .into_iter()
            .find_map(|code| socket_below(socket, code).ok().filter(|&below| below != socket));
        match below {
            Some(below) => socket = below,
            None => return Err(refused),
        }
    }
    Err(io::Error::other(format!("more than {LAYERS_MAX} layers lie over this socket")))
}

fn socket_below(socket: SOCKET, code: u32) -> io::Result<SOCKET> {
    let mut below: SOCKET = 0;
    let mut bytes = 0;
    // SAFETY: the call writes one socket to the place for one and a length to the place for that,
    // before it returns: it is given no OVERLAPPED.
    let result = unsafe {
        WSAIoctl(
            socket,
            code,
            ptr::null(),
            0,
            (&raw mut below).cast(),
            size_of::<SOCKET>() as u32,
            &raw mut bytes,
            ptr::null_mut(),
            None,
        )
    };
    if result == SOCKET_ERROR { Err(io::Error::last_os_error()) } else { Ok(below) }
}

/// `AFD_POLL_INFO` with one `AFD_POLL_HANDLE_INFO`.
#[repr(C)]
struct PollInfo {
    /// In units of 100 ns; the largest number is never.
    timeout: i64,
    handles: u32,
    exclusive: u32,
    handle: SOCKET,
    events: u32,
    status: NTSTATUS,
}

/// What is lent to the kernel.
#[repr(C)]
struct Memory {
    block: IO_STATUS_BLOCK,
    info: PollInfo,
}

/// A request and its memory, used again and again.
#[derive(Debug)]
pub(crate) struct Request {
    memory: NonNull<Memory>,
    /// Whether the memory is the kernel's.
    lent: bool,
}

// SAFETY: the memory is this value's alone, or the kernel's, and belongs to no thread.
unsafe impl Send for Request {}

/// How a request has ended.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The socket has these of the events that were asked for; maybe none.
    Ready(u32),
    /// The request was cancelled, by us or with the thread that made it.
    Cancelled,
    /// The driver could not tell.
    Failed,
}

impl Request {
    pub(crate) fn new() -> Request {
        let info =
            PollInfo { timeout: 0, handles: 0, exclusive: 0, handle: 0, events: 0, status: 0 };
        let memory = Box::new(Memory { block: pending_block(), info });
        Request { memory: NonNull::from(Box::leak(memory)), lent: false }
    }

    /// Whether the kernel has the memory: a packet is to come.
    pub(crate) fn is_lent(&self) -> bool {
        self.lent
    }

    /// Asks for `events` of `socket`. The answer comes as a packet with `tag` to the port that
    /// `afd` is associated with, also if the socket is ready already.
    ///
    /// # Errors
    ///
    /// `ERROR_INVALID_HANDLE` if the socket was closed; otherwise what the driver says. Then no
    /// packet comes.
    pub(crate) fn submit(
        &mut self,
        afd: &Afd,
        socket: BaseSocket,
        events: u32,
        tag: NonZeroUsize,
    ) -> io::Result<()> {
        assert!(!self.lent, "a request is made again when its packet was taken");
        let info = PollInfo {
            timeout: i64::MAX,
            handles: 1,
            exclusive: 0,
            handle: socket.0,
            events,
            status: 0,
        };
        // SAFETY: the memory was allocated for this and is not lent: nobody else looks at it.
        unsafe { self.memory.write(Memory { block: pending_block(), info }) };
        let (block, info) = self.parts();
        // SAFETY: both pointers are into the memory, which stays where it is until the packet was
        // taken; the tag is a number that the kernel gives back.
        let status = unsafe {
            NtDeviceIoControlFile(
                afd.0.as_raw_handle(),
                ptr::null_mut(),
                None,
                tag.get() as *const _,
                block,
                POLL,
                info.cast_const().cast(),
                size_of::<PollInfo>() as u32,
                info.cast(),
                size_of::<PollInfo>() as u32,
            )
        };
        if status < 0 {
            return Err(error_of(status));
        }
        // Success at once is the same as "pending": a packet is on its way.
        self.lent = true;
        Ok(())
    }

    /// Asks the driver to end the request. Its packet comes in any case.
    pub(crate) fn cancel(&self, afd: &Afd) -> io::Result<()> {
        if !self.lent || self.status() != STATUS_PENDING {
            return Ok(());
        }
        let (block, _) = self.parts();
        let mut result = pending_block();
        // SAFETY: the first block only says which request is meant; the second is written before
        // the call returns.
        let status = unsafe { NtCancelIoFileEx(afd.0.as_raw_handle(), block, &raw mut result) };
        // Not found: it has ended in this moment.
        if status < 0 && status != STATUS_NOT_FOUND { Err(error_of(status)) } else { Ok(()) }
    }

    /// The answer, and the memory back. `packet` is the status that came with its packet.
    ///
    /// # Safety
    ///
    /// The packet with the tag of the last [`submit`](Self::submit) was taken from the port.
    pub(crate) unsafe fn reclaim(&mut self, packet: NTSTATUS) -> Answer {
        self.lent = false;
        let status = match self.status() {
            // It is written before the packet is queued, but by Wine not always, if the thread that
            // made the request has ended. Then a failure is told by the packet alone; of a success
            // nothing was written that could be read, and it is to be asked for again.
            STATUS_PENDING if packet < 0 => packet,
            STATUS_PENDING => STATUS_CANCELLED,
            written => written,
        };
        self.answer(status).unwrap_or(Answer::Cancelled)
    }

    /// What the answer is, if it is there although its packet was not taken yet.
    pub(crate) fn glance(&self) -> Option<Answer> {
        if self.lent { self.answer(self.status()) } else { None }
    }

    fn answer(&self, status: NTSTATUS) -> Option<Answer> {
        match status {
            STATUS_PENDING => None,
            STATUS_CANCELLED => Some(Answer::Cancelled),
            status if status < 0 => Some(Answer::Failed),
            _ => Some(Answer::Ready(self.events())),
        }
    }

    fn parts(&self) -> (*mut IO_STATUS_BLOCK, *mut PollInfo) {
        let memory = self.memory.as_ptr();
        // SAFETY: the address of a field of a value that lives, without a look at it.
        let block = unsafe { &raw mut (*memory).block };
        // SAFETY: the same.
        let info = unsafe { &raw mut (*memory).info };
        (block, info)
    }

    /// The kernel writes this at any time, and last of all that it writes.
    fn status(&self) -> NTSTATUS {
        let (block, _) = self.parts();
        // SAFETY: the memory lives, and every bit pattern is a status.
        unsafe { block.cast::<NTSTATUS>().read_volatile() }
    }

    /// The events of a request that has ended.
    fn events(&self) -> u32 {
        let (_, info) = self.parts();
        // SAFETY: a place in memory that lives.
        let handles = unsafe { &raw const (*info).handles };
        // SAFETY: the same.
        let events = unsafe { &raw const (*info).events };
        // SAFETY: the memory lives, and the kernel has written what it had to.
        let handles = unsafe { handles.read_volatile() };
        // SAFETY: the same.
        let events = unsafe { events.read_volatile() };
        if handles == 0 { 0 } else { events }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // What the kernel may still write to is never given back.
        if !self.lent {
            // SAFETY: made from a box by `new`, and dropped once.
            drop(unsafe { Box::from_raw(self.memory.as_ptr()) });
        }
    }
}

fn pending_block() -> IO_STATUS_BLOCK {
    IO_STATUS_BLOCK { Anonymous: IO_STATUS_BLOCK_0 { Status: STATUS_PENDING }, Information: 0 }
}

fn error_of(status: NTSTATUS) -> io::Error {
    // SAFETY: a number becomes another.
    let code = unsafe { RtlNtStatusToDosError(status) };
    io::Error::from_raw_os_error(code as i32)
}
