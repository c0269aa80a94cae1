//! Sleep and wake of the driver (C6).
//!
//! The kernel is a flag under a lock and a condition variable: a wake before or during the sleep
//! ends it. A wake that is lost leaves the driver asleep for good, which loom reports as a
//! deadlock.

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread::JoinHandle;

use crate::readiness::park::Park;
use crate::sync::Arc;
use crate::{model, model_of_three, spawn};

#[derive(Default)]
struct Kernel {
    signalled: Mutex<bool>,
    changed: Condvar,
}

impl Kernel {
    fn wake(&self) {
        *self.signalled.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn sleep(&self) {
        let mut signalled = self.signalled.lock().unwrap();
        while !*signalled {
            signalled = self.changed.wait(signalled).unwrap();
        }
        *signalled = false;
    }
}

struct Loop {
    park: Park,
    kernel: Kernel,
    /// One flag a client. They are relaxed: only the note may carry them to the driver.
    work: Vec<AtomicUsize>,
    wakes: AtomicUsize,
}

impl Loop {
    fn new(clients: usize) -> Arc<Loop> {
        Arc::new(Loop {
            park: Park::new(),
            kernel: Kernel::default(),
            work: (0..clients).map(|_| AtomicUsize::new(0)).collect(),
            wakes: AtomicUsize::new(0),
        })
    }

    fn client(driver: &Arc<Loop>, index: usize) -> JoinHandle<()> {
        let driver = driver.clone();
        spawn(move || {
            driver.work[index].store(1, Ordering::Relaxed);
            if driver.park.unpark() {
                driver.wakes.fetch_add(1, Ordering::Relaxed);
                driver.kernel.wake();
            }
        })
    }

    fn is_all_work_seen(&self) -> bool {
        self.work.iter().all(|work| work.load(Ordering::Relaxed) == 1)
    }

    /// Turns until all work was seen; returns how often the driver slept.
    fn run(&self) -> usize {
        let mut sleeps = 0;
        while !self.is_all_work_seen() {
            if self.park.prepare() {
                sleeps += 1;
                self.kernel.sleep();
            }
            self.park.finish();
        }
        sleeps
    }
}

/// A loop that asks for a note before it looks, as the ring's does, and leaves alone what is none.
#[test]
fn a_note_that_is_looked_for_is_never_lost() {
    model(|| {
        let driver = Loop::new(1);
        let client = Loop::client(&driver, 0);
        loop {
            driver.park.take_note();
            if driver.is_all_work_seen() {
                break;
            }
            if driver.park.prepare() {
                driver.kernel.sleep();
            }
            driver.park.take_note();
        }
        client.join().unwrap();
    });
}

#[test]
fn an_unpark_is_never_lost() {
    model(|| {
        let driver = Loop::new(1);
        let client = Loop::client(&driver, 0);
        let sleeps = driver.run();
        client.join().unwrap();
        assert!(driver.wakes.load(Ordering::Relaxed) <= sleeps, "a call that no sleep asked for");
    });
}

#[test]
fn concurrent_unparks_are_never_lost() {
    model_of_three(|| {
        let driver = Loop::new(2);
        let clients = [Loop::client(&driver, 0), Loop::client(&driver, 1)];
        let sleeps = driver.run();
        clients.into_iter().for_each(|client| client.join().unwrap());
        assert!(driver.wakes.load(Ordering::Relaxed) <= sleeps, "a call that no sleep asked for");
    });
}

/// However many unpark it, one sleep costs one call.
#[test]
fn concurrent_unparks_coalesce() {
    model_of_three(|| {
        let driver = Loop::new(2);
        assert!(driver.park.prepare());
        let clients = [Loop::client(&driver, 0), Loop::client(&driver, 1)];
        driver.kernel.sleep();
        clients.into_iter().for_each(|client| client.join().unwrap());
        assert_eq!(driver.wakes.load(Ordering::Relaxed), 1, "one call to the kernel");
        assert!(driver.park.finish(), "somebody had asked for it");
        assert!(!driver.park.finish(), "the note was read");
    });
}

/// An awake driver costs its clients nothing, and does not sleep on a note.
#[test]
fn an_unpark_of_an_awake_driver_only_leaves_a_note() {
    model_of_three(|| {
        let driver = Loop::new(2);
        let clients = [Loop::client(&driver, 0), Loop::client(&driver, 1)];
        clients.into_iter().for_each(|client| client.join().unwrap());
        assert_eq!(driver.wakes.load(Ordering::Relaxed), 0);
        assert!(!driver.park.prepare());
        assert!(driver.park.finish());
        assert!(driver.park.prepare());
    });
}
