//! C6 in the driver: unparks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use mainspring::{Interest, SystemCall, Trigger};

use crate::counts::{COUNTS, counted};
use crate::turning::{Bell, LONG, Turning, poll};
use crate::world::World;

pub(crate) fn c6_a_thousand_unparks_of_a_running_driver_cost_nothing(world: &World) {
    let mut turning = Turning::new(world);
    let handle = turning.handle();
    for _ in 0..1000 {
        handle.unpark();
    }
    assert!(turning.driver.turn(None).expect("a queue that works").woken());
    let metrics = handle.metrics();
    assert_eq!(metrics.system_calls(SystemCall::Wake), 0);
    counted((metrics.wakes_sent, metrics.wakes_elided), (0, 1000));
    counted(metrics.system_calls(SystemCall::Wait), 1);
    let turn = turning.driver.turn(Some(world.moment())).expect("a queue that works");
    assert!(!turn.woken(), "they counted as one");
}

/// The driver sleeps at most once for each wake that reaches the kernel.
pub(crate) fn c6_a_thousand_unparks_of_a_parked_driver_cost_one(world: &World) {
    const UNPARKS: u64 = 1000;
    let mut turning = Turning::new(world);
    let handle = turning.handle();
    let asked = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // One that is too early leaves a note, and the driver comes back for another.
            while COUNTS && handle.metrics().wakes_sent == 0 {
                handle.unpark();
            }
            let so_far = handle.metrics();
            for _ in so_far.wakes_sent + so_far.wakes_elided..UNPARKS {
                handle.unpark();
            }
            asked.store(true, Ordering::SeqCst);
            handle.unpark();
        });
        while !asked.load(Ordering::SeqCst) {
            assert!(turning.driver.turn(None).expect("a queue that works").woken());
        }
    });
    let metrics = turning.handle().metrics();
    assert_eq!(metrics.system_calls(SystemCall::Wake), metrics.wakes_sent);
    if COUNTS {
        assert!(metrics.wakes_sent >= 1, "it was parked once");
        assert!(metrics.wakes_sent <= metrics.parks, "one wake a sleep: {metrics:?}");
        assert!(metrics.wakes_sent + metrics.wakes_elided >= UNPARKS);
    }
}

pub(crate) fn c6_an_unpark_before_the_turn_ends_it(world: &World) {
    let mut turning = Turning::new(world);
    for _ in 0..3 {
        turning.handle().unpark();
        assert!(turning.driver.turn(None).expect("a queue that works").woken());
    }
    assert!(!turning.driver.turn(Some(world.moment())).expect("a queue that works").woken());
}

/// Two threads hand a token to each other, one of them through the driver: no wake is lost.
pub(crate) fn c6_an_unpark_is_never_lost_in_a_ping_pong(world: &World) {
    const ROUNDS: usize = 500;
    let mut turning = Turning::new(world);
    let handle = turning.handle();
    let (ping, pinged) = mpsc::channel();
    let arrived = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for () in pinged {
                arrived.store(true, Ordering::Release);
                handle.unpark();
            }
        });
        for _ in 0..ROUNDS {
            ping.send(()).expect("the other thread");
            // A lost unpark is a turn without end, and for the watchdog.
            while !arrived.swap(false, Ordering::Acquire) {
                turning.driver.turn(None).expect("a queue that works");
            }
        }
        drop(ping);
    });
}

/// Registrations come and go on another thread while it unparks.
pub(crate) fn c6_an_unpark_is_not_eaten_by_a_concurrent_drop(world: &World) {
    const ROUNDS: usize = 200;
    let mut turning = Turning::new(world);
    let handle = turning.handle();
    thread::scope(|scope| {
        let (begin, begun) = mpsc::channel();
        scope.spawn(move || {
            let (a, _b) = world.pair();
            let arm = || {
                let added = handle.register(&a, Interest::READABLE, Trigger::Edge);
                let registration = added.expect("a driver that lives");
                let waiting =
                    poll(std::pin::pin!(registration.ready(Interest::READABLE)), &Bell::new());
                assert!(waiting.is_pending());
                registration
            };
            while let Ok(round) = begun.recv() {
                let registration = arm();
                if round % 2 == 0 {
                    handle.unpark();
                    drop(registration);
                } else {
                    drop(registration);
                    handle.unpark();
                }
            }
        });
        for round in 0..ROUNDS {
            begin.send(round).expect("the other thread");
            assert!(turning.driver.turn(None).expect("a queue that works").woken(), "{round}");
        }
    });
}

pub(crate) fn c6_an_event_alone_is_no_unpark(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, Interest::READABLE, Trigger::Edge);
    let bell = Bell::new();
    assert!(poll(std::pin::pin!(registration.ready(Interest::READABLE)), &bell).is_pending());
    b.put(b"x");
    let turn = turning.driver.turn(Some(LONG)).expect("a queue that works");
    assert_eq!((turn.events(), turn.timers(), turn.woken()), (1, 0, false));
}
