//! The end of a thread, when what it kept goes in an order nobody chose.

use std::cell::RefCell;
use std::pin::pin;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use mainspring::time::sleep;
use mainspring::{Driver, Entered, Handle};

use crate::fixture::poll;

/// Thread-local values are dropped in the reverse order of their first use, so a guard that a
/// thread keeps for its whole life can outlive the list it is an entry of: the process was
/// aborted.
#[test]
fn a_thread_may_enter_a_driver_for_the_rest_of_its_life() {
    thread_local! {
        static GUARD: RefCell<Option<Entered>> = const { RefCell::new(None) };
    }
    let driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let entered = thread::spawn(move || {
        GUARD.with_borrow_mut(|guard| *guard = Some(handle.enter()));
        Handle::current().is_same(&handle)
    });
    assert!(entered.join().expect("a thread that ends in order"));
}

/// A destructor that runs later than that may still want to wait for something: it finds the
/// process-wide driver.
#[test]
fn a_thread_that_ends_is_with_the_process_wide_driver() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            let handle = Handle::try_current().expect("the process-wide driver");
            let _entered = handle.enter();
            assert!(poll(pin!(sleep(Duration::from_secs(3600))), Waker::noop()).is_pending());
        }
    }
    thread_local! {
        static LATE: Late = const { Late };
    }
    let driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let ended = thread::spawn(move || {
        LATE.with(|_| ());
        drop(handle.enter());
    });
    ended.join().expect("a thread that ends in order");
}
