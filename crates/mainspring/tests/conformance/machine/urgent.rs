//! C9 for out-of-band data, and C2: what a reader takes back is not the urgent data.

use std::pin::pin;
use std::task::Poll;

use mainspring::{Interest, Ready, Token, Trigger};

use crate::turning::{Bell, Turning, poll, read_once};
use crate::watch::Watch;
use crate::world::World;

pub(crate) fn c9_urgent_data_is_heard_alone(world: &World) {
    let (a, b) = world.tcp_pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::PRIORITY, Trigger::Edge);
    b.put(b"usual");
    watch.silence();
    b.put_urgent(b'!');
    assert_eq!(watch.until(Token(1), Ready::PRIORITY), Ready::PRIORITY);
}

pub(crate) fn c9_urgent_data_is_told_apart_from_the_usual(world: &World) {
    let (a, b) = world.tcp_pair();
    let mut watch = Watch::new(world);
    let interest = Interest::READABLE | Interest::PRIORITY;
    watch.add(&a, Token(1), interest, Trigger::Edge);
    b.put(b"usual");
    assert!(!watch.until(Token(1), Ready::READABLE).is_priority());
    b.put_urgent(b'!');
    watch.until(Token(1), Ready::PRIORITY);
}

pub(crate) fn c9_a_task_waits_for_urgent_data_alone(world: &World) {
    let (a, b) = world.tcp_pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, Interest::PRIORITY, Trigger::Edge);
    turning.silence(&registration, Interest::PRIORITY);
    b.put_urgent(b'!');
    let event = turning.ready(&registration, Interest::PRIORITY);
    assert_eq!(event.ready(), Ready::PRIORITY);
}

pub(crate) fn c2_a_reader_does_not_take_back_urgent_data(world: &World) {
    let (a, b) = world.tcp_pair();
    let mut turning = Turning::new(world);
    let both = Interest::READABLE | Interest::PRIORITY;
    let registration = turning.register(&a, both, Trigger::Edge);
    turning.silence(&registration, both);
    b.put(b"usual");
    b.put_urgent(b'!');
    turning.ready(&registration, Interest::PRIORITY);
    // The usual data, and then nothing: the urgent byte is not among it.
    let read =
        || poll(pin!(registration.async_io(Interest::READABLE, read_once(&a))), &Bell::new());
    while read().is_ready() {}
    let urgent = poll(pin!(registration.ready(Interest::PRIORITY)), &Bell::new());
    assert!(matches!(urgent, Poll::Ready(Ok(_))), "the reader took it back: {urgent:?}");
}

/// Urgent data stays reported until it is read. Who waits for the usual data, and is asked for
/// both, is not to be told of it again and again.
pub(crate) fn c8_urgent_data_nobody_reads_does_not_spin(world: &World) {
    for trigger in [Trigger::Edge, Trigger::Level] {
        let (a, b) = world.tcp_pair();
        let mut turning = Turning::new(world);
        let both = Interest::READABLE | Interest::PRIORITY;
        let registration = turning.register(&a, both, trigger);
        let bell = Bell::new();
        let mut reading = pin!(registration.ready(Interest::READABLE));
        assert!(poll(reading.as_mut(), &bell).is_pending());
        b.put_urgent(b'!');
        let before = turning.handle().metrics().turns;
        let end = world.now() + 2 * world.moment();
        while world.now() < end {
            let left = end.saturating_sub(world.now());
            turning.driver.turn(Some(left)).expect("a queue that works");
            assert!(poll(reading.as_mut(), &bell).is_pending(), "{trigger:?}: the usual has come?");
        }
        let turns = turning.handle().metrics().turns - before;
        assert!(turns <= 8, "{trigger:?}: it spins: {turns} turns");
        // Somebody takes note of it, and waits for more of its kind; the reader waits on.
        let urgent = turning.ready(&registration, Interest::PRIORITY);
        assert_eq!(a.receive_urgent(), Some(b'!'), "{trigger:?}");
        registration.clear(urgent);
        let more = Bell::new();
        let mut waiting = pin!(registration.ready(Interest::PRIORITY));
        assert!(poll(waiting.as_mut(), &more).is_pending(), "{trigger:?}");
        assert!(poll(reading.as_mut(), &bell).is_pending(), "{trigger:?}");
        b.put_urgent(b'?');
        turning.until_rung(&more);
        let event = poll(waiting, &more);
        assert!(matches!(event, Poll::Ready(Ok(_))), "{trigger:?}: {event:?}");
    }
}
