use std::pin::pin;
use std::task::Waker;
use std::time::Duration;

use super::*;
use crate::driver::Driver;

fn late() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// Clause C7.
#[test]
fn a_deadline_ends_a_wait_and_not_before() {
    let mut driver = Driver::new().unwrap();
    let handle = driver.handle();
    let deadline_ns = handle.clock().deadline_after_ns(Duration::from_millis(10));
    let mut waiting = pin!(before(&handle, deadline_ns, std::future::pending::<_>(), late));
    let mut cx = Context::from_waker(Waker::noop());
    // One turn, or none on a machine that was slow: a second one would be a wake too early.
    let mut polled = waiting.as_mut().poll(&mut cx);
    if polled.is_pending() {
        driver.turn(Some(Duration::from_secs(20))).unwrap();
        polled = waiting.as_mut().poll(&mut cx);
    }
    let Poll::Ready(Err::<(), _>(error)) = polled else { panic!("the deadline did not wake") };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(handle.clock().now_ns() >= deadline_ns);
}

#[test]
fn what_is_ready_needs_no_timer() {
    let driver = Driver::new().unwrap();
    let handle = driver.handle();
    let mut cx = Context::from_waker(Waker::noop());
    // Also when the time is over already.
    let ready = pin!(before(&handle, 0, std::future::ready(Ok(7)), late));
    let Poll::Ready(Ok(7)) = ready.poll(&mut cx) else { panic!("it was ready") };
    let endless = std::future::pending::<io::Result<()>>();
    let mut waiting = pin!(before(&handle, NEVER_NS, endless, late));
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    assert_eq!(handle.metrics().timers_now, 0);
}

#[test]
fn a_pause_doubles_up_to_its_limit() {
    let driver = Driver::new().unwrap();
    let mut pause = Pause::new();
    let mut next_ns = Vec::new();
    for _ in 0..10 {
        next_ns.push(pause.next_ns / 1_000_000);
        pause.begin(&driver.handle());
    }
    assert_eq!(next_ns, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    assert_eq!(driver.handle().metrics().timers_now, 1, "each replaces the one before");
}
