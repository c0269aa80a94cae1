//! Memory of equal pieces in one allocation, each reached by its number.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::io;
use std::ptr::NonNull;

/// What direct I/O and the registration of memory ask for on every system: a page of 4 KiB.
const ALIGN: usize = 4096;

/// Zeroed memory, aligned to a page. Zeroed pages that were never touched cost no memory.
#[derive(Debug)]
pub(crate) struct Memory {
    start: NonNull<u8>,
    layout: Layout,
    piece: usize,
}

// SAFETY: it owns its allocation, and nothing is reached through a shared reference but by the
// unsafe functions below, whose callers keep each piece to one side at a time.
unsafe impl Send for Memory {}
// SAFETY: the same.
unsafe impl Sync for Memory {}

impl Memory {
    /// `count` pieces of `piece` bytes.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if that is nothing, or more than an address space holds; `OutOfMemory`.
    pub(crate) fn new(count: usize, piece: usize) -> io::Result<Memory> {
        let size = count.checked_mul(piece).filter(|&size| size != 0);
        let layout = size.and_then(|size| Layout::from_size_align(size, ALIGN).ok());
        let layout = layout.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{count} buffers of {piece} bytes: ask for one byte at least, and fewer"),
            )
        })?;
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Memory { start, layout, piece })
    }

    /// Bytes of a piece.
    #[inline]
    pub(crate) fn piece(&self) -> usize {
        self.piece
    }

    /// Where a piece begins.
    #[inline]
    pub(crate) fn address(&self, number: usize) -> *mut u8 {
        let at = number * self.piece;
        assert!(at < self.layout.size(), "the number of a piece that there is");
        // SAFETY: inside the allocation, by the line above.
        unsafe { self.start.as_ptr().add(at) }
    }

    /// A piece, to be looked at.
    ///
    /// # Safety
    ///
    /// Nobody changes the piece while the slice lives.
    #[inline]
    pub(crate) unsafe fn piece_at(&self, number: usize) -> &[u8] {
        // SAFETY: a whole piece, initialised since the allocation; the rest is the caller's part.
        unsafe { std::slice::from_raw_parts(self.address(number), self.piece) }
    }

    /// A piece, to be changed.
    ///
    /// # Safety
    ///
    /// Nobody else reaches the piece while the slice lives.
    #[allow(clippy::mut_from_ref, reason = "each piece has one owner, by the caller's promise")]
    pub(crate) unsafe fn piece_at_mut(&self, number: usize) -> &mut [u8] {
        // SAFETY: a whole piece, initialised since the allocation; the rest is the caller's part.
        unsafe { std::slice::from_raw_parts_mut(self.address(number), self.piece) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout, and nobody has a piece who has not the
        // memory as well.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}
