//! The sources of one queue, and what of them goes into the next call.

use std::collections::HashMap;
use std::io;

use crate::interest::Interest;
use crate::source::RawSource;
use crate::sys::inspect::Identity;
use crate::sys::poll::{ALWAYS, IN, OUT, PRI, RDHUP};
use crate::token::Token;
use crate::trigger::Trigger;

use super::edge::Edge;

/// What is asked in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// All that anybody wants to know.
    Everything,
    /// What has not been told yet: a sleep is to end with something new.
    News,
}

/// A source that is watched.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) source: RawSource,
    pub(super) token: Token,
    /// The file that was registered (clause C5).
    pub(super) identity: Identity,
    /// Which change of the table made the entry what it is: an answer to a question that was put
    /// before is about something else.
    pub(super) serial: u64,
    pub(super) watch: Watch,
    /// A stream that is to be written to and has no peer yet.
    pub(super) connecting: bool,
    /// It has ended in a way that nobody asked about, and would end every sleep.
    ended: bool,
    asked: i16,
}

/// What became of the trigger so far.
#[derive(Debug)]
pub(super) enum Watch {
    Level,
    OneShot {
        spent: bool,
    },
    /// Boxed, because a driver has none: it arms for one report at a time.
    Edge(Box<Edge>),
}

impl Entry {
    /// The flags to put to the kernel; `None` for no question at all.
    pub(super) fn question(&self, question: Question) -> Option<i16> {
        match (&self.watch, question) {
            (Watch::OneShot { spent: true }, _) => None,
            (_, Question::News) if self.ended => None,
            (Watch::Edge(edge), Question::News) => edge.asleep(self.asked),
            _ => Some(self.asked),
        }
    }

    /// Whether there is something in it that does not end a sleep (any more): it was told, or is
    /// not to be.
    pub(super) fn is_told(&self) -> bool {
        self.ended || matches!(&self.watch, Watch::Edge(edge) if edge.is_told())
    }

    /// What of an answer to all that is asked somebody wants to know. Some mechanisms tell more.
    pub(super) fn relevant(&mut self, answer: i16) -> i16 {
        let relevant = answer & (self.asked | ALWAYS);
        self.ended = relevant != answer;
        self.connecting &= relevant == 0;
        relevant
    }

    /// Whether `now`, which the number names, is what was registered. It is remembered, since more
    /// may be known of a source than before.
    pub(super) fn is_still(&mut self, now: Identity) -> bool {
        let same = self.identity.is_still(&now);
        if same {
            self.identity = now;
        }
        same
    }

    fn set(&mut self, token: Token, interest: Interest, trigger: Trigger, serial: u64) {
        self.token = token;
        self.serial = serial;
        self.asked = flags(interest);
        self.ended = false;
        self.connecting = interest.is_writable() && self.identity.is_connecting();
        self.watch = match trigger {
            Trigger::Level => Watch::Level,
            Trigger::OneShot => Watch::OneShot { spent: false },
            Trigger::Edge => Watch::Edge(Box::default()),
        };
    }
}

/// The entries, and the place of each among them.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    places: HashMap<RawSource, usize>,
    changes: u64,
}

impl Table {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry at a place, if no change has made it another since the question was put.
    pub(super) fn asked(&mut self, place: usize, serial: u64) -> Option<&mut Entry> {
        self.entries.get_mut(place).filter(|entry| entry.serial == serial)
    }

    pub(super) fn add(
        &mut self,
        source: RawSource,
        identity: Identity,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        match self.places.get(&source) {
            Some(&place) if self.entries[place].is_still(identity) => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "the source is already registered with this driver: drop the first \
                     registration, or register a duplicate",
                ));
            }
            // The number was closed, and names something else by now.
            Some(_) => self.forget(source),
            None => {}
        }
        self.changes += 1;
        let watch = Watch::OneShot { spent: true };
        let (connecting, ended) = (false, false);
        let mut entry =
            Entry { source, token, identity, serial: 0, watch, connecting, ended, asked: 0 };
        entry.set(token, interest, trigger, self.changes);
        self.places.insert(source, self.entries.len());
        self.entries.push(entry);
        Ok(())
    }

    /// `identity` is that of the file which the number names now; an error if it names none.
    pub(super) fn modify(
        &mut self,
        source: RawSource,
        identity: io::Result<Identity>,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        let place = self.owned(source, token).ok_or_else(|| not_owned(source))?;
        let identity = identity.inspect_err(|_| self.forget(source))?;
        if !self.entries[place].is_still(identity) {
            // To follow the number would be to report somebody else's events: who owns it, adds it.
            self.forget(source);
            return Err(not_owned(source));
        }
        self.changes += 1;
        self.entries[place].set(token, interest, trigger, self.changes);
        Ok(())
    }

    /// Takes back what of an edge was told of the directions of `interest`; whether there was
    /// anything. What answers a question that was put before is from before the call that blocked.
    pub(super) fn rearm(
        &mut self,
        source: RawSource,
        token: Token,
        interest: Interest,
    ) -> io::Result<bool> {
        let place = self.owned(source, token).ok_or_else(|| not_owned(source))?;
        let entry = &mut self.entries[place];
        let Watch::Edge(edge) = &mut entry.watch else { return Ok(false) };
        let taken = edge.rearm(flags(interest));
        if taken {
            self.changes += 1;
            entry.serial = self.changes;
        }
        Ok(taken)
    }

    /// Whether there was something to remove: a number that belongs to another token by now is left
    /// alone.
    pub(super) fn remove(&mut self, source: RawSource, token: Token) -> bool {
        let owned = self.owned(source, token).is_some();
        if owned {
            self.forget(source);
        }
        owned
    }

    fn owned(&self, source: RawSource, token: Token) -> Option<usize> {
        let place = *self.places.get(&source)?;
        (self.entries[place].token == token).then_some(place)
    }

    pub(super) fn forget(&mut self, source: RawSource) {
        let Some(place) = self.places.remove(&source) else { return };
        self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.source, place);
        }
    }
}

fn flags(interest: Interest) -> i16 {
    let mut flags = 0;
    if interest.is_readable() {
        flags |= IN | RDHUP;
    }
    if interest.is_writable() {
        flags |= OUT;
    }
    if interest.is_priority() {
        flags |= PRI;
    }
    flags
}

fn not_owned(source: RawSource) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "source {} does not name what was registered: it was closed, and its number given to \
             something else; register that anew",
            source.number()
        ),
    )
}

#[cfg(test)]
mod tests;
