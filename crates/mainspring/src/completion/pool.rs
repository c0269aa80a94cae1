//! Which buffers of a group are free, and who waits for one: numbers only, no memory.
//!
//! The free numbers are a stack: each names the next, and one word says which is on top. Taking
//! and giving back is one exchange of that word, on any thread, without a lock.
//!
//! ```text
//! 63             17 16 15          0
//! ┌────────────────┬──┬────────────┐
//! │ exchanges      │W │ top, NONE  │   W: somebody waits
//! └────────────────┴──┴────────────┘
//! ```
//!
//! An exchange that compared only the top could be fooled: the number was taken, others with it,
//! and came back with another one below. So each exchange is counted, and the count is compared
//! too. It wraps after 2^47 of them: weeks of nothing else, while one thread stands still between
//! its look and its exchange.
//!
//! Who finds no number waits in line, behind a lock. The bit that says so stands in the same word:
//! a number that is given back either comes before the bit, and the one who sets it finds the
//! number, or it finds the bit. While the bit is set nobody takes a number past the line, and a
//! number that comes back belongs to the first in it, who is then woken. One number wakes one
//! waiter, however many there are.
//!
//! Numbers may also be *lent* to the kernel, which takes a number of its choice when data comes.
//! What is lent cannot be had back but by receiving, so nobody waits in line for it: the kernel is
//! asked to receive instead. It is lent only while nobody waits. The kernel takes numbers in the
//! order in which they were lent, and may fill several at once and name the first: so the order is
//! kept.

use std::task::{Poll, Waker};

use crate::sync::Mutex;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicU32, AtomicU64};

/// No number.
const NONE: u32 = 0xFFFF;
/// The greatest count: what a provided-buffer ring of io_uring takes.
pub(crate) const COUNT_MAX: u32 = 1 << 15;

const TOP_MASK: u64 = 0xFFFF;
const WAITED_FOR: u64 = 1 << 16;
const EXCHANGE: u64 = 1 << 17;

const _: () = assert!(COUNT_MAX < NONE, "every number is less than the one that is none");

/// What the pool keeps of one buffer. The first two belong to whoever has the number: the stack
/// while it is free, a queue of arrivals while it holds data that nobody took yet.
struct Entry {
    next: AtomicU32,
    /// The bytes of what has come; of a free one, how many are free from here down. So how many are
    /// in use is known without a count that each would have to change.
    len: AtomicU32,
    /// When it was last lent: how many were before it.
    turn: AtomicU32,
    /// The number that was lent when the turn was this entry's index, counted modulo their count.
    lent_then: AtomicU32,
}

/// The free numbers, and the line of those who wait.
pub(crate) struct Pool {
    head: AtomicU64,
    entries: Box<[Entry]>,
    /// Changed by the thread that turns the driver alone.
    lent: AtomicU32,
    /// How often a number was lent, modulo 2^32: a multiple of every count.
    lent_ever: AtomicU32,
    exhausted: AtomicU64,
    line: Mutex<Line>,
}

/// What came of asking for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Here it is.
    Number(u16),
    /// The kernel has some: ask it to receive.
    Lent,
    /// The pool's driver has ended, and none was free.
    Closed,
}

/// A place in the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

/// Those who wait, the first come first: a list inside a vector, so that leaving it is one step and
/// a wait in steady state allocates nothing.
struct Line {
    places: Vec<Waiter>,
    free: Vec<u32>,
    first: u32,
    last: u32,
    closed: bool,
}

enum Waiter {
    Nobody,
    Waiting { waker: Waker, before: u32, behind: u32 },
    Served(u16),
}

const NOBODY: u32 = u32::MAX;

impl Pool {
    /// A pool of `count` numbers, all free: a power of two of them.
    pub(crate) fn new(count: u32) -> Pool {
        assert!(count.is_power_of_two() && count <= COUNT_MAX, "a power of two of numbers");
        let next = |number| if number + 1 < count { number + 1 } else { NONE };
        let zero = || AtomicU32::new(0);
        let entry = |number| Entry {
            next: AtomicU32::new(next(number)),
            len: AtomicU32::new(count - number),
            turn: zero(),
            lent_then: zero(),
        };
        Pool {
            head: AtomicU64::new(0),
            entries: (0..count).map(entry).collect(),
            lent: AtomicU32::new(0),
            lent_ever: AtomicU32::new(0),
            exhausted: AtomicU64::new(0),
            line: Mutex::new(Line::new()),
        }
    }

    pub(crate) fn count(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Numbers that are neither free nor the kernel's.
    pub(crate) fn in_use(&self) -> u32 {
        let mut head = self.head.load(Acquire);
        loop {
            let free = self.free(head);
            // Unless an exchange came between, the number on top is still there.
            match self.head.load(Acquire) {
                now if now == head => {
                    let lent = self.lent.load(Relaxed);
                    return self.count().saturating_sub(free).saturating_sub(lent);
                }
                now => head = now,
            }
        }
    }

    /// How many are free while this is the head; anything while it is not.
    #[inline]
    fn free(&self, head: u64) -> u32 {
        match top(head) {
            NONE => 0,
            // Not moved behind the second look at the head, which says whether it is true.
            number => self.entry(number).len.load(Acquire),
        }
    }

    /// Whether there is one to be had without waiting, here or from the kernel; a hint.
    pub(crate) fn has_some(&self) -> bool {
        let head = self.head.load(Acquire);
        head & WAITED_FOR == 0 && (top(head) != NONE || self.lent.load(Relaxed) != 0)
    }

    /// How often somebody found none.
    pub(crate) fn exhausted(&self) -> u64 {
        self.exhausted.load(Relaxed)
    }

    /// Counts a time that somebody found none.
    pub(crate) fn note_exhausted(&self) {
        self.exhausted.fetch_add(1, Relaxed);
    }

    /// Takes a number; none if there is none, or others wait for one.
    #[inline]
    pub(crate) fn take(&self) -> Option<u16> {
        let mut head = self.head.load(Acquire);
        loop {
            if head & WAITED_FOR != 0 {
                return None;
            }
            match self.pop(head) {
                Ok(number) => return number,
                Err(now) => head = now,
            }
        }
    }

    /// Takes a number for the kernel; the thread that turns the driver alone calls this.
    #[allow(dead_code, reason = "called by backends whose kernel fills buffers")]
    #[inline]
    pub(crate) fn lend(&self) -> Option<u16> {
        if top(self.head.load(Relaxed)) == NONE {
            return None;
        }
        // Counted first: who finds the stack empty because of this must find it counted.
        let lent = self.lent.load(Relaxed);
        self.lent.store(lent + 1, Release);
        let Some(number) = self.take() else {
            self.lent.store(lent, Release);
            return None;
        };
        let turn = self.lent_ever.load(Relaxed);
        self.lent_ever.store(turn.wrapping_add(1), Relaxed);
        self.entry(number.into()).turn.store(turn, Relaxed);
        self.at_turn(turn).store(number.into(), Relaxed);
        Some(number)
    }

    #[inline]
    fn at_turn(&self, turn: u32) -> &AtomicU32 {
        &self.entry(turn & (self.count() - 1)).lent_then
    }

    /// The kernel has filled a number that was lent to it: it is in use from here on. Returns the
    /// one that was lent next, which is filled too if there was more than one holds. On the thread
    /// that lends.
    #[inline]
    pub(crate) fn filled(&self, number: u16) -> u16 {
        let lent = self.lent.load(Relaxed);
        debug_assert_ne!(lent, 0, "the kernel fills what was lent to it");
        self.lent.store(lent.wrapping_sub(1), Release);
        let turn = self.entry(number.into()).turn.load(Relaxed);
        self.at_turn(turn.wrapping_add(1)).load(Relaxed) as u16
    }

    /// Gives a number back, and wakes the one it goes to.
    #[inline]
    pub(crate) fn give_back(&self, number: u16) {
        if self.push(number) & WAITED_FOR != 0 {
            self.serve();
        }
    }

    /// Takes a number or waits for one in line, where `place` is this waiter's.
    pub(crate) fn poll_take(&self, place: &mut Option<Place>, waker: &Waker) -> Poll<Taken> {
        if place.is_none() {
            if let Some(number) = self.take() {
                return Poll::Ready(Taken::Number(number));
            }
        }
        // Cloned, and what it replaces dropped, outside the lock: a waker is the task's code.
        let clone = waker.clone();
        let (polled, unused) = {
            let mut line = self.line.lock();
            match place {
                None => self.join(&mut line, place, clone),
                Some(_) => line.look(place, clone),
            }
        };
        drop(unused);
        polled
    }

    /// Under the lock: the last place in the line, unless there is a number after all.
    fn join(
        &self,
        line: &mut Line,
        place: &mut Option<Place>,
        waker: Waker,
    ) -> (Poll<Taken>, Option<Waker>) {
        if line.closed {
            return (Poll::Ready(Taken::Closed), Some(waker));
        }
        let taken = if line.first == NOBODY { self.take_or_close() } else { None };
        if let Some(taken) = taken {
            return (Poll::Ready(taken), Some(waker));
        }
        self.note_exhausted();
        *place = Some(line.append(waker));
        (Poll::Pending, None)
    }

    /// Under the lock, for the first in the line: a number, or what else is better than waiting.
    /// Without either the word says from here on that somebody waits.
    fn take_or_close(&self) -> Option<Taken> {
        let mut head = self.head.load(Acquire);
        loop {
            if top(head) != NONE {
                match self.pop(head) {
                    Ok(number) => return number.map(Taken::Number),
                    Err(now) => head = now,
                }
                continue;
            }
            let waited_for = head.wrapping_add(EXCHANGE) | WAITED_FOR;
            match self.head.compare_exchange(head, waited_for, AcqRel, Acquire) {
                Ok(_) if self.lent.load(Acquire) == 0 => return None,
                Ok(_) => {
                    self.unset();
                    return Some(Taken::Lent);
                }
                Err(now) => head = now,
            }
        }
    }

    /// Leaves the line; a number that was for this waiter goes to the next.
    pub(crate) fn leave(&self, place: &mut Option<Place>) {
        let Some(Place(index)) = place.take() else { return };
        let left = {
            let mut line = self.line.lock();
            let left = line.remove(index);
            if line.first == NOBODY {
                self.unset();
            }
            left
        };
        match left {
            Waiter::Served(number) => self.give_back(number),
            left => drop(left),
        }
    }

    /// The driver is gone: nobody waits any more, now or later.
    pub(crate) fn close(&self) {
        self.line.lock().closed = true;
        loop {
            // One at a time: a waker's code may come back here.
            let waker = {
                let mut line = self.line.lock();
                let first = line.first;
                if first == NOBODY {
                    self.unset();
                    return;
                }
                line.unlink(first)
            };
            waker.wake();
        }
    }

    /// Gives free numbers to those who wait, and wakes them.
    fn serve(&self) {
        loop {
            let waker = {
                let mut line = self.line.lock();
                if line.first == NOBODY {
                    self.unset();
                    return;
                }
                let mut head = self.head.load(Acquire);
                let number = loop {
                    match self.pop(head) {
                        Ok(number) => break number,
                        Err(now) => head = now,
                    }
                };
                let Some(number) = number else { return };
                let waker = line.serve(number);
                if line.first == NOBODY {
                    self.unset();
                }
                waker
            };
            waker.wake();
        }
    }

    /// Under the lock: nobody waits any more.
    fn unset(&self) {
        let mut head = self.head.load(Relaxed);
        while head & WAITED_FOR != 0 {
            let unset = head.wrapping_add(EXCHANGE) & !WAITED_FOR;
            match self.head.compare_exchange(head, unset, AcqRel, Acquire) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// One attempt to take the top off `head`; the head that there is now, if it was not that one.
    #[inline]
    fn pop(&self, head: u64) -> Result<Option<u16>, u64> {
        let number = top(head);
        if number == NONE {
            return Ok(None);
        }
        // Out of date if the number is taken meanwhile; then the exchange fails.
        let below = self.entry(number).next.load(Relaxed);
        self.head.compare_exchange(head, with_top(head, below), AcqRel, Acquire)?;
        Ok(Some(number as u16))
    }

    /// Puts a number on top, and returns the head before.
    #[inline]
    fn push(&self, number: u16) -> u64 {
        let number = u32::from(number);
        let entry = self.entry(number);
        let mut head = self.head.load(Acquire);
        loop {
            entry.next.store(top(head), Relaxed);
            // Out of date, as the head is, if the exchange fails.
            entry.len.store(self.free(head).wrapping_add(1), Release);
            match self.head.compare_exchange(head, with_top(head, number), AcqRel, Acquire) {
                Ok(before) => return before,
                Err(now) => head = now,
            }
        }
    }

    #[inline]
    fn entry(&self, number: u32) -> &Entry {
        &self.entries[number as usize]
    }
}

fn top(head: u64) -> u32 {
    (head & TOP_MASK) as u32
}

fn with_top(head: u64, number: u32) -> u64 {
    (head & !TOP_MASK | u64::from(number)).wrapping_add(EXCHANGE)
}

impl Line {
    fn new() -> Line {
        Line { places: Vec::new(), free: Vec::new(), first: NOBODY, last: NOBODY, closed: false }
    }

    /// Whether a waiter was served; if not, it waits on with `waker`.
    fn look(&mut self, place: &mut Option<Place>, waker: Waker) -> (Poll<Taken>, Option<Waker>) {
        let Some(Place(index)) = *place else { return (Poll::Pending, Some(waker)) };
        match &mut self.places[index as usize] {
            Waiter::Waiting { waker: kept, .. } => {
                (Poll::Pending, Some(std::mem::replace(kept, waker)))
            }
            Waiter::Served(number) => {
                let taken = Taken::Number(*number);
                *place = None;
                self.remove(index);
                (Poll::Ready(taken), Some(waker))
            }
            Waiter::Nobody => {
                // The line was closed, and everybody sent away.
                *place = None;
                self.free.push(index);
                (Poll::Ready(Taken::Closed), Some(waker))
            }
        }
    }

    fn append(&mut self, waker: Waker) -> Place {
        let waiter = Waiter::Waiting { waker, before: self.last, behind: NOBODY };
        let index = match self.free.pop() {
            Some(index) => {
                self.places[index as usize] = waiter;
                index
            }
            None => {
                // As many as there are tasks in the program: a task's own memory is far larger.
                self.places.push(waiter);
                // So that leaving, which drops do, never allocates.
                self.free.reserve(self.places.len());
                self.places.len() as u32 - 1
            }
        };
        match self.waiting(self.last) {
            Some((_, behind)) => *behind = index,
            None => self.first = index,
        }
        self.last = index;
        Place(index)
    }

    fn waiting(&mut self, index: u32) -> Option<(&mut u32, &mut u32)> {
        match self.places.get_mut(index as usize) {
            Some(Waiter::Waiting { before, behind, .. }) => Some((before, behind)),
            _ => None,
        }
    }

    /// Takes a waiter out of the line and keeps its place.
    fn unlink(&mut self, index: u32) -> Waker {
        let waiter = std::mem::replace(&mut self.places[index as usize], Waiter::Nobody);
        let Waiter::Waiting { waker, before, behind } = waiter else {
            unreachable!("only those who wait are in the line");
        };
        match self.waiting(before) {
            Some((_, link)) => *link = behind,
            None => self.first = behind,
        }
        match self.waiting(behind) {
            Some((link, _)) => *link = before,
            None => self.last = before,
        }
        waker
    }

    /// Gives the number to the first in line; the waker is to be woken outside the lock.
    fn serve(&mut self, number: u16) -> Waker {
        let first = self.first;
        let waker = self.unlink(first);
        self.places[first as usize] = Waiter::Served(number);
        waker
    }

    /// Takes a waiter out, whether it waits or not; to be dropped outside the lock.
    fn remove(&mut self, index: u32) -> Waiter {
        self.free.push(index);
        match &self.places[index as usize] {
            Waiter::Waiting { .. } => {
                let waker = self.unlink(index);
                Waiter::Waiting { waker, before: NOBODY, behind: NOBODY }
            }
            _ => std::mem::replace(&mut self.places[index as usize], Waiter::Nobody),
        }
    }
}

/// What has come for one stream and was not taken yet: a chain of the pool's numbers, the last
/// come first, and how many they are with those that were turned around. One thread at a time
/// appends, another takes; neither waits for the other, and each makes one step of the one word.
///
/// ```text
/// 31            16 15            0
/// ┌───────────────┬──────────────┐
/// │ held          │ newest, NONE │
/// └───────────────┴──────────────┘
/// ```
pub(crate) struct Arrivals {
    word: AtomicU32,
}

/// Instead of a number: nobody takes what arrives any more.
const CLOSED: u32 = NONE - 1;
const NEWEST_MASK: u32 = 0xFFFF;
const HELD_SHIFT: u32 = 16;
const ONE_HELD: u32 = 1 << HELD_SHIFT;

const _: () = assert!(COUNT_MAX < CLOSED, "every number is less than those that are none");
const _: () = assert!(COUNT_MAX < 1 << (u32::BITS - HELD_SHIFT), "all numbers can be counted");

/// What appending did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// So many are held now, and whether there were none before: then somebody may wait.
    Held {
        /// Those that were not taken, this one included.
        held: u32,
        /// Whether this is the first since the last look.
        first: bool,
    },
    /// Nobody will take it: the number is the caller's again.
    Refused,
}

impl Arrivals {
    pub(crate) fn new() -> Arrivals {
        Arrivals { word: AtomicU32::new(NONE) }
    }

    /// Those that have come and were not taken.
    pub(crate) fn held(&self) -> u32 {
        self.word.load(Relaxed) >> HELD_SHIFT
    }

    /// Appends a number, with `len` bytes in its buffer.
    #[inline]
    pub(crate) fn append(&self, pool: &Pool, number: u16, len: u32) -> Appended {
        let index = u32::from(number);
        let entry = pool.entry(index);
        entry.len.store(len, Release);
        let mut word = self.word.load(Relaxed);
        loop {
            let (newest, held) = (word & NEWEST_MASK, (word >> HELD_SHIFT) + 1);
            if newest == CLOSED {
                return Appended::Refused;
            }
            entry.next.store(newest, Relaxed);
            match self.word.compare_exchange(word, held << HELD_SHIFT | index, Release, Relaxed) {
                Ok(_) => return Appended::Held { held, first: newest == NONE },
                Err(now) => word = now,
            }
        }
    }

    /// The first that came and was not taken, and its length; `line` is what the one who takes
    /// keeps between the calls.
    #[inline]
    pub(crate) fn take(&self, pool: &Pool, line: &mut InOrder) -> Option<(u16, u32)> {
        if line.oldest != NONE {
            self.word.fetch_sub(ONE_HELD, Relaxed);
            return line.next(pool);
        }
        let mut word = self.word.load(Relaxed);
        // A look before the exchange: most looks find nothing.
        while word & NEWEST_MASK < CLOSED {
            // The chain, and the first of it already, in one step.
            let to = ((word & !NEWEST_MASK) - ONE_HELD) | NONE;
            match self.word.compare_exchange(word, to, Acquire, Relaxed) {
                Ok(_) => {
                    line.oldest = reversed(pool, word & NEWEST_MASK);
                    return line.next(pool);
                }
                Err(now) => word = now,
            }
        }
        None
    }

    /// Nobody will take any more: what is here goes back to the pool, and what comes is refused.
    pub(crate) fn close(&self, pool: &Pool, line: &mut InOrder) {
        let newest = self.word.swap(CLOSED, Acquire) & NEWEST_MASK;
        while let Some((number, _)) = line.next(pool) {
            pool.give_back(number);
        }
        if newest < CLOSED {
            line.oldest = reversed(pool, newest);
        }
        while let Some((number, _)) = line.next(pool) {
            pool.give_back(number);
        }
    }
}

/// Turns a chain around, so that the oldest comes first.
fn reversed(pool: &Pool, newest: u32) -> u32 {
    let (mut at, mut oldest) = (newest, NONE);
    while at != NONE {
        let next = pool.entry(at).next.load(Relaxed);
        pool.entry(at).next.store(oldest, Relaxed);
        oldest = at;
        at = next;
    }
    oldest
}

/// A part of the arrivals that was turned around, to be taken one by one.
#[derive(Debug)]
pub(crate) struct InOrder {
    oldest: u32,
}

impl InOrder {
    pub(crate) fn new() -> InOrder {
        InOrder { oldest: NONE }
    }

    /// The next of them, and its length.
    #[inline]
    fn next(&mut self, pool: &Pool) -> Option<(u16, u32)> {
        if self.oldest == NONE {
            return None;
        }
        let entry = pool.entry(self.oldest);
        let number = self.oldest as u16;
        self.oldest = entry.next.load(Relaxed);
        Some((number, entry.len.load(Relaxed)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
