//! What is signalled: events, semaphores, timers, threads, processes.
//!
//! On each kind of the machine's; how the port learns of a signal is tested beside it.

mod children;
mod lost;
pub mod objects;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures::future::join_all;
use mainspring::os::windows::Waitable;
use mainspring::{Builder, Choice, Driver, Kind, is_shutdown};

use crate::support::{PATIENCE, block_on, poll_once};
use objects::{Event, Semaphore, timer};

/// Runs `test` with a driver of each kind.
fn on_each_kind(test: impl Fn(Driver)) {
    for kind in [Kind::Iocp, Kind::WsaPoll] {
        test(Builder::new().choice(Choice::Exactly(kind)).build().expect("a driver"));
    }
}

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Polls once with `count` as the waker.
fn poll_with<F: Future + Unpin>(future: &mut F, count: &Arc<Count>) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
}

/// Turns the driver until `happened`.
fn turn_until(driver: &mut Driver, happened: impl Fn() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < PATIENCE, "it did not happen in time");
        driver.turn(Some(Duration::from_millis(1))).expect("the queue works");
    }
}

#[test]
fn an_event_that_is_reset_by_hand_lets_everybody_pass() {
    on_each_kind(|mut driver| {
        let event = Event::reset_by_hand();
        let waitable = Waitable::with_handle(&driver.handle(), event.handle()).unwrap();
        for _ in 0..3 {
            let mut waits: Vec<_> = (0..5).map(|_| Box::pin(waitable.wait())).collect();
            assert!(waits.iter_mut().all(|wait| poll_once(wait).is_pending()));
            let sets = event.clone();
            let setter = thread::spawn(move || sets.set());
            let passed = block_on(&mut driver, join_all(waits));
            passed.into_iter().for_each(|passed| passed.unwrap());
            setter.join().unwrap();
            // It stays signalled until somebody says otherwise.
            block_on(&mut driver, waitable.wait()).unwrap();
            event.reset();
            assert!(poll_once(pin!(waitable.wait())).is_pending());
        }
    });
}

#[test]
fn a_signal_lets_one_wait_pass_that_resets_the_event() {
    on_each_kind(|mut driver| {
        let event = Event::reset_by_waits();
        let waitable = Waitable::with_handle(&driver.handle(), event.handle()).unwrap();
        let mut waits: Vec<_> = (0..5).map(|_| Box::pin(waitable.wait())).collect();
        let counts: Vec<_> = waits.iter().map(|_| Arc::new(Count::default())).collect();
        for (wait, count) in waits.iter_mut().zip(&counts) {
            assert!(poll_with(wait, count).is_pending());
        }
        let mut passed = 0;
        let mut open = vec![true; waits.len()];
        while passed < waits.len() {
            event.set();
            let woken = || counts.iter().map(|one| one.0.load(Ordering::Acquire)).sum::<usize>();
            turn_until(&mut driver, || woken() > passed);
            let mut now = 0;
            for (at, wait) in waits.iter_mut().enumerate() {
                if open[at] && poll_with(wait, &counts[at]).is_ready() {
                    (open[at], now) = (false, now + 1);
                }
            }
            assert_eq!(now, 1, "one signal, one wait");
            passed += 1;
        }
        assert!(!event.take());
    });
}

#[test]
fn permits_of_a_semaphore_are_passed_exactly_once_each() {
    const PERMITS: usize = 300;
    on_each_kind(|mut driver| {
        let semaphore = Semaphore::new();
        let waitables: Vec<_> = (0..2)
            .map(|_| Waitable::with_handle(&driver.handle(), semaphore.handle()).unwrap())
            .collect();
        let releases: Vec<_> = (0..3)
            .map(|_| {
                let semaphore = semaphore.clone();
                thread::spawn(move || (0..PERMITS / 3).for_each(|_| semaphore.release()))
            })
            .collect();
        let mut passed = 0;
        let begin = Instant::now();
        for round in 0.. {
            assert!(begin.elapsed() < PATIENCE, "{passed} of {PERMITS}");
            let waitable = &waitables[round % 2];
            let mut wait = Box::pin(waitable.wait());
            passed += usize::from(poll_once(wait.as_mut()).is_ready());
            if passed == PERMITS {
                break;
            }
            if round % 3 == 0 {
                // Given up, with or without a permit.
                drop(wait);
                driver.turn(Some(Duration::ZERO)).unwrap();
                continue;
            }
            if round % 3 == 1 && passed < PERMITS {
                let mut other = Box::pin(waitables[(round + 1) % 2].wait());
                passed += usize::from(poll_once(other.as_mut()).is_ready());
            }
            if passed == PERMITS {
                break;
            }
        }
        releases.into_iter().for_each(|thread| thread.join().unwrap());
        // What was given up late is given back, and by now was passed.
        for _ in 0..5 {
            driver.turn(Some(Duration::from_millis(2))).unwrap();
        }
        assert!(!semaphore.take(), "one more than there were");
    });
}

#[test]
fn timers_and_threads_are_waited_for() {
    on_each_kind(|mut driver| {
        let handle = driver.handle();
        for by_hand in [false, true] {
            let (timer, set) = timer(by_hand);
            let waitable = Waitable::with_handle(&handle, timer).unwrap();
            let mut wait = Box::pin(waitable.wait());
            assert!(poll_once(wait.as_mut()).is_pending());
            let begin = Instant::now();
            set(Duration::from_millis(20));
            block_on(&mut driver, wait).unwrap();
            assert!(begin.elapsed() >= Duration::from_millis(19), "{:?}", begin.elapsed());
        }
        let (begin, begun) = std::sync::mpsc::channel::<()>();
        let thread = thread::spawn(move || begun.recv().unwrap_err());
        let waitable = Waitable::with_handle(&handle, thread.into()).unwrap();
        assert!(poll_once(pin!(waitable.wait())).is_pending());
        drop(begin);
        block_on(&mut driver, waitable.wait()).unwrap();
        block_on(&mut driver, waitable.wait()).unwrap();
    });
}

#[test]
fn c14_waits_of_a_driver_that_ends_are_told() {
    on_each_kind(|driver| {
        let event = Event::reset_by_waits();
        let waitable = Waitable::with_handle(&driver.handle(), event.handle()).unwrap();
        let mut wait = Box::pin(waitable.wait());
        let count = Arc::new(Count::default());
        assert!(poll_with(&mut wait, &count).is_pending());
        drop(driver);
        assert_ne!(count.0.load(Ordering::Acquire), 0, "it was woken");
        let Poll::Ready(Err(error)) = poll_once(wait.as_mut()) else { panic!("it is over") };
        assert!(is_shutdown(&error), "{error}");
        drop(wait);
        let Poll::Ready(Err(error)) = poll_once(pin!(waitable.wait())) else { panic!("shut down") };
        assert!(is_shutdown(&error), "{error}");
        event.set();
        assert!(event.take(), "nobody takes it any more");
    });
}

#[test]
fn a_waiting_task_is_woken_on_whatever_thread_it_is() {
    on_each_kind(|mut driver| {
        let event = Event::reset_by_waits();
        let waitable = Waitable::with_handle(&driver.handle(), event.handle()).unwrap();
        let waiting =
            thread::spawn(move || futures::executor::block_on(waitable.wait()).map(|()| waitable));
        event.set();
        let begin = Instant::now();
        while !waiting.is_finished() {
            assert!(begin.elapsed() < PATIENCE, "it was not woken");
            driver.turn(Some(Duration::from_millis(5))).unwrap();
        }
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn a_waker_that_panics_costs_nobody_else_a_wake() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker's own affair");
        }
    }
    on_each_kind(|mut driver| {
        let event = Event::reset_by_hand();
        let waitable = Waitable::with_handle(&driver.handle(), event.handle()).unwrap();
        let mut panics = Box::pin(waitable.wait());
        let waker = Waker::from(Arc::new(Panics));
        assert!(panics.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let other = waitable.wait();
        event.set();
        // Where a turn wakes it, the turn passes the panic on when all others are woken.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = driver.turn(Some(Duration::from_millis(20)));
        }));
        block_on(&mut driver, other).unwrap();
        assert!(poll_once(panics.as_mut()).is_ready());
    });
}

#[cfg(feature = "sim")]
#[test]
fn a_simulated_driver_has_no_objects_of_the_system() {
    let simulation = mainspring::Simulation::new(1);
    let mut driver = Builder::new().simulation(&simulation).build().unwrap();
    let refused = Waitable::with_handle(&driver.handle(), Event::reset_by_hand().handle());
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::Unsupported);
    let own = std::process::id();
    let refused = block_on(&mut driver, async { mainspring::op::wait_child(own).await });
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::Unsupported);
}
