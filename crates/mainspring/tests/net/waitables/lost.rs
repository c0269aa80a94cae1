//! Waits that are given up eat no signal.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use mainspring::os::windows::Waitable;

use super::objects::{Event, Semaphore, only_to_wait, timer};
use super::{Count, on_each_kind, poll_with, turn_until};
use crate::support::{block_on, poll_once};

#[test]
fn c11_an_event_is_set_again_if_nobody_was_told() {
    on_each_kind(|mut driver| {
        let event = Event::reset_by_waits();
        let waitable = Waitable::with_handle(&driver.handle(), event.handle()).unwrap();
        for _ in 0..20 {
            let count = Arc::new(Count::default());
            let mut wait = Box::pin(waitable.wait());
            assert!(poll_with(&mut wait, &count).is_pending());
            event.set();
            turn_until(&mut driver, || count.0.load(Ordering::Acquire) != 0);
            // Woken, and dropped before it looked.
            drop(wait);
            assert!(event.take(), "it was set again");
            assert!(!event.take(), "and once");
        }
    });
}

#[test]
fn c11_a_signal_that_meets_a_drop_is_there_for_the_next() {
    on_each_kind(|mut driver| {
        let (event, semaphore) = (Event::reset_by_waits(), Semaphore::new());
        let handle = driver.handle();
        let of_event = Waitable::with_handle(&handle, event.handle()).unwrap();
        let of_semaphore = Waitable::with_handle(&handle, semaphore.handle()).unwrap();
        for round in 0..200_u32 {
            let mut waits = [Box::pin(of_event.wait()), Box::pin(of_semaphore.wait())];
            assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_pending()));
            let (sets, releases) = (event.clone(), semaphore.clone());
            let setter = thread::spawn(move || {
                sets.set();
                releases.release();
            });
            (0..round % 50).for_each(|_| thread::yield_now());
            drop(waits);
            setter.join().unwrap();
            for waitable in [&of_event, &of_semaphore] {
                block_on(&mut driver, waitable.wait()).unwrap();
                assert!(poll_once(pin!(waitable.wait())).is_pending(), "there was one signal");
            }
        }
    });
}

#[test]
fn c11_what_cannot_be_given_back_is_kept() {
    on_each_kind(|mut driver| {
        let event = Event::reset_by_waits();
        let poor = only_to_wait(&event.handle());
        let waitable = Waitable::with_handle(&driver.handle(), poor).unwrap();
        for others in 0..3 {
            let count = Arc::new(Count::default());
            let mut wait = Box::pin(waitable.wait());
            assert!(poll_with(&mut wait, &count).is_pending());
            event.set();
            turn_until(&mut driver, || count.0.load(Ordering::Acquire) != 0);
            // These wait already, and one of them gets it.
            let mut waiting: Vec<_> = (0..others).map(|_| Box::pin(waitable.wait())).collect();
            let told = Arc::new(Count::default());
            assert!(waiting.iter_mut().all(|wait| poll_with(wait, &told).is_pending()));
            drop(wait);
            if others != 0 {
                assert_ne!(told.0.load(Ordering::Acquire), 0, "it was told");
                let passed = waiting.iter_mut().map(|wait| poll_once(wait.as_mut()).is_ready());
                assert_eq!(passed.filter(|passed| *passed).count(), 1);
            } else {
                block_on(&mut driver, waitable.wait()).unwrap();
            }
            drop(waiting);
            assert!(poll_once(pin!(waitable.wait())).is_pending());
            assert!(!event.take());
        }
    });
}

/// Whether a signal of an object that does not tell its sort was taken is found out by taking: what
/// that took is somebody's, too.
#[test]
fn c11_what_was_taken_to_find_out_is_kept_as_well() {
    on_each_kind(|mut driver| {
        let event = Event::reset_by_waits();
        let poor = only_to_wait(&event.handle());
        let waitable = Waitable::with_handle(&driver.handle(), poor).unwrap();
        for _ in 0..20 {
            let count = Arc::new(Count::default());
            let mut wait = Box::pin(waitable.wait());
            assert!(poll_with(&mut wait, &count).is_pending());
            event.set();
            turn_until(&mut driver, || count.0.load(Ordering::Acquire) != 0);
            // The wait has taken the first, and this is a second.
            event.set();
            drop(wait);
            for number in 1..=2 {
                assert!(poll_once(pin!(waitable.wait())).is_ready(), "signal {number} of two");
            }
            assert!(poll_once(pin!(waitable.wait())).is_pending(), "there were two");
        }
    });
}

#[test]
fn c11_a_timer_that_was_reset_by_a_wait_is_kept_and_one_that_was_not_is_not() {
    on_each_kind(|mut driver| {
        for by_hand in [false, true] {
            let (timer, set) = timer(by_hand);
            let waitable = Waitable::with_handle(&driver.handle(), timer).unwrap();
            let count = Arc::new(Count::default());
            let mut wait = Box::pin(waitable.wait());
            assert!(poll_with(&mut wait, &count).is_pending());
            set(Duration::ZERO);
            turn_until(&mut driver, || count.0.load(Ordering::Acquire) != 0);
            drop(wait);
            // An hour is not over soon.
            set(Duration::from_secs(3600));
            let next = poll_once(pin!(waitable.wait()));
            assert_eq!(next.is_pending(), by_hand, "by hand: {by_hand}");
            assert!(poll_once(pin!(waitable.wait())).is_pending());
        }
    });
}

#[test]
fn c12_what_a_wait_has_borrowed_is_released_once() {
    on_each_kind(|mut driver| {
        for event in [Event::reset_by_waits(), Event::reset_by_hand()] {
            let waitable = Waitable::with_handle(&driver.handle(), event.handle()).unwrap();
            let count = Arc::new(Count::default());
            for round in 0..150 {
                let mut wait = Box::pin(waitable.wait());
                assert!(poll_with(&mut wait, &count).is_pending());
                let before = count.0.load(Ordering::Acquire);
                if round % 3 == 0 {
                    event.set();
                }
                if round % 6 == 0 {
                    turn_until(&mut driver, || count.0.load(Ordering::Acquire) != before);
                }
                drop(wait);
                driver.turn(Some(Duration::ZERO)).unwrap();
                // What was given back is not for the next round.
                event.reset();
                while poll_once(pin!(waitable.wait())).is_ready() {}
            }
            turn_until(&mut driver, || Arc::strong_count(&count) == 1);
        }
    });
}
