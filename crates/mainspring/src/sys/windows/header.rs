//! What came with a datagram, for operations that own their buffers.
//!
//! A port carries out `WSARecvFrom` and `WSASendTo`, and [`Message`] is all that it is shown of
//! one: it lies in the operation, which stays where it is until its packet was taken. The same
//! operation as an attempt goes through socket2.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use socket2::{MaybeUninitSlice, SockAddr, SockAddrStorage, Socket};
use windows_sys::Win32::Networking::WinSock::{SOCKADDR_STORAGE, WSABUF};

use super::message::{Arrived, refused};

/// One datagram and whom it is from or for, as the calls take it.
#[repr(C)]
pub(crate) struct Message {
    pub(super) buffer: WSABUF,
    pub(super) flags: u32,
    /// Bytes of the name; of one to be received, first the room for it.
    pub(super) name_len: i32,
    pub(super) name: SOCKADDR_STORAGE,
    /// It was longer than the buffer.
    pub(super) truncated: bool,
}

// SAFETY: the pointer in it is a number here; only the kernel follows it, while the operation that
// owns the buffer lies still.
unsafe impl Send for Message {}

const ROOM: i32 = size_of::<SOCKADDR_STORAGE>() as i32;

impl Message {
    fn new() -> Message {
        Message {
            buffer: WSABUF { len: 0, buf: ptr::null_mut() },
            flags: 0,
            name_len: 0,
            name: SOCKADDR_STORAGE::default(),
            truncated: false,
        }
    }

    /// For a name of the caller's.
    fn named(name: &SockAddr) -> Message {
        let mut message = Message::new();
        let len = (name.len() as usize).min(ROOM as usize);
        let to = (&raw mut message.name).cast::<u8>();
        // SAFETY: an address has so many bytes, the storage has room for the longest, and one is
        // not part of the other.
        unsafe { ptr::copy_nonoverlapping(name.as_ptr().cast::<u8>(), to, len) };
        message.name_len = len as i32;
        message
    }

    fn name(&self) -> Option<SockAddr> {
        let len = self.name_len.clamp(0, ROOM);
        if len == 0 {
            return None;
        }
        let mut storage = SockAddrStorage::zeroed();
        // SAFETY: every system's storage of an address may be seen as that, and any bytes are one.
        *unsafe { storage.view_as::<SOCKADDR_STORAGE>() } = self.name;
        // SAFETY: the bytes are an address of this length, written by the kernel or by `named`.
        Some(unsafe { SockAddr::new(storage, len) })
    }

    fn show(&mut self, start: *mut u8, len: usize) -> (*mut u8, usize) {
        self.buffer = WSABUF { len: u32::try_from(len).unwrap_or(u32::MAX), buf: start };
        (ptr::from_mut(self).cast(), size_of::<Message>())
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// What an operation that receives a message needs beside its buffer.
#[derive(Debug)]
pub(crate) struct RecvHeader(Message);

impl RecvHeader {
    pub(crate) fn new() -> RecvHeader {
        RecvHeader(Message::new())
    }

    /// The flags of a receive with this header.
    pub(crate) fn flags(&self) -> u32 {
        0
    }

    /// What the kernel is shown: `len` bytes of room from `start`.
    pub(crate) fn raw(&mut self, start: *mut u8, len: usize) -> (*mut u8, usize) {
        (self.0.truncated, self.0.flags, self.0.name_len) = (false, 0, ROOM);
        self.0.show(start, len)
    }

    /// Receives into `memory`, of which the first so many bytes then are initialised.
    pub(crate) fn receive(
        &mut self,
        socket: &Socket,
        memory: &mut [MaybeUninit<u8>],
    ) -> io::Result<usize> {
        let room = memory.len();
        let mut buffers = [MaybeUninitSlice::new(memory)];
        let received = socket.recv_from_vectored_with_flags(&mut buffers, 0);
        let (len, received, sender) = received.map_err(refused)?;
        self.0 = Message::named(&sender);
        self.0.truncated = received.is_truncated();
        // One that was cut off has filled the memory, whatever length is told beside the error.
        Ok(if self.0.truncated { room } else { len })
    }

    /// What the receive that has just succeeded brought beside its bytes.
    pub(crate) fn arrived(&self, len: usize) -> io::Result<Arrived> {
        let sender = self.0.name().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Arrived { len, truncated: self.0.truncated, sender })
    }

    /// Takes note that a receive found the end, of nobody.
    pub(crate) fn note_end(&mut self) {
        self.0.name_len = 0;
    }
}

/// What an operation that sends a message needs beside its buffer.
#[derive(Debug)]
pub(crate) struct SendHeader(Message);

impl SendHeader {
    /// For a message to `target`, or to the connected peer.
    pub(crate) fn new(target: Option<SockAddr>) -> SendHeader {
        SendHeader(target.map_or_else(Message::new, |target| Message::named(&target)))
    }

    /// What the kernel is shown: `len` bytes from `start`, which it only reads.
    pub(crate) fn raw(&mut self, start: *const u8, len: usize) -> (*mut u8, usize) {
        self.0.show(start.cast_mut(), len)
    }

    /// Whether it names a receiver that is a Unix socket: this system has no such datagrams.
    pub(crate) fn is_to_unix(&self) -> bool {
        false
    }

    /// Sends `bytes`.
    pub(crate) fn send(&mut self, socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
        match self.0.name() {
            Some(target) => socket.send_to(bytes, &target),
            None => socket.send(bytes),
        }
    }
}
