//! Counts what each thread allocates: how often, and how many bytes it holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

thread_local! {
    // Constants of a type without a destructor: reaching them neither allocates nor registers
    // anything, so the allocator may touch them at any moment of a thread's life.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES_HELD: Cell<i64> = const { Cell::new(0) };
}

/// How often this thread has asked for memory: new blocks and grown ones, not releases.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// Bytes this thread has allocated and nobody on it has freed.
pub(crate) fn bytes_held() -> i64 {
    BYTES_HELD.get()
}

fn note(count: u64, bytes: i64) {
    ALLOCATIONS.set(ALLOCATIONS.get() + count);
    BYTES_HELD.set(BYTES_HELD.get() + bytes);
}

// SAFETY: every call goes to `System` with the caller's own arguments and its answer comes back
// unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as i64);
        // SAFETY: the caller keeps `alloc`'s contract, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as i64);
        // SAFETY: the caller keeps `alloc_zeroed`'s contract, which is `System`'s.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(1, new_size as i64 - layout.size() as i64);
        // SAFETY: `block` came from `System` with this layout: we hand out no other memory.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, -(layout.size() as i64));
        // SAFETY: `block` came from `System` with this layout: we hand out no other memory.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn what_is_asked_for_is_counted() {
    let (allocations_before, bytes_before) = (allocations(), bytes_held());
    let mut held: Vec<u8> = Vec::with_capacity(1000);
    held.reserve_exact(3000);
    std::hint::black_box(&held);
    assert_eq!(bytes_held() - bytes_before, held.capacity() as i64);
    drop(held);
    assert_eq!(bytes_held(), bytes_before);
    assert_eq!(allocations() - allocations_before, 2);
}
