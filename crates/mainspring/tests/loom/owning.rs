//! Values of one thread: nobody else ever gets in, whenever the owner comes.

use loom::cell::UnsafeCell;

use crate::sync::{Arc, OwnedCell, Owner};
use crate::{model, spawn};

/// A value whose accesses loom watches: two that are not ordered are a fault of the model.
fn watched() -> UnsafeCell<u64> {
    UnsafeCell::new(0)
}

#[test]
fn of_two_who_claim_one_is_the_owner() {
    model(|| {
        let owner = Arc::new(Owner::new());
        let cell = Arc::new(OwnedCell::new(owner.clone(), watched()));
        let touch = |owner: &Owner, cell: &OwnedCell<UnsafeCell<u64>>| {
            let claimed = owner.claim();
            let let_in = cell.with(|value| value.with_mut(|_| ())).is_some();
            assert_eq!(claimed, let_in);
            claimed
        };
        let other = spawn({
            let (owner, cell) = (owner.clone(), cell.clone());
            move || touch(&owner, &cell)
        });
        let here = touch(&owner, &cell);
        assert_ne!(here, other.join().expect("the other thread"));
    });
}

#[test]
fn whoever_is_not_the_owner_is_refused_at_any_time() {
    model(|| {
        let owner = Arc::new(Owner::new());
        let cell = Arc::new(OwnedCell::new(owner.clone(), watched()));
        let other = spawn({
            let cell = cell.clone();
            move || {
                assert!(!cell.is_here());
                assert!(cell.with(|_| ()).is_none());
            }
        });
        assert!(cell.with(|_| ()).is_none(), "it was not claimed");
        assert!(owner.claim());
        assert!(cell.with(|value| value.with_mut(|_| ())).is_some());
        assert!(other.join().is_ok());
    });
}

/// What the owner did last comes before the value is dropped, on whichever thread.
#[test]
fn the_value_may_be_dropped_on_another_thread() {
    struct Watched(UnsafeCell<u64>);

    impl Drop for Watched {
        fn drop(&mut self) {
            self.0.with_mut(|_| ());
        }
    }

    model(|| {
        let owner = Arc::new(Owner::new());
        let cell = Arc::new(OwnedCell::new(owner.clone(), Watched(watched())));
        let other = spawn({
            let cell = cell.clone();
            move || drop(cell)
        });
        assert!(owner.claim());
        assert!(cell.with(|value| value.0.with_mut(|_| ())).is_some());
        drop(cell);
        assert!(other.join().is_ok());
    });
}
