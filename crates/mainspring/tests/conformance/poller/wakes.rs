//! C6, wakes.

use std::thread;
use std::time::Duration;

use mainspring::{Interest, Ready, SystemCall, Token, Trigger};

use crate::counts::counted;
use crate::watch::{BOTH, Watch};
use crate::world::World;

pub(crate) fn c6_a_wake_before_the_wait_ends_it(world: &World) {
    let mut watch = Watch::new(world);
    for _ in 0..3 {
        watch.registry().wake().expect("a queue that works");
        assert_eq!(watch.wait(None), (vec![], true));
        watch.silence();
    }
}

pub(crate) fn c6_a_wake_during_the_wait_ends_it(world: &World) {
    let mut watch = Watch::new(world);
    for _ in 0..20 {
        let registry = watch.registry();
        let other = thread::spawn(move || registry.wake().expect("a queue that works"));
        assert_eq!(watch.wait(None), (vec![], true));
        other.join().expect("the waking thread");
    }
    watch.silence();
}

pub(crate) fn c6_wakes_before_a_wait_count_as_one(world: &World) {
    let mut watch = Watch::new(world);
    for _ in 0..1000 {
        watch.registry().wake().expect("a queue that works");
    }
    assert_eq!(watch.wait(None), (vec![], true));
    watch.silence();
    let metrics = watch.registry().metrics();
    assert_eq!(metrics.system_calls(SystemCall::Wake), 0, "nobody was asleep");
    counted((metrics.wakes_sent, metrics.wakes_elided), (0, 1000));
}

pub(crate) fn c6_a_wake_and_an_event_come_together(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    b.put(b"x");
    world.let_pass(world.moment());
    watch.registry().wake().expect("a queue that works");
    let (events, woken) = watch.wait(None);
    assert!(woken, "the wake was not eaten by the event");
    if events.is_empty() {
        watch.until(Token(1), Ready::READABLE);
    }
    watch.silence();
}

pub(crate) fn c6_a_wake_is_not_eaten_by_add_modify_or_remove(world: &World) {
    let (a, _b) = world.pair();
    let mut watch = Watch::new(world);
    let registry = watch.registry();
    registry.wake().expect("a queue that works");
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    assert_eq!(watch.wait(None), (vec![], true));
    registry.wake().expect("a queue that works");
    watch.modify(&a, Token(2), Interest::READABLE, Trigger::Level);
    assert_eq!(watch.wait(None), (vec![], true));
    registry.wake().expect("a queue that works");
    registry.remove(&a).expect("a registered source");
    assert_eq!(watch.wait(None), (vec![], true));
    watch.silence();
}

/// Every wake ends a wait, whatever the other thread does to the set beside it.
pub(crate) fn c6_a_wake_is_not_eaten_by_a_concurrent_change(world: &World) {
    const ROUNDS: usize = 200;
    let mut watch = Watch::new(world);
    let registry = watch.registry();
    thread::scope(|scope| {
        let (begin, begun) = std::sync::mpsc::channel();
        scope.spawn(move || {
            let (a, _b) = world.pair();
            while let Ok(round) = begun.recv() {
                if round % 2 == 0 {
                    registry.wake().expect("a queue that works");
                }
                registry.add(&a, Token(1), Interest::READABLE, Trigger::Edge).expect("an add");
                registry.modify(&a, Token(1), Interest::READABLE, Trigger::Level).expect("a look");
                registry.remove(&a).expect("a registered source");
                if round % 2 == 1 {
                    registry.wake().expect("a queue that works");
                }
            }
        });
        for round in 0..ROUNDS {
            begin.send(round).expect("the other thread");
            // Without end: a wake that was eaten is for the watchdog.
            assert_eq!(watch.wait(None), (vec![], true), "round {round}");
        }
    });
}

/// An add by another thread ends the sleep of a poller with what it brings.
pub(crate) fn c6_a_source_added_during_the_wait_is_heard(world: &World) {
    let (a, _b) = world.pair();
    let mut watch = Watch::new(world);
    let registry = watch.registry();
    thread::scope(|scope| {
        scope.spawn(|| {
            world.let_pass(Duration::from_micros(200));
            registry.add(&a, Token(1), BOTH, Trigger::Edge).expect("a source to watch");
        });
        let (events, woken) = watch.wait(None);
        assert!(!woken);
        assert_eq!(events.len(), 1);
        assert!(events[0].ready.is_writable());
    });
}
