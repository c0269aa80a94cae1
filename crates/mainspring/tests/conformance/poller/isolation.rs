//! C8: one failing source never fails, delays or hides another.

use mainspring::{Event, Interest, Ready, Token, Trigger};

use crate::watch::{BOTH, Watch};
use crate::world::World;

pub(crate) fn c8_a_closed_source_is_refused_and_disturbs_nobody(world: &World) {
    let (a, b) = world.pair();
    let (c, d) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&c, Token(1), Interest::READABLE, Trigger::Edge);
    let a = world.apart(a);
    let number = a.number();
    drop(a);
    for _ in 0..3 {
        watch.registry().add(&number, Token(2), BOTH, Trigger::Edge).expect_err("a closed source");
        d.put(b"x");
        watch.until(Token(1), Ready::READABLE);
        assert_eq!(c.drain(), 1);
        watch.rearm(&c, Interest::READABLE);
    }
    assert_eq!(watch.registry().metrics().sources_now, 1);
    drop(b);
    watch.silence();
}

pub(crate) fn c8_a_source_closed_in_the_set_disturbs_nobody(world: &World) {
    let (a, b) = world.pair();
    let (c, d) = world.pair();
    let mut watch = Watch::new(world);
    let a = world.apart(a);
    let number = a.number();
    watch.add(&a, Token(2), Interest::READABLE, Trigger::Level);
    watch.add(&c, Token(1), Interest::READABLE, Trigger::Edge);
    b.put(b"x");
    world.let_pass(world.moment());
    drop(a);
    d.put(b"x");
    let mut heard = Vec::new();
    while !heard.iter().any(|event: &Event| event.token == Token(1)) {
        heard.extend(watch.events());
    }
    // Its own trouble it may tell, once: what the kernel has not forgotten by itself. An answer
    // that was on its way before it was closed is none.
    let told: Vec<Ready> = heard
        .iter()
        .filter(|event| event.token == Token(2) && event.ready != Ready::READABLE)
        .map(|event| event.ready)
        .collect();
    assert_eq!(told, if world.tells_of_the_closed() { vec![Ready::ERROR] } else { vec![] });
    watch.silence();
    let modified = watch.registry().modify(&number, Token(2), BOTH, Trigger::Edge);
    modified.expect_err("a closed source");
    watch.registry().remove(&number).expect("closed before it was removed: no error");
    watch.rearm(&c, Interest::READABLE);
    d.put(b"y");
    watch.until(Token(1), Ready::READABLE);
}

pub(crate) fn c8_a_reset_connection_disturbs_nobody(world: &World) {
    let (a, b) = world.tcp_pair();
    let (c, d) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    watch.add(&c, Token(2), Interest::READABLE, Trigger::Edge);
    b.reset();
    watch.until(Token(1), Ready::ERROR);
    d.put(b"x");
    watch.until(Token(2), Ready::READABLE);
}
