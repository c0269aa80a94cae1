//! The waiters after the first: a list that reuses its entries.
//!
//! Entries are linked by index inside one vector instead of by address inside the waiting
//! futures. It costs an allocation when a source first has more waiters at once than ever before,
//! none after that, and it needs neither pinning nor `unsafe`. Nobody pays for it who waits alone.

use std::task::Waker;

use crate::ready::Ready;

/// One waiter's place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaiterKey(u32);

#[derive(Debug)]
enum Entry {
    Free,
    Waiting { mask: Ready, waker: Waker },
    Notified,
}

/// The list of one source, both directions together.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// The wakers of the `poll_*` calls, by direction, when a future holds the first slot.
    polls: [Option<(Ready, Waker)>; 2],
}

impl Waiters {
    /// Adds a waiter that wants any bit of `mask`.
    pub(crate) fn insert(&mut self, mask: Ready, waker: &Waker) -> WaiterKey {
        let entry = Entry::Waiting { mask, waker: waker.clone() };
        if let Some(index) = self.free.pop() {
            self.entries[index as usize] = entry;
            return WaiterKey(index);
        }
        // As many as there are tasks in the program: a task's own memory is far larger.
        let index = u32::try_from(self.entries.len()).expect("fewer than 2^32 waiters a source");
        self.entries.push(entry);
        // So that `remove`, which drops run, never allocates.
        self.free.reserve(self.entries.len());
        WaiterKey(index)
    }

    /// Whether the waiter was notified; else it waits on, with `waker`. Returns the waker that
    /// was replaced, to be dropped outside the lock.
    pub(crate) fn poll(&mut self, key: WaiterKey, waker: &Waker) -> Result<(), Option<Waker>> {
        match &mut self.entries[key.0 as usize] {
            Entry::Waiting { waker: stored, .. } if stored.will_wake(waker) => Err(None),
            Entry::Waiting { waker: stored, .. } => {
                Err(Some(std::mem::replace(stored, waker.clone())))
            }
            Entry::Notified | Entry::Free => Ok(()),
        }
    }

    /// Takes a waiter out; its waker is to be dropped outside the lock.
    pub(crate) fn remove(&mut self, key: WaiterKey) -> Option<Waker> {
        self.free.push(key.0);
        match std::mem::replace(&mut self.entries[key.0 as usize], Entry::Free) {
            Entry::Waiting { waker, .. } => Some(waker),
            Entry::Notified | Entry::Free => None,
        }
    }

    /// Sets the waker of the `poll_*` calls of a direction; returns the one it replaced.
    pub(crate) fn set_poll(&mut self, side: usize, mask: Ready, waker: &Waker) -> Option<Waker> {
        match &mut self.polls[side] {
            Some((_, stored)) if stored.will_wake(waker) => None,
            place => place.replace((mask, waker.clone())).map(|(_, old)| old),
        }
    }

    /// Moves the wakers of all whom `ready` satisfies to `wakers`.
    pub(crate) fn notify(&mut self, ready: Ready, wakers: &mut Vec<Waker>) {
        for entry in &mut self.entries {
            if matches!(entry, Entry::Waiting { mask, .. } if mask.intersects(ready)) {
                if let Entry::Waiting { waker, .. } = std::mem::replace(entry, Entry::Notified) {
                    wakers.push(waker);
                }
            }
        }
        for place in &mut self.polls {
            if place.as_ref().is_some_and(|(mask, _)| mask.intersects(ready)) {
                wakers.extend(place.take().map(|(_, waker)| waker));
            }
        }
    }

    /// The number of waiters that want any bit of `mask`.
    pub(crate) fn count(&self, mask: Ready) -> usize {
        let waits = |entry: &&Entry| matches!(entry, Entry::Waiting { mask: wanted, .. } if wanted.intersects(mask));
        let polls = self.polls.iter().flatten().filter(|(wanted, _)| wanted.intersects(mask));
        self.entries.iter().filter(waits).count() + polls.count()
    }

    /// Whether nobody is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.len() == self.free.len() && self.polls.iter().all(Option::is_none)
    }
}
