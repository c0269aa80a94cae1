//! The slots of a driver: a paged slab with stable addresses.
//!
//! A token is a slot's index and its generation, never an address. The slots lie in
//! [`Pages`](crate::sync::Pages) that are never moved, so an event finds its slot without a lock,
//! and a slot that was given back is used again at once: events of its former registration carry
//! the former generation and are dropped.
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

use std::task::Waker;

use crate::error;
use crate::event::Event;
use crate::sync::{INDEX_BITS, Mutex, Pages, Position, prefetch};
use crate::token::Token;

use super::scheduled_io::{Facts, ScheduledIo};

const GENERATION_MAX: u64 = (1 << (64 - INDEX_BITS)) - 1;
/// The greatest number of sources of one driver. The last index is not used: with the last
/// generation it would be [`Token::WAKE`].
pub(crate) const SOURCES_MAX: usize = (1 << INDEX_BITS) - 1;

/// The slots of so many events are fetched together: with a thousand connections they have left the
/// caches since they were used last, and each dispatch takes atomic steps, which wait for what they
/// touch and let nothing begin meanwhile.
const AHEAD: usize = 8;
/// What an event of a reader touches of a slot.
const FETCHED_BYTES: usize = 48;

/// The slots and the list of the free ones.
pub(crate) struct RegistrationSet {
    pages: Pages<ScheduledIo>,
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
        RegistrationSet {
            pages: Pages::new(first_page),
            sources_max,
            free: Mutex::new(Free::default()),
        }
    }

    /// The slot a token points to, whoever uses it now.
    #[inline]
    pub(crate) fn get(&self, token: Token) -> Option<&ScheduledIo> {
        self.pages.get(index_of(token))
    }

    /// Where the slot of a token is.
    pub(crate) fn position(&self, token: Token) -> Position {
        self.pages.position(index_of(token))
    }

    /// The slot at a position that this set gave.
    #[inline]
    pub(crate) fn at(&self, position: Position) -> Option<&ScheduledIo> {
        self.pages.at(position)
    }

    /// Hands each event to its registration, moves the wakers it satisfies to `wakers`, and
    /// returns how many events came too late for theirs (clause C4).
    pub(crate) fn dispatch(&self, events: &[Event], wakers: &mut Vec<Waker>) -> u64 {
        let mut stale = 0;
        for few in events.chunks(AHEAD) {
            if few.len() > 1 {
                few.iter().for_each(|event| self.fetch(event.token));
            }
            for event in few {
                let alive = self.get(event.token).is_some_and(|slot| {
                    let once = slot.is_once();
                    slot.dispatch(generation_of(event.token), event.ready, once, wakers)
                });
                stale += u64::from(!alive);
            }
        }
        stale
    }

    /// Begins to fetch what an event of `token` will touch.
    #[inline]
    fn fetch(&self, token: Token) {
        if let Some(slot) = self.get(token) {
            prefetch(slot, FETCHED_BYTES);
        }
    }

    /// Tells registrations that the kernel does not watch their sources after all.
    pub(crate) fn refuse(&self, refused: &[Token], wakers: &mut Vec<Waker>) {
        for &token in refused {
            if let Some(slot) = self.get(token) {
                slot.refuse(generation_of(token), wakers);
            }
        }
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
        let slot =
            self.pages.get(index).expect("the page of an index is made before the index is used");
        slot.begin(facts);
        Ok(token(index, slot.generation()))
    }

    fn grow(&self, free: &mut Free) -> std::io::Result<usize> {
        let index = free.fresh;
        if index >= self.sources_max {
            return Err(error::too_many_sources());
        }
        if let Some(length) = self.pages.grow(index, ScheduledIo::new) {
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
        for slot in (0..fresh).filter_map(|index| self.pages.get(index)) {
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
        (0..fresh).filter_map(|index| self.pages.get(index))
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
