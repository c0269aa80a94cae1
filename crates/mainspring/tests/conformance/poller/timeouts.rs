//! C7, time.

use std::time::Duration;

use mainspring::{Interest, Ready, Token, Trigger};

use crate::watch::Watch;
use crate::world::{PATIENCE, World};

/// From below the grain of any clock to above that of the coarsest timeout.
const TIMEOUTS: [Duration; 8] = [
    Duration::from_nanos(1),
    Duration::from_nanos(999),
    Duration::from_nanos(1_001),
    Duration::from_micros(50),
    Duration::from_nanos(999_999),
    Duration::from_nanos(1_000_001),
    Duration::from_nanos(2_500_001),
    Duration::from_millis(20),
];

pub(crate) fn c7_a_wait_is_never_shorter_than_its_timeout(world: &World) {
    let mut watch = Watch::new(world);
    for timeout in TIMEOUTS {
        for _ in 0..4 {
            let begun = world.now();
            let (events, woken) = watch.wait(Some(timeout));
            let waited = world.now() - begun;
            assert!(events.is_empty() && !woken, "nothing happened");
            assert!(waited >= timeout, "{timeout:?} ended after {waited:?}");
            if !world.is_real() {
                assert_eq!(waited, timeout, "virtual time is exact");
            }
        }
    }
}

pub(crate) fn c7_an_event_ends_a_wait_of_any_length(world: &World) {
    let endless = [
        None,
        Some(Duration::MAX),
        Some(Duration::from_secs(u64::MAX)),
        Some(Duration::from_nanos(u64::MAX)),
        Some(Duration::from_secs(100 * 365 * 24 * 3600)),
    ];
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    for timeout in endless {
        b.put(b"x");
        let (events, _) = watch.wait(timeout);
        assert_eq!(events.len(), 1, "{timeout:?}");
        assert_eq!(a.drain(), 1);
        watch.rearm(&a, Interest::READABLE);
        watch.registry().wake().expect("a queue that works");
        assert_eq!(watch.wait(timeout), (vec![], true), "{timeout:?}");
    }
}

pub(crate) fn c7_a_timeout_of_zero_looks_and_does_not_wait(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    assert_eq!(watch.wait(Some(Duration::ZERO)), (vec![], false));
    b.put(b"x");
    world.let_pass(world.moment());
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    let (events, _) = watch.wait(Some(Duration::ZERO));
    assert_eq!(events.len(), 1, "what is ready is seen");
    assert_eq!(watch.wait(Some(Duration::ZERO)), (vec![], false));
}

/// An event that nobody hears of is no reason to end a wait.
pub(crate) fn c7_a_stale_event_does_not_shorten_a_wait(world: &World) {
    let (a, b) = world.pair();
    let a = world.apart(a);
    let (_twin, number) = (a.duplicate(), a.number());
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    drop(a);
    watch.registry().remove(&number).expect("closed before it was removed: no error");
    b.put(b"x");
    let (begun, timeout) = (world.now(), Duration::from_millis(20));
    assert_eq!(watch.wait(Some(timeout)), (vec![], false));
    assert!(world.now() - begun >= timeout);
    world.left_over(watch.registry().metrics().stale_events);
}

pub(crate) fn c7_what_is_ready_is_reported_at_once(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Level);
    b.put(b"x");
    let begun = world.now();
    watch.until(Token(1), Ready::READABLE);
    assert!(world.now() - begun < PATIENCE / 2, "the timeout was waited for");
}
