//! Buffers that an operation owns while the kernel has them.
//!
//! Both traits are safe to implement. The address of a buffer is taken once, after the operation
//! that owns it lies where it stays, from a borrow of the buffer; and until the kernel has let go,
//! nobody touches the buffer again. Whatever safe code can lend from a value it owns, it cannot
//! free while that value lies untouched. So a buffer may keep its bytes inside itself, too.

use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;

use super::operation::{RawMemory, Region};

/// Bytes that an operation can write from.
///
/// ```
/// use mainspring::IoBuf;
/// assert_eq!("hello".to_string().filled(), b"hello");
/// ```
pub trait IoBuf: Send + 'static {
    /// The bytes that are there.
    fn filled(&self) -> &[u8];

    /// The registered region that they lie in, if they do. The kernel compares addresses with it
    /// and takes no others.
    #[doc(hidden)]
    fn region(&self) -> Option<Region> {
        None
    }
}

/// Memory that an operation can read into.
///
/// ```
/// use mainspring::{IoBuf, IoBufMut};
/// let mut buffer = Vec::<u8>::with_capacity(64);
/// assert!(buffer.memory().len() >= 64);
/// assert!(buffer.filled().is_empty());
/// ```
pub trait IoBufMut: Send + 'static {
    /// The memory to fill, from its beginning. Of a `Vec` that is its whole capacity: what it held
    /// is overwritten.
    fn memory(&mut self) -> &mut [MaybeUninit<u8>];

    /// Takes note that the first `len` bytes of the memory were written, and no others.
    ///
    /// # Safety
    ///
    /// They were, since [`memory`](Self::memory) was last called, in the memory it then lent, and
    /// `len` is not more than its length.
    unsafe fn set_filled(&mut self, len: usize);

    /// The registered region that the memory lies in, if it does; as with [`IoBuf`].
    #[doc(hidden)]
    fn region_to_fill(&self) -> Option<Region> {
        None
    }
}

impl IoBuf for Vec<u8> {
    fn filled(&self) -> &[u8] {
        self
    }
}

impl IoBufMut for Vec<u8> {
    fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        self.clear();
        self.spare_capacity_mut()
    }

    unsafe fn set_filled(&mut self, len: usize) {
        // SAFETY: `memory` lent the capacity from its beginning, and the caller promises that the
        // first `len` bytes of it were written. Nothing has changed the capacity since: that would
        // take the vector.
        unsafe { self.set_len(len) };
    }
}

/// Memory that is initialised already: nothing to note, the length stays.
macro_rules! initialised {
    ($([$($generics:tt)*] $buffer:ty),* $(,)?) => {$(
        impl<$($generics)*> IoBuf for $buffer {
            fn filled(&self) -> &[u8] {
                &self[..]
            }
        }

        impl<$($generics)*> IoBufMut for $buffer {
            fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
                let bytes = &mut self[..];
                let (start, len) = (bytes.as_mut_ptr().cast(), bytes.len());
                // SAFETY: the same memory under the same borrow; only the kernel writes to it
                // through this slice, and what it writes is initialised.
                unsafe { std::slice::from_raw_parts_mut(start, len) }
            }

            unsafe fn set_filled(&mut self, _len: usize) {}
        }
    )*};
}

initialised!([] Box<[u8]>, [const N: usize] [u8; N], [const N: usize] Box<[u8; N]>);

/// Bytes to write from only.
macro_rules! constant {
    ($($buffer:ty),* $(,)?) => {$(
        impl IoBuf for $buffer {
            fn filled(&self) -> &[u8] {
                self.as_ref()
            }
        }
    )*};
}

constant!(&'static [u8], &'static str, String, Arc<[u8]>);

impl IoBuf for Arc<str> {
    fn filled(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl IoBuf for Arc<Vec<u8>> {
    fn filled(&self) -> &[u8] {
        self
    }
}

/// A buffer on its way through an operation that fills it.
#[derive(Debug)]
pub(crate) struct Filling<B> {
    buffer: B,
    /// Bytes at the beginning that are filled already, and stay.
    done: usize,
    /// The length of the memory when it was last lent. A buffer may lend other memory each time it
    /// is asked, so it is not asked again once something was written.
    room: usize,
}

impl Filling<Vec<u8>> {
    /// Goes on with a vector that earlier operations have filled so far, and leaves that as it is.
    /// A vector lends the same memory each time; other buffers may not.
    pub(crate) fn go_on(buffer: Vec<u8>) -> Filling<Vec<u8>> {
        let done = buffer.len();
        Filling { buffer, done, room: 0 }
    }
}

impl<B: IoBufMut> Filling<B> {
    #[inline]
    pub(crate) fn new(buffer: B) -> Filling<B> {
        Filling { buffer, done: 0, room: 0 }
    }

    /// A buffer that holds these bytes, as far as it has room for them.
    pub(crate) fn with(buffer: B, bytes: &[u8]) -> B {
        let mut filling = Filling::new(buffer);
        let places = filling.memory().iter_mut().zip(bytes);
        let count = places.map(|(place, byte)| place.write(*byte)).count();
        filling.into_filled(&Ok(count as u64))
    }

    /// The length of the memory that was lent last.
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// The registered region that the memory lies in, if it does.
    pub(crate) fn region(&self) -> Option<Region> {
        self.buffer.region_to_fill()
    }

    /// The memory, for a call that fills it and says how far.
    #[inline]
    pub(crate) fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        self.room = 0;
        let memory = self.buffer.memory();
        let done = self.done.min(memory.len());
        self.room = memory.len() - done;
        &mut memory[done..]
    }

    /// The memory as the kernel is to see it.
    #[inline]
    pub(crate) fn raw(&mut self) -> RawMemory {
        let memory = self.memory();
        RawMemory { start: memory.as_mut_ptr().cast(), len: memory.len() }
    }

    /// The buffer, filled as far as the call that was given the memory said; after an error, not
    /// at all. Only the end of an operation calls this, with the kernel's own answer.
    #[inline]
    pub(crate) fn into_filled(mut self, result: &io::Result<u64>) -> B {
        let count = result.as_ref().map_or(0, |&count| count.min(self.room as u64) as usize);
        // SAFETY: the call that was lent the memory last said that it has written so many bytes of
        // it, from the beginning or, in a vector, from where the earlier calls ended; and nobody
        // asked the buffer for memory since.
        unsafe { self.buffer.set_filled(self.done + count) };
        self.buffer
    }

    /// The buffer of an operation that moved nothing.
    pub(crate) fn into_unfilled(self) -> B {
        self.into_filled(&Ok(0))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Fills as a kernel would, and says so.
    fn fill(buffer: &mut impl IoBufMut, bytes: &[u8]) {
        let memory = buffer.memory();
        for (place, byte) in memory.iter_mut().zip(bytes) {
            place.write(*byte);
        }
        let len = memory.len().min(bytes.len());
        // SAFETY: the loop wrote that many.
        unsafe { buffer.set_filled(len) };
    }

    #[test]
    fn a_vector_is_filled_up_to_its_capacity_and_forgets_what_it_held() {
        let mut buffer = Vec::with_capacity(8);
        buffer.extend_from_slice(b"old text");
        fill(&mut buffer, b"new");
        assert_eq!(buffer.filled(), b"new");
    }

    #[test]
    fn initialised_memory_keeps_its_length() {
        let mut array = [b'.'; 4];
        fill(&mut array, b"ab");
        assert_eq!(array.filled(), b"ab..");
        let mut boxed = vec![b'.'; 4].into_boxed_slice();
        fill(&mut boxed, b"abcdef");
        assert_eq!(boxed.filled(), b"abcd");
    }

    #[test]
    fn what_is_written_from_is_what_is_there() {
        assert_eq!("str".filled(), b"str");
        assert_eq!(b"bytes".as_slice().filled(), b"bytes");
        assert_eq!(String::from("string").filled(), b"string");
        assert_eq!(Arc::<[u8]>::from(b"shared".as_slice()).filled(), b"shared");
        assert_eq!(Arc::<str>::from("shared").filled(), b"shared");
        assert_eq!(Arc::new(vec![1_u8, 2]).filled(), [1, 2]);
    }
}
