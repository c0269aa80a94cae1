//! The slots of a driver: a paged slab with stable addresses.
//!
//! A token is a slot's index and its generation, never an address. Pages are never moved or freed
//! while the driver lives, so an event finds its slot without a lock, and a slot that was given
//! back is used again at once: events of its former registration carry the former generation and
//! are dropped.
//!
//! Sixteen pages have one size, the next sixteen twice that, and so on. So there are few of them,
//! and of many slots a sixteenth is to spare at most (an eighth, once there are two sizes): an idle
//! source costs its own slot and little more.
//!
//! ```text
//!  63                                      24 23                      0
//! ┌──────────────────────────────────────────┬─────────────────────────┐
//! │ generation                               │ index                   │
//! └──────────────────────────────────────────┴─────────────────────────┘
//! ```
//!
//! Forty bits of generation come round after twelve days of registering and dropping one slot a
//! million times a second. A slot that gets there is retired instead.

use std::sync::OnceLock;
use std::task::Waker;

use crate::error;
use crate::event::Event;
use crate::sync::Mutex;
use crate::token::Token;

use super::scheduled_io::{Facts, ScheduledIo};

const INDEX_BITS: u32 = 24;
const GENERATION_MAX: u64 = (1 << (64 - INDEX_BITS)) - 1;
/// Pages of one size, as a power of two.
const EQUALS_LOG2: u32 = 4;
const EQUALS: usize = 1 << EQUALS_LOG2;
/// This many pages hold every index, also if the first ones hold one each.
const PAGES: usize = (INDEX_BITS - EQUALS_LOG2) as usize * EQUALS + 1;
/// The greatest number of sources of one driver. The last index is not used: with the last
/// generation it would be [`Token::WAKE`].
pub(crate) const SOURCES_MAX: usize = (1 << INDEX_BITS) - 1;

/// Where a slot is: found out once for a registration, because every call on its source asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    page: u16,
    place: u32,
}

/// The slots and the list of the free ones.
pub(crate) struct RegistrationSet {
    pages: [OnceLock<Box<[ScheduledIo]>>; PAGES],
    /// The first page's length, as a power of two.
    first_page_log2: u32,
    sources_max: usize,
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    /// Slots that were given back, the latest last: it is the one most likely in the cache.
    released: Vec<u32>,
    /// Every index from here on was never used.
    fresh: usize,
    now: usize,
    shutdown: bool,
}

impl RegistrationSet {
    /// A set whose first page has `first_page` slots, a power of two.
    pub(crate) fn new(first_page: usize) -> RegistrationSet {
        RegistrationSet::with_limit(first_page, SOURCES_MAX)
    }

    fn with_limit(first_page: usize, sources_max: usize) -> RegistrationSet {
        assert!(first_page.is_power_of_two(), "a page holds a power of two of slots");
        RegistrationSet {
            pages: [const { OnceLock::new() }; PAGES],
            first_page_log2: first_page.ilog2(),
            sources_max,
            free: Mutex::new(Free::default()),
        }
    }

    /// The page of an index, the place in it, and the page's length.
    ///
    /// Counted as if [`EQUALS`] pages of the first size came before the first, a position's highest
    /// bit tells the size of its page, and the bits below it which of the equals it is.
    #[inline]
    fn locate(&self, index: usize) -> (usize, usize, usize) {
        let position = index + (EQUALS << self.first_page_log2);
        let length_log2 = position.ilog2() - EQUALS_LOG2;
        let length = 1 << length_log2;
        let sizes_before = (length_log2 - self.first_page_log2) as usize;
        let page = sizes_before * EQUALS + (position >> length_log2) - EQUALS;
        (page, position & (length - 1), length)
    }

    #[inline]
    fn slot(&self, index: usize) -> Option<&ScheduledIo> {
        let (page, place, _) = self.locate(index);
        self.pages.get(page)?.get()?.get(place)
    }

    /// The slot a token points to, whoever uses it now.
    #[inline]
    pub(crate) fn get(&self, token: Token) -> Option<&ScheduledIo> {
        self.slot(index_of(token))
    }

    /// Where the slot of a token is.
    pub(crate) fn position(&self, token: Token) -> Position {
        let (page, place, _) = self.locate(index_of(token));
        Position { page: page as u16, place: place as u32 }
    }

    /// The slot at a position that this set gave.
    #[inline]
    pub(crate) fn at(&self, position: Position) -> Option<&ScheduledIo> {
        self.pages.get(usize::from(position.page))?.get()?.get(position.place as usize)
    }

    /// Hands each event to its registration, moves the wakers it satisfies to `wakers`, and
    /// returns how many events came too late for theirs (clause C4).
    pub(crate) fn dispatch(&self, events: &[Event], wakers: &mut Vec<Waker>) -> u64 {
        let mut stale = 0;
        for event in events {
            let alive = self.get(event.token).is_some_and(|slot| {
                slot.dispatch(generation_of(event.token), event.ready, slot.is_once(), wakers)
            });
            stale += u64::from(!alive);
        }
        stale
    }

    /// Takes a slot into use.
    ///
    /// # Errors
    ///
    /// After [`shutdown`](Self::shutdown), and at [`SOURCES_MAX`].
    pub(crate) fn insert(&self, facts: Facts) -> std::io::Result<Token> {
        let mut free = self.free.lock();
        if free.shutdown {
            return Err(error::shut_down());
        }
        let index = match free.released.pop() {
            Some(index) => index as usize,
            None => self.grow(&mut free)?,
        };
        free.now += 1;
        let slot = self.slot(index).expect("the page of an index is made before the index is used");
        slot.begin(facts);
        Ok(token(index, slot.generation()))
    }

    fn grow(&self, free: &mut Free) -> std::io::Result<usize> {
        let index = free.fresh;
        if index >= self.sources_max {
            return Err(error::too_many_sources());
        }
        let (page, place, length) = self.locate(index);
        if place == 0 {
            self.pages[page].get_or_init(|| (0..length).map(|_| ScheduledIo::new()).collect());
            // So that giving a slot back, which drops run, never allocates.
            free.released.reserve_exact(index + length);
        }
        free.fresh += 1;
        Ok(index)
    }

    /// Gives a slot back. Returns what held wakers, to be dropped outside every lock; `None`, and
    /// nothing is touched, if the token's registration is gone already.
    pub(crate) fn remove(&self, token: Token) -> Option<(Option<Facts>, [Option<Waker>; 2])> {
        let slot = self.get(token)?;
        let generation = generation_of(token);
        if slot.generation() != generation {
            return None;
        }
        let held = slot.end(generation + 1);
        let mut free = self.free.lock();
        free.now -= 1;
        if generation + 1 < GENERATION_MAX {
            free.released.push(index_of(token) as u32);
        }
        Some(held)
    }

    /// Wakes everybody for good; later insertions fail (clause C14).
    pub(crate) fn shutdown(&self, wakers: &mut Vec<Waker>) {
        let fresh = {
            let mut free = self.free.lock();
            free.shutdown = true;
            free.fresh
        };
        for slot in (0..fresh).filter_map(|index| self.slot(index)) {
            slot.shutdown(wakers);
        }
    }

    /// The number of slots in use.
    pub(crate) fn len(&self) -> usize {
        self.free.lock().now
    }

    /// Every slot that was ever used, by index; a free one has no facts.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &ScheduledIo> {
        let fresh = self.free.lock().fresh;
        (0..fresh).filter_map(|index| self.slot(index))
    }
}

fn token(index: usize, generation: u64) -> Token {
    Token(generation << INDEX_BITS | index as u64)
}

#[inline]
fn index_of(token: Token) -> usize {
    (token.0 & ((1 << INDEX_BITS) - 1)) as usize
}

/// The generation a token was made for.
#[inline]
pub(crate) fn generation_of(token: Token) -> u64 {
    token.0 >> INDEX_BITS
}

#[cfg(all(test, not(loom)))]
mod tests;
