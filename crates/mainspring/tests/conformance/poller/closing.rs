//! C9: the end of a stream, a hang-up and an error are told apart, and told the same everywhere.

use std::net::Shutdown;

use mainspring::{Interest, Ready, Token, Trigger};

use crate::watch::{BOTH, Watch};
use crate::world::{Socket, World};

type Pair = fn(&World) -> (Socket, Socket);
const FAMILIES: [(&str, Pair); 2] = [("unix", World::pair), ("tcp", World::tcp_pair)];

pub(crate) fn c9_half_close_closes_reading_alone(world: &World) {
    for (family, pair) in FAMILIES {
        let (a, b) = pair(world);
        let mut watch = Watch::new(world);
        watch.add(&a, Token(1), BOTH, Trigger::Edge);
        b.put(b"last words");
        b.shut(Shutdown::Write);
        let mut ready = Ready::EMPTY;
        let mut wanted = Ready::READABLE | Ready::READ_CLOSED | Ready::WRITABLE;
        if !world.looks_behind_data() {
            ready |= watch.until(Token(1), Ready::READABLE | Ready::WRITABLE);
            assert_eq!(a.drain(), 10, "{family}");
            watch.rearm(&a, Interest::READABLE);
            wanted = Ready::READ_CLOSED;
        }
        ready |= watch.until(Token(1), wanted);
        assert!(!ready.intersects(Ready::WRITE_CLOSED | Ready::ERROR), "{family}: {ready:?}");
        if world.looks_behind_data() {
            assert_eq!(a.drain(), 10, "{family}");
        }
        // The other direction is open.
        a.put(b"answer");
        world.let_pass(world.moment());
        assert_eq!(b.drain(), 6, "{family}");
    }
}

pub(crate) fn c9_the_end_is_told_apart_from_data_that_lies_before_it(world: &World) {
    let (a, b) = world.tcp_pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    b.put(b"x");
    let ready = watch.until(Token(1), Ready::READABLE);
    assert!(!ready.is_read_closed(), "{ready:?}");
    b.shut(Shutdown::Write);
    if !world.looks_behind_data() {
        assert_eq!(a.drain(), 1);
        watch.rearm(&a, Interest::READABLE);
    }
    watch.until(Token(1), Ready::READ_CLOSED);
    assert_eq!(a.drain(), usize::from(world.looks_behind_data()));
}

pub(crate) fn c9_both_halves_closed_is_a_hang_up_without_an_error(world: &World) {
    for (family, pair) in FAMILIES {
        let (a, b) = pair(world);
        let mut watch = Watch::new(world);
        watch.add(&a, Token(1), BOTH, Trigger::Edge);
        watch.until(Token(1), Ready::WRITABLE);
        a.shut(Shutdown::Write);
        world.let_pass(world.moment());
        b.shut(Shutdown::Write);
        let closed = match world.hears_itself() {
            true => Ready::READ_CLOSED | Ready::WRITE_CLOSED,
            false => Ready::READ_CLOSED,
        };
        let ready = watch.until(Token(1), closed);
        assert!(!ready.is_error(), "{family}: {ready:?}");
    }
}

pub(crate) fn c9_a_closed_peer_closes_reading_without_an_error(world: &World) {
    for (family, pair) in FAMILIES {
        let (a, b) = pair(world);
        let mut watch = Watch::new(world);
        watch.add(&a, Token(1), BOTH, Trigger::Edge);
        drop(b);
        let ready = watch.until(Token(1), Ready::READ_CLOSED);
        assert!(!ready.is_error(), "{family}: {ready:?}");
        assert_eq!(a.read(&mut [0; 1]).expect("the end of the stream"), 0, "{family}");
    }
}

pub(crate) fn c9_a_reset_is_an_error_and_closes_both_directions(world: &World) {
    for interest in [BOTH, Interest::READABLE, Interest::WRITABLE] {
        let (a, b) = world.tcp_pair();
        let mut watch = Watch::new(world);
        watch.add(&a, Token(1), interest, Trigger::Edge);
        b.reset();
        let whole = Ready::ERROR | Ready::READ_CLOSED | Ready::WRITE_CLOSED;
        watch.until(Token(1), whole);
        let error = a.read(&mut [0; 1]).expect_err("a reset connection");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{interest:?}");
    }
}

pub(crate) fn c9_a_refused_connection_is_an_error(world: &World) {
    let (listener, address) = world.tcp_listener();
    drop(listener);
    let client = world.tcp_connect(&address);
    let mut watch = Watch::new(world);
    watch.add(&client, Token(1), Interest::WRITABLE, Trigger::Edge);
    watch.until(Token(1), Ready::ERROR | Ready::WRITE_CLOSED);
}

/// A source that has hung up is registered like any other, and tells no more than is asked.
pub(crate) fn c9_a_hung_up_source_can_be_modified_and_removed(world: &World) {
    for trigger in [Trigger::Edge, Trigger::OneShot] {
        for (family, pair) in FAMILIES {
            let (a, b) = pair(world);
            let mut watch = Watch::new(world);
            watch.add(&a, Token(1), Interest::READABLE, trigger);
            drop(b);
            watch.until(Token(1), Ready::READ_CLOSED);
            watch.silence();
            for token in 2..4 {
                watch.modify(&a, Token(token), BOTH, trigger);
                watch.until(Token(token), Ready::READ_CLOSED);
                watch.silence();
            }
            watch.registry().remove(&a).unwrap_or_else(|error| panic!("{family}: {error}"));
            watch.silence();
            watch.add(&a, Token(4), BOTH, trigger);
            watch.until(Token(4), Ready::READ_CLOSED);
        }
    }
}
