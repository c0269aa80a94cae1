//! How arrivals end a wait; what operations are like is tested beside them, for each kind.

use std::time::{Duration, Instant};

use super::super::super::{PollRegistrar, PollSelector, State};
use super::*;
use crate::backend::contract::{Completer, Config, Registrar, Selector};
use crate::interest::Interest;
use crate::metrics::Counters;
use crate::sys::notifier::Notifier;
use crate::sys::raw_source;
use crate::time::Clock;
use crate::trigger::Trigger;

const NOW: Option<Duration> = Some(Duration::ZERO);
const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));

fn open() -> (PollSelector, PollRegistrar) {
    let config = Config {
        clock: Clock::real(),
        counters: Arc::new(Counters::default()),
        event_capacity: 1,
        owner: None,
    };
    PollSelector::open(config).expect("WSAPoll and a port")
}

fn nop(registrar: &PollRegistrar, number: u64) {
    // SAFETY: an operation without memory.
    unsafe { registrar.submit(Token(number), RawOperation::Nop) }.expect("an operation");
}

fn numbers(events: &Events) -> Vec<u64> {
    events.completions.iter().map(|done| done.token.0).collect()
}

/// Waits until the queue is as it is to be.
fn until(registrar: &PollRegistrar, is: impl Fn(&State) -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !is(&registrar.queue.state.lock()) {
        assert!(Instant::now() < patience, "it sleeps, or the carrier carries");
        thread::yield_now();
    }
}

/// Waits until the turn sleeps.
fn asleep(registrar: &PollRegistrar) {
    until(registrar, |state| state.calling);
}

/// Waits until the carrier has put `count` completions into the queue.
fn arrived(registrar: &PollRegistrar, count: usize) {
    until(registrar, |state| state.arrivals.completions.len() >= count);
}

fn is_raised(registrar: &PollRegistrar) -> bool {
    let receiver = registrar.queue.notifier.receiver();
    let mut lines = [crate::sys::poll::Polled::own(receiver, crate::sys::poll::IN)];
    crate::sys::poll::wait_ms(&mut lines, NOW).expect("a connection") != 0
}

#[test]
fn nobody_carries_before_the_first_operation() {
    let (mut selector, registrar) = open();
    registrar.wake().unwrap();
    selector.select(&mut Events::new(), PATIENCE).unwrap();
    assert!(matches!(*registrar.queue.beside.carrier.lock(), Carrier::Idle));
    nop(&registrar, 1);
    assert!(matches!(*registrar.queue.beside.carrier.lock(), Carrier::Carrying(_)));
    drop(selector);
    assert!(matches!(*registrar.queue.beside.carrier.lock(), Carrier::Ended));
    // The carrier has let go of the queue.
    assert_eq!(Arc::strong_count(&registrar.queue), 1);
}

#[test]
fn c6_a_completion_ends_a_sleep_and_is_no_wake() {
    let (mut selector, registrar) = open();
    thread::scope(|scope| {
        let registrar = &registrar;
        scope.spawn(move || {
            for number in 0..100 {
                asleep(registrar);
                nop(registrar, number);
            }
        });
        let mut told = Vec::new();
        while told.len() < 100 {
            let mut events = Events::new();
            selector.select(&mut events, PATIENCE).unwrap();
            assert!(!events.woken && events.is_empty() && !events.completions.is_empty());
            told.extend(numbers(&events));
        }
        assert_eq!(told, (0..100).collect::<Vec<_>>());
    });
}

/// A wake of a turn that is awake costs no call.
#[test]
fn c6_arrivals_of_a_queue_that_is_awake_raise_nothing_and_end_the_next_sleep_once() {
    let (mut selector, registrar) = open();
    for round in 0..10 {
        for number in 0..3 {
            nop(&registrar, number);
        }
        arrived(&registrar, 3);
        assert!(!is_raised(&registrar), "round {round}");
        let mut events = Events::new();
        selector.select(&mut events, PATIENCE).unwrap();
        assert_eq!(numbers(&events), [0, 1, 2]);
        assert!(!events.woken);
        let begun = Instant::now();
        events.clear();
        let wait = Duration::from_millis(5);
        selector.select(&mut events, Some(wait)).unwrap();
        assert!(events.completions.is_empty() && begun.elapsed() >= wait);
    }
}

#[test]
fn c6_a_wake_an_event_and_a_completion_come_together() {
    let (mut selector, registrar) = open();
    let source = Notifier::new().unwrap();
    source.raise().unwrap();
    let number = raw_source(&source.receiver());
    registrar.add(number, Token(7), Interest::READABLE, Trigger::Edge).unwrap();
    nop(&registrar, 1);
    arrived(&registrar, 1);
    registrar.wake().unwrap();
    let mut events = Events::new();
    selector.select(&mut events, PATIENCE).unwrap();
    assert_eq!((events.woken, numbers(&events)), (true, vec![1]));
    assert_eq!(events.iter().map(|event| event.token).collect::<Vec<_>>(), [Token(7)]);

    // And beside an edge that was told and lasts, where a sleep has pieces.
    thread::scope(|scope| {
        let registrar = &registrar;
        scope.spawn(move || {
            asleep(registrar);
            nop(registrar, 2);
        });
        events.clear();
        while events.completions.is_empty() {
            selector.select(&mut events, PATIENCE).unwrap();
        }
    });
    assert_eq!(numbers(&events), [2]);
}

/// A packet that is nobody's operation's does not end a wait.
#[test]
fn c7_packets_that_come_to_nothing_do_not_end_a_wait() {
    let (mut selector, registrar) = open();
    nop(&registrar, 1);
    let mut events = Events::new();
    selector.select(&mut events, PATIENCE).unwrap();
    events.clear();
    thread::scope(|scope| {
        let registrar = &registrar;
        scope.spawn(move || {
            for tag in 0..100 {
                registrar.queue.beside.port.post(tag * 8).unwrap();
            }
        });
        let (begun, wait) = (Instant::now(), Duration::from_millis(50));
        selector.select(&mut events, Some(wait)).unwrap();
        assert!(begun.elapsed() >= wait);
    });
    assert!(events.completions.is_empty() && !events.woken);
}

/// What the carrier had in its hands, and in the queue, is told by the drain too.
#[test]
fn c12_a_drain_tells_of_every_operation_once() {
    for waits in [true, false] {
        let (mut selector, registrar) = open();
        for number in 0..1000 {
            nop(&registrar, number);
        }
        if waits {
            arrived(&registrar, 1000);
        }
        let mut events = Events::new();
        assert_eq!(selector.drain(&mut events), 0);
        let mut told = numbers(&events);
        told.sort_unstable();
        assert_eq!(told, (0..1000).collect::<Vec<_>>());
        // SAFETY: an operation without memory.
        let late = unsafe { registrar.submit(Token(1000), RawOperation::Nop) }.unwrap_err();
        assert!(error::is_shutdown(&late));
        events.clear();
        assert_eq!(selector.drain(&mut events), 0);
        assert!(events.completions.is_empty());
    }
}

/// Nothing arrives any more: the next turn says so instead of sleeping.
#[test]
fn c8_a_port_that_fails_is_an_error_of_the_turn() {
    let (mut selector, registrar) = open();
    let error = io::Error::from(io::ErrorKind::InvalidData);
    registrar.queue.arrive(&mut Events::new(), Some(error));
    let failed = selector.select(&mut Events::new(), PATIENCE).unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::InvalidData);
    selector.select(&mut Events::new(), NOW).unwrap();
}

/// Ends the carrier without a word to anybody, as if it had never come back from its wait.
fn without_carrier(registrar: &PollRegistrar) {
    let beside = &registrar.queue.beside;
    beside.port.wake().unwrap();
    let patience = Instant::now() + Duration::from_secs(10);
    while matches!(&*beside.carrier.lock(), Carrier::Carrying(thread) if !thread.is_finished()) {
        assert!(Instant::now() < patience, "the carrier does not end");
        thread::yield_now();
    }
}

/// A wait on the port that fails.
fn failing(_: &mut Packets) -> io::Result<()> {
    Err(io::ErrorKind::InvalidData.into())
}

/// One failed wait ends its carrier, and not what operations there are to come.
#[test]
fn c8_after_a_port_that_failed_once_another_carrier_takes_what_lies_there() {
    let (mut selector, registrar) = open();
    nop(&registrar, 1);
    arrived(&registrar, 1);
    without_carrier(&registrar);
    // Nobody carries this one.
    nop(&registrar, 2);
    carry(&registrar.queue, failing);
    assert!(matches!(*registrar.queue.beside.carrier.lock(), Carrier::Idle));
    let mut events = Events::new();
    // What came before is told with the error.
    let failed = selector.select(&mut events, PATIENCE).unwrap_err();
    assert_eq!((failed.kind(), numbers(&events)), (io::ErrorKind::InvalidData, vec![1]));
    nop(&registrar, 3);
    let mut told = Vec::new();
    while told.len() < 2 {
        events.clear();
        selector.select(&mut events, PATIENCE).unwrap();
        assert!(!events.completions.is_empty(), "nothing came");
        told.extend(numbers(&events));
    }
    assert_eq!(told, [2, 3]);
}

/// A carrier that fails when the queue is at its end brings no other to life.
#[test]
fn c12_a_port_that_fails_at_the_end_begins_nothing_anew() {
    let (mut selector, registrar) = open();
    nop(&registrar, 1);
    assert_eq!(selector.drain(&mut Events::new()), 0);
    carry(&registrar.queue, failing);
    // SAFETY: an operation without memory.
    let late = unsafe { registrar.submit(Token(2), RawOperation::Nop) }.unwrap_err();
    assert!(error::is_shutdown(&late));
    assert!(matches!(*registrar.queue.beside.carrier.lock(), Carrier::Ended));
}
