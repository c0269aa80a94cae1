//! The mutants. Add one for each guarantee that you give: name it after what it breaks, choose
//! text that stands once in its file, and name the narrowest test that must fail.
//!
//! A row whose file is empty is not filled in yet, and `cargo xtask mutants` fails on it.

use super::Mutant;

/// Every mutant, by the clause that it breaks.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "no-edge-triggering",
        clause: "C3",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "Trigger::Edge => libc::EPOLLET,",
        replace: "Trigger::Edge => 0,",
        test: &["-p", "mainspring", "--test", "conformance", "epoll::c3_an_edge_is_not_repeated"],
    },
    Mutant {
        name: "level-reported-once",
        clause: "C3",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "Trigger::Level => 0,",
        replace: "Trigger::Level => libc::EPOLLET,",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c3_a_level_is_repeated_until_it_is_gone",
        ],
    },
    Mutant {
        name: "one-shot-repeated",
        clause: "C3",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "Trigger::OneShot => libc::EPOLLONESHOT,",
        replace: "Trigger::OneShot => libc::EPOLLET,",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c3_one_shot_reports_once_and_again_when_modified",
        ],
    },
    Mutant {
        name: "wake-does-nothing",
        clause: "C6",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "self.queue.wake.raise()",
        replace: "Ok(())",
        test: &["-p", "mainspring", "--test", "regressions", "a_wake_of_a_sleeping_loop"],
    },
    Mutant {
        name: "wake-of-the-awake-is-paid-for",
        clause: "C6",
        file: "crates/mainspring/src/readiness/park.rs",
        find: "self.state.swap(NOTIFIED, AcqRel) == PARKED",
        replace: "self.state.swap(NOTIFIED, AcqRel) <= NOTIFIED",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c6_a_thousand_unparks_of_a_running_driver_cost_nothing",
        ],
    },
    Mutant {
        name: "wake-before-sleep-is-lost",
        clause: "C6",
        file: "crates/mainspring/src/readiness/park.rs",
        find: "self.state.compare_exchange(AWAKE, PARKED, AcqRel, Acquire).is_ok()",
        replace: "self.state.swap(PARKED, AcqRel) < 9",
        test: &["-p", "mainspring", "--test", "regressions", "a_wake_before_a_deregistration"],
    },
    Mutant {
        name: "generation-unchecked",
        clause: "C4",
        file: "crates/mainspring/src/readiness/registration_set.rs",
        find: "slot.dispatch(generation_of(event.token), event.ready",
        replace: "slot.dispatch(slot.generation(), event.ready",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c4_a_stale_event_does_not_reach_the_next_owner_of_the_slot",
        ],
    },
    Mutant {
        name: "poller-generation-unchecked",
        clause: "C4",
        file: "crates/mainspring/src/poller/table.rs",
        find: "Some(slot) if u64::from(slot.generation) == event.token.0 >> 32 =>",
        replace: "Some(slot) =>",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c5_a_source_closed_while_a_duplicate_lives",
        ],
    },
    Mutant {
        name: "tick-not-compared",
        clause: "C2",
        file: "crates/mainspring/src/readiness/direction.rs",
        find: "same.then_some(now.0 & !gone)",
        replace: "(now.generation_bits() == seen.generation_bits()).then_some(now.0 & !gone)",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c2_a_clear_does_not_take_back_an_edge_that_came_since",
        ],
    },
    Mutant {
        name: "tick-of-eight-bits",
        clause: "C2",
        file: "crates/mainspring/src/readiness/direction.rs",
        find: "same.then_some(now.0 & !gone)",
        replace: "(now.tick() as u8 == seen.tick() as u8).then_some(now.0 & !gone)",
        test: &["-p", "mainspring", "--test", "regressions", "an_edge_after_a_power_of_two"],
    },
    Mutant {
        name: "tick-of-sixteen-bits",
        clause: "C2",
        file: "crates/mainspring/src/readiness/direction.rs",
        find: "same.then_some(now.0 & !gone)",
        replace: "(now.tick() as u16 == seen.tick() as u16).then_some(now.0 & !gone)",
        test: &["-p", "mainspring", "--test", "regressions", "an_edge_after_a_power_of_two"],
    },
    Mutant {
        name: "closed-bits-cleared",
        clause: "C9",
        file: "crates/mainspring/src/readiness/direction.rs",
        find: "let gone = u64::from((ready - Ready::CLOSED).bits());",
        replace: "let gone = u64::from(ready.bits());",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c9_closed_bits_survive_a_clear",
        ],
    },
    Mutant {
        name: "shutdown-bit-cleared",
        clause: "C14",
        file: "crates/mainspring/src/readiness/direction.rs",
        find: "let gone = u64::from((ready - Ready::CLOSED).bits());",
        replace: "let gone = u64::from(ready.bits()) | SHUTDOWN;",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "regressions",
            "the_end_of_the_driver_is_not_erased_by_a_clear",
        ],
    },
    Mutant {
        name: "lazy-arming-forgets-the-edge",
        clause: "C1",
        file: "crates/mainspring/src/driver/registration.rs",
        find: "None => backend.add(self.source, self.token, wanted, trigger),",
        replace: "None => Ok(()),",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c1_a_source_that_was_ready_before_the_first_wait",
        ],
    },
    Mutant {
        name: "second-direction-not-armed",
        clause: "C1",
        file: "crates/mainspring/src/driver/registration.rs",
        find: "Some(_) => backend.modify(self.source, self.token, wanted, trigger),",
        replace: "Some(_) => Ok(()),",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c1_the_second_direction_is_heard",
        ],
    },
    Mutant {
        name: "former-owner-removes-newcomer",
        clause: "C5",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "if *owner != Some(token) {\n                // The number belongs",
        replace: "if owner.is_none() {\n                // The number belongs",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c5_the_drop_of_a_former_owner",
        ],
    },
    Mutant {
        name: "former-owner-follows-the-number",
        clause: "C5",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "*owner = None;\n                    Err(not_owned(descriptor))",
        replace: "self.control(Change::Add, descriptor, flags, token)",
        test: &["-p", "mainspring", "--test", "conformance", "epoll::c5_a_former_owner_that_arms"],
    },
    Mutant {
        name: "leftover-refuses-the-number",
        clause: "C5",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "already_there(&error) && owner.is_none()",
        replace: "already_there(&error) && descriptor < 0",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c5_a_closed_number_is_usable_again_for_the_same_file",
        ],
    },
    Mutant {
        name: "signal-ends-the-wait",
        clause: "C7",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "Err(error) if error.kind() == io::ErrorKind::Interrupted => {}",
        replace: "Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),",
        test: &["-p", "mainspring", "--test", "conformance", "c7_signals_do_not_shorten_a_turn"],
    },
    Mutant {
        name: "stale-event-ends-the-wait",
        clause: "C7",
        file: "crates/mainspring/src/poller/mod.rs",
        find: "if !events.is_empty() || events.woken || now_ns >= deadline_ns {",
        replace: "if !self.looked.is_empty() || events.woken || now_ns >= deadline_ns {",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c7_a_stale_event_does_not_shorten_a_wait",
        ],
    },
    Mutant {
        name: "waker-panic-not-caught",
        clause: "C8",
        file: "crates/mainspring/src/driver/wake.rs",
        find: "= catch_unwind(AssertUnwindSafe(|| left.by_ref().for_each(Waker::wake)))",
        replace: "= Ok::<_, Box<dyn std::any::Any>>(left.by_ref().for_each(Waker::wake))",
        test: &["-p", "mainspring", "--test", "regressions", "a_waker_that_panics"],
    },
    Mutant {
        name: "clear-takes-what-was-not-asked-for",
        clause: "C2",
        file: "crates/mainspring/src/readiness/scheduled_io.rs",
        find: "self.read.clear(look.read, look.mask & Side::Read.mask());",
        replace: "self.read.clear(look.read, Side::Read.mask());",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "c2_a_reader_does_not_take_back_urgent_data",
        ],
    },
    Mutant {
        name: "urgent-mark-not-kept",
        clause: "C2",
        file: "crates/mainspring/src/readiness/direction.rs",
        find: "let mark = if ready.is_priority() { MARK } else { 0 };",
        replace: "let mark = 0;",
        test: &["-p", "mainspring", "--test", "net", "a_short_read_is_not_trusted"],
    },
    Mutant {
        name: "spent-shot-forgets-who-comes",
        clause: "C3",
        file: "crates/mainspring/src/driver/registration.rs",
        find: "facts.armed = Some(armed | interest);",
        replace: "facts.armed = Some(armed);",
        test: &["-p", "mainspring", "--test", "conformance", "epoll::c3_a_rearmed_one_shot_serves"],
    },
    Mutant {
        name: "half-close-not-asked-for",
        clause: "C9",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "flags |= libc::EPOLLIN | libc::EPOLLRDHUP;",
        replace: "flags |= libc::EPOLLIN;",
        test: &["-p", "mainspring", "--test", "conformance", "epoll::c9_half_close"],
    },
    Mutant {
        name: "reset-without-an-error",
        clause: "C9",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "set(has(libc::EPOLLERR), Ready::ERROR);",
        replace: "set(false, Ready::ERROR);",
        test: &["-p", "mainspring", "--test", "conformance", "epoll::c9_a_reset_is_an_error"],
    },
    Mutant {
        name: "returned-end-is-kept",
        clause: "C9",
        file: "crates/mainspring/src/driver/registration.rs",
        find: "io.reopen(look);",
        replace: "",
        test: &["-p", "mainspring", "--test", "regressions", "a_fifo_whose_writer_comes_back"],
    },
    Mutant {
        name: "buffer-of-zero",
        clause: "C13",
        file: "crates/mainspring/src/backend/epoll.rs",
        find: "config.event_capacity.clamp(1, EVENTS_MAX)",
        replace: "config.event_capacity.clamp(0, EVENTS_MAX)",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c13_an_event_capacity_of_zero",
        ],
    },
    Mutant {
        name: "rearm-outlives-the-driver",
        clause: "C14",
        file: "crates/mainspring/src/driver/registration.rs",
        find: "if self.handle.is_shutdown() {",
        replace: "if false {",
        test: &[
            "-p",
            "mainspring",
            "--test",
            "conformance",
            "epoll::c14_shutdown_is_heard_by_every_waiter",
        ],
    },
    Mutant {
        name: "a-poll-without-end",
        clause: "C8",
        file: "crates/mainspring/src/driver/budget.rs",
        find: "LEFT.set(left - 1);",
        replace: "LEFT.set(left);",
        test: &["-p", "mainspring", "--lib", "driver::budget"],
    },
    Mutant {
        name: "simulated-edge-repeated",
        clause: "C3",
        file: "crates/mainspring/src/sim/queue.rs",
        find: "Trigger::Edge => {}",
        replace: "Trigger::Edge => queue.ready.push_back(key),",
        test: &[
            "-p",
            "mainspring",
            "--features",
            "sim",
            "--test",
            "conformance",
            "sim::c3_an_edge_is_not_repeated",
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_six_that_must_be_caught_are_in_the_table() {
        let names: Vec<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        for name in [
            "no-edge-triggering",
            "wake-does-nothing",
            "generation-unchecked",
            "tick-not-compared",
            "closed-bits-cleared",
            "lazy-arming-forgets-the-edge",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name twice");
    }

    #[test]
    fn a_filled_row_is_whole_and_changes_something() {
        for mutant in MUTANTS.iter().filter(|mutant| !mutant.file.is_empty()) {
            assert!(!mutant.find.is_empty() && mutant.find != mutant.replace, "{}", mutant.name);
            assert!(!mutant.test.is_empty() && !mutant.clause.is_empty(), "{}", mutant.name);
            // `cargo test` alone would take long, and hide which test it was.
            assert!(mutant.test.iter().any(|arg| !arg.starts_with('-')), "{}", mutant.name);
        }
    }
}
