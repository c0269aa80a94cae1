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
