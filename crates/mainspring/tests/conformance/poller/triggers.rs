//! C3, the three triggers.

use mainspring::{Interest, Ready, Token, Trigger};

use crate::watch::{BOTH, Watch};
use crate::world::World;

pub(crate) fn c3_an_edge_is_not_repeated(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), BOTH, Trigger::Edge);
    watch.until(Token(1), Ready::WRITABLE);
    watch.silence();
    b.put(b"x");
    watch.until(Token(1), Ready::READABLE);
    for _ in 0..3 {
        watch.silence();
    }
    assert_eq!(a.drain(), 1);
    watch.silence();
}

pub(crate) fn c3_a_level_is_repeated_until_it_is_gone(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Level);
    watch.silence();
    b.put(b"xy");
    for _ in 0..3 {
        watch.until(Token(1), Ready::READABLE);
    }
    assert_eq!(a.read(&mut [0; 1]).expect("the first byte"), 1);
    watch.until(Token(1), Ready::READABLE);
    assert_eq!(a.drain(), 1);
    watch.silence();
}

pub(crate) fn c3_one_shot_reports_once_and_again_when_modified(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::OneShot);
    for _ in 0..3 {
        b.put(b"x");
        watch.until(Token(1), Ready::READABLE);
        // New data, data taken, still nothing: it has spoken.
        b.put(b"y");
        watch.silence();
        assert_eq!(a.drain(), 2);
        b.put(b"z");
        watch.silence();
        watch.modify(&a, Token(1), Interest::READABLE, Trigger::OneShot);
        watch.until(Token(1), Ready::READABLE);
        assert_eq!(a.drain(), 1);
        watch.modify(&a, Token(1), Interest::READABLE, Trigger::OneShot);
    }
}

pub(crate) fn c3_a_spent_one_shot_is_silent_about_the_end_too(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::OneShot);
    b.put(b"x");
    watch.until(Token(1), Ready::READABLE);
    drop(b);
    watch.silence();
    assert_eq!(a.drain(), 1);
    watch.modify(&a, Token(1), Interest::READABLE, Trigger::OneShot);
    watch.until(Token(1), Ready::READ_CLOSED);
}

pub(crate) fn c3_modify_changes_the_trigger(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    b.put(b"x");
    watch.until(Token(1), Ready::READABLE);
    watch.silence();
    watch.modify(&a, Token(1), Interest::READABLE, Trigger::Level);
    watch.until(Token(1), Ready::READABLE);
    watch.until(Token(1), Ready::READABLE);
    watch.modify(&a, Token(1), Interest::READABLE, Trigger::OneShot);
    watch.until(Token(1), Ready::READABLE);
    watch.silence();
    watch.modify(&a, Token(1), Interest::READABLE, Trigger::Edge);
    watch.until(Token(1), Ready::READABLE);
    watch.silence();
    watch.rearm(&a, Interest::READABLE);
    b.put(b"y");
    watch.until(Token(1), Ready::READABLE);
}
