//! Counts the bytes this thread holds, so that a leak of one word in a hundred thousand rounds
//! shows.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

thread_local! {
    // A constant of a type without a destructor: reaching it neither allocates nor registers
    // anything, so the allocator may touch it at any moment of a thread's life.
    static BYTES_HELD: Cell<i64> = const { Cell::new(0) };
}

/// Bytes this thread has allocated and nobody on it has freed.
pub(crate) fn bytes_held() -> i64 {
    BYTES_HELD.get()
}

fn note(bytes: usize, sign: i64) {
    BYTES_HELD.set(BYTES_HELD.get() + sign * bytes as i64);
}

// SAFETY: every call goes to `System` with the caller's own arguments and its answer comes back
// unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller keeps `alloc`'s contract, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller keeps `alloc_zeroed`'s contract, which is `System`'s.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(layout.size(), -1);
        note(new_size, 1);
        // SAFETY: `block` came from `System` with this layout: we hand out no other memory.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: `block` came from `System` with this layout: we hand out no other memory.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn what_is_held_is_counted() {
    let before = bytes_held();
    let mut held: Vec<u8> = Vec::with_capacity(1000);
    assert_eq!(bytes_held() - before, 1000);
    held.reserve_exact(3000);
    assert_eq!(bytes_held() - before, held.capacity() as i64);
    drop(held);
    assert_eq!(bytes_held(), before);
}
