//! C6 and C7: when a wait ends; and whose thread moves the clock.

use std::sync::mpsc;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn c6_a_wake_before_the_wait_ends_it_and_wakes_coalesce() {
    let (simulation, mut selector, registrar) = open();
    for _ in 0..1000 {
        registrar.wake().unwrap();
    }
    assert_eq!(wait(&mut selector, None), (vec![], true));
    assert_eq!(wait(&mut selector, Some(SECOND)), (vec![], false));
    assert_eq!(simulation.now(), SECOND);
}

#[test]
fn c6_a_wake_comes_beside_events() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    a.send(b"x").unwrap();
    registrar.wake().unwrap();
    assert_eq!(wait(&mut selector, None), (vec![(1, Ready::READABLE)], true));
}

#[test]
fn c6_adding_and_removing_eat_no_wake() {
    let (simulation, mut selector, registrar) = open();
    let (_a, b) = simulation.unix_pair().unwrap();
    registrar.wake().unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    registrar.modify(b.raw_source(), Token(1), READ, Trigger::Level).unwrap();
    registrar.remove(b.raw_source(), Token(1)).unwrap();
    assert_eq!(wait(&mut selector, None), (vec![], true));
}

/// The wait has no end of its own, so a lost wake would hang; each of 200 rounds races it anew.
#[test]
fn c6_a_wake_from_another_thread_ends_the_wait() {
    let (simulation, mut selector, registrar) = open();
    let (round, rounds) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for () in rounds {
                registrar.wake().unwrap();
            }
        });
        for _ in 0..200 {
            round.send(()).unwrap();
            assert_eq!(wait(&mut selector, None), (vec![], true));
        }
        drop(round);
    });
    assert!(simulation.now() < A_WHILE, "the looks' own cost is all that passed");
}

#[test]
fn c6_a_blocked_wait_is_ended_by_what_another_thread_does_to_the_kernel() {
    for unix in [false, true] {
        let (simulation, mut selector, registrar) = open();
        let (a, b) = if unix { simulation.unix_pair().unwrap() } else { tcp_pair(&simulation) };
        registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
        let (round, rounds) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for () in rounds {
                    a.send(b"x").unwrap();
                }
            });
            for _ in 0..200 {
                round.send(()).unwrap();
                assert_eq!(wait(&mut selector, None), (vec![(1, Ready::READABLE)], false));
                assert_eq!(exhaust(&b), 1);
            }
            drop(round);
        });
    }
}

#[test]
fn c7_a_wait_lasts_exactly_its_timeout_in_virtual_time() {
    let (simulation, mut selector, _registrar) = open();
    let mut sum = Duration::ZERO;
    for timeout in [Duration::ZERO, Duration::from_nanos(1), SECOND, SECOND * 86_400 * 365] {
        assert_eq!(wait(&mut selector, Some(timeout)), (vec![], false));
        sum += timeout;
        assert_eq!(simulation.now(), sum);
    }
}

#[test]
fn c7_any_duration_is_accepted() {
    let (_simulation, mut selector, registrar) = open();
    for timeout in [Duration::MAX, Duration::from_nanos(u64::MAX), Duration::from_secs(1 << 40)] {
        registrar.wake().unwrap();
        assert_eq!(wait(&mut selector, Some(timeout)), (vec![], true), "no end, and no overflow");
    }
}

#[test]
fn c7_what_happens_to_others_does_not_end_a_wait() {
    let (simulation, mut selector, registrar) = open();
    let (mut other, other_registrar) = open_on(&simulation);
    let (a, b) = tcp_pair(&simulation);
    let (c, d) = tcp_pair(&simulation);
    registrar.add(d.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    other_registrar.add(b.raw_source(), Token(2), READ, Trigger::Edge).unwrap();
    a.send(b"for the other queue").unwrap();
    let before = simulation.now();
    assert_eq!(wait(&mut selector, Some(SECOND)), (vec![], false));
    assert_eq!(simulation.now(), before + SECOND, "to the end, across the other's arrival");
    other_registrar.wake().unwrap();
    assert_eq!(wait(&mut selector, Some(SECOND)), (vec![], false));
    assert_eq!(wait(&mut other, None), (vec![(2, Ready::READABLE)], true));
    drop((a, c));
}

#[test]
fn c7_an_event_ends_a_wait_at_its_own_time() {
    let hop = Duration::from_millis(30);
    let simulation = Simulation::new(1).latency(hop..=hop);
    let (mut selector, registrar) = open_on(&simulation);
    let (listener, address) = listener(&simulation);
    registrar.add(listener.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    let client = simulation.tcp_socket(false).unwrap();
    assert!(client.connect(&address).is_err());
    assert_eq!(wait(&mut selector, Some(SECOND)), (vec![(1, Ready::READABLE)], false));
    assert_eq!(simulation.now(), hop * 3, "request, welcome, confirmation");
}

/// A task that spins until a timer fires must see it fire.
#[test]
fn c7_time_passes_also_for_a_loop_that_never_waits() {
    let (simulation, mut selector, registrar) = open();
    let (_a, b) = simulation.unix_pair().unwrap();
    for _ in 0..16 {
        wait(&mut selector, Some(Duration::ZERO));
    }
    assert_eq!(simulation.now(), Duration::ZERO, "a few looks are free");
    registrar.add(b.raw_source(), Token(1), WRITE, Trigger::Level).unwrap();
    for _ in 0..100 {
        assert_eq!(wait(&mut selector, Some(Duration::ZERO)).0, [(1, Ready::WRITABLE)]);
    }
    assert_eq!(simulation.now(), Duration::from_micros(100));
}

/// Two drivers in two threads: a clock that the one moves does not end the other's wait.
#[test]
fn c7_a_wait_without_end_outlasts_another_threads_deadlines() {
    for _ in 0..50 {
        let simulation = Simulation::new(1);
        let (mut slow, slow_registrar) = open_on(&simulation);
        let (mut quick, _quick_registrar) = open_on(&simulation);
        std::thread::scope(|scope| {
            // No deadline: it blocks until it is woken, whatever the other does to the clock.
            let waiter = scope.spawn(move || wait(&mut slow, None));
            for step in 1..=5 {
                assert_eq!(wait(&mut quick, Some(SECOND)), (vec![], false));
                assert_eq!(simulation.now(), SECOND * step);
            }
            slow_registrar.wake().unwrap();
            assert_eq!(waiter.join().unwrap(), (vec![], true));
        });
    }
}

#[test]
fn c7_many_waiting_threads_all_come_back() {
    for round in 0..20 {
        let simulation = Simulation::new(round);
        std::thread::scope(|scope| {
            for thread in 1..=4 {
                let simulation = simulation.clone();
                scope.spawn(move || {
                    let (mut selector, _registrar) = open_on(&simulation);
                    for _ in 0..50 {
                        let before = simulation.now();
                        let timeout = Duration::from_millis(thread);
                        assert_eq!(wait(&mut selector, Some(timeout)), (vec![], false));
                        assert!(simulation.now() >= before + timeout, "never early");
                    }
                });
            }
        });
    }
}

#[test]
fn either_half_of_a_queue_may_go_first() {
    let (simulation, selector, registrar) = open();
    let (_a, b) = simulation.unix_pair().unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    drop(selector);
    registrar.wake().unwrap();
    registrar.remove(b.raw_source(), Token(1)).unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    drop(registrar);
    let (mut selector, registrar) = open_on(&simulation);
    drop(registrar);
    assert_eq!(wait(&mut selector, Some(SECOND)), (vec![], false));
}

#[test]
fn a_simulation_of_its_own_moves_the_drivers_clock() {
    let clock = crate::time::Clock::virtual_clock();
    let (clock, counters) = (clock, Arc::default());
    let config = Config { clock: clock.clone(), counters, event_capacity: 8, owner: None };
    let (mut selector, _registrar) = SimSelector::open(config).unwrap();
    assert_eq!(wait(&mut selector, Some(SECOND)), (vec![], false));
    assert_eq!(clock.now_ns(), 1_000_000_000);
    assert_eq!(selector.simulation.now(), SECOND);
    assert!(SimSelector::probe().is_ok());
}

#[test]
fn simulated_calls_are_counted_as_system_calls() {
    let (simulation, mut selector, registrar) = open();
    let (_a, b) = simulation.unix_pair().unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    registrar.modify(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    registrar.remove(b.raw_source(), Token(1)).unwrap();
    registrar.wake().unwrap();
    wait(&mut selector, None);
    let metrics = registrar.counters.snapshot();
    for call in [
        SystemCall::Add,
        SystemCall::Modify,
        SystemCall::Remove,
        SystemCall::Wake,
        SystemCall::Wait,
    ] {
        assert_eq!(metrics.system_calls(call), u64::from(Counters::ENABLED), "{call:?}");
    }
}
