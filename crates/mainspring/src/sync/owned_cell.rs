//! Values that one thread reaches without a lock.
//!
//! A pinned driver has an owner: the thread that first turned it. What only that thread touches
//! lies in [`OwnedCell`]s, which compare a number of the thread and a flag of their own, and use no
//! atomic operation that another processor could delay. Every other thread is refused, and goes the
//! way that has a lock.
//!
//! # Why it is sound
//!
//! - A thread's number is given once and never again in the life of the process, also after the
//!   thread has ended (a thread's id or the address of its storage would come again).
//! - An [`Owner`] is claimed once and never changes, and a cell keeps the owner it was made with.
//!   So one thread at most ever gets past the comparison.
//! - The flag keeps that one thread from a second reference while it has the first: a call from
//!   inside the access is refused as if it came from another thread.

use super::atomic::AtomicU64;
use super::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use super::{Arc, UnsafeCell, thread_number};

/// No thread has this number.
const NOBODY: u64 = 0;

/// The thread that something belongs to, once it was claimed.
#[derive(Debug)]
pub(crate) struct Owner {
    thread: AtomicU64,
}

impl Owner {
    /// Nobody's yet.
    pub(crate) fn new() -> Owner {
        Owner { thread: AtomicU64::new(NOBODY) }
    }

    /// Makes this thread the owner, if there is none; true if it is the owner now.
    #[inline]
    pub(crate) fn claim(&self) -> bool {
        self.is_here() || self.claim_first()
    }

    #[cold]
    fn claim_first(&self) -> bool {
        let here = thread_number();
        match self.thread.compare_exchange(NOBODY, here, AcqRel, Acquire) {
            Ok(_) => true,
            Err(owner) => owner == here,
        }
    }

    /// Whether this thread is the owner. Only the owner's own claim makes this true, so the load
    /// needs no order.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.thread.load(Relaxed) == thread_number()
    }
}

/// A value that the owner alone reaches, and reaches without a lock.
#[derive(Debug)]
pub(crate) struct OwnedCell<T> {
    owner: Arc<Owner>,
    value: UnsafeCell<Guarded<T>>,
}

#[derive(Debug)]
struct Guarded<T> {
    borrowed: bool,
    value: T,
}

// SAFETY: `with` lets one thread in at most, the owner, for the life of the cell; the value may be
// made on one thread, used on that one and dropped on a third, which is what `Send` is for.
unsafe impl<T: Send> Sync for OwnedCell<T> {}

impl<T> OwnedCell<T> {
    /// A cell for `owner`, claimed or not.
    pub(crate) fn new(owner: Arc<Owner>, value: T) -> OwnedCell<T> {
        OwnedCell { owner, value: UnsafeCell::new(Guarded { borrowed: false, value }) }
    }

    #[allow(dead_code, reason = "asked by backends with a queue of their own")]
    /// Whether this thread is the one that [`with`](Self::with) lets in.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        self.owner.is_here()
    }

    /// Shows the value to `act`; `None` on any thread but the owner, and inside another `with`.
    #[inline]
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        if !self.owner.is_here() {
            return None;
        }
        self.value.with_mut(|guarded| {
            // SAFETY: this is the owner's thread, so nobody else reads or writes the flag; no
            // reference to it outlives the statement.
            let already = unsafe { std::mem::replace(&mut (*guarded).borrowed, true) };
            if already {
                return None;
            }
            let _giving_back = GiveBack(guarded);
            // SAFETY: the flag was clear, so this thread holds no other reference to the value,
            // and no other thread gets here; it is set until `act` has returned or unwound.
            Some(act(unsafe { &mut (*guarded).value }))
        })
    }
}

/// Clears the flag, also when the access unwinds.
struct GiveBack<T>(*mut Guarded<T>);

impl<T> Drop for GiveBack<T> {
    fn drop(&mut self) {
        // SAFETY: made by `with` on the owner's thread from the cell it borrows, and dropped before
        // `with` returns; the reference to the value has ended.
        unsafe { (*self.0).borrowed = false };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn owned() -> (Arc<Owner>, OwnedCell<Vec<u8>>) {
        let owner = Arc::new(Owner::new());
        (owner.clone(), OwnedCell::new(owner, Vec::new()))
    }

    #[test]
    fn nobody_gets_in_before_the_claim() {
        let (owner, cell) = owned();
        assert_eq!(cell.with(|list| list.len()), None);
        assert!(owner.claim() && owner.claim() && owner.is_here() && cell.is_here());
        assert_eq!(cell.with(|list| list.len()), Some(0));
    }

    #[test]
    fn another_thread_is_refused_and_cannot_claim() {
        let (owner, cell) = owned();
        assert!(owner.claim());
        std::thread::scope(|scope| {
            let other =
                scope.spawn(|| owner.claim() || owner.is_here() || cell.with(|_| ()).is_some());
            assert!(!other.join().unwrap());
        });
    }

    #[test]
    fn a_thread_that_ended_leaves_its_number_to_nobody() {
        let (owner, cell) = owned();
        std::thread::scope(|scope| assert!(scope.spawn(|| owner.claim()).join().unwrap()));
        for _ in 0..100 {
            std::thread::scope(|scope| {
                assert!(!scope.spawn(|| cell.with(|_| ()).is_some()).join().unwrap());
            });
        }
    }

    #[test]
    fn a_second_access_inside_the_first_is_refused() {
        let (owner, cell) = owned();
        owner.claim();
        let inside = cell.with(|list| {
            list.push(1);
            cell.with(|list| list.push(2))
        });
        assert_eq!(inside, Some(None));
        assert_eq!(cell.with(|list| list.clone()), Some(vec![1]));
    }

    #[test]
    fn an_access_that_panics_gives_the_value_back() {
        let (owner, cell) = owned();
        owner.claim();
        let panic = std::panic::AssertUnwindSafe(|| cell.with(|_| panic!("as asked")));
        assert!(std::panic::catch_unwind(panic).is_err());
        assert_eq!(cell.with(|list| list.len()), Some(0));
    }
}
