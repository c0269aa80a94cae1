//! Telling the processor what will be read soon.
//!
//! With a thousand connections a task and what it points to have left the caches when their turn
//! comes again. A prefetch fetches them while something else is done. It is a hint: it changes no
//! value, faults on no address, and on processors that we know no instruction of it does nothing.
//!
//! - Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, `PREFETCHh`

/// Bytes of a cache line, on every processor that has the instruction below.
const LINE: usize = 64;

/// Fetches the cache lines of `bytes` bytes from `start` on.
#[inline]
pub(crate) fn prefetch<T>(start: &T, bytes: usize) {
    let start = std::ptr::from_ref(start).cast::<i8>();
    let end = start.wrapping_add(bytes);
    let mut line = start.map_addr(|address| address & !(LINE - 1));
    while line < end {
        fetch(line);
        line = line.wrapping_add(LINE);
    }
}

/// Fetches what begins at an address of which nothing else is known: the first `bytes` bytes of it,
/// no more than a line, which may lie on two.
#[inline]
pub(crate) fn fetch_at(start: *const (), bytes: usize) {
    debug_assert!(bytes <= LINE, "no more than two lines");
    fetch(start.cast());
    fetch(start.cast::<i8>().wrapping_add(bytes - 1));
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn fetch(line: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that the program could see, and any address will do.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch(_line: *const i8) {}
