//! C7 and C13 in the driver: how long a turn is, and how much it brings.

use std::pin::Pin;
use std::time::Duration;

use mainspring::time::Sleep;
use mainspring::{Builder, Interest, Registration, SystemCall, Trigger};

use crate::counts::counted;
use crate::turning::{Bell, LONG, Turning, poll};
use crate::world::{Socket, World};

const READ: Interest = Interest::READABLE;

pub(crate) fn c7_a_turn_is_never_shorter_than_its_wait(world: &World) {
    let mut turning = Turning::new(world);
    for wait_ns in [1, 999, 50_000, 999_999, 1_000_001, 2_500_001] {
        let wait = Duration::from_nanos(wait_ns);
        let begun = world.now();
        let turn = turning.driver.turn(Some(wait)).expect("a queue that works");
        let waited = world.now() - begun;
        assert_eq!(turn, mainspring::Turn::default());
        assert!(waited >= wait, "{wait:?} ended after {waited:?}");
    }
}

pub(crate) fn c7_a_turn_without_a_wait_looks(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Edge);
    let bell = Bell::new();
    let mut waiting = std::pin::pin!(registration.ready(READ));
    assert!(poll(waiting.as_mut(), &bell).is_pending());
    let nothing = turning.driver.turn(Some(Duration::ZERO)).expect("a queue that works");
    assert_eq!(nothing.events(), 0);
    b.put(b"x");
    world.let_pass(world.moment());
    let turn = turning.driver.turn(Some(Duration::ZERO)).expect("a queue that works");
    assert_eq!((turn.events(), bell.rings()), (1, 1));
    counted(turning.handle().metrics().system_calls(SystemCall::Wait), 2);
}

pub(crate) fn c7_the_longest_wait_is_accepted(world: &World) {
    let mut turning = Turning::new(world);
    for wait in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_nanos(u64::MAX)] {
        turning.handle().unpark();
        assert!(turning.driver.turn(Some(wait)).expect("a queue that works").woken());
        let handle = turning.handle();
        let other = std::thread::spawn(move || handle.unpark());
        assert!(turning.driver.turn(Some(wait)).expect("a queue that works").woken());
        other.join().expect("the other thread");
    }
}

pub(crate) fn c7_a_timer_is_never_early(world: &World) {
    let mut turning = Turning::new(world);
    for wait_ns in [0, 1, 999_999, 1_000_001, 5_000_003] {
        let wait = Duration::from_nanos(wait_ns);
        let begun = world.now();
        turning.drive(Sleep::on(&turning.handle(), wait));
        let waited = world.now() - begun;
        assert!(waited >= wait, "{wait:?} ended after {waited:?}");
        if !world.is_real() {
            assert_eq!(waited, wait, "virtual time is exact");
        }
    }
    assert_eq!(turning.handle().metrics().timers_now, 0);
}

pub(crate) fn c7_the_earliest_of_the_timers_ends_the_turn(world: &World) {
    let mut turning = Turning::new(world);
    let handle = turning.handle();
    let late = Sleep::on(&handle, LONG);
    let soon = Sleep::on(&handle, Duration::from_millis(3));
    let (begun, bells) = (world.now(), [Bell::new(), Bell::new()]);
    let (mut late, mut soon) = (std::pin::pin!(late), std::pin::pin!(soon));
    assert!(poll(late.as_mut(), &bells[0]).is_pending());
    assert!(poll(soon.as_mut(), &bells[1]).is_pending());
    let turn = turning.driver.turn(None).expect("a queue that works");
    assert_eq!((turn.events(), turn.timers(), turn.woken()), (0, 1, false));
    assert!(world.now() - begun >= Duration::from_millis(3));
    assert_eq!(bells.map(|bell| bell.rings()), [0, 1]);
}

fn read_all(world: &World, capacity: usize, sources: usize) {
    let (a, b) = world.pair();
    let sockets: Vec<Socket> = (0..sources).map(|_| a.duplicate()).collect();
    let mut turning = Turning::with(world, Builder::new().event_capacity(capacity));
    let register = |socket| turning.register(socket, READ, Trigger::Edge);
    let registrations: Vec<Registration> = sockets.iter().map(register).collect();
    let bells: Vec<_> = sockets.iter().map(|_| Bell::new()).collect();
    let mut waits: Vec<_> = registrations.iter().map(|one| Box::pin(one.ready(READ))).collect();
    for (wait, bell) in waits.iter_mut().zip(&bells) {
        assert!(poll(Pin::as_mut(wait), bell).is_pending());
    }
    b.put(b"x");
    while bells.iter().any(|bell| bell.rings() == 0) {
        let turn = turning.driver.turn(Some(LONG)).expect("a queue that works");
        assert_ne!(turn.events(), 0, "a turn of an hour with sources that wait to be reported");
    }
    turning.pass();
    assert!(bells.iter().all(|bell| bell.rings() == 1), "each once");
    counted(turning.handle().metrics().events, sources as u64);
}

pub(crate) fn c13_an_event_capacity_of_zero_counts_as_one(world: &World) {
    read_all(world, 0, 3);
}

pub(crate) fn c13_two_thousand_ready_sources_pass_through_a_buffer_of_one(world: &World) {
    read_all(world, 1, 2000);
}
