//! C9 for out-of-band data.

use mainspring::{Interest, Ready, Token, Trigger};

use crate::turning::Turning;
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
