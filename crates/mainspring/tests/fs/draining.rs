//! Clause C12: the kernel lets go of a buffer before anybody else has it.
//!
//! A direct read of a megabyte is under way when its driver is dropped. From the moment the buffer
//! is given back, here to be poisoned, not a byte of it may change. Closing a ring does not wait
//! for a read like this one; a cache would answer it before it could be caught under way.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::future::IntoFuture;
use std::mem::MaybeUninit;
use std::path::Path;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Waker};

use mainspring::IoBufMut;
use mainspring::fs::{File, OpenOptions};
use mainspring::{Builder, Choice, Driver, Kind};

use crate::support::{Place, Watchdog, driver, is_native, kinds};

const LEN: usize = 1 << 20;
const PIECES: usize = 4;
/// Rounds on each kind, pinned and not; the variable names more of them.
const ROUNDS: usize = 20;
const VARIABLE: &str = "MAINSPRING_TEST_ROUNDS";
/// Rounds at most where a thread of the pool reads: the driver never has such memory.
const ROUNDS_ON_POOL: usize = 100;
const CONTENT: u8 = 0xAB;
const POISON: u8 = 0x5A;

/// Memory that can still be looked at when its buffer is gone.
struct Memory {
    start: NonNull<u8>,
    released: Mutex<bool>,
    changed: Condvar,
}

// SAFETY: the memory is the buffer's until that is dropped, which `released` says, and is only read
// or written by the test from then on.
unsafe impl Send for Memory {}
// SAFETY: the same.
unsafe impl Sync for Memory {}

impl Memory {
    const LAYOUT: Layout = match Layout::from_size_align(LEN, 4096) {
        Ok(layout) => layout,
        Err(_) => panic!("a page is a power of two"),
    };

    fn new() -> Arc<Memory> {
        // SAFETY: the layout has a size.
        let start = unsafe { alloc_zeroed(Memory::LAYOUT) };
        let start = NonNull::new(start).expect("a megabyte");
        Arc::new(Memory { start, released: Mutex::new(false), changed: Condvar::new() })
    }

    fn until_released(&self) {
        let released = self.released.lock().unwrap();
        drop(self.changed.wait_while(released, |released| !*released).unwrap());
    }

    /// How many words of eight bytes are not what they were when the buffer was given back.
    fn spoiled(&self) -> usize {
        let start = self.start.as_ptr().cast::<u64>();
        let poisoned = |at: &usize| {
            // SAFETY: within the allocation, which is aligned to a page.
            let word = unsafe { start.add(*at) };
            // SAFETY: initialised, and nobody's but the test's by now. Volatile, because if the
            // kernel writes to it all the same, that is what the test is to find out.
            let value = unsafe { word.read_volatile() };
            value == u64::from_ne_bytes([POISON; 8])
        };
        LEN / 8 - (0..LEN / 8).filter(poisoned).count()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and the last who knew of it is going.
        unsafe { dealloc(self.start.as_ptr(), Memory::LAYOUT) };
    }
}

/// The buffer: poisons the memory when it is given back.
struct Watched(Arc<Memory>);

impl IoBufMut for Watched {
    fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the whole allocation, which is this buffer's alone until it is dropped.
        unsafe { std::slice::from_raw_parts_mut(self.0.start.as_ptr().cast(), LEN) }
    }

    unsafe fn set_filled(&mut self, _len: usize) {}
}

impl Drop for Watched {
    fn drop(&mut self) {
        // SAFETY: the whole allocation; this is the moment from which it is not the kernel's.
        unsafe { self.0.start.as_ptr().write_bytes(POISON, LEN) };
        *self.0.released.lock().unwrap() = true;
        self.0.changed.notify_all();
    }
}

#[test]
fn c12_a_buffer_that_was_given_back_never_changes() {
    let place = Place::new();
    let path = place.file("file", vec![CONTENT; PIECES * LEN]);
    // Some systems sync only for who may write.
    std::fs::File::options().write(true).open(&path).unwrap().sync_all().unwrap();
    for kind in kinds() {
        let mut options = File::options();
        options.read(true).direct(true);
        if let Err(error) = driver(kind).block_on(options.open(&path)).unwrap() {
            eprintln!("skipped: {error}");
            return;
        }
        let native = is_native(kind);
        let wanted = rounds();
        let rounds = if native { wanted } else { wanted.min(ROUNDS_ON_POOL) };
        for pinned in [false, true] {
            let mut in_flight = 0;
            for round in 0..rounds {
                let _watchdog = Watchdog::new();
                in_flight += usize::from(one_round(
                    &Setting { kind, pinned, native },
                    &options,
                    &path,
                    round,
                ));
            }
            println!(
                "{kind}, {}: {in_flight} of {rounds} reads were under way when their driver ended",
                if pinned { "pinned" } else { "not pinned" },
            );
            assert!(!native || in_flight > rounds / 10, "{kind}: nothing was shown");
        }
    }
}

fn rounds() -> usize {
    let named = std::env::var(VARIABLE).ok().filter(|number| !number.trim().is_empty());
    named.map_or(ROUNDS, |number| number.trim().parse().expect("a number of rounds"))
}

/// What a round is about.
struct Setting {
    kind: Kind,
    pinned: bool,
    /// The driver's kernel reads, and not a thread of the pool.
    native: bool,
}

impl Setting {
    fn driver(&self) -> Driver {
        let mut builder = Builder::new();
        if self.pinned {
            builder = builder.pinned();
        }
        builder.choice(Choice::Exactly(self.kind)).build().expect("a driver")
    }
}

/// Returns whether the read was under way when the driver was dropped.
fn one_round(setting: &Setting, options: &OpenOptions, path: &Path, round: usize) -> bool {
    let native = setting.native;
    let memory = Memory::new();
    let offset = (round % PIECES * LEN) as u64;
    let mut first = setting.driver();
    let file = first.block_on(options.open(path)).unwrap().unwrap();
    let handle = first.handle();
    let entered = handle.enter();
    let mut reading = file.read_at(Watched(Arc::clone(&memory)), offset).into_future();
    let mut cx = Context::from_waker(Waker::noop());
    let begun = Pin::new(&mut reading).poll(&mut cx);
    first.turn(Some(std::time::Duration::ZERO)).unwrap();
    drop(entered);
    let under_way = begun.is_pending();
    let mut kept = under_way.then_some(reading);
    // In every other round the future goes first, in the others it outlives its driver.
    if round % 2 == 0 {
        kept = None;
    }
    drop(first);
    assert_eq!(handle.metrics().operations_leaked, 0, "round {round}: the kernel still has it");
    drop(handle);
    if let Some(mut reading) = kept.take() {
        let ended = Pin::new(&mut reading).poll(&mut cx);
        assert!(!native || ended.is_ready(), "the driver's end ended it");
    } else if native && under_way {
        let released = *memory.released.lock().unwrap();
        assert!(released, "round {round}: the driver gave it back at its end");
    }
    drop(begun);
    memory.until_released();
    // Another read of as much takes the disk at least as long as what may be left of the first.
    let mut second = setting.driver();
    let other = mainspring::AlignedBuf::new(LEN, 4096).unwrap();
    let (read, other) = second.block_on(file.read_exact_at(other, offset)).unwrap();
    read.unwrap();
    assert!(other[..] == [CONTENT; LEN]);
    assert_eq!(memory.spoiled(), 0, "round {round}: bytes changed after they were given back");
    under_way
}
