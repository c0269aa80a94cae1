//! Wakes that were eaten, and waits that ended for no reason.

use std::pin::pin;
use std::sync::mpsc;
use std::task::Waker;
use std::thread;
use std::time::Instant;

use mainspring::{Choice, Driver, Events, Interest, Poller, Token, Trigger};

use crate::fixture::{MOMENT, PATIENCE, pair, poll};
use crate::watchdog::Watchdog;

const READ: Interest = Interest::READABLE;

/// A registration or its end drained the descriptor that wakes are written to, and a wake that
/// was already there was gone with it.
#[test]
fn a_wake_before_a_deregistration_is_not_eaten_by_it() {
    let _watchdog = Watchdog::over("a wake before a deregistration");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let (a, _b) = pair();
    let registration = handle.register(&a, READ, Trigger::Edge).expect("a source");
    assert!(poll(pin!(registration.ready(READ)), Waker::noop()).is_pending());
    handle.unpark();
    drop(registration);
    let begun = Instant::now();
    assert!(driver.turn(Some(PATIENCE)).expect("a queue that works").woken());
    assert!(begun.elapsed() < PATIENCE / 2, "the wake surfaced late");
    assert!(!driver.turn(Some(MOMENT)).expect("a queue that works").woken(), "and came once");
}

/// The same with the loop asleep on another thread.
#[test]
fn a_wake_of_a_sleeping_loop_is_not_eaten_by_a_concurrent_deregistration() {
    const ROUNDS: usize = 200;
    let _watchdog = Watchdog::over("a concurrent deregistration");
    let mut poller = Poller::open(&Choice::Auto).expect("a poller");
    let registry = poller.registry().clone();
    let (round, rounds) = mpsc::channel::<()>();
    let waking = thread::spawn(move || {
        let (a, _b) = pair();
        while rounds.recv().is_ok() {
            registry.add(&a, Token(1), READ, Trigger::Edge).expect("a source");
            registry.wake().expect("a queue that works");
            registry.remove(&a).expect("a registered source");
        }
    });
    let mut events = Events::new();
    for number in 0..ROUNDS {
        round.send(()).expect("the other thread");
        poller.wait(&mut events, Some(PATIENCE)).expect("a queue that works");
        assert!(events.woken() && events.is_empty(), "round {number}: {events:?}");
    }
    drop(round);
    waking.join().expect("the other thread");
}

/// A list without room made the kernel refuse the wait.
#[test]
fn a_list_of_events_without_room_is_no_error() {
    let mut poller = Poller::open(&Choice::Auto).expect("a poller");
    let mut events = Events::with_capacity(0);
    poller.wait(&mut events, Some(MOMENT)).expect("nothing to report, nothing to refuse");
    let (a, _b) = pair();
    poller.registry().add(&a, Token(1), Interest::WRITABLE, Trigger::Level).expect("a source");
    for _ in 0..3 {
        // Full of what came last time: it is emptied first, and not appended to.
        poller.wait(&mut events, None).expect("a queue that works");
        assert_eq!(events.len(), 1);
    }
}

/// A timer that an event had overtaken stayed armed, and ended the next wait without a reason.
#[test]
fn a_timeout_that_an_event_overtook_does_not_end_the_next_wait() {
    let _watchdog = Watchdog::over("an overtaken timeout");
    let mut poller = Poller::open(&Choice::Auto).expect("a poller");
    let registry = poller.registry().clone();
    let mut events = Events::new();
    registry.wake().expect("a queue that works");
    poller.wait(&mut events, Some(MOMENT)).expect("a queue that works");
    assert!(events.woken());
    let begun = Instant::now();
    poller.wait(&mut events, Some(MOMENT * 5)).expect("a queue that works");
    assert!(events.is_empty() && !events.woken());
    assert!(begun.elapsed() >= MOMENT * 5, "the old timeout ended it");
}
