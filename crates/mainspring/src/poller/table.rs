//! The slots of a poller: the user's tokens under the numbers that the kernel is given.
//!
//! A slot's number is `generation << 32 | index`. It is looked up by index for an event, and by
//! the source for a call; an event of another generation is stale.

use std::collections::HashMap;
use std::io;

use crate::event::{Event, Events};
use crate::source::RawSource;
use crate::token::Token;

/// The slots, the free ones among them, and the slot of each source.
#[derive(Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_source: HashMap<RawSource, u32>,
}

struct Slot {
    generation: u32,
    token: Token,
}

impl Table {
    /// Registers under a fresh slot. A registration of the same number may be there already: if
    /// the kernel agrees to a second one, the first is of a descriptor that was closed.
    pub(super) fn add(
        &mut self,
        source: RawSource,
        token: Token,
        add: impl FnOnce(RawSource, Token) -> io::Result<()>,
    ) -> io::Result<()> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                // One number less than fits: the last, with the last generation, is the wake's.
                let index = u32::try_from(self.slots.len()).ok().filter(|&index| index != u32::MAX);
                let index = index.ok_or_else(crate::error::too_many_sources)?;
                self.slots.push(Slot { generation: 0, token });
                index
            }
        };
        self.slots[index as usize].token = token;
        if let Err(error) = add(source, self.slot_token(index)) {
            self.release(index);
            return Err(error);
        }
        if let Some(orphan) = self.by_source.insert(source, index) {
            self.release(orphan);
        }
        Ok(())
    }

    fn slot_token(&self, index: u32) -> Token {
        let generation = u64::from(self.slots[index as usize].generation);
        Token(generation << 32 | u64::from(index))
    }

    /// The slot of a source.
    pub(super) fn find(&self, source: RawSource) -> io::Result<Token> {
        self.by_source.get(&source).map(|&index| self.slot_token(index)).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!(
                    "source {} is not registered with this poller: add it first",
                    source.number()
                ),
            )
        })
    }

    /// Gives a slot another token.
    pub(super) fn rename(&mut self, slot: Token, token: Token) {
        self.slots[index_of(slot)].token = token;
    }

    /// Ends the registration of a source.
    pub(super) fn forget(&mut self, source: RawSource) {
        if let Some(index) = self.by_source.remove(&source) {
            self.release(index);
        }
    }

    /// Ends a slot's generation. One that has used them all is not used again.
    fn release(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.generation = slot.generation.saturating_add(1);
        if slot.generation != u32::MAX {
            self.free.push(index);
        }
    }

    /// The number of sources.
    pub(super) fn len(&self) -> usize {
        self.by_source.len()
    }

    /// Puts the user's tokens in place of the slots', drops what is stale and counts it.
    pub(super) fn translate(&self, looked: &Events, events: &mut Events) -> u64 {
        let mut stale = 0;
        for event in looked {
            match self.slots.get(index_of(event.token)) {
                Some(slot) if u64::from(slot.generation) == event.token.0 >> 32 => {
                    events.list.push(Event { token: slot.token, ready: event.ready });
                }
                _ => stale += 1,
            }
        }
        stale
    }
}

fn index_of(slot: Token) -> usize {
    (slot.0 & u64::from(u32::MAX)) as usize
}
