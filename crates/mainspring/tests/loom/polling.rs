//! The `poll_*` calls: one task a side, and the last caller is the one that is woken.

use std::sync::Arc as StdArc;
use std::task::Waker;

use crate::interest::Interest;
use crate::readiness::scheduled_io::ScheduledIo;
use crate::ready::Ready;
use crate::{Future, Task, event, model, model_of_three, registered, spawn};

/// A poll that found nothing before: stores the waker and looks again. True if it then found
/// something.
fn poll(io: &ScheduledIo, waker: &Waker) -> bool {
    io.wait_poll(Interest::READABLE, waker);
    io.look(Interest::READABLE).ready().is_readable()
}

#[test]
fn a_poll_from_another_task_and_an_event() {
    model(|| {
        let io = registered();
        let (before, waker_before) = Task::new();
        poll(&io, &waker_before);
        let driver = spawn({
            let io = io.clone();
            move || event(&io, Ready::READABLE)
        });
        let (after, waker_after) = Task::new();
        let found = poll(&io, &waker_after);
        driver.join().unwrap();

        assert!(found || after.is_woken());
        drop((waker_before, waker_after));
        assert_eq!(StdArc::strong_count(&before), 1, "the replaced waker stayed");
    });
}

/// Two threads poll the same side at once. One of them is the last; each must at least be told
/// to look again unless the other's waker took its place.
#[test]
fn two_polls_at_once_and_an_event() {
    model_of_three(|| {
        let io = registered();
        let driver = spawn({
            let io = io.clone();
            move || event(&io, Ready::READABLE)
        });
        let (left, left_waker) = Task::new();
        let (right, right_waker) = Task::new();
        let other = spawn({
            let io = io.clone();
            move || poll(&io, &left_waker)
        });
        let found = poll(&io, &right_waker);
        let other_found = other.join().unwrap();
        driver.join().unwrap();

        assert!(found || other_found || left.is_woken() || right.is_woken());
    });
}

/// A future has the slot, so the poll's waker lies in the list.
#[test]
fn a_future_and_a_poll_both_hear_of_an_event() {
    model(|| {
        let io = registered();
        let mut future = Future::reader();
        future.poll(&io);
        let driver = spawn({
            let io = io.clone();
            move || event(&io, Ready::READABLE)
        });
        let (task, waker) = Task::new();
        let found = poll(&io, &waker);
        driver.join().unwrap();

        assert!(found || task.is_woken());
        assert!(future.is_served());
        future.end(&io);
    });
}

/// The future leaves and the next poll moves from the list to the slot.
#[test]
fn a_poll_moves_to_the_slot_during_an_event() {
    model(|| {
        let io = registered();
        let mut future = Future::reader();
        future.poll(&io);
        let (before, waker_before) = Task::new();
        poll(&io, &waker_before);
        let driver = spawn({
            let io = io.clone();
            move || event(&io, Ready::READABLE)
        });
        future.leave(&io);
        let (after, waker_after) = Task::new();
        let found = poll(&io, &waker_after);
        driver.join().unwrap();

        assert!(found || after.is_woken());
        future.end(&io);
        drop(waker_before);
        assert_eq!(StdArc::strong_count(&before), 1, "the waker in the list stayed");
    });
}
