//! One operation from its submission to its end: who may touch it, and when.
//!
//! | state       | who has the operation and its buffer     | ends by                       |
//! |-------------|------------------------------------------|-------------------------------|
//! | `FREE`      | nobody                                   | `place`                       |
//! | `SUBMITTED` | the kernel, and the thread that collects | `complete`, `abandon`         |
//! | `COMPLETED` | the future                               | `poll`, `abandon`             |
//! | `ABANDONED` | the kernel, and the thread that collects | `complete`, which discards    |
//!
//! The future leaves the operation alone while it is submitted, so completions that are not the
//! last reach it without a lock. A dropped future moves `SUBMITTED` to `ABANDONED`, and the
//! collecting thread moves it to `COMPLETED`; whichever comes first leaves the rest to the other.
//! So an operation ends once (clause C10), and its buffer is never freed while the kernel has it
//! (C11).
//!
//! The operation lies in the slot itself, whatever its type, if it fits: no allocation. Beside it
//! stand two functions that know the type.

use std::io;
use std::mem::MaybeUninit;
use std::task::{Poll, Waker};

use crate::sync::UnsafeCell;
use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use crate::sync::waker_slot::{Owner, WakerSlot};

use super::operation::{AfterPart, Operation, Part};

/// Room for an operation inside its slot: a message with its header, one piece of memory and an
/// address of any family is 240 bytes.
pub(crate) const ROOM_BYTES: usize = 256;

const FREE: u64 = 0;
const SUBMITTED: u64 = 1;
const COMPLETED: u64 = 2;
const ABANDONED: u64 = 3;
const STATE_MASK: u64 = 3;
const GENERATION_SHIFT: u32 = 2;

/// Where an operation lies.
#[repr(C, align(16))]
struct Room(MaybeUninit<[u8; ROOM_BYTES]>);

/// What the slot must know of the type that lies in it.
struct Functions {
    /// [`Operation::part`].
    part: unsafe fn(*mut Room, Part) -> AfterPart,
    /// Takes it out and calls [`Operation::discard`].
    discard: unsafe fn(*mut Room, io::Result<u64>),
}

struct Held {
    functions: Option<&'static Functions>,
    result: Option<io::Result<u64>>,
    room: Room,
}

/// A place for one operation at a time.
pub(crate) struct Slot {
    /// Generation and state.
    word: AtomicU64,
    waker: WakerSlot,
    held: UnsafeCell<Held>,
}

// SAFETY: what is in `held` is touched by the side the state says, one at a time, and operations
// are `Send`.
unsafe impl Sync for Slot {}
// SAFETY: the same: an operation is `Send`, and so is all else here.
unsafe impl Send for Slot {}

/// What a terminal completion did.
pub(crate) enum Ended {
    /// The operation of that generation has ended before.
    Stale,
    /// The future takes the result; this one is to be woken.
    Told(Option<Waker>),
    /// Nobody waited: what was left is discarded, and the slot is to be given back.
    Discarded,
}

/// How `O` lies in a room: itself, or in a box if it is too large.
struct Lying<O>(std::marker::PhantomData<O>);

impl<O: Operation> Lying<O> {
    const INSIDE: bool = size_of::<O>() <= ROOM_BYTES && align_of::<O>() <= align_of::<Room>();
    const FUNCTIONS: &'static Functions = &Functions { part: part::<O>, discard: discard::<O> };

    /// Puts the operation in.
    ///
    /// # Safety
    ///
    /// `room` is valid for writes, and holds nothing.
    unsafe fn put(room: *mut Room, operation: O) {
        if Self::INSIDE {
            // SAFETY: valid by the caller; large and aligned enough by `INSIDE`.
            unsafe { room.cast::<O>().write(operation) };
        } else {
            let boxed = Box::into_raw(Box::new(operation));
            // SAFETY: valid by the caller; a pointer always fits.
            unsafe { room.cast::<*mut O>().write(boxed) };
        }
    }

    /// The operation's address.
    ///
    /// # Safety
    ///
    /// `room` holds an `O`.
    unsafe fn address(room: *mut Room) -> *mut O {
        if Self::INSIDE {
            return room.cast();
        }
        // SAFETY: `put` left the pointer of the box there.
        unsafe { room.cast::<*mut O>().read() }
    }

    /// Takes the operation out.
    ///
    /// # Safety
    ///
    /// `room` holds an `O`, and is not used as if it did afterwards.
    unsafe fn out(room: *mut Room) -> O {
        if Self::INSIDE {
            // SAFETY: it holds one, by the caller, and never again.
            return unsafe { room.cast::<O>().read() };
        }
        // SAFETY: `put` left the pointer of a box there.
        let boxed = unsafe { room.cast::<*mut O>().read() };
        // SAFETY: that box, and nobody takes it a second time.
        *unsafe { Box::from_raw(boxed) }
    }
}

/// # Safety
///
/// `room` holds an `O`, and nobody else touches it.
unsafe fn part<O: Operation>(room: *mut Room, news: Part) -> AfterPart {
    // SAFETY: it holds an `O`, by the caller.
    let operation = unsafe { Lying::<O>::address(room) };
    // SAFETY: nobody else touches it, by the caller.
    unsafe { &mut *operation }.part(news)
}

/// # Safety
///
/// `room` holds an `O`, nobody else touches it, and nobody will.
unsafe fn discard<O: Operation>(room: *mut Room, result: io::Result<u64>) {
    // SAFETY: it holds an `O` that nobody touches again, by the caller.
    let operation = unsafe { Lying::<O>::out(room) };
    operation.discard(result);
}

impl Slot {
    pub(crate) fn new() -> Slot {
        let room = Room(MaybeUninit::uninit());
        Slot {
            word: AtomicU64::new(FREE),
            waker: WakerSlot::new(),
            held: UnsafeCell::new(Held { functions: None, result: None, room }),
        }
    }

    /// The number of the present or the next use.
    pub(crate) fn generation(&self) -> u64 {
        self.word.load(Acquire) >> GENERATION_SHIFT
    }

    /// Whether the kernel may still have the memory of what lies here.
    pub(crate) fn is_submitted(&self) -> bool {
        matches!(self.word.load(Acquire) & STATE_MASK, SUBMITTED | ABANDONED)
    }

    fn is(&self, generation: u64, state: u64) -> bool {
        self.word.load(Acquire) == word(generation, state)
    }

    /// Puts an operation in and shows it to `begin` at its final address. Whoever has taken the
    /// slot off the free list calls this, so nobody else is here.
    pub(crate) fn place<O: Operation, R>(
        &self,
        operation: O,
        begin: impl FnOnce(&mut O) -> R,
    ) -> R {
        let claimed = self.waker.claim(Owner::Future);
        debug_assert!(claimed, "a free slot's waker belongs to nobody");
        let begun = self.held.with_mut(|held| {
            // SAFETY: the slot is free and taken by this call alone.
            let held = unsafe { &mut *held };
            held.functions = Some(Lying::<O>::FUNCTIONS);
            held.result = None;
            // SAFETY: the room is valid, and a free slot's holds nothing.
            unsafe { Lying::<O>::put(&raw mut held.room, operation) };
            // SAFETY: it holds an `O` since the line above.
            let operation = unsafe { Lying::<O>::address(&raw mut held.room) };
            // SAFETY: nobody else knows of it before the state says so.
            begin(unsafe { &mut *operation })
        });
        self.word.store(word(self.generation(), SUBMITTED), Release);
        begun
    }

    /// A completion that is not the last; the collecting thread alone calls this. Returns whom to
    /// wake and whether the operation is to be cancelled, or `Err` if it has ended before.
    pub(crate) fn part(&self, generation: u64, part: Part) -> Result<(Option<Waker>, bool), Part> {
        let submitted = self.is(generation, SUBMITTED);
        if !submitted && !self.is(generation, ABANDONED) {
            return Err(part);
        }
        let after = self.held.with_mut(|held| {
            // SAFETY: submitted or abandoned, so the operation is the collecting thread's.
            let held = unsafe { &mut *held };
            let Some(functions) = held.functions else { return AfterPart::Nothing };
            // SAFETY: the functions were stored together with the operation that lies here.
            unsafe { (functions.part)(&raw mut held.room, part) }
        });
        let waker = if after == AfterPart::Nothing { None } else { self.waker.take() };
        // What was abandoned is being cancelled already.
        Ok((waker, after == AfterPart::Stop && submitted))
    }

    /// The last completion; the collecting thread alone calls this.
    pub(crate) fn complete(&self, generation: u64, result: io::Result<u64>) -> Ended {
        if self.is(generation, SUBMITTED) {
            self.held.with_mut(|held| {
                // SAFETY: submitted, so what lies here is the collecting thread's.
                unsafe { (*held).result = Some(result) };
            });
            let (from, to) = (word(generation, SUBMITTED), word(generation, COMPLETED));
            if self.word.compare_exchange(from, to, AcqRel, Acquire).is_ok() {
                return Ended::Told(self.waker.take());
            }
        } else if self.is(generation, ABANDONED) {
            self.held.with_mut(|held| {
                // SAFETY: abandoned, so what lies here is the collecting thread's.
                unsafe { (*held).result = Some(result) };
            });
        } else {
            return Ended::Stale;
        }
        // Abandoned, before or just now.
        self.discard();
        Ended::Discarded
    }

    /// Takes the operation out with its result and ends it. The caller is alone with it.
    fn discard(&self) {
        self.held.with_mut(|held| {
            // SAFETY: the caller is alone with what lies here.
            let held = unsafe { &mut *held };
            let result = held.result.take();
            if let (Some(functions), Some(result)) = (held.functions.take(), result) {
                // SAFETY: the functions were stored with the operation, and it is not used again.
                unsafe { (functions.discard)(&raw mut held.room, result) };
            }
        });
    }

    /// Takes the operation out. The caller is alone with it and names its type.
    fn out<O: Operation>(&self) -> (O, Option<io::Result<u64>>) {
        self.held.with_mut(|held| {
            // SAFETY: the caller is alone with what lies here.
            let held = unsafe { &mut *held };
            let stored = held.functions.take().map(std::ptr::from_ref);
            assert_eq!(stored, Some(std::ptr::from_ref(Lying::<O>::FUNCTIONS)), "one type a use");
            // SAFETY: the functions are those of `O`, so an `O` lies here, and not any longer.
            (unsafe { Lying::<O>::out(&raw mut held.room) }, held.result.take())
        })
    }

    /// For the future: the operation and its result once it is complete, else the waker is kept.
    /// After `Ready` the slot is to be given back.
    pub(crate) fn poll<O: Operation>(
        &self,
        generation: u64,
        waker: &Waker,
    ) -> Poll<(O, io::Result<u64>)> {
        if !self.is(generation, COMPLETED) {
            if let Some(raced) = self.waker.store(waker) {
                raced.wake();
            }
            if !self.is(generation, COMPLETED) {
                return Poll::Pending;
            }
        }
        let (operation, result) = self.out();
        Poll::Ready((operation, result.unwrap_or_else(|| Err(crate::error::cancelled()))))
    }

    /// For the future that is dropped. False: the operation had ended, what was left is discarded
    /// and the slot is to be given back. True: it is the kernel's still, and is to be cancelled.
    pub(crate) fn abandon(&self, generation: u64) -> bool {
        let (from, to) = (word(generation, SUBMITTED), word(generation, ABANDONED));
        if self.word.compare_exchange(from, to, AcqRel, Acquire).is_ok() {
            drop(self.waker.take());
            return true;
        }
        self.discard();
        false
    }

    /// For the future of an operation that the kernel never saw: takes it back, after which the
    /// slot is to be given back.
    pub(crate) fn withdraw<O: Operation>(&self) -> O {
        self.out().0
    }

    /// Makes the slot free for its next use.
    pub(crate) fn release(&self) {
        drop(self.waker.release());
        let next = self.generation() + 1;
        self.word.store(word(next, FREE), Release);
    }
}

fn word(generation: u64, state: u64) -> u64 {
    generation << GENERATION_SHIFT | state
}
