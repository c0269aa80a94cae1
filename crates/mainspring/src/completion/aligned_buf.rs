//! Memory that begins at a multiple of something.
//!
//! Direct I/O moves bytes between the disk and the program's memory, and the disk's controller
//! addresses memory in units of its own. An allocation of a few bytes too many holds an aligned one
//! of the wanted size, wherever it begins.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

use super::buf::{IoBuf, IoBufMut};

/// The greatest alignment: that of a huge page. Nothing asks for more, and each buffer has so many
/// bytes too many.
const ALIGNMENT_MAX: usize = 2 << 20;

/// A buffer for direct I/O: memory that begins at a multiple of its alignment.
///
/// It has a capacity, all of which a read may fill, and a length, the bytes that are there, to
/// which it dereferences.
///
/// ```
/// use mainspring::AlignedBuf;
/// let mut buffer = AlignedBuf::new(8192, 4096)?;
/// assert_eq!((buffer.len(), buffer.capacity()), (0, 8192));
/// buffer.resize(4096);
/// buffer[..5].copy_from_slice(b"hello");
/// assert_eq!(buffer.as_ptr().addr() % 4096, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct AlignedBuf {
    /// Longer than the capacity by the alignment, less one.
    memory: Box<[u8]>,
    /// Where the aligned part begins.
    start: usize,
    capacity: usize,
    len: usize,
    alignment: usize,
}

impl AlignedBuf {
    /// An empty buffer with room for `capacity` bytes, which begin at a multiple of `alignment`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the alignment is no power of two or greater than 2 MiB; `OutOfMemory`.
    pub fn new(capacity: usize, alignment: usize) -> io::Result<AlignedBuf> {
        if !alignment.is_power_of_two() || alignment > ALIGNMENT_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "an alignment is a power of two up to {ALIGNMENT_MAX}, and {alignment} is \
                     not: 4096 suits every disk in wide use"
                ),
            ));
        }
        let size = capacity.checked_add(alignment - 1).ok_or(io::ErrorKind::OutOfMemory)?;
        let mut memory = Vec::new();
        memory.try_reserve_exact(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
        memory.resize(size, 0_u8);
        let memory = memory.into_boxed_slice();
        let start = memory.as_ptr().addr().wrapping_neg() % alignment;
        Ok(AlignedBuf { memory, start, capacity, len: 0, alignment })
    }

    /// Bytes there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// What the memory's address is a multiple of.
    #[must_use]
    pub fn alignment(&self) -> usize {
        self.alignment
    }

    /// Makes the first `len` bytes the ones that are there. Those that were not keep what the
    /// memory held: zeroes, or what was there before.
    ///
    /// # Panics
    ///
    /// If `len` is more than the capacity: the memory stays where it is.
    pub fn resize(&mut self, len: usize) {
        assert!(len <= self.capacity, "{len} bytes in a buffer of {}", self.capacity);
        self.len = len;
    }
}

impl Deref for AlignedBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

impl IoBuf for AlignedBuf {
    fn filled(&self) -> &[u8] {
        self
    }
}

impl IoBufMut for AlignedBuf {
    fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        let room = &mut self.memory[self.start..self.start + self.capacity];
        let (start, len) = (room.as_mut_ptr().cast(), room.len());
        // SAFETY: the same memory under the same borrow; only the kernel writes to it through this
        // slice, and what it writes is initialised.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }

    unsafe fn set_filled(&mut self, len: usize) {
        self.len = len.min(self.capacity);
    }
}

impl fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBuf")
            .field("len", &self.len)
            .field("capacity", &self.capacity)
            .field("alignment", &self.alignment)
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn memory_begins_at_a_multiple_of_every_alignment() {
        for alignment in (0..=12).map(|power| 1 << power) {
            for capacity in [0, 1, 511, 4096] {
                let mut buffer = AlignedBuf::new(capacity, alignment).expect("a buffer");
                let memory = buffer.memory();
                assert_eq!(memory.len(), capacity);
                assert_eq!(memory.as_ptr().addr() % alignment, 0);
            }
        }
    }

    #[test]
    fn what_was_read_is_what_is_there() {
        let mut buffer = AlignedBuf::new(512, 512).expect("a buffer");
        buffer.memory()[0].write(7);
        // SAFETY: the line above wrote it.
        unsafe { buffer.set_filled(1) };
        assert_eq!(buffer.filled(), [7]);
        buffer.resize(2);
        assert_eq!(&*buffer, [7, 0]);
    }

    #[test]
    fn an_impossible_alignment_is_refused_in_words() {
        for alignment in [0, 3, 4095, 4 << 20] {
            let error = AlignedBuf::new(512, alignment).expect_err("no alignment");
            assert!(error.to_string().contains("a power of two"), "{error}");
        }
        let error = AlignedBuf::new(usize::MAX, 4096).expect_err("too much");
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    }

    #[test]
    #[should_panic(expected = "5 bytes in a buffer of 4")]
    fn a_length_beyond_the_capacity_is_a_mistake() {
        AlignedBuf::new(4, 4).expect("a buffer").resize(5);
    }
}
