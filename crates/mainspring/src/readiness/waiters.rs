//! The waiters after the first: a list that reuses its entries.
//!
//! Entries are linked by index inside one vector instead of by address inside the waiting
//! futures. It costs an allocation when a source first has more waiters at once than ever before,
//! none after that, and it needs neither pinning nor `unsafe`. Nobody pays for it who waits alone.
//!
//! The list stands under a lock, and no task's code runs there: wakers come in already cloned and
//! go out to be woken or dropped.

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
    pub(crate) fn insert(&mut self, mask: Ready, waker: Waker) -> WaiterKey {
        let entry = Entry::Waiting { mask, waker };
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

    /// The waiter waits on, with `waker`, also if it had been notified: somebody else was faster.
    /// Returns the waker that is not needed, to be dropped outside the lock.
    #[must_use]
    pub(crate) fn renew(&mut self, key: WaiterKey, mask: Ready, waker: Waker) -> Option<Waker> {
        let entry = &mut self.entries[key.0 as usize];
        debug_assert!(!matches!(entry, Entry::Free), "a waiter waits on before it is removed");
        match std::mem::replace(entry, Entry::Waiting { mask, waker }) {
            Entry::Waiting { waker, .. } => Some(waker),
            Entry::Notified | Entry::Free => None,
        }
    }

    /// Takes a waiter out; its waker is to be dropped outside the lock.
    #[must_use]
    pub(crate) fn remove(&mut self, key: WaiterKey) -> Option<Waker> {
        self.free.push(key.0);
        match std::mem::replace(&mut self.entries[key.0 as usize], Entry::Free) {
            Entry::Waiting { waker, .. } => Some(waker),
            Entry::Notified | Entry::Free => None,
        }
    }

    /// Sets the waker of the `poll_*` calls of a direction, which wants any bit of `mask`.
    /// Returns the one it replaced, to be dropped outside the lock.
    #[must_use]
    pub(crate) fn set_poll(&mut self, side: usize, mask: Ready, waker: Waker) -> Option<Waker> {
        self.polls[side].replace((mask, waker)).map(|(_, replaced)| replaced)
    }

    /// Takes the waker of the `poll_*` calls of a direction out; to be dropped outside the lock.
    #[must_use]
    pub(crate) fn remove_poll(&mut self, side: usize) -> Option<Waker> {
        self.polls[side].take().map(|(_, waker)| waker)
    }

    /// Moves the wakers of all whom `ready` satisfies to `wakers`.
    pub(crate) fn notify(&mut self, ready: Ready, wakers: &mut Vec<Waker>) {
        for entry in &mut self.entries {
            if !matches!(entry, Entry::Waiting { mask, .. } if mask.intersects(ready)) {
                continue;
            }
            if let Entry::Waiting { waker, .. } = std::mem::replace(entry, Entry::Notified) {
                wakers.push(waker);
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
        let listed = self.entries.iter().filter_map(|entry| match entry {
            Entry::Waiting { mask, .. } => Some(*mask),
            Entry::Notified | Entry::Free => None,
        });
        let polls = self.polls.iter().flatten().map(|(mask, _)| *mask);
        listed.chain(polls).filter(|wanted| wanted.intersects(mask)).count()
    }

    /// Whether nobody is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.len() == self.free.len() && self.polls.iter().all(Option::is_none)
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
