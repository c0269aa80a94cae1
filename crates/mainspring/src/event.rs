//! One report of readiness, and the list a backend fills.

use std::io;

use crate::ready::Ready;
use crate::token::Token;

/// What one source reported in one look at the queue.
///
/// ```
/// use mainspring::{Event, Ready, Token};
/// let event = Event { token: Token(1), ready: Ready::READABLE };
/// assert!(event.ready.is_readable());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The token the source was added under.
    pub token: Token,
    /// What it is ready for.
    pub ready: Ready,
}

/// What became of an operation, or of a part of it.
#[derive(Debug)]
pub(crate) struct Completion {
    /// The token it was submitted under.
    pub(crate) token: Token,
    /// Bytes, a source's number, or the error; of one that was cancelled in time
    /// [`error::cancelled`](crate::error::cancelled).
    pub(crate) result: io::Result<u64>,
    /// Whether more completions of this operation follow.
    pub(crate) more: bool,
    /// The buffer of a group that holds what was received.
    pub(crate) buffer: Option<u16>,
}

impl Completion {
    /// The completion, for whoever tells it: what is left behind means nothing.
    #[inline]
    pub(crate) fn take(&mut self) -> Completion {
        let result = std::mem::replace(&mut self.result, Ok(0));
        Completion { token: self.token, result, more: self.more, buffer: self.buffer }
    }
}

/// A reusable list of events: it grows to what a look brings and keeps its memory.
///
/// ```
/// use mainspring::Events;
/// let events = Events::new();
/// assert!(events.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Events {
    pub(crate) list: Vec<Event>,
    pub(crate) woken: bool,
    pub(crate) completions: Vec<Completion>,
    /// Sources that the backend agreed to watch and does not: who waits for them asks again, and is
    /// given the reason as an error.
    pub(crate) refused: Vec<Token>,
    /// How many events the caller has use for in one look, if that is known; a wish. What a
    /// mechanism keeps back, the next look brings.
    pub(crate) enough: Option<usize>,
}

impl Events {
    /// An empty list that allocates when the first events arrive.
    #[must_use]
    pub const fn new() -> Events {
        Events {
            list: Vec::new(),
            woken: false,
            completions: Vec::new(),
            refused: Vec::new(),
            enough: None,
        }
    }

    /// An empty list with room for `capacity` events. Zero is as good as any other number: the
    /// list grows when it must, and a wait never fails for want of room.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Events {
        Events { list: Vec::with_capacity(capacity), ..Events::new() }
    }

    /// Forgets the events of the last look and keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.woken = false;
        self.completions.clear();
        self.refused.clear();
    }

    /// Whether there is something to end a wait for.
    #[inline]
    pub(crate) fn has_come(&self) -> bool {
        self.woken
            || !self.list.is_empty()
            || !self.completions.is_empty()
            || !self.refused.is_empty()
    }

    /// The number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether a wake ended the look, alone or beside events.
    #[must_use]
    pub fn woken(&self) -> bool {
        self.woken
    }

    /// The events in the order the kernel gave them.
    pub fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.list.iter()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
