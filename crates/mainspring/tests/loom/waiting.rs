//! Futures against events: nobody sleeps through one, and nothing stays behind.

use loom::thread::JoinHandle;

use crate::interest::Interest;
use crate::readiness::scheduled_io::{ScheduledIo, Side};
use crate::ready::Ready;
use crate::sync::Arc;
use crate::{Future, assert_still_works, event, model, model_of_three, registered, spawn};

fn event_on_a_thread(io: &Arc<ScheduledIo>, ready: Ready) -> JoinHandle<()> {
    let io = io.clone();
    spawn(move || event(&io, ready))
}

#[test]
fn one_waiter_and_an_event() {
    model(|| {
        let io = registered();
        let driver = event_on_a_thread(&io, Ready::READABLE);
        let mut future = Future::reader();
        future.poll(&io);
        driver.join().unwrap();
        assert!(future.is_served());
        let waiting = io.waiting(Side::Read, io.facts().as_ref().unwrap());
        assert_eq!(waiting, usize::from(!future.task.is_woken()));
        future.end(&io);
        assert_still_works(&io);
    });
}

/// A future that is polled again, from the same task and from another.
#[test]
fn a_renewed_waker_and_an_event() {
    model(|| {
        let io = registered();
        let mut future = Future::reader();
        future.poll(&io);
        let driver = event_on_a_thread(&io, Ready::READABLE);
        future.poll(&io);
        future.poll_from_another_task(&io);
        driver.join().unwrap();
        assert!(future.is_served());
        future.end(&io);
        assert_still_works(&io);
    });
}

/// One future in both slots, one event a side.
#[test]
fn a_waiter_for_both_directions() {
    model_of_three(|| {
        let io = registered();
        let reads = event_on_a_thread(&io, Ready::READABLE);
        let writes = event_on_a_thread(&io, Ready::WRITABLE);
        let mut future = Future::new(Interest::READABLE | Interest::WRITABLE);
        future.poll(&io);
        reads.join().unwrap();
        writes.join().unwrap();
        assert!(future.is_served());
        future.end(&io);
        assert_still_works(&io);
    });
}

/// Two events at once: the second to empty the slot leaves its own to the first.
#[test]
fn two_events_at_once() {
    model_of_three(|| {
        let io = registered();
        let first = event_on_a_thread(&io, Ready::READABLE);
        let second = event_on_a_thread(&io, Ready::READ_CLOSED);
        let mut future = Future::reader();
        future.poll(&io);
        first.join().unwrap();
        second.join().unwrap();
        assert!(future.is_served());
        future.end(&io);
        assert_still_works(&io);
    });
}

#[test]
fn a_listed_waiter_and_an_event() {
    model(|| {
        let io = registered();
        let mut first = Future::reader();
        first.poll(&io);
        let driver = event_on_a_thread(&io, Ready::READABLE);
        let mut second = Future::reader();
        second.poll(&io);
        driver.join().unwrap();
        assert!(first.task.is_woken());
        assert!(second.is_served());
        second.end(&io);
        first.end(&io);
        assert_still_works(&io);
    });
}

#[test]
fn two_waiters_and_an_event() {
    model_of_three(|| {
        let io = registered();
        let driver = event_on_a_thread(&io, Ready::READABLE);
        let other = spawn({
            let io = io.clone();
            move || {
                let mut future = Future::reader();
                future.poll(&io);
                future
            }
        });
        let mut future = Future::reader();
        future.poll(&io);
        driver.join().unwrap();
        let other = other.join().unwrap();
        assert!(future.is_served());
        assert!(other.is_served());
        future.end(&io);
        other.end(&io);
        assert_still_works(&io);
    });
}

/// Notified, but somebody else took the data: it waits on in its old place.
#[test]
fn a_listed_waiter_that_came_too_late_waits_on() {
    model(|| {
        let io = registered();
        let mut first = Future::reader();
        first.poll(&io);
        let mut second = Future::reader();
        second.poll(&io);
        event(&io, Ready::READABLE);
        let look = io.look(Interest::READABLE);
        io.clear(&look);

        let driver = event_on_a_thread(&io, Ready::READABLE);
        second.poll_from_another_task(&io);
        driver.join().unwrap();
        assert!(second.is_served());
        second.end(&io);
        first.end(&io);
        assert_still_works(&io);
    });
}

/// The one in the slot is dropped; the one in the list still hears of the event.
#[test]
fn the_first_waiter_leaves_while_another_is_listed() {
    model(|| {
        let io = registered();
        let mut first = Future::reader();
        first.poll(&io);
        let mut second = Future::reader();
        second.poll(&io);
        let driver = event_on_a_thread(&io, Ready::READABLE);
        first.leave(&io);
        driver.join().unwrap();
        assert!(second.is_served());
        second.end(&io);
        first.end(&io);
        assert_still_works(&io);
    });
}

/// The slot changes hands under an event.
#[test]
fn the_slot_is_taken_over_during_an_event() {
    model(|| {
        let io = registered();
        let mut first = Future::reader();
        first.poll(&io);
        let driver = event_on_a_thread(&io, Ready::READABLE);
        first.leave(&io);
        let mut second = Future::reader();
        second.poll(&io);
        driver.join().unwrap();
        assert!(second.is_served());
        second.end(&io);
        first.end(&io);
        assert_still_works(&io);
    });
}

/// The last of the list leaves, which takes QUEUED away, while another comes.
#[test]
fn one_leaves_the_list_while_another_comes() {
    model_of_three(|| {
        let io = registered();
        let mut first = Future::reader();
        first.poll(&io);
        let mut leaving = Future::reader();
        leaving.poll(&io);
        let leaves = spawn({
            let io = io.clone();
            move || {
                leaving.leave(&io);
                leaving
            }
        });
        let driver = event_on_a_thread(&io, Ready::READABLE);
        let mut coming = Future::reader();
        coming.poll(&io);
        let left = leaves.join().unwrap();
        driver.join().unwrap();
        assert!(coming.is_served());
        left.end(&io);
        coming.end(&io);
        first.end(&io);
        assert_still_works(&io);
    });
}

/// A future for both sides finds one slot taken, gives the other back and goes to the list.
#[test]
fn two_waiters_of_overlapping_interest() {
    model_of_three(|| {
        let io = registered();
        let driver = event_on_a_thread(&io, Ready::WRITABLE);
        let writer = spawn({
            let io = io.clone();
            move || {
                let mut future = Future::new(Interest::WRITABLE);
                future.poll(&io);
                future
            }
        });
        let mut both = Future::new(Interest::READABLE | Interest::WRITABLE);
        both.poll(&io);
        driver.join().unwrap();
        let writer = writer.join().unwrap();
        assert!(both.is_served());
        assert!(writer.is_served());
        both.end(&io);
        writer.end(&io);
        assert_still_works(&io);
    });
}
