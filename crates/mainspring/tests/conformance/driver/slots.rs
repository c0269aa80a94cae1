//! C4, C5 and C8 in the driver: slots are used again, and numbers too.

use std::io;
use std::pin::pin;
use std::task::Poll;

use mainspring::{Interest, Trigger};

use crate::counts::counted;
use crate::turning::{Bell, Turning, poll};
use crate::watch::BOTH;
use crate::world::World;

const READ: Interest = Interest::READABLE;
const WRITE: Interest = Interest::WRITABLE;

/// The slot of a dropped registration is taken by the next one, and the kernel still reports the
/// first: the generation is all that keeps them apart.
pub(crate) fn c4_a_stale_event_does_not_reach_the_next_owner_of_the_slot(world: &World) {
    let (a, b) = world.pair();
    let (c, d) = world.pair();
    let a = world.apart(a);
    let _twin = a.duplicate();
    let mut turning = Turning::new(world);
    let old = turning.register(&a, READ, Trigger::Edge);
    turning.silence(&old, READ);
    drop(a);
    drop(old);
    let new = turning.register(&c, READ, Trigger::Edge);
    let bell = Bell::new();
    let mut waiting = pin!(new.ready(READ));
    assert!(poll(waiting.as_mut(), &bell).is_pending());
    b.put(b"x");
    turning.pass();
    assert_eq!(bell.rings(), 0, "woken by an event of the slot's former owner");
    assert!(poll(waiting.as_mut(), &bell).is_pending(), "ready by a stranger's event");
    world.left_over(turning.handle().metrics().stale_events);
    d.put(b"x");
    turning.until_rung(&bell);
}

pub(crate) fn c4_a_dropped_registration_hears_nothing(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let bell = Bell::new();
    let registration = turning.register(&a, READ, Trigger::Edge);
    assert!(poll(pin!(registration.ready(READ)), &bell).is_pending());
    b.put(b"x");
    drop(registration);
    turning.pass();
    let metrics = turning.handle().metrics();
    assert_eq!((bell.rings(), metrics.events, metrics.stale_events), (0, 0, 0));
    assert_eq!(metrics.sources_now, 0);
    counted(metrics.sources_ever, 1);
}

pub(crate) fn c4_registering_again_in_every_round_is_heard_in_every_round(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    for _ in 0..100 {
        let registration = turning.register(&a, READ, Trigger::Edge);
        turning.silence_now(&registration, READ);
        b.put(b"x");
        turning.ready(&registration, READ);
        assert_eq!(a.drain(), 1);
    }
    assert_eq!(turning.handle().sources().len(), 0);
}

pub(crate) fn c5_a_second_registration_is_refused_in_words_and_harms_nothing(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let first = turning.register(&a, READ, Trigger::Edge);
    turning.silence(&first, READ);
    let second = turning.register(&a, READ, Trigger::Edge);
    let error = turning.drive(second.ready(READ)).expect_err("the source is taken");
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    drop(second);
    b.put(b"x");
    turning.ready(&first, READ);
    drop(first);
    let third = turning.register(&a, READ, Trigger::Edge);
    turning.ready(&third, READ);
}

/// The first registration's number was given to another file: dropping it must not take the
/// newcomer out of the kernel.
pub(crate) fn c5_the_drop_of_a_former_owner_leaves_the_newcomer_alone(world: &World) {
    let (a, _b) = world.pair();
    let (c, d) = world.pair();
    let mut number = world.apart(a);
    let mut turning = Turning::new(world);
    let old = turning.register(&number, READ, Trigger::Edge);
    turning.silence(&old, READ);
    c.duplicate_onto(&mut number);
    let new = turning.register(&number, READ, Trigger::Edge);
    turning.silence(&new, READ);
    drop(old);
    d.put(b"x");
    turning.ready(&new, READ);
}

/// Neither may the former owner take the number over, by arming its other direction.
pub(crate) fn c5_a_former_owner_that_arms_does_not_follow_the_number(world: &World) {
    let (a, _b) = world.pair();
    let (c, d) = world.pair();
    let mut number = world.apart(a);
    let mut turning = Turning::new(world);
    let old = turning.register(&number, BOTH, Trigger::Edge);
    turning.silence(&old, READ);
    c.duplicate_onto(&mut number);
    let error = turning.drive(old.ready(WRITE)).expect_err("the source is gone");
    assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
    let new = turning.register(&number, BOTH, Trigger::Edge);
    turning.silence(&new, READ);
    let bell = Bell::new();
    // What was watched before the number went is not watched any more, and says so.
    let reading = poll(pin!(old.ready(READ)), &bell);
    assert!(matches!(reading, Poll::Ready(Err(_))), "it waits for ever: {reading:?}");
    d.put(b"x");
    turning.ready(&new, READ);
    assert_eq!(bell.rings(), 0, "the former owner heard of the newcomer's data");
}

pub(crate) fn c5_a_source_closed_before_its_registration_is_dropped(world: &World) {
    let (a, b) = world.pair();
    let (c, d) = world.pair();
    let a = world.apart(a);
    let (twin, number) = (a.duplicate(), a.number());
    let mut turning = Turning::new(world);
    let old = turning.register(&a, READ, Trigger::Edge);
    turning.silence(&old, READ);
    drop(a);
    drop(old);
    b.put(b"x");
    turning.pass();
    world.left_over(turning.handle().metrics().stale_events);
    // The number is usable again, for another file and for the same.
    let other = c.duplicate_at(number);
    let registration = turning.register(&other, READ, Trigger::Edge);
    d.put(b"x");
    turning.ready(&registration, READ);
    drop(registration);
    drop(other);
    let same = twin.duplicate_at(number);
    let registration = turning.register(&same, READ, Trigger::Edge);
    turning.ready(&registration, READ);
}

pub(crate) fn c8_a_closed_source_fails_alone(world: &World) {
    let (a, _b) = world.pair();
    let (c, d) = world.pair();
    let a = world.apart(a);
    let mut turning = Turning::new(world);
    let good = turning.register(&c, READ, Trigger::Edge);
    turning.silence(&good, READ);
    let bad = turning.register(&a, BOTH, Trigger::Edge);
    drop(a);
    for _ in 0..3 {
        turning.drive(bad.ready(READ)).expect_err("a closed source");
        d.put(b"x");
        let event = turning.ready(&good, READ);
        assert_eq!(c.drain(), 1);
        good.clear(event);
    }
    drop(bad);
    turning.silence(&good, READ);
    assert_eq!(turning.handle().metrics().sources_now, 1);
}

pub(crate) fn c4_the_events_of_the_slots_former_owner_are_not_counted_again(world: &World) {
    let (a, b) = world.pair();
    let (c, _d) = world.pair();
    let mut turning = Turning::new(world);
    let old = turning.register(&a, READ, Trigger::Edge);
    b.put(b"x");
    turning.ready(&old, READ);
    assert_ne!(turning.handle().sources()[0].events(), 0);
    drop(old);
    let _new = turning.register(&c, READ, Trigger::Edge);
    assert_eq!(turning.handle().sources()[0].events(), 0, "events of the former owner");
}
