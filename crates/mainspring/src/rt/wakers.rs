//! Wakers in numbered places, used again once they are free.

use std::task::Waker;

/// A place stays its owner's until it is released, whether a waker is in it or not.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Wakers {
    /// A place, without a waker yet.
    pub(super) fn take_place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        })
    }

    /// Puts a waker in a place. The one that was there is to be dropped outside of locks and
    /// borrows: its destructor may be a task's.
    #[must_use]
    pub(super) fn put(&mut self, place: usize, waker: &Waker) -> Option<Waker> {
        match &self.places[place] {
            Some(stored) if stored.will_wake(waker) => None,
            _ => self.places[place].replace(waker.clone()),
        }
    }

    /// Ends the use of a place; as for what is returned, see [`put`](Self::put).
    #[must_use]
    pub(super) fn release(&mut self, place: usize) -> Option<Waker> {
        self.free.push(place);
        self.places[place].take()
    }

    /// Whether nobody has a place.
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }

    /// Takes all wakers; their places stay their owners'.
    pub(super) fn take_all(&mut self) -> Vec<Waker> {
        self.places.iter_mut().filter_map(Option::take).collect()
    }
}
