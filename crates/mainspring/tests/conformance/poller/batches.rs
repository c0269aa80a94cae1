//! C13: limits have names, and none of them is the length of a list.

use mainspring::{Events, Interest, Ready, Token, Trigger};

use crate::watch::Watch;
use crate::world::{Socket, World};

/// More than the buffer of a first look, and than any limit on open files leaves for pairs.
const SOURCES: u64 = 2000;

pub(crate) fn c13_a_list_of_capacity_zero_works(world: &World) {
    for events in [Events::with_capacity(0), Events::new()] {
        let (a, b) = world.pair();
        let (c, d) = world.pair();
        let mut watch = Watch::with_events(world, events);
        watch.silence();
        watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
        watch.add(&c, Token(2), Interest::READABLE, Trigger::Level);
        b.put(b"x");
        watch.until(Token(1), Ready::READABLE);
        d.put(b"x");
        watch.until(Token(2), Ready::READABLE);
        watch.until(Token(2), Ready::READABLE);
    }
}

pub(crate) fn c13_two_thousand_ready_sources_are_all_reported_once(world: &World) {
    let (a, b) = world.pair();
    let sources: Vec<Socket> = (0..SOURCES).map(|_| a.duplicate()).collect();
    let mut watch = Watch::with_events(world, Events::with_capacity(1));
    for (source, token) in sources.iter().zip(0..) {
        watch.add(source, Token(token), Interest::READABLE, Trigger::Edge);
    }
    for _ in 0..2 {
        b.put(b"x");
        let mut tokens = Vec::new();
        while tokens.len() < sources.len() {
            tokens.extend(watch.events().iter().map(|event| event.token));
        }
        tokens.sort();
        assert!(tokens.iter().copied().eq((0..SOURCES).map(Token)), "each of them, and each once");
        watch.silence();
        for source in &sources {
            watch.rearm(source, Interest::READABLE);
        }
    }
}

/// A source that is always ready cannot keep the others from being seen.
pub(crate) fn c13_level_sources_that_fill_a_batch_do_not_starve_the_rest(world: &World) {
    let (a, b) = world.pair();
    let (c, d) = world.pair();
    let sources: Vec<Socket> = (0..SOURCES).map(|_| a.duplicate()).collect();
    let mut watch = Watch::with_events(world, Events::with_capacity(1));
    for (source, token) in sources.iter().zip(0..) {
        watch.add(source, Token(token), Interest::READABLE, Trigger::Level);
    }
    b.put(b"x");
    assert!(!watch.events().is_empty());
    watch.add(&c, Token(SOURCES), Interest::READABLE, Trigger::Edge);
    d.put(b"x");
    // A full round through the sources is ten looks of the smallest buffer.
    let heard =
        |watch: &mut Watch<'_>| watch.events().iter().any(|event| event.token == Token(SOURCES));
    assert!((0..64).any(|_| heard(&mut watch)), "the last source was starved");
}
