//! Memory of equal pieces in one allocation, each reached by its number.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::io;
use std::ptr::NonNull;

/// What direct I/O and the registration of memory ask for on every system: a page of 4 KiB.
const PAGE: usize = 4096;
/// A page of the larger kind, which memory of this size or more begins with.
const HUGE_PAGE: usize = 2 << 20;

/// Zeroed memory, aligned to a page. Much of it the allocator has from the system, unless some of
/// that size was given back before: zeroed as it is, and without cost where it is never touched.
/// What is to be aligned std would clear by hand on Unix, and so touch all of it; therefore more is
/// asked for, in which an aligned part lies.
#[derive(Debug)]
pub(crate) struct Memory {
    whole: NonNull<u8>,
    layout: Layout,
    /// Where the aligned part begins.
    start: NonNull<u8>,
    /// Bytes of all pieces.
    size: usize,
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
        let fitting = size.and_then(|size| {
            let align = if size < HUGE_PAGE { PAGE } else { HUGE_PAGE };
            let layout = Layout::array::<u8>(size.checked_add(align - 1)?).ok()?;
            Some((size, align, layout))
        });
        let (size, align, layout) = fitting.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{count} buffers of {piece} bytes: ask for one byte at least, and fewer"),
            )
        })?;
        // SAFETY: the size is not zero.
        let whole = unsafe { alloc_zeroed(layout) };
        let whole = NonNull::new(whole).ok_or(io::ErrorKind::OutOfMemory)?;
        let before = whole.as_ptr().addr().wrapping_neg() % align;
        // SAFETY: less than the alignment further on, and there are so many bytes too many.
        let start = unsafe { whole.add(before) };
        Ok(Memory { whole, layout, start, size, piece })
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
        assert!(at < self.size, "the number of a piece that there is");
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
        unsafe { dealloc(self.whole.as_ptr(), self.layout) };
    }
}
