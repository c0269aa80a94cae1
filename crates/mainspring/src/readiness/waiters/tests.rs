use super::*;

use std::sync::Arc;

use crate::interest::Interest;
use crate::readiness::tests::{Task, wake_all};

const READ: Ready = Interest::READABLE.mask();
const WRITE: Ready = Interest::WRITABLE.mask();

fn notify(waiters: &mut Waiters, ready: Ready) -> usize {
    let mut wakers = Vec::new();
    waiters.notify(ready, &mut wakers);
    wake_all(wakers)
}

#[test]
fn all_who_are_satisfied_are_woken_and_nobody_else() {
    let mut waiters = Waiters::default();
    let (reader, read_waker) = Task::new();
    let (other, other_waker) = Task::new();
    let (writer, write_waker) = Task::new();
    let (gone, gone_waker) = Task::new();
    waiters.insert(READ, read_waker);
    waiters.insert(WRITE, write_waker);
    let leaving = waiters.insert(READ, gone_waker);
    waiters.insert(READ, other_waker);
    assert!(waiters.remove(leaving).is_some());

    assert_eq!((waiters.count(READ - Ready::ERROR), waiters.count(WRITE - Ready::ERROR)), (2, 1));
    assert_eq!(notify(&mut waiters, Ready::READABLE), 2);
    assert_eq!([&reader, &other, &writer, &gone].map(|task| task.wakes()), [1, 1, 0, 0]);
    assert_eq!(waiters.count(Ready::ALL), 1);
    assert_eq!(notify(&mut waiters, Ready::READABLE), 0, "a waiter is notified once");
    assert_eq!(notify(&mut waiters, Ready::ERROR), 1, "an error is for everybody");
}

#[test]
fn closed_sides_wake_their_waiters() {
    let mut waiters = Waiters::default();
    let (_reader, waker) = Task::new();
    waiters.insert(READ, waker.clone());
    waiters.insert(WRITE, waker);
    assert_eq!(notify(&mut waiters, Ready::WRITE_CLOSED), 1);
    assert_eq!(notify(&mut waiters, Ready::READ_CLOSED), 1);
}

#[test]
fn a_notified_waiter_can_wait_on() {
    let mut waiters = Waiters::default();
    let (task, waker) = Task::new();
    let key = waiters.insert(READ, waker.clone());
    assert_eq!(notify(&mut waiters, Ready::READABLE), 1);
    assert!(waiters.renew(key, READ, waker.clone()).is_none());
    assert_eq!(notify(&mut waiters, Ready::READABLE), 1);
    assert_eq!(task.wakes(), 2);
    assert!(waiters.remove(key).is_none(), "its waker was used");
    assert!(waiters.is_empty());
}

#[test]
fn a_waiter_that_moves_to_another_task_wakes_that_one() {
    let mut waiters = Waiters::default();
    let (before, before_waker) = Task::new();
    let (after, after_waker) = Task::new();
    let key = waiters.insert(READ, before_waker.clone());
    let replaced = waiters.renew(key, READ, after_waker);
    assert!(replaced.is_some_and(|replaced| replaced.will_wake(&before_waker)));
    notify(&mut waiters, Ready::READABLE);
    assert_eq!((before.wakes(), after.wakes()), (0, 1));
}

#[test]
fn entries_are_used_again() {
    let mut waiters = Waiters::default();
    let (task, waker) = Task::new();
    let mut crowd = || {
        let keys: Vec<_> = (0..9).map(|_| waiters.insert(READ, waker.clone())).collect();
        notify(&mut waiters, Ready::READABLE);
        for key in keys {
            assert!(waiters.remove(key).is_none());
        }
        assert!(waiters.is_empty());
        (waiters.entries.len(), waiters.entries.capacity(), waiters.free.capacity())
    };
    let warm = crowd();
    assert_eq!(warm.0, 9);
    for _ in 0..100 {
        assert_eq!(crowd(), warm, "it allocated after the first time");
    }
    drop(waker);
    assert_eq!(Arc::strong_count(&task), 1, "no waker stayed behind");
}

/// A drop must not allocate: leaving never makes the list of free entries grow.
#[test]
fn leaving_never_allocates() {
    let mut waiters = Waiters::default();
    let (_, waker) = Task::new();
    for crowd in 1..70 {
        let keys: Vec<_> = (0..crowd).map(|_| waiters.insert(READ, waker.clone())).collect();
        let capacity = waiters.free.capacity();
        for key in keys {
            assert!(waiters.remove(key).is_some());
        }
        assert_eq!(waiters.free.capacity(), capacity, "with {crowd} waiters");
    }
}

#[test]
fn a_poll_waker_is_replaced_taken_and_counted() {
    let mut waiters = Waiters::default();
    let (first, first_waker) = Task::new();
    let (second, second_waker) = Task::new();
    assert!(waiters.set_poll(0, READ, first_waker.clone()).is_none());
    let replaced = waiters.set_poll(0, READ, second_waker.clone());
    assert!(replaced.is_some_and(|replaced| replaced.will_wake(&first_waker)));
    assert!(waiters.set_poll(1, WRITE, first_waker).is_none(), "each side has its own");
    assert_eq!(waiters.count(Ready::READABLE), 1);
    assert!(!waiters.is_empty());

    assert_eq!(notify(&mut waiters, Ready::READABLE), 1);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert!(waiters.remove_poll(0).is_none() && waiters.remove_poll(1).is_some());
    assert!(waiters.is_empty());
}

#[test]
fn a_poll_waker_takes_the_mask_of_the_last_call() {
    let mut waiters = Waiters::default();
    let (task, waker) = Task::new();
    drop(waiters.set_poll(0, READ, waker.clone()));
    drop(waiters.set_poll(0, Interest::PRIORITY.mask(), waker));
    assert_eq!(notify(&mut waiters, Ready::PRIORITY), 1);
    assert_eq!(task.wakes(), 1);
}
