//! What a sleep costs, and what it does where no driver can be had.

use std::task::Waker;

use super::*;
use crate::driver::Driver;
use crate::time::allocations;

fn poll(sleep: &mut Sleep) -> Poll<()> {
    Pin::new(sleep).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn polling_resetting_and_dropping_allocate_nothing() {
    let driver = Driver::new().unwrap();
    let handle = driver.handle();
    // The first timer of a driver brings a page of them.
    let mut kept = Sleep::on(&handle, Duration::from_secs(60));
    assert!(poll(&mut kept).is_pending());
    let (allocations, ()) = allocations::count(|| {
        for seconds in 1..100 {
            let mut sleep = Sleep::on(&handle, Duration::from_secs(seconds));
            assert!(poll(&mut sleep).is_pending());
            sleep.reset_after(Duration::from_secs(1000 - seconds));
            assert!(poll(&mut sleep).is_pending());
            kept.reset(sleep.deadline());
            assert!(poll(&mut kept).is_pending());
        }
    });
    assert_eq!(allocations, 0);
}

#[test]
fn a_sleep_is_small() {
    assert!(size_of::<Sleep>() <= 48, "{} bytes", size_of::<Sleep>());
}

#[test]
fn without_any_driver_a_sleep_still_ends_at_its_deadline() {
    let mut sleep = sleep(3 * NO_DRIVER_PAUSE);
    let mut polls = 0;
    let mut cx = Context::from_waker(Waker::noop());
    while sleep.poll_alone(&mut cx).is_pending() {
        polls += 1;
    }
    assert!(sleep.is_elapsed());
    assert!(polls <= 3, "a poll waits as long as it may: {polls}");
}
