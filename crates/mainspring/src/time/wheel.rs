//! The timers of a driver: a hierarchical timing wheel with nanosecond deadlines.
//!
//! # How it works
//!
//! A heap of a million timers pays some twenty steps for each timer set or dropped, and most timers
//! are timeouts that never fire. George Varghese and Anthony Lauck, "Hashed and hierarchical timing
//! wheels" (SOSP 1987, <https://doi.org/10.1145/41457.37504>), file timers as an odometer shows
//! miles instead: a deadline is a number in base 64, each digit has a **level**, each value of a
//! digit has a **slot**, and a slot is a list. A timer waits at the level of the first digit in
//! which its deadline differs from the wheel's time, the **cursor**, in the slot of its own digit:
//!
//! ```text
//!            level 10 … 5     4     3     2     1     0
//! cursor          0 … 0   12   40    7   63    5          all digits above level 3 are equal and
//! deadline        0 … 0   12   51   22    0   31          51 > 40: level 3, slot 51
//! ```
//!
//! Setting, moving and dropping a timer are thus an exclusive or, a shift and a list link: O(1).
//! When time reaches a slot above level 0, its timers **cascade**: each moves to the level of the
//! first digit that still differs. A timer moves at most once a level, however many there are.
//!
//! Three facts make the rest simple. All follow from where timers are placed:
//!
//! - Every timer of a level is due before every timer of a higher level, and every timer of a slot
//!   before those of the next slot. So the earliest timer is in the lowest occupied slot of the
//!   lowest occupied level: two bitmaps and two count-zeros instructions find it.
//! - A slot of level 0 is one nanosecond wide: its timers have one and the same deadline.
//! - New timers join a list at its tail and cascades keep the order of the list, so timers of equal
//!   deadline stay in the order in which they were set.
//!
//! # What is ours
//!
//! **64 slots a level**: the occupied slots of a level are one machine word, and eleven levels of
//! six bits cover all 64 bits of a nanosecond clock (the top one uses four). There is no tick, no
//! rounding, no overflow list and no horizon. The table costs 11 KiB a driver.
//!
//! **A lower bound a slot.** Wheels usually know only that a slot begins, and wake there to look;
//! a one-second timer then costs its thread several wakes in vain. We keep for each slot a bound
//! that no deadline in it is below. It is exact when timers are set and when they cascade, so
//! [`next_deadline_ns`](Wheel::next_deadline_ns) names the very nanosecond and a parked driver
//! wakes once. Only if the earliest timer of a slot is dropped or moved while others stay in the
//! slot is the bound too early, until the slot empties or cascades: finding the new one would be a
//! search. Such a wake costs one cascade and leaves exact bounds behind. The cursor jumps to a
//! bound rather than to the beginning of a slot, so timers skip levels on their way down: one that
//! a parked driver waits for fires after a single move.
//!
//! **Work in steps.** A slot of a high level can hold a million timers. [`advance`](Wheel::advance)
//! does at most so many moves and fires a call, so that the lock around the wheel is held for
//! microseconds and wakers run between calls. A slot half cascaded is a normal state: its level is
//! noted in `cascading`, and until it is empty, new timers that belong below it queue at its tail,
//! which keeps the order.
//!
//! **Timers live in the wheel**, in pages of entries linked by index. Memory grows a page at a time
//! and never moves; it is kept for the next timer, last freed first used, and given back when the
//! wheel is dropped. A [`TimerKey`] carries a generation, so a key kept too long finds nothing.
//! Nothing allocates but the growth to a number of timers never reached before, and nothing here is
//! `unsafe`.
//!
//! # What holds
//!
//! - **Never early**: a timer fires in an `advance` to its deadline or later, never before.
//! - **Order**: timers fire by deadline, and by the order in which they were last set where
//!   deadlines are equal. A deadline already past when it is set counts as the cursor's time.
//! - **The end of time**: a deadline of `u64::MAX` is a timer like the others, due at `u64::MAX`.
//! - **Foreign code**: wakers are handed out, never woken or dropped here (except with the wheel
//!   itself), and cloned by the caller, so a lock around the wheel is never held while they run.

use std::task::Waker;

#[cfg(test)]
mod tests;

/// Bits of a deadline that one level decides.
const SLOT_BITS: u32 = 6;
/// Slots a level: as many as a word has bits.
const SLOTS: usize = 1 << SLOT_BITS;
/// Levels that cover every bit of a deadline.
const LEVELS: usize = u64::BITS.div_ceil(SLOT_BITS) as usize;
/// Entries a page: 5 KiB, little for a driver with three timers, and a million timers are still
/// only eight thousand allocations.
const PAGE: usize = 128;
/// "No entry" among links.
const NIL: u32 = u32::MAX;
/// Most entries a wheel can hold: all the page-aligned indexes below [`NIL`], 160 GiB of timers.
const ENTRIES_MAX: usize = NIL as usize / PAGE * PAGE;

const _: () = assert!(SLOTS == u64::BITS as usize, "a level's occupied slots are one u64");
const _: () = assert!(LEVELS <= u16::BITS as usize, "the occupied levels are one u16");
const _: () = assert!(LEVELS <= 1 << u8::BITS && SLOTS <= 1 << u8::BITS, "both fit a Place");

/// Names one timer of one wheel. A key whose timer was removed is *stale*: it finds nothing, also
/// when the entry is in use again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    index: u32,
    generation: u32,
}

/// What [`Wheel::poll`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Polled {
    /// The deadline was reached.
    Fired,
    /// Not yet; a waker of the task is stored.
    Waiting,
    /// Not yet, and the task would not hear of it: to be asked again with a clone of its waker.
    Unheard,
    /// The key is stale.
    Stale,
}

/// What one call of [`Wheel::advance`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Advanced {
    /// Timers that reached their deadline, with or without a waker.
    pub(crate) fired: usize,
    /// Whether the limit ended the call with work left: wake what was handed out and call again.
    pub(crate) more: bool,
}

/// A set of timers ordered by deadline. See the essay at the head of this file.
pub(crate) struct Wheel {
    levels: Box<[Level; LEVELS]>,
    /// Bit n: level n has an occupied slot.
    occupied: u16,
    /// The level whose slot at the cursor is half cascaded; 0 if none is.
    cascading: usize,
    /// The wheel's time. No waiting timer has an earlier deadline. Between two calls of an
    /// `advance` with more to do it lies anywhere between their last time and the new one.
    cursor_ns: u64,
    /// Timers that wait for their deadline.
    waiting: usize,
    entries: Entries,
}

impl Wheel {
    /// A wheel without timers, at time 0.
    pub(crate) fn new() -> Wheel {
        Wheel {
            levels: Box::new([Level::EMPTY; LEVELS]),
            occupied: 0,
            cascading: 0,
            cursor_ns: 0,
            waiting: 0,
            entries: Entries { pages: Vec::new(), free: NIL },
        }
    }

    /// How many timers wait for their deadline. Timers that fired are not counted, though their
    /// entries are held until they are removed or reset.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// Sets a new timer. One whose deadline is past fires at the next [`advance`](Wheel::advance).
    /// The caller owes a [`remove`](Wheel::remove), also after the timer has fired.
    ///
    /// # Panics
    ///
    /// If the wheel holds [`ENTRIES_MAX`] timers: more than 4 billion, in 160 GiB.
    pub(crate) fn insert(&mut self, deadline_ns: u64) -> TimerKey {
        let index = self.entries.take();
        self.link(index, deadline_ns.max(self.cursor_ns));
        TimerKey { index, generation: self.entries.at(index).generation }
    }

    /// Gives a timer a new deadline, whether it waits or has fired, and keeps its waker. Among
    /// timers of the new deadline it is the last. Says whether the timer exists: with a stale key
    /// nothing happens.
    pub(crate) fn reset(&mut self, key: TimerKey, deadline_ns: u64) -> bool {
        if self.entries.find_mut(key).is_none() {
            return false;
        }
        self.unlink(key.index);
        self.link(key.index, deadline_ns.max(self.cursor_ns));
        true
    }

    /// Ends a timer, whether it waits or has fired. Returns its waker, to be dropped once the lock
    /// around the wheel is released. With a stale key nothing happens.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<Waker> {
        self.entries.find_mut(key)?;
        self.unlink(key.index);
        self.entries.release(key.index)
    }

    /// Asks whether a timer has fired, and if not, whether `waker` will be handed out when it does:
    /// a stored waker that would wake the same task is kept. Else the one in `clone` is stored, and
    /// the one it replaces left there.
    ///
    /// Cloning a waker and dropping one is foreign code. The caller does both, while the lock
    /// around the wheel is released.
    pub(crate) fn poll(
        &mut self,
        key: TimerKey,
        waker: &Waker,
        clone: &mut Option<Waker>,
    ) -> Polled {
        let Some(entry) = self.entries.find_mut(key) else { return Polled::Stale };
        if entry.place == Place::Fired {
            return Polled::Fired;
        }
        if entry.waker.as_ref().is_some_and(|stored| stored.will_wake(waker)) {
            return Polled::Waiting;
        }
        if clone.is_none() {
            return Polled::Unheard;
        }
        std::mem::swap(&mut entry.waker, clone);
        Polled::Waiting
    }

    /// When the driver has to call [`advance`](Wheel::advance) next, if nothing changes: the
    /// earliest deadline. Never later than that; earlier only if the earliest timer of its slot was
    /// removed or moved (see the essay) or while an `advance` has more to do. `None` without
    /// waiting timers.
    pub(crate) fn next_deadline_ns(&self) -> Option<u64> {
        let (level, slot) = self.earliest_slot()?;
        Some(self.levels[level].slots[slot].bound_ns)
    }

    /// Moves the wheel's time to `now_ns`: fires what is due, earliest first, and pushes the wakers
    /// of fired timers onto `due`, at most `limit` of them. To be woken once the lock around the
    /// wheel is released.
    ///
    /// A call moves or fires at most `limit` timers (at least one) and says whether there is more.
    /// A `due` with room for `limit` wakers never grows. A `now_ns` before the wheel's time counts
    /// as the wheel's time.
    pub(crate) fn advance(&mut self, now_ns: u64, limit: usize, due: &mut Vec<Waker>) -> Advanced {
        let now_ns = now_ns.max(self.cursor_ns);
        let mut steps_left = limit.max(1);
        let mut fired = 0;
        while let Some((level, slot)) = self.earliest_slot() {
            let bound_ns = self.levels[level].slots[slot].bound_ns;
            // A slot is entered with its first nanosecond, so that timers set from now on are
            // placed as near as they are; one that is half cascaded has been entered before.
            if self.cascading == 0 && start_ns(bound_ns, level) > now_ns {
                break;
            }
            if steps_left == 0 {
                return Advanced { fired, more: true };
            }
            steps_left -= 1;
            if level == 0 {
                due.extend(self.fire(self.levels[level].slots[slot].head));
                fired += 1;
            } else {
                if self.cascading == 0 {
                    self.cursor_ns = bound_ns.min(now_ns);
                    self.cascading = level;
                }
                self.cascade(self.levels[level].slots[slot].head);
            }
        }
        self.cursor_ns = now_ns;
        Advanced { fired, more: false }
    }

    /// The slot to look at next: the one that is being cascaded, else the one with the earliest
    /// deadline.
    fn earliest_slot(&self) -> Option<(usize, usize)> {
        if self.cascading != 0 {
            return Some((self.cascading, slot_of(self.cursor_ns, self.cascading)));
        }
        if self.occupied == 0 {
            return None;
        }
        let level = self.occupied.trailing_zeros() as usize;
        Some((level, self.levels[level].occupied.trailing_zeros() as usize))
    }

    /// Takes a timer out of its slot and marks it fired. Returns its waker.
    fn fire(&mut self, index: u32) -> Option<Waker> {
        self.unlink(index);
        let entry = self.entries.at_mut(index);
        entry.place = Place::Fired;
        entry.waker.take()
    }

    /// Moves a timer from the slot that is being cascaded to where it belongs now: lower down.
    fn cascade(&mut self, index: u32) {
        let deadline_ns = self.entries.at(index).deadline_ns;
        self.unlink(index);
        self.link_at(index, deadline_ns, level_of(deadline_ns ^ self.cursor_ns));
    }

    /// Puts an entry that is in no list where its deadline belongs. Below a slot that is being
    /// cascaded that is the tail of this slot: timers that were there before go down first.
    fn link(&mut self, index: u32, deadline_ns: u64) {
        let level = level_of(deadline_ns ^ self.cursor_ns).max(self.cascading);
        self.link_at(index, deadline_ns, level);
    }

    /// Appends an entry that is in no list to the slot of its deadline at `level`.
    fn link_at(&mut self, index: u32, deadline_ns: u64, level: usize) {
        let slot = slot_of(deadline_ns, level);
        let list = &mut self.levels[level].slots[slot];
        let tail = list.tail;
        list.tail = index;
        list.bound_ns = list.bound_ns.min(deadline_ns);
        if tail == NIL {
            list.head = index;
            self.levels[level].occupied |= 1 << slot;
            self.occupied |= 1 << level;
        } else {
            self.entries.at_mut(tail).next = index;
        }
        let entry = self.entries.at_mut(index);
        entry.deadline_ns = deadline_ns;
        entry.prev = tail;
        entry.next = NIL;
        entry.place = Place::Slot { level: level as u8, slot: slot as u8 };
        self.waiting += 1;
    }

    /// Takes an entry out of its slot, if it is in one. What it is from then on is the caller's to
    /// write.
    fn unlink(&mut self, index: u32) {
        let entry = self.entries.at(index);
        let (prev, next) = (entry.prev, entry.next);
        let Place::Slot { level, slot } = entry.place else { return };
        let (level, slot) = (usize::from(level), usize::from(slot));
        let list = &mut self.levels[level].slots[slot];
        if prev == NIL {
            list.head = next;
        } else {
            self.entries.at_mut(prev).next = next;
        }
        if next == NIL {
            list.tail = prev;
        } else {
            self.entries.at_mut(next).prev = prev;
        }
        if list.head == NIL {
            self.vacate(level, slot);
        }
        self.waiting -= 1;
    }

    /// Notes that a slot's list has become empty.
    fn vacate(&mut self, level: usize, slot: usize) {
        self.levels[level].slots[slot] = Slot::EMPTY;
        self.levels[level].occupied &= !(1 << slot);
        if self.levels[level].occupied == 0 {
            self.occupied &= !(1 << level);
        }
        if level == self.cascading && slot == slot_of(self.cursor_ns, level) {
            self.cascading = 0;
        }
    }
}

impl std::fmt::Debug for Wheel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wheel")
            .field("waiting", &self.waiting)
            .field("cursor_ns", &self.cursor_ns)
            .field("next_deadline_ns", &self.next_deadline_ns())
            .finish_non_exhaustive()
    }
}

/// The level at which two times part, given their exclusive or: that of its highest set bit.
fn level_of(difference: u64) -> usize {
    ((difference | 1).ilog2() / SLOT_BITS) as usize
}

/// The digit of a time that `level` decides.
fn slot_of(time_ns: u64, level: usize) -> usize {
    (time_ns >> (level as u32 * SLOT_BITS)) as usize % SLOTS
}

/// The first nanosecond of the slot of `level` in which a time lies.
fn start_ns(time_ns: u64, level: usize) -> u64 {
    let shift = level as u32 * SLOT_BITS;
    time_ns >> shift << shift
}

/// One digit: a list of timers for each of its values.
#[derive(Clone, Copy)]
struct Level {
    /// Bit n: slot n has timers.
    occupied: u64,
    slots: [Slot; SLOTS],
}

impl Level {
    const EMPTY: Level = Level { occupied: 0, slots: [Slot::EMPTY; SLOTS] };
}

/// A list of timers in the order in which they came.
#[derive(Clone, Copy)]
struct Slot {
    head: u32,
    tail: u32,
    /// No deadline in the list is earlier. `u64::MAX` if the list is empty.
    bound_ns: u64,
}

impl Slot {
    const EMPTY: Slot = Slot { head: NIL, tail: NIL, bound_ns: u64::MAX };
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In no use: on the free list, or retired.
    Free,
    /// Waiting in this slot.
    Slot { level: u8, slot: u8 },
    /// Its deadline was reached; in no list.
    Fired,
}

/// One timer.
struct Entry {
    deadline_ns: u64,
    waker: Option<Waker>,
    /// The neighbours in a slot's list; `next` alone in the free list.
    prev: u32,
    next: u32,
    /// How many timers this entry has been. Keys of earlier ones are stale.
    generation: u32,
    place: Place,
}

/// The entries of a wheel: pages that never move, and a list of the free ones.
struct Entries {
    pages: Vec<Box<[Entry; PAGE]>>,
    /// The entry freed last, whose memory is the likeliest to be in the cache.
    free: u32,
}

impl Entries {
    fn at(&self, index: u32) -> &Entry {
        &self.pages[index as usize / PAGE][index as usize % PAGE]
    }

    fn at_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.pages[index as usize / PAGE][index as usize % PAGE]
    }

    /// The entry a key means, unless the key is stale.
    fn find_mut(&mut self, key: TimerKey) -> Option<&mut Entry> {
        let page = self.pages.get_mut(key.index as usize / PAGE)?;
        let entry = &mut page[key.index as usize % PAGE];
        (entry.generation == key.generation && entry.place != Place::Free).then_some(entry)
    }

    /// Takes a free entry. The caller puts it in a place.
    fn take(&mut self) -> u32 {
        if self.free == NIL {
            self.grow();
        }
        let index = self.free;
        self.free = self.at(index).next;
        index
    }

    /// Ends the use of an entry and returns its waker. From here on its keys are stale.
    ///
    /// Should an entry have been 4 billion timers, it is retired rather than begin again with
    /// generation 0, where some very old key might still find it. That is 40 bytes lost in 4
    /// billion timers.
    fn release(&mut self, index: u32) -> Option<Waker> {
        let free = self.free;
        let entry = self.at_mut(index);
        entry.place = Place::Free;
        let waker = entry.waker.take();
        if let Some(generation) = entry.generation.checked_add(1) {
            entry.generation = generation;
            entry.next = free;
            self.free = index;
        }
        waker
    }

    /// Adds a page of free entries, to be used in the order of their indexes.
    fn grow(&mut self) {
        let first = self.pages.len() * PAGE;
        assert!(first < ENTRIES_MAX, "a driver holds at most {ENTRIES_MAX} timers: drop some");
        self.pages.push(Box::new(std::array::from_fn(|offset| Entry {
            deadline_ns: 0,
            waker: None,
            prev: NIL,
            next: if offset + 1 == PAGE { NIL } else { (first + offset + 1) as u32 },
            generation: 0,
            place: Place::Free,
        })));
        self.free = first as u32;
    }
}
