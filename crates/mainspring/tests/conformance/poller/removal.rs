//! C4: after a removal there is no ghost.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mainspring::{Events, Interest, Ready, Token, Trigger};

use crate::watch::{BOTH, Watch};
use crate::world::{PATIENCE, World};

pub(crate) fn c4_an_event_that_lay_ready_is_not_delivered_after_remove(world: &World) {
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        let (a, b) = world.pair();
        let mut watch = Watch::new(world);
        watch.add(&a, Token(1), BOTH, trigger);
        b.put(b"x");
        world.let_pass(world.moment());
        watch.registry().remove(&a).expect("a registered source");
        watch.silence();
        b.put(b"y");
        drop(b);
        watch.silence();
    }
}

pub(crate) fn c4_remove_and_add_gives_events_under_the_new_token_only(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    for round in 0..4 {
        watch.add(&a, Token(round), Interest::READABLE, Trigger::Edge);
        b.put(b"x");
        world.let_pass(world.moment());
        watch.registry().remove(&a).expect("a registered source");
        watch.add(&a, Token(100 + round), Interest::READABLE, Trigger::Edge);
        watch.until(Token(100 + round), Ready::READABLE);
        watch.rearm(&a, Interest::READABLE);
        b.put(b"y");
        watch.until(Token(100 + round), Ready::READABLE);
        watch.registry().remove(&a).expect("a registered source");
    }
    watch.silence();
}

pub(crate) fn c4_modify_renames(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    b.put(b"x");
    world.let_pass(world.moment());
    watch.modify(&a, Token(u64::MAX), Interest::READABLE, Trigger::Edge);
    watch.until(Token(u64::MAX), Ready::READABLE);
    watch.silence();
}

pub(crate) fn c4_a_source_that_is_not_there_is_refused_in_words(world: &World) {
    let (a, _b) = world.pair();
    let watch = Watch::new(world);
    let error = watch.registry().remove(&a).expect_err("never added");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("not registered"), "{error}");
    let error = watch.registry().modify(&a, Token(1), BOTH, Trigger::Edge);
    assert_eq!(error.expect_err("never added").kind(), io::ErrorKind::NotFound);
    watch.add(&a, Token(1), BOTH, Trigger::Edge);
    watch.registry().remove(&a).expect("a registered source");
    let error = watch.registry().remove(&a).expect_err("removed already");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

/// A source is written to and removed by one thread while another waits: a wait that begins after
/// the removal brings nothing of it.
pub(crate) fn c4_a_concurrent_removal_leaves_no_ghost(world: &World) {
    const ROUNDS: u64 = 200;
    let mut poller = world.poller();
    let registry = poller.registry().clone();
    let removed: Vec<AtomicBool> = (0..ROUNDS).map(|_| AtomicBool::new(false)).collect();
    let finished = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                let (a, b) = world.pair();
                registry.add(&a, Token(round), BOTH, Trigger::Level).expect("a source to watch");
                b.put(b"x");
                registry.remove(&a).expect("a registered source");
                removed[round as usize].store(true, Ordering::SeqCst);
                b.put(b"y");
            }
            finished.store(true, Ordering::SeqCst);
            registry.wake().expect("a queue that works");
        });
        let mut events = Events::new();
        while !finished.load(Ordering::SeqCst) {
            let gone: Vec<bool> = removed.iter().map(|flag| flag.load(Ordering::SeqCst)).collect();
            poller.wait(&mut events, Some(PATIENCE)).expect("a queue that works");
            for event in &events {
                assert!(!gone[event.token.0 as usize], "a ghost: {event:?}");
            }
        }
    });
}
