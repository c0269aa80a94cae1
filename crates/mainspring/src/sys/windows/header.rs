//! What came with a datagram, for operations that own their buffers.
//!
//! The port carries out no operation on a datagram: each is a call that is made when the socket is
//! ready, and there is nothing to show to a kernel.

use std::io;
use std::mem::MaybeUninit;

use socket2::{MaybeUninitSlice, SockAddr, Socket};

use super::message::Arrived;

/// What an operation that receives a message needs beside its buffer.
#[derive(Debug)]
pub(crate) struct RecvHeader {
    truncated: bool,
    sender: Option<SockAddr>,
}

impl RecvHeader {
    pub(crate) fn new() -> RecvHeader {
        RecvHeader { truncated: false, sender: None }
    }

    /// The flags of a receive with this header.
    pub(crate) fn flags(&self) -> u32 {
        0
    }

    /// Nothing is shown to the kernel.
    pub(crate) fn raw(&mut self, _start: *mut u8, _len: usize) -> (*mut u8, usize) {
        (std::ptr::null_mut(), 0)
    }

    /// Receives into `memory`, of which the first so many bytes then are initialised.
    pub(crate) fn receive(
        &mut self,
        socket: &Socket,
        memory: &mut [MaybeUninit<u8>],
    ) -> io::Result<usize> {
        let mut buffers = [MaybeUninitSlice::new(memory)];
        let (len, received, sender) = socket.recv_from_vectored_with_flags(&mut buffers, 0)?;
        self.truncated = received.is_truncated();
        self.sender = Some(sender);
        Ok(len)
    }

    /// What the receive that has just succeeded brought beside its bytes.
    pub(crate) fn arrived(&self, len: usize) -> io::Result<Arrived> {
        let sender = self.sender.clone().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Arrived { len, truncated: self.truncated, sender })
    }

    /// Takes note that a receive found the end, of nobody.
    pub(crate) fn note_end(&mut self) {
        self.sender = None;
    }
}

/// What an operation that sends a message needs beside its buffer.
#[derive(Debug)]
pub(crate) struct SendHeader {
    target: Option<SockAddr>,
}

impl SendHeader {
    /// For a message to `target`, or to the connected peer.
    pub(crate) fn new(target: Option<SockAddr>) -> SendHeader {
        SendHeader { target }
    }

    /// Nothing is shown to the kernel.
    pub(crate) fn raw(&mut self, _start: *const u8, _len: usize) -> (*mut u8, usize) {
        (std::ptr::null_mut(), 0)
    }

    /// Whether it names a receiver that is a Unix socket: this system has no such datagrams.
    pub(crate) fn is_to_unix(&self) -> bool {
        false
    }

    /// Sends `bytes`.
    pub(crate) fn send(&mut self, socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
        match &self.target {
            Some(target) => socket.send_to(bytes, target),
            None => socket.send(bytes),
        }
    }
}
