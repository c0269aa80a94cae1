//! C5: a registration is of what it was made for, whatever becomes of the number.

use std::io;

use mainspring::{Interest, Ready, Token, Trigger};

use crate::watch::{BOTH, Watch};
use crate::world::World;

const OLD: Token = Token(1);
const NEW: Token = Token(2);
const OTHER: Token = Token(3);

pub(crate) fn c5_a_second_add_is_refused_in_words_and_harms_nothing(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, OLD, Interest::READABLE, Trigger::Edge);
    let error = watch.registry().add(&a, NEW, BOTH, Trigger::Level).expect_err("a second add");
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().len() > 40, "a bare error does not tell the remedy: {error}");
    b.put(b"x");
    watch.until(OLD, Ready::READABLE);
    watch.silence();
    assert_eq!(watch.registry().metrics().sources_now, 1);
}

pub(crate) fn c5_a_duplicate_is_a_source_of_its_own(world: &World) {
    let (a, b) = world.pair();
    let twin = a.duplicate();
    let mut watch = Watch::new(world);
    watch.add(&a, OLD, Interest::READABLE, Trigger::Edge);
    watch.add(&twin, NEW, Interest::READABLE, Trigger::Edge);
    b.put(b"x");
    let mut tokens = Vec::new();
    while tokens.len() < 2 {
        tokens.extend(watch.events().iter().map(|event| event.token));
    }
    tokens.sort();
    assert_eq!(tokens, [OLD, NEW]);
    watch.registry().remove(&a).expect("a registered source");
    watch.rearm(&twin, Interest::READABLE);
    b.put(b"y");
    watch.until(NEW, Ready::READABLE);
    watch.silence();
}

/// The kernel keeps a registration for as long as the open file lives, and the file lives on in
/// its duplicate.
pub(crate) fn c5_a_source_closed_while_a_duplicate_lives_leaves_stale_events(world: &World) {
    let (a, b) = world.pair();
    let (c, d) = world.pair();
    let a = world.apart(a);
    let (twin, number) = (a.duplicate(), a.number());
    let mut watch = Watch::new(world);
    watch.add(&a, OLD, Interest::READABLE, Trigger::Edge);
    watch.add(&c, OTHER, Interest::READABLE, Trigger::Edge);
    drop(a);
    watch.registry().remove(&number).expect("closed before it was removed: no error");
    assert_eq!(watch.registry().metrics().sources_now, 1);
    b.put(b"x");
    watch.silence();
    world.left_over(watch.registry().metrics().stale_events);
    d.put(b"x");
    watch.until(OTHER, Ready::READABLE);
    assert_eq!(twin.drain(), 1, "and the duplicate works");
}

pub(crate) fn c5_a_closed_number_is_usable_again_for_the_same_file(world: &World) {
    let (a, b) = world.pair();
    let a = world.apart(a);
    let (twin, number) = (a.duplicate(), a.number());
    let mut watch = Watch::new(world);
    watch.add(&a, OLD, Interest::READABLE, Trigger::Edge);
    drop(a);
    watch.registry().remove(&number).expect("closed before it was removed: no error");
    let back = twin.duplicate_at(number);
    watch.add(&back, NEW, Interest::READABLE, Trigger::Edge);
    b.put(b"x");
    watch.until(NEW, Ready::READABLE);
    watch.registry().remove(&back).expect("a registered source");
    b.put(b"y");
    watch.silence();
}

pub(crate) fn c5_a_closed_number_is_usable_again_for_another_file(world: &World) {
    let (a, b) = world.pair();
    let (c, d) = world.pair();
    let a = world.apart(a);
    let (_twin, number) = (a.duplicate(), a.number());
    let mut watch = Watch::new(world);
    watch.add(&a, OLD, Interest::READABLE, Trigger::Edge);
    drop(a);
    watch.registry().remove(&number).expect("closed before it was removed: no error");
    let newcomer = c.duplicate_at(number);
    watch.add(&newcomer, NEW, Interest::READABLE, Trigger::Edge);
    b.put(b"x");
    watch.silence();
    world.left_over(watch.registry().metrics().stale_events);
    d.put(b"x");
    watch.until(NEW, Ready::READABLE);
}

/// Nobody removed the first registration, and nobody adds the number anew: what the newcomer does
/// is not the former owner's. A mechanism that looks at the number says that something is wrong
/// with it, once.
pub(crate) fn c5_the_data_of_a_newcomer_is_not_the_former_owners(world: &World) {
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        let (a, _b) = world.pair();
        let (c, d) = world.pair();
        let mut number = world.apart(a);
        let mut watch = Watch::new(world);
        watch.add(&number, OLD, Interest::READABLE, trigger);
        c.duplicate_onto(&mut number);
        d.put(b"x");
        if world.tells_of_the_closed() {
            assert_eq!(watch.until(OLD, Ready::ERROR), Ready::ERROR, "{trigger:?}");
        }
        watch.silence();
        let error = watch.registry().modify(&number, OLD, Interest::READABLE, trigger);
        error.expect("the number is named by who has it now");
        watch.until(OLD, Ready::READABLE);
        watch.registry().remove(&number).expect("a registered source");
    }
}

/// Nobody removed the first registration: its number was closed, and given away by the kernel.
pub(crate) fn c5_a_number_that_was_given_away_is_added_by_its_new_owner(world: &World) {
    let (a, b) = world.pair();
    let (c, d) = world.pair();
    let mut number = world.apart(a);
    let mut watch = Watch::new(world);
    watch.add(&number, OLD, Interest::READABLE, Trigger::Edge);
    c.duplicate_onto(&mut number);
    watch.add(&number, NEW, Interest::READABLE, Trigger::Edge);
    drop(b);
    d.put(b"x");
    watch.until(NEW, Ready::READABLE);
    assert_eq!(watch.registry().metrics().sources_now, 1);
    watch.registry().remove(&number).expect("a registered source");
    d.put(b"y");
    watch.silence();
}

pub(crate) fn c5_modify_follows_a_number_to_its_new_file(world: &World) {
    let (a, _b) = world.pair();
    let (c, d) = world.pair();
    let mut number = world.apart(a);
    let mut watch = Watch::new(world);
    watch.add(&number, OLD, Interest::READABLE, Trigger::Edge);
    c.duplicate_onto(&mut number);
    watch.modify(&number, NEW, Interest::READABLE, Trigger::Edge);
    d.put(b"x");
    watch.until(NEW, Ready::READABLE);
    watch.registry().remove(&number).expect("a registered source");
    d.put(b"y");
    watch.silence();
}

/// The former file lives on in a duplicate, and what it reports is not the new file's.
pub(crate) fn c5_modify_leaves_the_former_file_behind(world: &World) {
    let (a, b) = world.pair();
    let (c, d) = world.pair();
    let mut number = world.apart(a);
    let _twin = number.duplicate();
    if !world.knows_files() {
        return;
    }
    let mut watch = Watch::new(world);
    watch.add(&number, OLD, Interest::READABLE, Trigger::Edge);
    c.duplicate_onto(&mut number);
    watch.modify(&number, NEW, Interest::READABLE, Trigger::Edge);
    b.put(b"x");
    watch.silence();
    d.put(b"x");
    watch.until(NEW, Ready::READABLE);
}
