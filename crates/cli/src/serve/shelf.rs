//! Buffers that the responses of a core use one after the other.
//!
//! A file is read into a buffer that the kernel, or a thread of the pool, has meanwhile; when the
//! socket has taken the bytes, the buffer is put back for whichever response is read next. A
//! connection that waits for its next request has none.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Buf, Bytes};

/// Buffers that are kept: sixty-four responses read on without an allocation, for four megabytes.
const KEPT_MAX: usize = 64;

/// The buffers that nobody uses.
#[derive(Debug, Default)]
pub struct Shelf(RefCell<Vec<Vec<u8>>>);

impl Shelf {
    /// An empty buffer with room for `room` bytes.
    pub fn take(&self, room: usize) -> Vec<u8> {
        let mut buffer = self.0.borrow_mut().pop().unwrap_or_default();
        buffer.clear();
        buffer.reserve_exact(room);
        buffer
    }

    /// Puts a buffer back.
    pub fn put(&self, buffer: Vec<u8>) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT_MAX {
            kept.push(buffer);
        }
    }
}

/// Bytes on their way to the socket.
#[derive(Debug)]
pub enum Piece {
    /// Made for this answer.
    Own(Bytes),
    /// In a buffer of the shelf.
    Lent(Lent),
}

/// A buffer that goes back to its shelf, and how far it was sent.
#[derive(Debug)]
pub struct Lent {
    bytes: Vec<u8>,
    sent: usize,
    shelf: Rc<Shelf>,
}

impl Piece {
    /// The bytes of a buffer that belongs to `shelf`.
    pub fn lent(bytes: Vec<u8>, shelf: &Rc<Shelf>) -> Piece {
        Piece::Lent(Lent { bytes, sent: 0, shelf: Rc::clone(shelf) })
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.chunk().len()
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Piece::Own(bytes) => bytes,
            Piece::Lent(lent) => &lent.bytes[lent.sent..],
        }
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "{count} bytes sent of {}", self.remaining());
        match self {
            Piece::Own(bytes) => bytes.advance(count),
            Piece::Lent(lent) => lent.sent += count,
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.shelf.put(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_its_bytes_are_sent() {
        let shelf = Rc::new(Shelf::default());
        let mut buffer = shelf.take(1000);
        assert!(buffer.capacity() >= 1000);
        buffer.extend_from_slice(b"hello");
        let address = buffer.as_ptr();
        let mut piece = Piece::lent(buffer, &shelf);
        piece.advance(2);
        assert_eq!((piece.remaining(), piece.chunk()), (3, b"llo".as_slice()));
        piece.advance(3);
        assert!(!piece.has_remaining());
        drop(piece);
        let again = shelf.take(1000);
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let shelf = Shelf::default();
        for _ in 0..2 * KEPT_MAX {
            shelf.put(Vec::with_capacity(1));
        }
        assert_eq!(shelf.0.borrow().len(), KEPT_MAX);
    }
}
