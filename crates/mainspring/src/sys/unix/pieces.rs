//! Several pieces of memory, named to the kernel by an array of `iovec`s.
//!
//! <https://man7.org/linux/man-pages/man3/iovec.3type.html>

/// The array. It lies where it is told to the kernel until it is dropped or pushed to.
#[derive(Default)]
pub(crate) struct Pieces(Vec<libc::iovec>);

// SAFETY: the addresses are numbers here: nobody follows them but the kernel, for an operation
// that owns the memory they name.
unsafe impl Send for Pieces {}
// SAFETY: the same; and a shared array gives nothing away but a count.
unsafe impl Sync for Pieces {}

impl Pieces {
    /// No pieces, with room for so many.
    pub(crate) fn with_capacity(count: usize) -> Pieces {
        Pieces(Vec::with_capacity(count))
    }

    /// Takes up a piece of memory of `len` bytes.
    pub(crate) fn push(&mut self, start: *mut u8, len: usize) {
        self.0.push(libc::iovec { iov_base: start.cast(), iov_len: len });
    }

    /// Where the array lies, and its length in bytes.
    pub(crate) fn memory(&mut self) -> (*mut u8, usize) {
        (self.0.as_mut_ptr().cast(), size_of_val(self.0.as_slice()))
    }
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces").field("count", &self.0.len()).finish()
    }
}
