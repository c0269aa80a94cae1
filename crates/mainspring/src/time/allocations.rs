//! Counts heap allocations in this crate's unit tests, thread by thread.
//!
//! "No allocation in steady state" is a promise about the program that links us, so it is checked
//! where such programs would feel it: at the global allocator. The count is per thread because the
//! test runner runs tests side by side and one must not see what another allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

thread_local! {
    // A constant of a type without a destructor: reaching it neither allocates nor registers
    // anything, so the allocator may touch it at any moment of a thread's life.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Whether anything is counted.
pub(crate) const COUNTS: bool = true;

/// Runs `work` and says how many times this thread asked the allocator for memory meanwhile: new
/// blocks and grown ones, not releases.
pub(crate) fn count<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let before = COUNT.get();
    let result = work();
    (COUNT.get() - before, result)
}

fn note_allocation() {
    COUNT.set(COUNT.get() + 1);
}

// SAFETY: every call goes to `System` with the caller's own arguments and its answer comes back
// unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note_allocation();
        // SAFETY: the caller keeps `alloc`'s contract, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note_allocation();
        // SAFETY: the caller keeps `alloc_zeroed`'s contract, which is `System`'s.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note_allocation();
        // SAFETY: `block` came from `System` with this layout: we hand out no other memory.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `System` with this layout: we hand out no other memory.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn an_allocation_is_counted_on_its_own_thread_only() {
    let (here, ()) = count(|| {
        let first = Box::new(1_u8);
        let mut list = Vec::<u64>::with_capacity(1);
        list.extend([1, 2, 3]);
        std::hint::black_box((&first, &list));
        drop((first, list));
    });
    assert_eq!(here, 3, "a box, a list, and the list's growth");

    let (sender, receiver) = std::sync::mpsc::sync_channel::<u64>(1);
    let other = std::thread::spawn(move || {
        let (busy, ()) = count(|| {
            for size in 1..1_000_usize {
                std::hint::black_box(vec![0_u8; size]);
            }
        });
        sender.send(busy).expect("the test waits for the figure");
    });
    let (quiet, ()) = count(|| {
        let mut sum = 0_u64;
        for value in 0..1_000_u64 {
            sum += std::hint::black_box(value);
        }
        std::hint::black_box(sum);
    });
    assert_eq!(quiet, 0, "another thread's work is not ours");
    assert_eq!(receiver.recv().expect("the other thread reports"), 999);
    other.join().expect("the other thread ends well");
}
