//! C14: shutdown is permanent, and everybody hears of it.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mainspring::{Driver, Handle, Interest, Registration, Trigger, is_shutdown};

use crate::turning::{Bell, LONG, Turning, poll, read_once};
use crate::watch::BOTH;
use crate::world::{Socket, World};

const READ: Interest = Interest::READABLE;
const WRITE: Interest = Interest::WRITABLE;

#[track_caller]
fn refused<T: std::fmt::Debug>(result: io::Result<T>) {
    let error = result.expect_err("the driver is gone");
    assert!(is_shutdown(&error), "an error that does not say so: {error}");
}

#[track_caller]
fn refused_at_once<T: std::fmt::Debug>(poll: Poll<io::Result<T>>) {
    match poll {
        Poll::Ready(result) => refused(result),
        Poll::Pending => panic!("it waits for a driver that is gone"),
    }
}

/// Everything that can be called on a registration of a driver that is gone.
fn every_call_is_refused(handle: &Handle, registration: &Registration, socket: &Socket) {
    assert!(handle.is_shutdown());
    refused(handle.register(socket, READ, Trigger::Edge));
    let bell = Bell::new();
    for interest in [READ, WRITE, BOTH] {
        refused_at_once(poll(pin!(registration.ready(interest)), &bell));
        let waker = Waker::from(bell.clone());
        let mut context = Context::from_waker(&waker);
        refused_at_once(registration.poll_ready(&mut context, interest));
        refused_at_once(registration.poll_io(&mut context, interest, read_once(socket)));
        refused_at_once(poll(pin!(registration.async_io(interest, read_once(socket))), &bell));
        refused(registration.try_io(interest, read_once(socket)));
    }
    refused(registration.rearm());
    handle.unpark();
}

fn every_waiter_hears(world: &World, end: fn(&mut Option<Driver>)) {
    let (a, b) = world.pair();
    let (c, _d) = world.pair();
    a.fill();
    let Turning { driver, .. } = Turning::new(world);
    let handle = driver.handle();
    let mut driver = Some(driver);
    let registration = handle.register(&a, BOTH, Trigger::Edge).expect("a driver that lives");
    let idle = handle.register(&c, BOTH, Trigger::Edge).expect("a driver that lives");
    let bells: [Arc<Bell>; 4] = std::array::from_fn(|_| Bell::new());
    let waker = Waker::from(bells[3].clone());
    let mut context = Context::from_waker(&waker);
    // One in the slot of each direction, one in the list, and the one of the poll calls.
    let mut waits = [READ, WRITE, BOTH].map(|interest| Box::pin(registration.ready(interest)));
    for (wait, bell) in waits.iter_mut().zip(&bells) {
        assert!(poll(wait.as_mut(), bell).is_pending());
    }
    assert!(registration.poll_ready(&mut context, READ).is_pending());
    end(&mut driver);
    for (number, bell) in bells.iter().enumerate() {
        assert!(bell.rings() >= 1, "waiter {number} was not woken");
    }
    for (wait, bell) in waits.iter_mut().zip(&bells) {
        refused_at_once(wait.as_mut().poll(&mut Context::from_waker(&Waker::from(bell.clone()))));
    }
    every_call_is_refused(&handle, &registration, &a);
    every_call_is_refused(&handle, &idle, &c);
    if let Some(driver) = &mut driver {
        refused(driver.turn(Some(LONG)));
        refused(driver.turn(None));
    }
    b.drain();
    drop(waits);
    drop((registration, idle));
    assert_eq!(handle.metrics().sources_now, 0);
}

pub(crate) fn c14_shutdown_is_heard_by_every_waiter_and_stays(world: &World) {
    every_waiter_hears(world, |driver| {
        let driver = driver.as_mut().expect("a driver that lives");
        driver.shutdown();
        driver.shutdown();
    });
}

pub(crate) fn c14_dropping_the_driver_is_heard_by_every_waiter_and_stays(world: &World) {
    every_waiter_hears(world, |driver| drop(driver.take()));
}

pub(crate) fn c14_shutdown_survives_a_clear_of_readiness_seen_before_it(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Edge);
    b.put(b"x");
    let event = turning.ready(&registration, READ);
    turning.driver.shutdown();
    registration.clear(event);
    every_call_is_refused(&turning.handle(), &registration, &a);
}

pub(crate) fn c14_a_waiter_on_another_thread_hears_of_the_end(world: &World) {
    let (a, _b) = world.pair();
    let turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Edge);
    let Turning { driver, .. } = turning;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| futures::executor::block_on(registration.ready(READ)));
        drop(driver);
        refused(waiting.join().expect("the waiting thread"));
    });
}
