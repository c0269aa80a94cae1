//! C2 and C8 with several tasks on one source.

use std::pin::Pin;

use mainspring::{Interest, Trigger};

use crate::turning::{Bell, Turning, poll};
use crate::watch::BOTH;
use crate::world::World;

const READ: Interest = Interest::READABLE;

pub(crate) fn c2_every_waiter_of_a_source_is_woken(world: &World) {
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        let (a, b) = world.pair();
        let mut turning = Turning::new(world);
        let registration = turning.register(&a, BOTH, trigger);
        let bells: Vec<_> = (0..5).map(|_| Bell::new()).collect();
        let mut waiters: Vec<_> =
            bells.iter().map(|_| Box::pin(registration.ready(READ))).collect();
        for (waiter, bell) in waiters.iter_mut().zip(&bells) {
            assert!(poll(waiter.as_mut(), bell).is_pending());
        }
        b.put(b"x");
        for (waiter, bell) in waiters.iter_mut().zip(&bells) {
            turning.until_rung(bell);
            assert!(poll(Pin::as_mut(waiter), bell).is_ready(), "{trigger:?}");
        }
    }
}

pub(crate) fn c2_a_waiter_that_left_takes_nobody_with_it(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Edge);
    let bells: Vec<_> = (0..4).map(|_| Bell::new()).collect();
    let mut waiters: Vec<_> = bells.iter().map(|_| Box::pin(registration.ready(READ))).collect();
    for (waiter, bell) in waiters.iter_mut().zip(&bells) {
        assert!(poll(waiter.as_mut(), bell).is_pending());
    }
    // The first slot and one of the list.
    drop(waiters.remove(2));
    drop(waiters.remove(0));
    b.put(b"x");
    turning.until_rung(&bells[1]);
    turning.until_rung(&bells[3]);
    assert_eq!((bells[0].rings(), bells[2].rings()), (0, 0));
}

pub(crate) fn c8_two_sources_are_heard_each_by_its_own_task(world: &World) {
    let (a, b) = world.pair();
    let (c, d) = world.pair();
    let mut turning = Turning::new(world);
    let first = turning.register(&a, READ, Trigger::Edge);
    let second = turning.register(&c, READ, Trigger::Edge);
    let (one, two) = (Bell::new(), Bell::new());
    let mut waits = (Box::pin(first.ready(READ)), Box::pin(second.ready(READ)));
    assert!(poll(waits.0.as_mut(), &one).is_pending());
    assert!(poll(waits.1.as_mut(), &two).is_pending());
    d.put(b"x");
    turning.until_rung(&two);
    turning.pass();
    assert_eq!(one.rings(), 0);
    b.put(b"x");
    turning.until_rung(&one);
    assert_eq!(two.rings(), 1);
}
