//! Groups of buffers that the kernel fills.
//!
//! A group is a ring of its own: an array of addresses that we write and the kernel reads, with a
//! tail that says how far. An operation that names the group takes the next when data has come, and
//! its completion bears the buffer's number. So a connection that waits has no buffer. With a
//! bundle it takes several at once, in the order of the array, and the completion bears the first
//! number and the bytes of all. Numbers are lent in the order in which they stand in the array, and
//! the pool keeps that order: so the operation, which knows its group, needs to be told no more.
//!
//! ```text
//!          ┌─────────┬─────────┬─────────┬─────────┐
//!          │ address │ address │ address │ address │   16 bytes each; the two bytes that the
//!          │ length  │ length  │ length  │ length  │   first leaves over are the tail
//!          │ number  │ number  │ number  │ number  │
//!          └─────────┴─────────┴─────────┴─────────┘
//!               ▲ head: the kernel's       ▲ tail: ours
//! ```
//!
//! The array has as many places as the group has buffers, so there is room for every number that
//! can be lent. It is registered and written by the thread that turns, and kept until the kernel
//! has let go of it, or for ever.
//!
//! Sources: io_uring_register(2) (`IORING_REGISTER_PBUF_RING`), io_uring_setup_buf_ring(3),
//! io_uring_prep_recv(3) for bundles.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::io;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use crate::completion::buffer_group::Buffers;
use crate::sync::{Arc, Mutex};

use super::ring::Ring;

/// The kernel's `struct io_uring_buf`.
#[repr(C)]
struct Place {
    address: u64,
    length: u32,
    number: u16,
    /// In the first place: the tail of all.
    tail: u16,
}

const _: () = assert!(size_of::<Place>() == 16);

/// What the kernel wants the array aligned to, on systems with pages of any size up to this.
const PAGE: usize = 65536;

/// The array.
struct Array {
    start: NonNull<Place>,
    layout: Layout,
    mask: u16,
    tail: u16,
}

// SAFETY: it owns its allocation, and is reached by the thread that has it alone; what the kernel
// does with it is bound to no thread.
unsafe impl Send for Array {}

impl Array {
    fn new(count: u32) -> io::Result<Array> {
        let size = count as usize * size_of::<Place>();
        let layout = Layout::from_size_align(size, PAGE);
        let layout = layout.map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: the size is not zero, because a group has one buffer at least.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Array { start, layout, mask: (count - 1) as u16, tail: 0 })
    }

    fn address(&self) -> u64 {
        self.start.as_ptr() as u64
    }

    /// Writes one more place; the kernel sees it with the next [`publish`](Self::publish).
    fn put(&mut self, address: u64, length: u32, number: u16) {
        let at = usize::from(self.tail & self.mask);
        // SAFETY: the mask keeps it inside the array.
        let place = unsafe { self.start.as_ptr().add(at) };
        // Field by field: the first place's last field is the tail.
        let address_at = place.cast::<u64>();
        let length_at = place.wrapping_byte_add(offset_of!(Place, length)).cast::<u32>();
        let number_at = place.wrapping_byte_add(offset_of!(Place, number)).cast::<u16>();
        // SAFETY: the place is between the tail and the head, so the kernel does not read it.
        unsafe { address_at.write(address) };
        // SAFETY: the same.
        unsafe { length_at.write(length) };
        // SAFETY: the same.
        unsafe { number_at.write(number) };
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&self) {
        // SAFETY: the first place is inside the array.
        let tail = unsafe { &raw mut (*self.start.as_ptr()).tail };
        // SAFETY: aligned, ours to write, and read by the kernel as one value of two bytes.
        let tail = unsafe { AtomicU16::from_ptr(tail) };
        tail.store(self.tail, Ordering::Release);
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout; whoever registered it has unregistered it,
        // or forgets it.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) };
    }
}

/// A group that the kernel fills.
struct Group {
    number: u16,
    buffers: Arc<Buffers>,
    array: Array,
}

/// A change that some thread asked for and the turning one makes.
pub(super) enum Change {
    Add(u16, Arc<Buffers>),
    Remove(u16),
}

/// The changes that are to be made.
#[derive(Default)]
pub(super) struct Changes {
    /// Whether there are any: looked at without the lock.
    any: AtomicBool,
    list: Mutex<Vec<Change>>,
}

impl Changes {
    /// Leaves one to the turn.
    pub(super) fn push(&self, change: Change) {
        self.list.lock().push(change);
        self.any.store(true, Ordering::Release);
    }

    /// Takes them over.
    #[inline]
    pub(super) fn take(&self) -> Vec<Change> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.take_some()
    }

    #[cold]
    fn take_some(&self) -> Vec<Change> {
        self.any.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.list.lock())
    }
}

/// All groups of a ring.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
}

impl Groups {
    /// Makes the changes. A group that the kernel refuses, for want of memory, has no buffers: what
    /// names it ends with the error that says so.
    #[inline]
    pub(super) fn change(&mut self, ring: &Ring, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Add(number, buffers) => self.add(ring, number, buffers),
                Change::Remove(number) => self.remove(ring, number),
            }
        }
    }

    fn add(&mut self, ring: &Ring, number: u16, buffers: Arc<Buffers>) {
        let count = buffers.pool().count();
        let Ok(array) = Array::new(count) else { return };
        // SAFETY: the array has that many places, and is unregistered before it is dropped, or
        // forgotten; what is put into it are buffers of a group that is kept as long.
        if unsafe { ring.add_buffers(array.address(), count as u16, number) }.is_ok() {
            self.groups.push(Group { number, buffers, array });
        }
    }

    fn remove(&mut self, ring: &Ring, number: u16) {
        let Some(at) = self.groups.iter().position(|group| group.number == number) else { return };
        let group = self.groups.swap_remove(at);
        if ring.remove_buffers(number).is_err() {
            // The kernel may still write to them.
            std::mem::forget(group);
        }
    }

    /// Lends the free buffers of every group.
    #[inline]
    pub(super) fn lend(&mut self) {
        for Group { buffers, array, .. } in &mut self.groups {
            let mut any = false;
            while let Some(number) = buffers.pool().lend() {
                let length = buffers.bytes() as u32;
                array.put(buffers.address(number) as u64, length, number);
                any = true;
            }
            if any {
                array.publish();
            }
        }
    }

    /// Takes every group back from the kernel; what it does not give is leaked.
    pub(super) fn remove_all(&mut self, ring: &Ring) {
        while let Some(group) = self.groups.first() {
            let number = group.number;
            self.remove(ring, number);
        }
    }

    /// The ring is out of reach, and the kernel may write to all of them.
    pub(super) fn forget_all(&mut self) {
        std::mem::forget(std::mem::take(&mut self.groups));
    }
}

/// Whether the kernel takes such arrays: one is shown to it and taken back.
pub(super) fn are_known(ring: &Ring) -> bool {
    const TRIAL: u16 = u16::MAX;
    let Ok(array) = Array::new(1) else { return false };
    // SAFETY: the array has one place, nothing is put into it, and it is unregistered below before
    // it is dropped, or forgotten.
    if unsafe { ring.add_buffers(array.address(), 1, TRIAL) }.is_err() {
        return false;
    }
    let removed = ring.remove_buffers(TRIAL).is_ok();
    if !removed {
        std::mem::forget(array);
    }
    removed
}
