//! One registered source: both directions, who waits, and what was registered.
//!
//! The words and first wakers of the two [`Direction`]s are touched without a lock, the rest
//! ([`Facts`]) under one. That lock also orders the calls that arm and disarm the source, so that
//! a reader and a writer on two threads cannot overtake each other on the way to the kernel; an
//! event takes it only when more than one task waits in one direction.

use std::panic::Location;
use std::task::Waker;

use crate::interest::Interest;
use crate::ready::Ready;
use crate::source::RawSource;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::waker_slot::Owner;
use crate::sync::{Mutex, MutexGuard};
use crate::trigger::Trigger;

use super::direction::{Direction, Dispatch, Seen};
use super::waiters::{WaiterKey, Waiters};

/// A direction of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read = 0,
    Write = 1,
}

impl Side {
    pub(crate) const BOTH: [Side; 2] = [Side::Read, Side::Write];

    /// The readiness that belongs to this side; an error belongs to both.
    pub(crate) const fn mask(self) -> Ready {
        match self {
            Side::Read => Ready::READABLE.add(Ready::READ_CLOSED).add(Ready::PRIORITY),
            Side::Write => Ready::WRITABLE.add(Ready::WRITE_CLOSED),
        }
        .add(Ready::ERROR)
    }

    /// The interests that are waited for on this side.
    #[inline]
    pub(crate) const fn interest(self) -> Interest {
        match self {
            Side::Read => Interest::READABLE.add(Interest::PRIORITY),
            Side::Write => Interest::WRITABLE,
        }
    }

    /// The sides that `interest` is about.
    pub(crate) fn of(interest: Interest) -> impl Iterator<Item = Side> {
        Side::BOTH.into_iter().filter(move |side| side.is_in(interest))
    }

    /// Whether `interest` is about this side.
    #[inline]
    pub(crate) const fn is_in(self, interest: Interest) -> bool {
        self.interest().bits() & interest.bits() != 0
    }
}

/// A look at the sides of an interest at one moment; the other side is [`Seen::NOTHING`].
///
/// Every call on a source begins with one, so it asks its questions without a branch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    read: Seen,
    write: Seen,
    mask: Ready,
}

impl Look {
    /// What of the interest is satisfied.
    #[inline]
    pub(crate) fn ready(&self) -> Ready {
        (self.read.ready() | self.write.ready()) & self.mask
    }

    #[inline]
    pub(crate) fn is_shutdown(&self) -> bool {
        self.read.is_shutdown() | self.write.is_shutdown()
    }

    /// Whether the kernel watches every side looked at.
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.read.is_armed() & self.write.is_armed()
    }
}

/// What was registered; under the lock.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) source: RawSource,
    /// What may be waited for.
    pub(crate) interest: Interest,
    /// What the kernel was asked for; `None` until something had to wait.
    pub(crate) armed: Option<Interest>,
    pub(crate) trigger: Trigger,
    /// The tick of the read side when the kernel was last asked: a one-shot registration whose
    /// tick has moved since is spent.
    pub(crate) armed_tick: u32,
    pub(crate) location: &'static Location<'static>,
    pub(crate) waiters: Option<Box<Waiters>>,
}

impl Facts {
    #[track_caller]
    pub(crate) fn new(source: RawSource, interest: Interest, trigger: Trigger) -> Facts {
        Facts {
            source,
            interest,
            armed: None,
            trigger,
            armed_tick: 0,
            location: Location::caller(),
            waiters: None,
        }
    }
}

/// Where a waiting future's waker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere yet.
    Unplaced,
    /// In the first slot of each side of its interest.
    Slots,
    /// In the list.
    Listed(WaiterKey),
}

/// A slot of the registration set.
///
/// In this order: what an event of a reader touches is the first half, less than a cache line.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ScheduledIo {
    generation: AtomicU64,
    read: Direction,
    write: Direction,
    facts: Mutex<Option<Facts>>,
}

impl ScheduledIo {
    pub(crate) fn new() -> ScheduledIo {
        ScheduledIo {
            read: Direction::new(),
            write: Direction::new(),
            generation: AtomicU64::new(0),
            facts: Mutex::new(None),
        }
    }

    #[inline]
    pub(crate) fn side(&self, side: Side) -> &Direction {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }

    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Option<Facts>> {
        self.facts.lock()
    }

    #[inline]
    pub(crate) fn look(&self, interest: Interest) -> Look {
        let read = if Side::Read.is_in(interest) { self.read.look() } else { Seen::NOTHING };
        let write = if Side::Write.is_in(interest) { self.write.look() } else { Seen::NOTHING };
        Look { read, write, mask: interest.mask() }
    }

    /// Takes back what `look` asked for, on the sides that no event has touched since. What it did
    /// not ask for stays: a reader that finds nothing says nothing about urgent data.
    #[inline]
    pub(crate) fn clear(&self, look: &Look) {
        if look.read != Seen::NOTHING {
            self.read.clear(look.read, look.mask & Side::Read.mask());
        }
        if look.write != Seen::NOTHING {
            self.write.clear(look.write, look.mask & Side::Write.mask());
        }
    }

    /// Whether a report ends the kernel's watch over both sides.
    #[inline]
    pub(crate) fn is_once(&self) -> bool {
        self.read.look().is_once() || self.write.look().is_once()
    }

    /// The sides of `look` were reported closed, and yet a call said `WouldBlock`.
    pub(crate) fn reopen(&self, look: &Look) {
        if look.read != Seen::NOTHING {
            self.read.reopen(look.read);
        }
        if look.write != Seen::NOTHING {
            self.write.reopen(look.write);
        }
    }

    /// An event. Moves the wakers it satisfies to `wakers`; false if it is not for the present
    /// registration (clause C4).
    ///
    /// With `disarms` the report was the kernel's last until the source is armed again. Then
    /// every waiter is woken, so that those who got nothing ask again.
    pub(crate) fn dispatch(
        &self,
        generation: u64,
        ready: Ready,
        disarms: bool,
        wakers: &mut Vec<Waker>,
    ) -> bool {
        if self.generation() != generation {
            return false;
        }
        let mut listed = false;
        let mut report = |side: Side, direction: &Direction| {
            let part = ready & side.mask();
            if part.is_empty() && !disarms {
                return true;
            }
            match direction.set(generation, part, disarms) {
                Dispatch::Stale => return false,
                Dispatch::Set { queued } => listed |= queued,
            }
            wakers.extend(direction.slot.take());
            true
        };
        if !report(Side::Read, &self.read) || !report(Side::Write, &self.write) {
            return false;
        }
        if listed {
            self.notify(if disarms { Ready::ALL } else { ready }, wakers);
        }
        true
    }

    /// The kernel does not watch the source after all: every waiter is woken, asks again, and is
    /// given the reason. Nothing happens if the registration is gone.
    pub(crate) fn refuse(&self, generation: u64, wakers: &mut Vec<Waker>) {
        let mut facts = self.facts();
        if self.generation() != generation {
            return;
        }
        if let Some(facts) = facts.as_mut() {
            self.unwatched(facts, wakers);
        }
    }

    /// Under the lock: the kernel watches nothing of this source any more. Who relied on it asks
    /// again.
    pub(crate) fn unwatched(&self, facts: &mut Facts, stranded: &mut Vec<Waker>) {
        for side in Side::BOTH {
            self.side(side).clear_armed();
            stranded.extend(self.side(side).slot.take());
        }
        if let Some(waiters) = facts.waiters.as_deref_mut() {
            waiters.notify(Ready::ALL, stranded);
        }
    }

    fn notify(&self, ready: Ready, wakers: &mut Vec<Waker>) {
        let mut facts = self.facts();
        let Some(waiters) = facts.as_mut().and_then(|facts| facts.waiters.as_deref_mut()) else {
            return;
        };
        waiters.notify(ready, wakers);
        self.unqueue_if_empty(waiters);
    }

    fn unqueue_if_empty(&self, waiters: &Waiters) {
        if waiters.is_empty() {
            self.read.clear_queued();
            self.write.clear_queued();
        }
    }

    /// The driver is gone: every waiter wakes and sees it (clause C14).
    pub(crate) fn shutdown(&self, wakers: &mut Vec<Waker>) {
        for side in Side::BOTH {
            self.side(side).set_shutdown();
            wakers.extend(self.side(side).slot.take());
        }
        self.notify(Ready::ALL, wakers);
    }

    /// Places a future's waker for `interest`, or renews it. The caller looks again afterwards:
    /// an event before that look is seen by it, one after it finds the waker.
    ///
    /// `place` belongs to one future, which always names the same interest and leaves before the
    /// registration ends: it borrows the registration, so the compiler sees to that.
    #[inline]
    pub(crate) fn wait(&self, place: &mut Place, interest: Interest, waker: &Waker) {
        match *place {
            Place::Slots => self.store(interest, waker),
            Place::Listed(key) => self.renew(key, interest, waker),
            Place::Unplaced if self.claim(interest) => {
                // Noted first: should cloning the waker panic, the future still gives its slots up.
                *place = Place::Slots;
                self.store(interest, waker);
            }
            Place::Unplaced => *place = self.insert(interest, waker),
        }
    }

    /// Claims the first slot of every side of `interest`, or of none.
    #[inline]
    fn claim(&self, interest: Interest) -> bool {
        let reads = Side::Read.is_in(interest);
        if reads && !self.read.slot.claim(Owner::Future) {
            return false;
        }
        if Side::Write.is_in(interest) && !self.write.slot.claim(Owner::Future) {
            if reads {
                let left = self.read.slot.release();
                debug_assert!(left.is_none(), "nobody stores in a slot between owners");
            }
            return false;
        }
        true
    }

    #[inline]
    fn store(&self, interest: Interest, waker: &Waker) {
        for side in Side::of(interest) {
            if let Some(raced) = self.side(side).slot.store(waker) {
                raced.wake();
            }
        }
    }

    fn insert(&self, interest: Interest, waker: &Waker) -> Place {
        // A waker is cloned and dropped by the task's code: never under the lock.
        let waker = waker.clone();
        let mut facts = self.facts();
        let Some(facts) = facts.as_mut() else {
            return Place::Unplaced;
        };
        let key = facts.waiters.get_or_insert_default().insert(interest.mask(), waker);
        for side in Side::of(interest) {
            self.side(side).set_queued();
        }
        Place::Listed(key)
    }

    /// QUEUED is not set again: it stays for as long as anybody has an entry in the list.
    fn renew(&self, key: WaiterKey, interest: Interest, waker: &Waker) {
        let waker = waker.clone();
        let mut facts = self.facts();
        let unneeded = match facts.as_mut().and_then(|facts| facts.waiters.as_deref_mut()) {
            Some(waiters) => waiters.renew(key, interest.mask(), waker),
            None => Some(waker),
        };
        drop(facts);
        drop(unneeded);
    }

    /// Takes a future's waker out of its place, when it completes or is dropped.
    #[inline]
    pub(crate) fn leave(&self, place: &mut Place, interest: Interest) {
        match std::mem::replace(place, Place::Unplaced) {
            Place::Unplaced => {}
            Place::Slots => {
                // All are given up before the first is dropped: a waker's drop may panic.
                let release = |side: Side| match side.is_in(interest) {
                    true => self.side(side).slot.release(),
                    false => None,
                };
                drop([release(Side::Read), release(Side::Write)]);
            }
            Place::Listed(key) => drop(self.remove_waiter(|waiters| waiters.remove(key))),
        }
    }

    /// Takes a waiter out of the list. Returns its waker, to be dropped outside the lock: that
    /// may run a task's destructor.
    fn remove_waiter(&self, remove: impl FnOnce(&mut Waiters) -> Option<Waker>) -> Option<Waker> {
        let mut facts = self.facts();
        let waiters = facts.as_mut()?.waiters.as_deref_mut()?;
        let left = remove(waiters);
        self.unqueue_if_empty(waiters);
        left
    }

    /// Stores the waker of the `poll_*` calls of the sides of `interest`; the caller looks again
    /// afterwards. One task a side: the last caller is the one that is woken.
    pub(crate) fn wait_poll(&self, interest: Interest, waker: &Waker) {
        for side in Side::of(interest) {
            let direction = self.side(side);
            if !direction.slot.claim(Owner::Poll) {
                self.set_poll(side, waker);
                continue;
            }
            if let Some(raced) = direction.slot.store(waker) {
                raced.wake();
            }
            if direction.look().is_queued() {
                // An earlier call may have found a future in the slot and gone to the list.
                drop(self.remove_waiter(|waiters| waiters.remove_poll(side as usize)));
            }
        }
    }

    fn set_poll(&self, side: Side, waker: &Waker) {
        let waker = waker.clone();
        let mut facts = self.facts();
        let unneeded = match facts.as_mut() {
            Some(facts) => {
                let waiters = facts.waiters.get_or_insert_default();
                // As in the slot, everything of the side wakes: the calls of one task may differ
                // in what of it they want.
                let replaced = waiters.set_poll(side as usize, side.mask(), waker);
                self.side(side).set_queued();
                replaced
            }
            None => Some(waker),
        };
        drop(facts);
        drop(unneeded);
    }

    /// Notes when the waiters of `interest` began to wait, for diagnostics.
    #[inline]
    pub(crate) fn stamp(&self, interest: Interest, now_ms: u32) {
        for side in Side::of(interest) {
            self.side(side).slot.stamp(now_ms);
        }
    }

    /// The number of tasks that wait on a side, for diagnostics.
    pub(crate) fn waiting(&self, side: Side, facts: &Facts) -> usize {
        // Everybody waits for errors: that does not make a writer a reader.
        let own = side.mask() - Ready::ERROR;
        let listed = facts.waiters.as_ref().map_or(0, |waiters| waiters.count(own));
        usize::from(self.side(side).slot.is_occupied()) + listed
    }

    /// Takes the slot into use.
    pub(crate) fn begin(&self, facts: Facts) {
        *self.facts() = Some(facts);
    }

    /// Ends the registration: from here on its events are stale. Returns what held wakers, to be
    /// dropped outside every lock.
    ///
    /// An event that passed the check just before may still empty a slot or notify the list of the
    /// next registration: that wakes a task which looks, finds nothing and waits again. It never
    /// leaves readiness behind.
    pub(crate) fn end(&self, next_generation: u64) -> (Option<Facts>, [Option<Waker>; 2]) {
        let facts = self.facts().take();
        self.generation.store(next_generation, Ordering::Release);
        let wakers = Side::BOTH.map(|side| {
            self.side(side).renew(next_generation);
            self.side(side).slot.release()
        });
        (facts, wakers)
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
