//! Readiness that was erased, or forgotten.

use std::io::{self, Read, Write};
use std::pin::pin;
use std::task::{Poll, Waker};

use mainspring::{Async, Driver, Interest, Trigger, is_shutdown};

use crate::fixture::{drain, drive, pair, poll, remembers};
use crate::watchdog::Watchdog;

const READ: Interest = Interest::READABLE;

/// A call saw readiness, the driver went, the call said that it would block: the clear that
/// followed erased the note that the driver is gone, and the next wait was for ever.
#[test]
fn the_end_of_the_driver_is_not_erased_by_a_clear() {
    let _watchdog = Watchdog::over("the end erased by a clear");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let (a, mut b) = pair();
    let registration = handle.register(&a, READ, Trigger::Edge).expect("a source");
    b.write_all(b"x").expect("room");
    drive(&mut driver, registration.ready(READ)).expect("the byte");
    let tried = registration.try_io(READ, || {
        drop(driver);
        Err::<(), _>(io::ErrorKind::WouldBlock.into())
    });
    assert_eq!(tried.expect_err("it would block").kind(), io::ErrorKind::WouldBlock);
    match poll(pin!(registration.ready(READ)), Waker::noop()) {
        Poll::Ready(Err(error)) => assert!(is_shutdown(&error), "{error}"),
        other => panic!("it waits for a driver that is gone: {other:?}"),
    }
}

/// The same where the driver goes between two calls of a future's own loop.
#[test]
fn the_end_of_the_driver_inside_a_waiting_call_is_an_error() {
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let (a, mut b) = pair();
    let registration = handle.register(&a, READ, Trigger::Edge).expect("a source");
    b.write_all(b"x").expect("room");
    drive(&mut driver, registration.ready(READ)).expect("the byte");
    let mut driver = Some(driver);
    let mut reading = pin!(registration.async_io(READ, || {
        drop(driver.take());
        Err::<(), io::Error>(io::ErrorKind::WouldBlock.into())
    }));
    match poll(reading.as_mut(), Waker::noop()) {
        Poll::Ready(Err(error)) => assert!(is_shutdown(&error), "{error}"),
        other => panic!("it waits for a driver that is gone: {other:?}"),
    }
}

/// A counter of events that is eight, or fifteen, bits wide cannot tell "none has come since" from
/// "exactly as many have come as it counts": the clear then erased an edge, and with it a reader.
// Of an emulated edge there is one until it is rearmed, so there are no newer ones.
#[cfg(not(windows))]
#[test]
fn an_edge_after_a_power_of_two_of_newer_events_is_not_erased() {
    let _watchdog = Watchdog::over("a power of two of newer events");
    for newer in [1, 255, 256, 257, 32_768, 65_536] {
        let mut driver = Driver::new().expect("a driver");
        let (a, mut b) = pair();
        let registration = driver.handle().register(&a, READ, Trigger::Edge).expect("a source");
        b.write_all(b"x").expect("room");
        let seen = drive(&mut driver, registration.ready(READ)).expect("the byte");
        for event in 0..newer {
            assert_eq!(drain(&a), 1);
            b.write_all(b"x").expect("room");
            if !remembers(&driver) {
                registration.rearm().expect("a source that can be watched");
            }
            let turn = driver.turn(None).expect("a queue that works");
            assert_eq!(turn.events(), 1, "one edge for each write, at event {event}");
        }
        registration.clear(seen);
        let again = poll(pin!(registration.ready(READ)), Waker::noop());
        assert!(matches!(again, Poll::Ready(Ok(_))), "erased after {newer} newer events");
        assert_eq!(drain(&a), 1);
    }
}

/// A writer that was told of room by an error's report waited for ever.
// There are no pairs of Unix sockets, and TCP ends otherwise.
#[cfg(not(windows))]
#[test]
fn a_peer_that_goes_ends_a_wait_to_write() {
    let mut driver = Driver::new().expect("a driver");
    let (a, b) = pair();
    let writer = Async::with_handle(&driver.handle(), a).expect("a source");
    while (&mut writer.get_ref()).write(&[0; 65_536]).is_ok() {}
    {
        let mut waiting = pin!(writer.writable());
        assert!(poll(waiting.as_mut(), Waker::noop()).is_pending());
        drop(b);
        let event = drive(&mut driver, waiting).expect("a source that can be watched");
        assert!(event.ready().is_write_closed(), "{event:?}");
    }
    let error = drive(&mut driver, writer.write_with(|mut io| io.write(b"x")));
    assert_eq!(error.expect_err("nobody reads it").kind(), io::ErrorKind::BrokenPipe);
    let end = drive(&mut driver, writer.read_with(|mut io| io.read(&mut [0; 8])));
    assert!(matches!(end, Ok(0)) || end.is_err(), "{end:?}");
}
