//! Buffers that are lent out and come back by themselves.
//!
//! A connection that waits for data needs no buffer; one that has data needs one for as long as it
//! takes to deal with it. So a program with a hundred thousand connections needs as many buffers as
//! it deals with at once, and they can all be made beforehand: a group of equal ones in one
//! allocation. What comes is received into one of them, and handed out as a [`Lease`], which gives
//! the buffer back when it is dropped, on whichever thread.
//!
//! Who has a buffer's number has its memory, and nobody else: the pool of the free numbers, the
//! kernel, the queue of a stream, or a lease. The memory is freed with the last of those who may
//! have a number: the group, its leases, operations that have begun, and the backend that lent
//! buffers to its kernel. So a lease may outlive its driver.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};

use super::buf::{IoBuf, IoBufMut};
use super::memory::Memory;
use super::operation::Region;
use super::pool::{COUNT_MAX, Pool};

/// The memory of a group and the numbers of its free buffers.
pub(crate) struct Buffers {
    pool: Pool,
    memory: Memory,
    /// Where a kernel knows the memory: the queue's number above the place; 0 if none does.
    region: AtomicU64,
    /// Why none does, in words.
    refusal: OnceLock<String>,
}

const QUEUE_SHIFT: u32 = 32;

impl Buffers {
    /// `count` buffers of `bytes` each.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `count` is not a power of two up to 32768, which is what io_uring takes,
    /// or the buffers would have no bytes; `OutOfMemory`.
    pub(crate) fn new(count: usize, bytes: usize) -> io::Result<Arc<Buffers>> {
        let numbers = u32::try_from(count).ok().filter(|&numbers| {
            numbers.is_power_of_two() && numbers <= COUNT_MAX && u32::try_from(bytes).is_ok()
        });
        let Some(numbers) = numbers else { return Err(not_so_many(count, bytes)) };
        Ok(Arc::new(Buffers {
            pool: Pool::new(numbers),
            memory: Memory::new(count, bytes)?,
            region: AtomicU64::new(0),
            refusal: OnceLock::new(),
        }))
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Bytes of a buffer.
    pub(crate) fn bytes(&self) -> usize {
        self.memory.piece()
    }

    /// Where a buffer lies.
    #[allow(dead_code, reason = "asked by backends whose kernel fills buffers")]
    pub(crate) fn address(&self, number: u16) -> *mut u8 {
        self.memory.address(number.into())
    }

    /// Where a kernel knows the memory, if one does. An operation on it begins while its buffer is
    /// out; so whoever takes the memory back from the kernel says so here first, and then waits
    /// until none is.
    pub(crate) fn region(&self) -> Option<Region> {
        let packed = self.region.load(Ordering::Acquire);
        let queue = NonZeroU32::new((packed >> QUEUE_SHIFT) as u32)?;
        Some(Region { queue, place: packed as u16 })
    }

    /// A kernel knows the memory from now on, or none does.
    #[allow(dead_code, reason = "called by backends whose kernel registers memory")]
    pub(crate) fn set_region(&self, region: Option<Region>) {
        let packed = region.map_or(0, |Region { queue, place }| {
            u64::from(queue.get()) << QUEUE_SHIFT | u64::from(place)
        });
        self.region.store(packed, Ordering::Release);
    }

    /// Why no kernel knows the memory, once that is known.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.refusal.get().map(String::as_str)
    }

    /// No kernel will know the memory; what is said first stays.
    pub(crate) fn refuse(&self, why: String) {
        let _ = self.refusal.set(why);
    }

    /// Where the memory of all begins, and its length.
    pub(crate) fn all(&self) -> (*mut u8, usize) {
        (self.memory.address(0), self.memory.piece() * self.pool.count() as usize)
    }

    /// A buffer whose number was taken from the pool, or came from the kernel or a queue of
    /// arrivals, and is nobody else's.
    pub(crate) fn lease(buffers: &Arc<Buffers>, number: u16, len: usize) -> Lease {
        debug_assert!(len <= buffers.bytes(), "no more comes than there is room for");
        let len = len.min(buffers.bytes());
        Lease { buffers: buffers.clone(), number, len }
    }
}

/// A buffer of a group with what was received into it: it gives the buffer back when it is dropped.
///
/// It may be sent to another thread, kept for as long as one likes (what it keeps is missing from
/// the group), and outlive its driver. It can be sent from, so an echo need not copy.
///
/// ```
/// use futures::StreamExt;
/// use mainspring::net::{TcpListener, TcpStream};
/// # mainspring::block_on(async {
/// let group = mainspring::Handle::current().buffer_group(8, 2048)?;
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
///
/// client.write(b"hello").await?;
/// let lease = server.recv_multi(&group).next().await.expect("not the end")?;
/// assert_eq!(&lease[..], b"hello");
/// assert_eq!(group.in_use(), 1);
/// drop(lease);
/// assert_eq!(group.in_use(), 0);
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Lease {
    buffers: Arc<Buffers>,
    number: u16,
    len: usize,
}

impl Lease {
    /// Makes it shorter: bytes from `len` on are not there any more. Longer it does not become.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Appends bytes, as many as there is room for; returns how many those were.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) -> usize {
        let start = self.len;
        let room = &mut self.room()[start..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.len += count;
        count
    }

    /// Bytes of the whole buffer.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffers.bytes()
    }

    /// The whole buffer, to be filled.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        // SAFETY: who has the number has the memory, and this lease has it.
        unsafe { self.buffers.memory.piece_at_mut(self.number.into()) }
    }

    /// So many bytes were filled.
    pub(crate) fn fill(&mut self, len: usize) {
        self.len = len.min(self.buffers.bytes());
    }
}

impl Deref for Lease {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: who has the number has the memory, and this lease has it.
        let room = unsafe { self.buffers.memory.piece_at(self.number.into()) };
        &room[..self.len]
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        &mut self.room()[..len]
    }
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl IoBuf for Lease {
    #[inline]
    fn filled(&self) -> &[u8] {
        self
    }

    fn region(&self) -> Option<Region> {
        self.buffers.region()
    }
}

/// The whole buffer is filled anew: what it held is overwritten.
impl IoBufMut for Lease {
    fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        let room = self.room();
        let (start, len) = (room.as_mut_ptr().cast(), room.len());
        // SAFETY: the same memory under the same borrow; only the kernel writes to it through this
        // slice, and what it writes is initialised.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }

    unsafe fn set_filled(&mut self, len: usize) {
        self.fill(len);
    }

    fn region_to_fill(&self) -> Option<Region> {
        self.buffers.region()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("number", &self.number).field("len", &self.len).finish()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.buffers.pool.give_back(self.number);
    }
}

fn not_so_many(count: usize, bytes: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "a group of {count} buffers of {bytes} bytes: the count is a power of two, at most \
             {COUNT_MAX}, and a buffer has less than 4 GiB"
        ),
    )
}

#[cfg(all(test, not(loom)))]
mod tests;
