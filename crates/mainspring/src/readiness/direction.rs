//! One direction of one source: readiness, generation and tick in one word.
//!
//! ```text
//!  63                             32 31                      11 10       0
//! ┌─────────────────────────────────┬──────────────────────────┬──────────┐
//! │ tick                            │ generation (low bits)    │ flags    │
//! └─────────────────────────────────┴──────────────────────────┴──────────┘
//!  flags: 0–5 readiness · 6 SHUTDOWN · 7 QUEUED · 8 ARMED · 9 ONCE · 10 MARK
//! ```
//!
//! A source has two such words, one a direction, and not one for both: a write event then cannot
//! invalidate a reader's clear, the two never contend, and each tick is 32 bits wide. At one
//! event a microsecond a tick comes round after 71 minutes, and a clear would be fooled only if
//! exactly that many events, to the one, lay between a look and its clear.
//!
//! - **tick** goes up by one with each event. A clear says which tick it looked at and does
//!   nothing if an event has come since: "the call said `WouldBlock`, a new edge arrived, then I
//!   cleared" cannot erase the edge (clause C2).
//! - **generation** is the low part of the slot's. It stands in the word so that "is this event
//!   for this registration" and "set the bits" are one atomic step (clause C4).
//! - **closed bits** and **SHUTDOWN** survive every clear (clauses C9, C14).
//! - **QUEUED** says that more waiters are in the list under the lock. Setting it and looking at
//!   the readiness is one step, so a waiter and an event never miss each other.
//! - **ARMED** says that the kernel watches this direction. Until then a call is simply tried:
//!   what never blocks never meets the selector.
//! - **ONCE** says that a report ends the watch, for every trigger but the edge.
//! - **MARK** says that urgent data was reported and the usual data has not run dry since: a read
//!   may stop before the urgent byte although more lies behind it. It is not `PRIORITY`, which is
//!   taken back by whoever waited for it, and that may be before a reader has come so far.

use crate::ready::Ready;
use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::{AcqRel, Acquire};
use crate::sync::waker_slot::WakerSlot;

const READY_MASK: u64 = 0x3f;
const SHUTDOWN: u64 = 1 << 6;
const QUEUED: u64 = 1 << 7;
const ARMED: u64 = 1 << 8;
const ONCE: u64 = 1 << 9;
const MARK: u64 = 1 << 10;
const GENERATION_SHIFT: u32 = 11;
const GENERATION_BITS: u32 = 21;
const GENERATION_MASK: u64 = ((1 << GENERATION_BITS) - 1) << GENERATION_SHIFT;
const TICK_SHIFT: u32 = 32;
const TICK_ONE: u64 = 1 << TICK_SHIFT;

const _: () = assert!(GENERATION_SHIFT + GENERATION_BITS == TICK_SHIFT);
const _: () = assert!(MARK < (1 << GENERATION_SHIFT));
const _: () = assert!(Ready::ALL.bits() as u64 == READY_MASK);

/// A look at a direction at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Seen {
    /// A look at nothing: no readiness, nothing to wait for, and nothing to clear.
    pub(crate) const NOTHING: Seen = Seen(ARMED);

    #[inline]
    pub(crate) fn ready(self) -> Ready {
        Ready::from_bits((self.0 & READY_MASK) as u8)
    }

    #[inline]
    pub(crate) fn is_shutdown(self) -> bool {
        self.0 & SHUTDOWN != 0
    }

    #[inline]
    pub(crate) fn is_armed(self) -> bool {
        self.0 & ARMED != 0
    }

    /// Whether the next report is the last until the source is armed again.
    #[inline]
    pub(crate) fn is_once(self) -> bool {
        self.0 & ONCE != 0
    }

    /// Whether a read may stop before urgent data.
    #[inline]
    pub(crate) fn has_mark(self) -> bool {
        self.0 & MARK != 0
    }

    /// Whether somebody may be in the list.
    #[inline]
    pub(super) fn is_queued(self) -> bool {
        self.0 & QUEUED != 0
    }

    /// The number of events so far, modulo 2^32.
    #[inline]
    pub(crate) fn tick(self) -> u32 {
        (self.0 >> TICK_SHIFT) as u32
    }

    #[inline]
    fn generation_bits(self) -> u64 {
        self.0 & GENERATION_MASK
    }
}

/// What an event did to a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispatch {
    /// The registration is gone: nothing was touched.
    Stale,
    /// The bits are set; `queued` says that the list has to be looked at too.
    Set { queued: bool },
}

/// The word and the first waiter's slot.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Direction {
    word: AtomicU64,
    pub(crate) slot: WakerSlot,
}

impl Direction {
    pub(crate) fn new() -> Direction {
        Direction { word: AtomicU64::new(0), slot: WakerSlot::new() }
    }

    #[inline]
    pub(crate) fn look(&self) -> Seen {
        Seen(self.word.load(Acquire))
    }

    /// Replaces the word by `change(word)` until nobody interferes; `None` leaves it alone.
    #[inline]
    fn update(&self, change: impl Fn(Seen) -> Option<u64>) -> Result<Seen, Seen> {
        let update = |word| change(Seen(word));
        self.word.fetch_update(AcqRel, Acquire, update).map(Seen).map_err(Seen)
    }

    /// An event: sets `ready` and moves the tick, if the word is still of `generation`.
    #[inline]
    pub(crate) fn set(&self, generation: u64, ready: Ready, disarm: bool) -> Dispatch {
        let wanted = generation_bits(generation);
        let mark = if ready.is_priority() { MARK } else { 0 };
        let reported = u64::from(ready.bits()) | mark;
        let result = self.update(|seen| {
            let kept = if disarm { seen.0 & !ARMED } else { seen.0 };
            (seen.generation_bits() == wanted).then(|| (kept | reported).wrapping_add(TICK_ONE))
        });
        match result {
            Ok(seen) => Dispatch::Set { queued: seen.is_queued() },
            Err(_) => Dispatch::Stale,
        }
    }

    /// Takes `ready` back if no event has come since `seen`; closed bits stay. With `READABLE` the
    /// mark goes: all the usual data was read. With `PRIORITY`, where a report ends the watch, the
    /// watch goes too: as long as that stood there, the kernel was not asked for it.
    #[inline]
    pub(crate) fn clear(&self, seen: Seen, ready: Ready) {
        let gone = u64::from((ready - Ready::CLOSED).bits());
        let gone = if ready.contains(Ready::READABLE) { gone | MARK } else { gone };
        // An error means that an event came, or the registration went: then there is nothing to
        // take back.
        let _ = self.update(|now| {
            let same = now.tick() == seen.tick() && now.generation_bits() == seen.generation_bits();
            let gone = if ready.is_priority() && now.is_once() { gone | ARMED } else { gone };
            same.then_some(now.0 & !gone)
        });
    }

    /// Takes back also the closed bits, if no event has come since `seen`: a call has just said
    /// `WouldBlock`, so the end that was reported is not one. A FIFO or a terminal does that when
    /// somebody opens its other end again; the caller makes the kernel report anew.
    pub(crate) fn reopen(&self, seen: Seen) {
        let _ = self.update(|now| {
            let same = now.tick() == seen.tick() && now.generation_bits() == seen.generation_bits();
            same.then_some(now.0 & !READY_MASK)
        });
    }

    /// The kernel is about to watch this direction; with `once`, until its next report.
    ///
    /// Called *before* the kernel is asked, under the lock of the source's facts. The first report
    /// of a one-shot source can come before the asking call returns, and takes the bit away
    /// again; set afterwards, the bit would claim a watch that has already ended, and nobody
    /// would ever ask for another.
    ///
    /// The kernel is asked for all that the registration may want of this direction, not only for
    /// what is waited for now: one bit cannot tell `READABLE` from `PRIORITY`. Only urgent data
    /// that was reported and not cleared since is left out where a report ends the watch, because
    /// it would end it at once; the clear takes the bit away.
    pub(crate) fn set_armed(&self, once: bool) {
        self.word.fetch_or(if once { ARMED | ONCE } else { ARMED }, AcqRel);
    }

    /// The kernel refused, or was told to stop: the next wait asks it again.
    pub(crate) fn clear_armed(&self) {
        self.word.fetch_and(!ARMED, AcqRel);
    }

    /// Somebody is in the list; the look comes from the same step.
    pub(crate) fn set_queued(&self) -> Seen {
        Seen(self.word.fetch_or(QUEUED, AcqRel))
    }

    /// Nobody is in the list any more; called under the lock of the list.
    pub(crate) fn clear_queued(&self) {
        self.word.fetch_and(!QUEUED, AcqRel);
    }

    /// The driver is gone, for good.
    pub(crate) fn set_shutdown(&self) -> Seen {
        Seen(self.word.fetch_or(SHUTDOWN, AcqRel))
    }

    /// Hands the word to the next registration of the slot: no flag survives, and the tick counts
    /// from zero. An old look is told from a new one by its generation.
    pub(crate) fn renew(&self, generation: u64) {
        self.word.swap(generation_bits(generation), AcqRel);
    }
}

#[inline]
fn generation_bits(generation: u64) -> u64 {
    (generation << GENERATION_SHIFT) & GENERATION_MASK
}

#[cfg(all(test, not(loom)))]
mod tests;
