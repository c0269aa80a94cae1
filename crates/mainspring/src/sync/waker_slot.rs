//! A lock-free place for one waker.
//!
//! The common case of a driver is one task that waits for one direction of one source. Its waker
//! lies here, so that the way from an event to a woken task takes no lock and no allocation.
//!
//! # Protocol
//!
//! `state` is a two-bit lock with a memory. Whoever moves it from `IDLE` to `STORING` may touch
//! the cell; so may whoever sets `TAKING` while it was `IDLE`.
//!
//! - *store*: `IDLE → STORING`, write the waker, `STORING → IDLE`. If the last step finds
//!   `STORING | TAKING`, an event came in between: the storing side takes its own waker back out
//!   and reports it, so that the event is not lost.
//! - *take*: set `TAKING`. If the state was `IDLE`, empty the cell and clear `TAKING`. If it was
//!   `STORING`, leave: the storing side will see the bit.
//!
//! Every step is a read-modify-write with acquire and release ordering on one atomic, so all of
//! them stand in one order and each sees what was written before the ones ahead of it. Either the
//! taker finds the waker, or the storer's later look at the readiness word (which the taker wrote
//! before) finds the event: one of the two always holds, and loom checks it. The same order lets
//! two takers meet: the second leaves its event to the first, whose last step sees it before the
//! task is woken.

use std::task::Waker;

use crate::sync::UnsafeCell;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32};

const IDLE: u8 = 0;
const STORING: u8 = 1;
const TAKING: u8 = 2;

/// Who may store a waker in the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Owner {
    /// Nobody.
    Nobody = 0,
    /// One `ready().await`, until it completes or is dropped.
    Future = 1,
    /// The `poll_*` calls of the registration's owner; once taken, for the registration's life.
    Poll = 2,
}

/// The slot: a waker, the lock bits and the name of the owner.
#[derive(Debug)]
pub(crate) struct WakerSlot {
    state: AtomicU8,
    owner: AtomicU8,
    /// Whether the cell holds a waker: written with the cell, read by diagnostics at any time.
    occupied: AtomicBool,
    since_ms: AtomicU32,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the cell is only touched by the side that the state machine above lets in, one at a
// time; `store` and `take` keep that, and a `Waker` may be dropped and woken on any thread.
unsafe impl Sync for WakerSlot {}

impl WakerSlot {
    pub(crate) fn new() -> WakerSlot {
        WakerSlot {
            state: AtomicU8::new(IDLE),
            owner: AtomicU8::new(Owner::Nobody as u8),
            occupied: AtomicBool::new(false),
            since_ms: AtomicU32::new(0),
            waker: UnsafeCell::new(None),
        }
    }

    /// Makes `owner` the one that stores here. True also if it was already, for the poll owner.
    #[inline]
    pub(crate) fn claim(&self, owner: Owner) -> bool {
        let nobody = Owner::Nobody as u8;
        match self.owner.compare_exchange(nobody, owner as u8, AcqRel, Acquire) {
            Ok(_) => true,
            Err(current) => owner == Owner::Poll && current == Owner::Poll as u8,
        }
    }

    /// Gives the slot up; returns the waker that was left in it, to be dropped outside any lock.
    ///
    /// Only the owner calls this, and never while it stores.
    #[must_use]
    #[inline]
    pub(crate) fn release(&self) -> Option<Waker> {
        // Only the owner stores here, so what it finds empty stays empty.
        let left = if self.is_occupied() { self.take() } else { None };
        self.owner.store(Owner::Nobody as u8, Release);
        left
    }

    /// Whether a task waits here at this moment; a hint for diagnostics.
    #[inline]
    pub(crate) fn is_occupied(&self) -> bool {
        self.occupied.load(Relaxed)
    }

    /// Notes when the task here began to wait, in milliseconds that are never zero; a hint for
    /// diagnostics. Taking the waker out forgets it.
    #[inline]
    pub(crate) fn stamp(&self, now_ms: u32) {
        if self.since_ms.load(Relaxed) == 0 {
            self.since_ms.store(now_ms.max(1), Relaxed);
        }
    }

    /// When the task here began to wait; zero if none does.
    pub(crate) fn since_ms(&self) -> u32 {
        self.since_ms.load(Relaxed)
    }

    /// Stores a clone of `waker`, unless the one already here would wake the same task.
    ///
    /// Returns a waker that the caller has to wake: an event came while it was being stored.
    /// Only the owner calls this; a second caller at the same time wakes itself and tries again.
    #[must_use]
    #[inline]
    pub(crate) fn store(&self, waker: &Waker) -> Option<Waker> {
        if self.state.compare_exchange(IDLE, STORING, AcqRel, Acquire).is_err() {
            // An event is emptying the slot, or another thread polls the same owner: the caller
            // must look again, and waking it makes it do so.
            return Some(waker.clone());
        }
        // Cloning a waker is the task's code: should it panic, the slot must not stay locked.
        let unlock = UnlockOnUnwind(self);
        let replaced = self.waker.with_mut(|cell| {
            // SAFETY: the move to STORING above makes this the only access until it is undone.
            let cell = unsafe { &mut *cell };
            match cell {
                Some(stored) if stored.will_wake(waker) => None,
                _ => cell.replace(waker.clone()),
            }
        });
        self.occupied.store(true, Relaxed);
        std::mem::forget(unlock);
        let raced = self.unlock();
        // Dropped last and outside the protocol: a waker's drop may run a task's destructor.
        drop(replaced);
        raced
    }

    /// The last step of a store, `STORING → IDLE`. Returns the waker in the cell if an event came
    /// since the first step and left it to this side.
    #[inline]
    fn unlock(&self) -> Option<Waker> {
        if self.state.compare_exchange(STORING, IDLE, AcqRel, Acquire).is_ok() {
            return None;
        }
        let raced = self.waker.with_mut(|cell| {
            // SAFETY: the state is STORING | TAKING: the taker has left the cell to this side.
            unsafe { (*cell).take() }
        });
        self.vacate();
        self.state.swap(IDLE, AcqRel);
        raced
    }

    #[inline]
    fn vacate(&self) {
        self.occupied.store(false, Relaxed);
        self.since_ms.store(0, Relaxed);
    }

    /// Takes the waker out, if one is there and nobody is storing at this moment.
    #[must_use]
    #[inline]
    pub(crate) fn take(&self) -> Option<Waker> {
        if self.state.fetch_or(TAKING, AcqRel) != IDLE {
            return None;
        }
        let taken = self.waker.with_mut(|cell| {
            // SAFETY: TAKING was set on an idle slot by this call alone, so nobody else is in.
            unsafe { (*cell).take() }
        });
        self.vacate();
        self.state.fetch_and(!TAKING, AcqRel);
        taken
    }
}

/// Brings a slot back to `IDLE` when cloning the waker for it panics.
///
/// The cell then still holds the waker of an earlier store, or none. An event that came meanwhile
/// relied on the storing side, so that earlier waker is woken here.
struct UnlockOnUnwind<'a>(&'a WakerSlot);

impl Drop for UnlockOnUnwind<'_> {
    fn drop(&mut self) {
        if let Some(raced) = self.0.unlock() {
            raced.wake();
        }
    }
}

/// A waker of hand-made functions, to test what a hostile task may do.
#[cfg(all(test, not(loom)))]
fn waker_of(vtable: &'static std::task::RawWakerVTable) -> Waker {
    let raw = std::task::RawWaker::new(std::ptr::null(), vtable);
    // SAFETY: the tests' functions ignore the pointer and touch thread-local counters only, which
    // keeps the contract of a raw waker for wakers that stay on their thread, as these do.
    unsafe { Waker::from_raw(raw) }
}

#[cfg(all(test, not(loom)))]
mod tests;
