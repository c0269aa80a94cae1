use super::*;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable};

use crate::readiness::tests::Task;

#[test]
fn a_stored_waker_is_taken_once() {
    let slot = WakerSlot::new();
    let (task, waker) = Task::new();
    assert!(slot.store(&waker).is_none());
    assert!(slot.is_occupied());
    slot.take().expect("the stored waker").wake();
    assert_eq!(task.wakes(), 1);
    assert!(slot.take().is_none() && !slot.is_occupied());
}

#[test]
fn the_same_task_is_stored_without_a_clone() {
    let slot = WakerSlot::new();
    let (task, waker) = Task::new();
    assert!(slot.store(&waker).is_none());
    let references = Arc::strong_count(&task);
    assert!(slot.store(&waker).is_none());
    assert_eq!(Arc::strong_count(&task), references);
}

#[test]
fn another_task_replaces_the_first() {
    let slot = WakerSlot::new();
    let (first, first_waker) = Task::new();
    let (second, second_waker) = Task::new();
    assert!(slot.store(&first_waker).is_none());
    assert!(slot.store(&second_waker).is_none());
    drop(first_waker);
    assert_eq!(Arc::strong_count(&first), 1, "the replaced waker is gone");
    slot.take().expect("the stored waker").wake();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
}

#[test]
fn a_slot_has_one_owner() {
    let slot = WakerSlot::new();
    assert!(slot.claim(Owner::Future));
    assert!(!slot.claim(Owner::Future), "a second future");
    assert!(!slot.claim(Owner::Poll));
    assert!(slot.release().is_none());
    assert!(slot.claim(Owner::Poll));
    assert!(slot.claim(Owner::Poll), "the calls of the same owner");
    assert!(!slot.claim(Owner::Future));
}

#[test]
fn a_release_hands_back_the_waker() {
    let slot = WakerSlot::new();
    let (_, waker) = Task::new();
    assert!(slot.claim(Owner::Future) && slot.store(&waker).is_none());
    assert!(slot.release().is_some_and(|left| left.will_wake(&waker)));
    assert!(slot.claim(Owner::Poll) && slot.take().is_none());
}

#[test]
fn a_store_during_another_call_wakes_itself() {
    let (_, waker) = Task::new();
    for busy in [STORING, TAKING, STORING | TAKING] {
        let slot = WakerSlot::new();
        slot.state.store(busy, Release);
        assert!(slot.store(&waker).is_some_and(|raced| raced.will_wake(&waker)));
    }
}

thread_local! {
    static CLONE: Cell<fn()> = const { Cell::new(|| {}) };
    static WAKES: Cell<usize> = const { Cell::new(0) };
}

static HOSTILE: RawWakerVTable = RawWakerVTable::new(
    |_| {
        CLONE.get()();
        RawWaker::new(std::ptr::null(), &HOSTILE)
    },
    |_| WAKES.set(WAKES.get() + 1),
    |_| WAKES.set(WAKES.get() + 1),
    |_| {},
);

#[test]
fn a_waker_whose_clone_panics_leaves_the_slot_usable() {
    let slot = WakerSlot::new();
    let hostile = waker_of(&HOSTILE);
    CLONE.set(|| panic!("a clone that panics"));
    let stored = catch_unwind(AssertUnwindSafe(|| slot.store(&hostile)));
    assert!(stored.is_err());

    let (task, waker) = Task::new();
    assert!(slot.store(&waker).is_none(), "the lock was left");
    slot.take().expect("the stored waker").wake();
    assert_eq!(task.wakes(), 1);
}

/// The event found the slot locked and relied on the storing side, which then panicked.
#[test]
fn a_clone_that_panics_swallows_no_event() {
    thread_local!(static SLOT: WakerSlot = WakerSlot::new());
    let (task, waker) = Task::new();
    let hostile = waker_of(&HOSTILE);
    CLONE.set(|| {
        assert!(SLOT.with(WakerSlot::take).is_none(), "the slot is locked");
        panic!("a clone that panics");
    });
    SLOT.with(|slot| {
        assert!(slot.store(&waker).is_none());
        assert!(catch_unwind(AssertUnwindSafe(|| slot.store(&hostile))).is_err());
        assert_eq!(task.wakes(), 1, "the earlier task hears of the event");
        assert!(slot.store(&waker).is_none() && slot.take().is_some(), "the lock was left");
    });
}

/// The same event, with a clone that succeeds: the storing side reports its own waker.
#[test]
fn an_event_during_a_store_is_handed_to_the_caller() {
    thread_local!(static SLOT: WakerSlot = WakerSlot::new());
    let hostile = waker_of(&HOSTILE);
    CLONE.set(|| assert!(SLOT.with(WakerSlot::take).is_none()));
    let raced = SLOT.with(|slot| slot.store(&hostile));
    raced.expect("the event came during the store").wake();
    assert_eq!(WAKES.get(), 1);
    assert!(SLOT.with(WakerSlot::take).is_none());
    assert!(!SLOT.with(WakerSlot::is_occupied));
}
