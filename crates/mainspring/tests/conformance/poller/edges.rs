//! C1, the initial edge, and C2, no edge lost.

use mainspring::{Interest, Ready, Token, Trigger};

use crate::watch::{BOTH, Watch};
use crate::world::World;

const TRIGGERS: [Trigger; 3] = [Trigger::Edge, Trigger::Level, Trigger::OneShot];

pub(crate) fn c1_a_source_that_is_ready_when_added_is_reported(world: &World) {
    for trigger in TRIGGERS {
        let (a, b) = world.pair();
        b.put(b"x");
        world.let_pass(world.moment());
        let mut watch = Watch::new(world);
        watch.add(&a, Token(1), Interest::READABLE, trigger);
        assert!(!watch.until(Token(1), Ready::READABLE).is_writable(), "{trigger:?}");
    }
}

pub(crate) fn c1_a_source_that_can_be_written_when_added_is_reported(world: &World) {
    let (a, _b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::WRITABLE, Trigger::Edge);
    assert!(!watch.until(Token(1), Ready::WRITABLE).is_readable());
}

pub(crate) fn c1_a_ready_source_is_reported_again_when_modified(world: &World) {
    for trigger in TRIGGERS {
        let (a, b) = world.pair();
        b.put(b"x");
        let mut watch = Watch::new(world);
        watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
        watch.until(Token(1), Ready::READABLE);
        watch.silence();
        watch.modify(&a, Token(2), Interest::READABLE, trigger);
        watch.until(Token(2), Ready::READABLE);
    }
}

pub(crate) fn c1_modify_looks_for_the_interest_that_is_new(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    watch.silence();
    watch.modify(&a, Token(1), BOTH, Trigger::Edge);
    watch.until(Token(1), Ready::WRITABLE);
    b.put(b"x");
    watch.until(Token(1), Ready::READABLE);
    watch.modify(&a, Token(1), Interest::WRITABLE, Trigger::Edge);
    assert!(!watch.until(Token(1), Ready::WRITABLE).is_readable(), "reading was not asked for");
    b.put(b"y");
    watch.silence();
}

pub(crate) fn c1_a_finished_connection_is_reported(world: &World) {
    let (listener, address) = world.tcp_listener();
    let mut watch = Watch::new(world);
    watch.add(&listener, Token(1), Interest::READABLE, Trigger::Edge);
    let client = world.tcp_connect(&address);
    watch.until(Token(1), Ready::READABLE);
    let _server = listener.accept().expect("a connection that was announced");
    watch.add(&client, Token(2), BOTH, Trigger::Edge);
    watch.until(Token(2), Ready::WRITABLE);
}

pub(crate) fn c2_data_after_a_short_read_is_a_new_edge(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), BOTH, Trigger::Edge);
    watch.until(Token(1), Ready::WRITABLE);
    for _ in 0..3 {
        b.put(b"x");
        watch.until(Token(1), Ready::READABLE);
        // One byte of sixteen: the reader knows that there is no more and sees no `WouldBlock`.
        assert_eq!(a.read(&mut [0; 16]).expect("the byte"), 1);
        watch.rearm(&a, Interest::READABLE);
    }
}

/// On TCP, and with the other direction ready all the time.
pub(crate) fn c2_tcp_data_after_a_short_read_is_a_new_edge(world: &World) {
    let (a, b) = world.tcp_pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), BOTH, Trigger::Edge);
    watch.until(Token(1), Ready::WRITABLE);
    for _ in 0..20 {
        b.put(b"x");
        watch.until(Token(1), Ready::READABLE);
        assert_eq!(a.read(&mut [0; 16]).expect("the byte"), 1);
        watch.rearm(&a, Interest::READABLE);
    }
}

pub(crate) fn c2_data_after_data_that_nobody_read_is_a_new_edge(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    for _ in 0..3 {
        b.put(b"x");
        watch.until(Token(1), Ready::READABLE);
        watch.rearm(&a, Interest::READABLE);
    }
    assert_eq!(a.drain(), 3);
}

pub(crate) fn c2_room_after_a_full_buffer_is_a_new_edge(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::WRITABLE, Trigger::Edge);
    watch.until(Token(1), Ready::WRITABLE);
    for _ in 0..2 {
        let written = a.fill();
        watch.rearm(&a, Interest::WRITABLE);
        watch.silence();
        let mut read = 0;
        while read < written {
            read += b.drain();
            world.let_pass(world.moment() / 10);
        }
        watch.until(Token(1), Ready::WRITABLE);
    }
}

pub(crate) fn c2_every_connection_of_a_listener_is_a_new_edge(world: &World) {
    let (listener, address) = world.tcp_listener();
    let mut watch = Watch::new(world);
    watch.add(&listener, Token(1), Interest::READABLE, Trigger::Edge);
    for _ in 0..3 {
        let _client = world.tcp_connect(&address);
        watch.until(Token(1), Ready::READABLE);
        // One is taken, and nobody looks for a second one.
        listener.accept().expect("a connection that was announced");
        watch.rearm(&listener, Interest::READABLE);
    }
}
