//! What hyper asks of a timer.

use std::task::{Context, Poll, Waker};

use super::*;
use crate::driver::Driver;
use crate::time::allocations;

#[test]
fn a_reset_moves_the_sleep_in_its_place() {
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let _entered = handle.enter();
    let timer = HyperTimer::new();
    let mut sleep = timer.sleep(Duration::from_secs(3600));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    let (allocations, deadline) = allocations::count(|| {
        let deadline = timer.now() + Duration::from_millis(1);
        timer.reset(&mut sleep, deadline);
        deadline
    });
    assert_eq!(allocations, 0);
    assert_eq!(handle.metrics().timers_now, 1);
    driver.block_on(sleep).expect("the driver turns");
    assert!(timer.now() >= deadline);
}

#[test]
fn a_sleep_of_another_timer_is_replaced() {
    struct Never;
    impl Future for Never {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }
    impl HyperSleep for Never {}
    let timer = HyperTimer::new();
    let mut sleep: Pin<Box<dyn HyperSleep>> = Box::pin(Never);
    timer.reset(&mut sleep, timer.now());
    crate::rt::block_on(sleep).expect("a driver that turns");
    crate::rt::block_on(timer.sleep_until(timer.now())).expect("a driver that turns");
}
