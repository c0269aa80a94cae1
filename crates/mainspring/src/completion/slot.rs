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
//! # Who is woken
//!
//! The cell of the waker belongs to the future, but while the same word says otherwise: `WAITING`,
//! the waker in it is for whoever collects; `TAKING`, the collecting thread is just taking it out.
//! Each change is a step of the one word that also says how the operation stands. So a poll that
//! leaves its waker learns in the same step that the operation has ended, and an end finds the
//! waker or is found. A part is appended before the step that looks for a waker, and is looked for
//! after the step that leaves one: whichever comes second sees the other. The word is read and
//! changed in one step also where nobody waits: a mere look could miss a waker that was left by one
//! who has missed the part.
//!
//! # Where it lies
//!
//! The operation lies in the slot itself, whatever its type, if it fits: no allocation. Beside it
//! stand functions that know the type.
//!
//! What an operation owns is the program's: its drop may panic, and may do anything else that safe
//! code can. So it is taken out of the slot before it is dropped, and the slot is given back
//! whether or not the drop returns.

use std::any::TypeId;
use std::io;
use std::mem::MaybeUninit;
use std::task::{Poll, Waker};

use crate::sync::UnsafeCell;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicU64, AtomicUsize};

use super::foreign::contain;
use super::operation::{AfterPart, Operation, Part};

/// Room for an operation inside its slot: a message with its header, one piece of memory and an
/// address of any family is 240 bytes.
pub(crate) const ROOM_BYTES: usize = 256;

const FREE: u64 = 0;
const SUBMITTED: u64 = 1;
const COMPLETED: u64 = 2;
const ABANDONED: u64 = 3;
const STATE_MASK: u64 = 3;
/// Beside `SUBMITTED`: a waker is there.
const WAITING: u64 = 4;
/// Beside `SUBMITTED` or `ABANDONED`: it is being taken out.
const TAKING: u64 = 8;
const GENERATION_SHIFT: u32 = 4;

/// Where an operation lies.
#[repr(C, align(16))]
struct Room(MaybeUninit<[u8; ROOM_BYTES]>);

/// What the slot must know of the type that lies in it.
struct Functions {
    /// Which type it is. Not told by the address of these functions, of which a program may hold
    /// several copies.
    type_id: fn() -> TypeId,
    /// [`Operation::part`].
    part: unsafe fn(*mut Room, Part) -> AfterPart,
    /// Takes it out and calls [`Operation::discard`].
    discard: unsafe fn(*mut Room, io::Result<u64>),
}

#[repr(C)]
struct Held {
    functions: Option<&'static Functions>,
    result: Option<io::Result<u64>>,
    room: Room,
}

/// A place for one operation at a time. All that is asked of it whatever it holds is in its first
/// cache line, and the operation begins with the second.
#[repr(C, align(64))]
pub(crate) struct Slot {
    /// Generation, the two flags of the waker, and state.
    word: AtomicU64,
    waker: UnsafeCell<Option<Waker>>,
    /// What its completions will touch besides, as a mere number: a completion that comes too late
    /// may look at it while the slot changes hands.
    beside: AtomicUsize,
    held: UnsafeCell<Held>,
}

// SAFETY: what is in `held` and the waker are touched by the side the word says, one at a time;
// operations are `Send`, and a `Waker` may be dropped and woken on any thread.
unsafe impl Sync for Slot {}
// SAFETY: the same: an operation is `Send`, and so is all else here.
unsafe impl Send for Slot {}

/// What a terminal completion did.
pub(crate) enum Ended {
    /// The operation of that generation has ended before.
    Stale,
    /// The future takes the result; this one is to be woken.
    Told(Option<Waker>),
    /// Nobody waits: the operation is to be [discarded](Slot::discard), and the slot given back.
    Abandoned,
}

/// How `O` lies in a room: itself, or in a box if it is too large.
struct Lying<O>(std::marker::PhantomData<O>);

impl<O: Operation> Lying<O> {
    const INSIDE: bool = size_of::<O>() <= ROOM_BYTES && align_of::<O>() <= align_of::<Room>();
    const FUNCTIONS: &'static Functions =
        &Functions { type_id: TypeId::of::<O>, part: part::<O>, discard: discard::<O> };

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
            waker: UnsafeCell::new(None),
            beside: AtomicUsize::new(0),
            held: UnsafeCell::new(Held { functions: None, result: None, room }),
        }
    }

    /// The number of the present or the next use.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.word.load(Acquire) >> GENERATION_SHIFT
    }

    /// Whether the kernel may still have the memory of what lies here.
    pub(crate) fn is_submitted(&self) -> bool {
        matches!(self.word.load(Acquire) & STATE_MASK, SUBMITTED | ABANDONED)
    }

    #[inline]
    fn is(&self, generation: u64, state: u64) -> bool {
        self.word.load(Acquire) == word(generation, state)
    }

    /// The address of what a completion will touch beside the slot; 0 if there is no such thing.
    #[inline]
    pub(crate) fn beside(&self) -> usize {
        self.beside.load(Relaxed)
    }

    /// Puts an operation in and shows it to `begin` at its final address. Whoever has taken the
    /// slot off the free list calls this, so nobody else is here. Should `begin` panic, the
    /// operation is dropped and the slot holds nothing.
    #[inline]
    pub(crate) fn place<O: Operation, R>(
        &self,
        operation: O,
        begin: impl FnOnce(&mut O) -> R,
    ) -> R {
        self.beside.store(operation.beside().addr(), Relaxed);
        let address = self.held.with_mut(|held| {
            // SAFETY: the slot is free and taken by this call alone.
            unsafe { (*held).functions = Some(Lying::<O>::FUNCTIONS) };
            // SAFETY: the same.
            unsafe { (*held).result = None };
            // SAFETY: a place in a slot that is there.
            let room = unsafe { &raw mut (*held).room };
            // SAFETY: the room is valid, and a free slot's holds nothing.
            unsafe { Lying::<O>::put(room, operation) };
            // SAFETY: it holds an `O` since the line above.
            unsafe { Lying::<O>::address(room) }
        });
        let taking_back = TakeBack::<O>(self, std::marker::PhantomData);
        // SAFETY: nobody else knows of the operation before the state says so.
        let begun = begin(unsafe { &mut *address });
        std::mem::forget(taking_back);
        self.word.store(word(self.generation(), SUBMITTED), Release);
        begun
    }

    /// A completion that is not the last; the collecting thread alone calls this. Returns what is
    /// to be done next, or `Err` if the operation has ended before.
    #[inline]
    pub(crate) fn part(&self, generation: u64, part: Part) -> Result<AfterPart, Part> {
        if !self.is_under_way(generation, self.word.load(Acquire)) {
            return Err(part);
        }
        Ok(self.held.with_mut(|held| {
            // SAFETY: submitted or abandoned, so this is the collecting thread's.
            let Some(functions) = (unsafe { (*held).functions }) else {
                return AfterPart::Nothing;
            };
            // SAFETY: a place in a slot that is there.
            let room = unsafe { &raw mut (*held).room };
            // SAFETY: the functions were stored together with the operation that lies here, which
            // is the collecting thread's.
            unsafe { (functions.part)(room, part) }
        }))
    }

    /// Whether the kernel has the operation of that generation, by this word.
    #[inline]
    fn is_under_way(&self, generation: u64, word: u64) -> bool {
        let (of, state) = (word >> GENERATION_SHIFT, word & STATE_MASK);
        of == generation && matches!(state, SUBMITTED | ABANDONED)
    }

    /// One step of the word.
    #[inline]
    fn step(&self, from: u64, to: u64) -> Result<u64, u64> {
        self.word.compare_exchange(from, to, AcqRel, Acquire)
    }

    /// After a part: takes the waker of whoever waits. The collecting thread alone calls this.
    #[inline]
    pub(crate) fn take_waker(&self, generation: u64) -> Option<Waker> {
        let (waiting, taking) =
            (word(generation, SUBMITTED | WAITING), word(generation, SUBMITTED | TAKING));
        let mut now = self.word.load(Relaxed);
        loop {
            let waits = now == waiting;
            match self.step(now, if waits { taking } else { now }) {
                Ok(_) if waits => break,
                Ok(_) => return None,
                Err(other) => now = other,
            }
        }
        let waker = self.take_cell();
        self.word.fetch_and(!TAKING, AcqRel);
        waker
    }

    /// Empties the waker's cell; the caller is the side it belongs to at this moment.
    #[inline]
    fn take_cell(&self) -> Option<Waker> {
        self.waker.with_mut(|cell| {
            // SAFETY: it is the caller's, by the word.
            unsafe { (*cell).take() }
        })
    }

    /// The last completion; the collecting thread alone calls this.
    #[inline]
    pub(crate) fn complete(&self, generation: u64, result: io::Result<u64>) -> Ended {
        let mut now = self.word.load(Acquire);
        if !self.is_under_way(generation, now) {
            return Ended::Stale;
        }
        self.held.with_mut(|held| {
            // SAFETY: submitted or abandoned, so this is the collecting thread's.
            unsafe { (*held).result = Some(result) };
        });
        let idle = word(generation, SUBMITTED);
        let completed = word(generation, COMPLETED);
        let mut waker = None;
        loop {
            // The waker first: once it is complete, the future may end and the slot be another's.
            let to = match now {
                _ if now == idle | WAITING => idle | TAKING,
                _ if now == idle || now == idle | TAKING => completed,
                _ => {
                    contain(|| drop(waker));
                    return Ended::Abandoned;
                }
            };
            match self.step(now, to) {
                Ok(_) if to == completed => return Ended::Told(waker),
                Ok(_) => {
                    waker = self.take_cell();
                    now = to;
                }
                Err(other) => now = other,
            }
        }
    }

    /// Takes the operation out with its result and ends it: foreign code, which may panic. The
    /// caller is alone with it, and gives the slot back whatever happens.
    pub(crate) fn discard(&self) {
        self.held.with_mut(|held| {
            // SAFETY: the caller is alone with what lies here.
            let functions = unsafe { (*held).functions.take() };
            // SAFETY: the same.
            let result = unsafe { (*held).result.take() };
            // SAFETY: a place in a slot that is there.
            let room = unsafe { &raw mut (*held).room };
            if let Some((functions, result)) = functions.zip(result) {
                // SAFETY: the functions were stored with the operation that lies here, the caller
                // is alone with it, and without functions nobody uses it again.
                unsafe { (functions.discard)(room, result) };
            }
        });
    }

    /// Takes the operation out. The caller is alone with it and names its type.
    #[inline]
    fn out<O: Operation>(&self) -> (O, Option<io::Result<u64>>) {
        self.held.with_mut(|held| {
            // SAFETY: the caller is alone with what lies here.
            let functions = unsafe { (*held).functions.take() };
            assert!(functions.is_some_and(is_of::<O>), "one type a use");
            // SAFETY: a place in a slot that is there.
            let room = unsafe { &raw mut (*held).room };
            // SAFETY: the functions were those of `O`, so an `O` lies here, and not any longer.
            let operation = unsafe { Lying::<O>::out(room) };
            // SAFETY: the caller is alone with what lies here.
            (operation, unsafe { (*held).result.take() })
        })
    }

    /// For the future: the operation and its result once it is complete, else the waker is kept.
    /// After `Ready` the slot is to be given back.
    #[inline]
    pub(crate) fn poll<O: Operation>(
        &self,
        generation: u64,
        waker: &Waker,
    ) -> Poll<(O, io::Result<u64>)> {
        if !self.is(generation, COMPLETED) && !self.ends_before_waiting(generation, waker) {
            return Poll::Pending;
        }
        let (operation, result) = self.out();
        Poll::Ready((operation, result.unwrap_or_else(|| Err(crate::error::cancelled()))))
    }

    /// Leaves the waker, and looks again: a completion before that has found none to wake.
    #[inline]
    fn ends_before_waiting(&self, generation: u64, waker: &Waker) -> bool {
        if self.word.load(Acquire) != word(generation, SUBMITTED) {
            return self.ends_before_waiting_on(generation, waker);
        }
        // The usual way: there is none of an earlier poll.
        self.leave(generation, waker.clone()).is_some()
    }

    /// The same where an earlier poll has left a waker, and nothing has come for it.
    fn ends_before_waiting_on(&self, generation: u64, waker: &Waker) -> bool {
        let idle = word(generation, SUBMITTED);
        if self.step(idle | WAITING, idle).is_err() {
            if !self.is(generation, COMPLETED) {
                // Something comes just now, for a waker that may be another's.
                waker.wake_by_ref();
            }
            return self.is(generation, COMPLETED);
        }
        let mut former = Former(self.take_cell());
        let clone = match former.0.take_if(|former| former.will_wake(waker)) {
            Some(same) => same,
            None => waker.clone(),
        };
        let former = former.0.take();
        // If it has ended meanwhile, the waker is of no use.
        drop(self.leave(generation, clone));
        // That one is the task's own code, and may take its time.
        drop(former);
        self.is(generation, COMPLETED)
    }

    /// Puts a waker into its cell, which is the future's; it comes back if the operation has ended.
    #[inline]
    fn leave(&self, generation: u64, waker: Waker) -> Option<Waker> {
        self.waker.with_mut(|cell| {
            // SAFETY: no flag is set, so the cell is the future's; it is empty.
            unsafe { cell.write(Some(waker)) };
        });
        let idle = word(generation, SUBMITTED);
        match self.step(idle, idle | WAITING) {
            Ok(_) => None,
            Err(_) => self.take_cell(),
        }
    }

    /// For the future that is dropped. `Err`: the operation had ended, is to be
    /// [discarded](Self::discard), and the slot given back. `Ok`: it is the kernel's still and is
    /// to be cancelled; the waker that was left is to be dropped after that, being foreign code.
    pub(crate) fn abandon(&self, generation: u64) -> Result<Option<Waker>, ()> {
        let idle = word(generation, SUBMITTED);
        let abandoned = word(generation, ABANDONED);
        let mut left = None;
        let mut now = self.word.load(Acquire);
        loop {
            // The waker first, while the slot is this future's for certain: once it is abandoned, a
            // completion may end it, and the waker here be the next one's.
            let to = match now {
                _ if now == idle | WAITING => idle,
                _ if now == idle => abandoned,
                _ if now == idle | TAKING => abandoned | TAKING,
                _ => {
                    contain(|| drop(left));
                    return Err(());
                }
            };
            match self.step(now, to) {
                Ok(_) if to == idle => {
                    left = self.take_cell();
                    now = to;
                }
                Ok(_) => return Ok(left),
                Err(other) => now = other,
            }
        }
    }

    /// For the future of an operation that the kernel never saw: takes it back, after which the
    /// slot is to be given back.
    pub(crate) fn withdraw<O: Operation>(&self) -> O {
        self.out().0
    }

    /// Makes the slot free for its next use; returns the waker that was left in it.
    #[must_use]
    #[inline]
    pub(crate) fn release(&self) -> Option<Waker> {
        // Nobody else is here any more, or yet.
        let left = self.take_cell();
        let next = self.generation() + 1;
        self.word.store(word(next, FREE), Release);
        left
    }
}

#[cfg(all(test, not(loom)))]
impl Slot {
    /// Lets the present use be the one of this number.
    pub(super) fn set_generation(&self, generation: u64) {
        let state = self.word.load(Acquire) & STATE_MASK;
        self.word.store(word(generation, state), Release);
    }
}

impl Drop for Slot {
    /// Of a future that was forgotten, what it never took is ended here.
    fn drop(&mut self) {
        debug_assert!(
            !self.is_submitted() || std::thread::panicking(),
            "a slot whose memory the kernel may have is never freed",
        );
        if self.word.load(Acquire) & STATE_MASK == COMPLETED {
            contain(|| self.discard());
        }
    }
}

/// Drops the operation of a slot again when it could not be begun.
struct TakeBack<'a, O: Operation>(&'a Slot, std::marker::PhantomData<O>);

impl<O: Operation> Drop for TakeBack<'_, O> {
    fn drop(&mut self) {
        drop(self.0.out::<O>());
    }
}

/// The waker of an earlier poll, while the next one is made. Making it is the task's code: should
/// it panic, the earlier one is called, because a part that came meanwhile found nobody.
struct Former(Option<Waker>);

impl Drop for Former {
    #[inline]
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            contain(|| waker.wake());
        }
    }
}

/// Whether the functions are those of `O`.
#[inline]
fn is_of<O: Operation>(functions: &'static Functions) -> bool {
    // A program may hold several copies: the address alone says yes, and never no.
    std::ptr::eq(functions, Lying::<O>::FUNCTIONS) || (functions.type_id)() == TypeId::of::<O>()
}

#[inline]
fn word(generation: u64, state: u64) -> u64 {
    generation << GENERATION_SHIFT | state
}

#[cfg(all(test, not(loom)))]
mod tests;
