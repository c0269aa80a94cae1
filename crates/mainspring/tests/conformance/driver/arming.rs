//! C1 and C3 under lazy arming: the kernel hears of a source when something has to wait for it,
//! and what was ready before that is not lost.

use std::pin::pin;
use std::task::Poll;

use mainspring::{Interest, Ready, SystemCall, Trigger};

use crate::counts::counted;
use crate::turning::{Bell, Turning, poll, read_once};
use crate::watch::BOTH;
use crate::world::World;

const READ: Interest = Interest::READABLE;
const WRITE: Interest = Interest::WRITABLE;

pub(crate) fn c1_a_source_that_was_ready_before_the_first_wait_is_heard(world: &World) {
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        let (a, b) = world.pair();
        b.put(b"x");
        world.let_pass(world.moment());
        let mut turning = Turning::new(world);
        let registration = turning.register(&a, BOTH, trigger);
        let event = turning.ready(&registration, READ);
        assert!(event.ready().contains(Ready::READABLE), "{trigger:?}: {event:?}");
    }
}

pub(crate) fn c1_a_call_that_need_not_wait_costs_no_system_call(world: &World) {
    let (a, b) = world.pair();
    b.put(b"x");
    world.let_pass(world.moment());
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, BOTH, Trigger::Edge);
    let read = turning.drive(registration.async_io(READ, read_once(&a)));
    assert_eq!(read.expect("the byte"), 1);
    let written = turning.drive(registration.async_io(WRITE, || a.write(b"y")));
    assert_eq!(written.expect("room"), 1);
    drop(registration);
    let metrics = turning.handle().metrics();
    for call in [SystemCall::Add, SystemCall::Modify, SystemCall::Remove, SystemCall::Wait] {
        assert_eq!(metrics.system_calls(call), 0, "{call:?}");
    }
}

/// The read that would block arms; what comes between it and the wait is the initial edge.
pub(crate) fn c1_data_between_the_call_and_the_wait_is_heard(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, BOTH, Trigger::Edge);
    let mut calls = 0;
    let read = turning.drive(registration.async_io(READ, || {
        let result = a.read(&mut [0; 64]);
        calls += 1;
        if calls == 1 {
            b.put(b"x");
        }
        result
    }));
    assert_eq!((read.expect("the byte"), calls), (1, 2));
}

pub(crate) fn c1_the_second_direction_is_heard_when_it_is_waited_for(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, BOTH, Trigger::Edge);
    turning.ready(&registration, WRITE);
    // Nobody has asked for reading yet, so this edge passes unheard.
    b.put(b"x");
    turning.pass();
    let event = turning.ready(&registration, READ);
    assert_eq!(event.ready(), Ready::READABLE);
    if !world.rearms() {
        world.change_cost(turning.handle().metrics().system_calls(SystemCall::Add), 1);
        world.change_cost(turning.handle().metrics().system_calls(SystemCall::Modify), 1);
    }
}

pub(crate) fn c1_both_directions_are_waited_for_at_once(world: &World) {
    let (a, b) = world.pair();
    a.fill();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, BOTH, Trigger::Edge);
    turning.silence(&registration, BOTH);
    b.put(b"x");
    assert_eq!(turning.ready(&registration, BOTH).ready(), Ready::READABLE);
}

pub(crate) fn c3_a_cleared_edge_is_silent_until_something_new_comes(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Edge);
    b.put(b"x");
    let event = turning.ready(&registration, READ);
    registration.clear(event);
    if world.remembers() {
        // The byte still lies there, and that was said.
        turning.silence(&registration, READ);
    } else {
        // Whether it is the same byte cannot be told, so who waits is told again; nobody else is.
        turning.pass();
        let events = turning.handle().metrics().events;
        turning.ready(&registration, READ);
        counted(turning.handle().metrics().events, events + 1);
    }
    b.put(b"y");
    turning.ready(&registration, READ);
}

pub(crate) fn c3_a_cleared_level_is_heard_again_while_it_lasts(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Level);
    b.put(b"x");
    for _ in 0..3 {
        let event = turning.ready(&registration, READ);
        registration.clear(event);
    }
    let event = turning.ready(&registration, READ);
    assert_eq!(a.drain(), 1);
    registration.clear(event);
    turning.silence(&registration, READ);
    b.put(b"y");
    turning.ready(&registration, READ);
}

pub(crate) fn c3_a_level_nobody_waits_for_does_not_spin(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Level);
    b.put(b"x");
    turning.ready(&registration, READ);
    let before = turning.handle().metrics().events;
    turning.pass();
    assert_eq!(turning.handle().metrics().events, before, "events that nobody asked for");
}

pub(crate) fn c3_a_spent_one_shot_is_silent_until_it_is_rearmed(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::OneShot);
    for _ in 0..3 {
        b.put(b"x");
        let event = turning.ready(&registration, READ);
        registration.clear(event);
        b.put(b"y");
        turning.silence(&registration, READ);
        assert_eq!(a.drain(), 2);
        registration.rearm().expect("a source that can be watched");
        turning.silence(&registration, READ);
        b.put(b"z");
        turning.ready(&registration, READ);
        registration.rearm().expect("a source that can be watched");
        let event = turning.ready(&registration, READ);
        registration.clear(event);
        a.drain();
        registration.rearm().expect("a source that can be watched");
    }
}

pub(crate) fn c3_an_interest_that_was_not_registered_is_refused_in_words(world: &World) {
    let (a, _b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Edge);
    let error = turning.drive(registration.ready(WRITE)).expect_err("reading was registered");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("register it with every interest"), "{error}");
}

pub(crate) fn c3_an_interest_beside_the_watched_one_is_refused_in_words(world: &World) {
    let (a, _b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Edge);
    // The direction is watched now, but not for this.
    turning.silence(&registration, READ);
    let waiting = poll(pin!(registration.ready(Interest::PRIORITY)), &Bell::new());
    let Poll::Ready(Err(error)) = waiting else { panic!("it waits for ever: {waiting:?}") };
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

pub(crate) fn c3_a_rearmed_one_shot_serves_who_came_for_the_other_direction(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, BOTH, Trigger::OneShot);
    b.put(b"x");
    let event = turning.ready(&registration, READ);
    registration.clear(event);
    assert_eq!(a.drain(), 1);
    // The shot went to the reader. A writer comes, finds it spent, and waits for the next.
    let mut writing = pin!(registration.ready(WRITE));
    let bell = Bell::new();
    assert!(poll(writing.as_mut(), &bell).is_pending());
    registration.rearm().expect("a source that can be watched");
    turning.until_rung(&bell);
    let event = poll(writing.as_mut(), &bell);
    assert!(matches!(event, Poll::Ready(Ok(_))), "{event:?}");
}
