//! The operations of a driver: slots with stable addresses, found by token.
//!
//! A token is a slot's index and the generation of its use, so a completion that comes twice or too
//! late names nothing. On the owner thread of a pinned driver a slot is taken and given back
//! without a lock: a short list of free ones is that thread's alone, and is filled from and emptied
//! into the common one in batches.

use std::io;
use std::task::{Poll, Waker};

use crate::error;
use crate::event::Completion;
use crate::sync::{Arc, INDEX_BITS, Mutex, OwnedCell, Owner, Pages, fetch_at, prefetch};
use crate::token::Token;

use super::foreign::contain;
use super::operation::{AfterPart, ENDED_EARLY, Operation, Part, RawOperation};
use super::slot::{Ended, Slot};

/// Bits of a token: the two highest are left to the backend, which tells operations from the rest
/// of what it asked the kernel for.
const TOKEN_BITS: u32 = 62;
const GENERATION_MAX: u64 = (1 << (TOKEN_BITS - INDEX_BITS)) - 1;
/// Slots in the first page: ten kilobytes.
const FIRST_PAGE_SLOTS: usize = 32;
/// The greatest number of operations of one driver at a time (clause C13): 88 MB of slots.
pub(crate) const OPERATIONS_MAX: usize = 1 << 18;
/// Free slots the owner thread keeps at most, and how many it moves at a time.
const KEPT_MAX: usize = 64;
const BATCH: usize = KEPT_MAX / 2;

/// So many completions ahead, a slot is fetched: with a thousand connections it has left the caches
/// since it was used last.
const AHEAD: usize = 8;
/// So many ahead, when the slot has come, what is fetched that it names.
const BESIDE_AHEAD: usize = AHEAD / 2;
/// The head of a slot, and the operations that come most often.
const FETCHED_BYTES: usize = 128;

/// The slots and the lists of the free ones.
pub(crate) struct OperationSet {
    slots: Pages<Slot>,
    free: Mutex<Free>,
    kept: OwnedCell<Vec<u32>>,
}

#[derive(Default)]
struct Free {
    released: Vec<u32>,
    /// Every index from here on was never used.
    fresh: usize,
    shutdown: bool,
}

/// What is to be done after a future was dropped.
#[derive(Debug)]
#[must_use]
pub(crate) enum Abandoned {
    /// Nothing: it had ended, and is discarded.
    Ended,
    /// The kernel has it: cancel it, and then drop the waker that was left.
    Running(Option<Waker>),
}

/// What came of a list of completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dispatched {
    /// Those that named no operation under way (clause C4).
    pub(crate) stale: u64,
    /// Those whose operation panicked; the others were not disturbed.
    pub(crate) panics: u64,
}

impl OperationSet {
    /// An empty set of a driver that belongs to `owner`.
    pub(crate) fn new(owner: Arc<Owner>) -> OperationSet {
        OperationSet {
            slots: Pages::new(FIRST_PAGE_SLOTS),
            free: Mutex::new(Free::default()),
            kept: OwnedCell::new(owner, Vec::with_capacity(KEPT_MAX)),
        }
    }

    /// Takes a slot into use and returns what the kernel is to see.
    ///
    /// # Errors
    ///
    /// After [`shutdown`](Self::shutdown) and at [`OPERATIONS_MAX`], with the operation.
    #[inline]
    pub(crate) fn insert<O: Operation>(
        &self,
        operation: O,
    ) -> Result<(Token, RawOperation), (io::Error, O)> {
        let index = match self.take() {
            Ok(index) => index,
            Err(error) => return Err((error, operation)),
        };
        let index = index as usize;
        let slot = self.slots.get(index);
        let slot = slot.expect("the page of an index is made before the index is used");
        // A buffer's own code may panic when it is asked for its memory.
        let giving_back = GiveBack { set: self, index, slot };
        let raw = slot.place(operation, O::raw);
        std::mem::forget(giving_back);
        Ok((token(index, slot.generation()), raw))
    }

    #[inline]
    fn take(&self) -> io::Result<u32> {
        match self.kept.with(Vec::pop).flatten() {
            Some(index) => Ok(index),
            None => self.take_under_lock(),
        }
    }

    #[cold]
    fn take_under_lock(&self) -> io::Result<u32> {
        let mut free = self.free.lock();
        if free.shutdown {
            return Err(error::shut_down());
        }
        let index = self.take_released(&mut free)?;
        self.kept.with(|kept| {
            let from = free.released.len() - free.released.len().min(BATCH);
            kept.extend(free.released.drain(from..));
        });
        Ok(index)
    }

    fn take_released(&self, free: &mut Free) -> io::Result<u32> {
        if let Some(index) = free.released.pop() {
            return Ok(index);
        }
        if free.fresh >= OPERATIONS_MAX {
            return Err(error::too_many_operations());
        }
        let index = free.fresh;
        if let Some(length) = self.slots.grow(index, Slot::new) {
            // So that giving a slot back, which drops run, never allocates.
            free.released.reserve_exact(index + length);
        }
        free.fresh += 1;
        Ok(index as u32)
    }

    #[inline]
    fn give_back(&self, index: usize, slot: &Slot) {
        let left = slot.release();
        if slot.generation() < GENERATION_MAX {
            self.keep(index);
        }
        if left.is_some() {
            // The task's own code, when the slot is given back for good.
            contain(|| drop(left));
        }
    }

    #[inline]
    fn keep(&self, index: usize) {
        let kept = self.kept.with(|kept| {
            if kept.len() == KEPT_MAX {
                self.spill(kept);
            }
            kept.push(index as u32);
        });
        if kept.is_none() {
            self.free.lock().released.push(index as u32);
        }
    }

    #[cold]
    fn spill(&self, kept: &mut Vec<u32>) {
        self.free.lock().released.extend(kept.drain(..BATCH));
    }

    #[inline]
    fn slot(&self, token: Token) -> &Slot {
        let slot = self.slots.get(index_of(token));
        slot.expect("a token of this set names a slot whose page was made")
    }

    /// Hands each completion to its operation. Whom to wake is moved to `wakers`, and what has had
    /// enough and is to be cancelled to `stops`. What is left in the list means nothing. The thread
    /// that collects completions alone calls this.
    pub(crate) fn dispatch(
        &self,
        completions: &mut [Completion],
        wakers: &mut Vec<Waker>,
        stops: &mut Vec<Token>,
    ) -> Dispatched {
        let mut dispatched = Dispatched::default();
        if completions.is_empty() {
            return dispatched;
        }
        let mut ahead = [None; AHEAD];
        for (place, completion) in ahead.iter_mut().zip(completions.iter()) {
            *place = self.fetch(completion.token);
        }
        for index in 0..completions.len() {
            let place = index % AHEAD;
            let soon = completions.get(index + AHEAD);
            let soon = soon.and_then(|soon| self.fetch(soon.token));
            let slot = std::mem::replace(&mut ahead[place], soon);
            let sooner = ahead[(place + BESIDE_AHEAD) % AHEAD];
            match sooner.map_or(0, Slot::beside) {
                0 => {}
                beside => fetch_at(std::ptr::without_provenance(beside), 1),
            }
            self.tell(completions[index].take(), slot, wakers, stops, &mut dispatched);
        }
        dispatched
    }

    /// Finds the slot of `token`, and begins to fetch what its completion will touch.
    #[inline]
    fn fetch(&self, token: Token) -> Option<&Slot> {
        let slot = self.slots.get(index_of(token))?;
        prefetch(slot, FETCHED_BYTES);
        Some(slot)
    }

    #[inline]
    fn tell(
        &self,
        completion: Completion,
        slot: Option<&Slot>,
        wakers: &mut Vec<Waker>,
        stops: &mut Vec<Token>,
        to: &mut Dispatched,
    ) {
        let Completion { token, result, more, buffer } = completion;
        let (index, generation) = (index_of(token), generation_of(token));
        let Some(slot) = slot else {
            to.stale += 1;
            return;
        };
        let mut result = result;
        if more || buffer.is_some() {
            // Data and the end may come in one: then the data goes first.
            let data = std::mem::replace(&mut result, Ok(ENDED_EARLY));
            let mut told = Ok(AfterPart::Wake);
            let panicked = contain(|| told = slot.part(generation, Part { result: data, buffer }));
            to.panics += u64::from(panicked);
            match told {
                Ok(AfterPart::Nothing) => {}
                Ok(after) => {
                    if let Some(waker) = slot.take_waker(generation) {
                        wakers.push(waker);
                    }
                    if after == AfterPart::Stop && more {
                        stops.push(token);
                    }
                }
                Err(_) => {
                    to.stale += 1;
                    return;
                }
            }
        }
        if more {
            return;
        }
        match slot.complete(generation, result) {
            Ended::Stale => to.stale += 1,
            Ended::Told(Some(waker)) => wakers.push(waker),
            Ended::Told(None) => {}
            Ended::Abandoned => {
                to.panics += u64::from(contain(|| slot.discard()));
                self.give_back(index, slot);
            }
        }
    }

    /// For the future of `token`: the operation and its result once it is complete.
    #[inline]
    pub(crate) fn poll<O: Operation>(
        &self,
        token: Token,
        waker: &Waker,
    ) -> Poll<(O, io::Result<u64>)> {
        let slot = self.slot(token);
        let polled = slot.poll(generation_of(token), waker);
        if polled.is_ready() {
            self.give_back(index_of(token), slot);
        }
        polled
    }

    /// For the future of `token`, when it is dropped before its end.
    pub(crate) fn abandon(&self, token: Token) -> Abandoned {
        let slot = self.slot(token);
        match slot.abandon(generation_of(token)) {
            Ok(left) => Abandoned::Running(left),
            Err(()) => {
                let _giving_back = GiveBack { set: self, index: index_of(token), slot };
                slot.discard();
                Abandoned::Ended
            }
        }
    }

    /// For the future of `token`, whose operation the kernel never saw and never will: takes it
    /// back.
    pub(crate) fn withdraw<O: Operation>(&self, token: Token) -> O {
        let slot = self.slot(token);
        let operation = slot.withdraw();
        self.give_back(index_of(token), slot);
        operation
    }

    /// Ends an operation that the kernel never saw, and that was abandoned or is awaited still;
    /// returns whom to wake.
    pub(crate) fn end_unseen(&self, token: Token, result: io::Result<u64>) -> Option<Waker> {
        let slot = self.slot(token);
        match slot.complete(generation_of(token), result) {
            Ended::Stale => None,
            Ended::Told(waker) => waker,
            Ended::Abandoned => {
                let _giving_back = GiveBack { set: self, index: index_of(token), slot };
                slot.discard();
                None
            }
        }
    }

    /// Ends an abandoned operation that the kernel never saw.
    pub(crate) fn discard(&self, token: Token, result: io::Result<u64>) {
        drop(self.end_unseen(token, result));
    }

    /// Later insertions that need a slot beyond the owner's few fail (clause C14): the driver
    /// refuses all of them before. What runs is the backend's to drain.
    pub(crate) fn shutdown(&self) {
        self.free.lock().shutdown = true;
    }

    /// Operations whose memory the kernel may have at this moment.
    pub(crate) fn submitted(&self) -> usize {
        let fresh = self.free.lock().fresh;
        let slots = (0..fresh).filter_map(|index| self.slots.get(index));
        slots.filter(|slot| slot.is_submitted()).count()
    }
}

impl Drop for OperationSet {
    fn drop(&mut self) {
        if self.submitted() != 0 {
            // Rather lost than written to by the kernel when it belongs to somebody else (C12).
            std::mem::forget(std::mem::replace(&mut self.slots, Pages::new(FIRST_PAGE_SLOTS)));
        }
    }
}

/// Gives a slot back when it is dropped, also when foreign code unwinds.
struct GiveBack<'a> {
    set: &'a OperationSet,
    index: usize,
    slot: &'a Slot,
}

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        self.set.give_back(self.index, self.slot);
    }
}

#[inline]
fn token(index: usize, generation: u64) -> Token {
    Token(generation << INDEX_BITS | index as u64)
}

#[inline]
fn index_of(token: Token) -> usize {
    (token.0 & ((1 << INDEX_BITS) - 1)) as usize
}

#[inline]
fn generation_of(token: Token) -> u64 {
    token.0 >> INDEX_BITS
}

#[cfg(all(test, not(loom)))]
mod tests;
