//! A slot that is given back and used again while events of its former user are under way (C4).

use crate::interest::Interest;
use crate::readiness::registration_set::{RegistrationSet, generation_of};
use crate::ready::Ready;
use crate::sync::Arc;
use crate::token::Token;
use crate::{Future, dispatch, facts, model, spawn};

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

fn event(set: &RegistrationSet, token: Token, ready: Ready, disarms: bool) -> bool {
    let io = set.get(token).expect("the page of a token that was given out");
    dispatch(io, generation_of(token), ready, disarms)
}

#[test]
fn the_next_registration_never_sees_a_late_event() {
    model(|| {
        let set = Arc::new(RegistrationSet::new(1));
        let former = set.insert(facts()).unwrap();
        let driver = spawn({
            let set = set.clone();
            move || event(&set, former, Ready::READABLE | Ready::WRITE_CLOSED, false)
        });
        drop(set.remove(former));
        let next = set.insert(facts()).unwrap();
        assert_eq!(set.slots().count(), 1, "the slot is used again");
        driver.join().unwrap();

        let look = set.get(next).unwrap().look(BOTH);
        assert_eq!(look.ready(), Ready::EMPTY, "a ghost");
    });
}

/// The late event may wake the next registration's waiter for nothing, but must not use up the
/// wake of that registration's own event.
#[test]
fn a_late_event_does_not_eat_the_next_registrations_own() {
    model(|| {
        let set = Arc::new(RegistrationSet::new(1));
        let former = set.insert(facts()).unwrap();
        let next = Token(former.0 + (1 << 24));
        let driver = spawn({
            let set = set.clone();
            move || {
                event(&set, former, Ready::READABLE, false);
                event(&set, next, Ready::READABLE, false)
            }
        });
        drop(set.remove(former));
        assert_eq!(set.insert(facts()).unwrap(), next);
        let io = set.get(next).unwrap();
        let mut future = Future::reader();
        future.poll(io);
        let reported = driver.join().unwrap();

        assert!(!reported || future.is_served());
        assert_eq!(io.look(BOTH).ready().is_readable(), reported);
        future.end(io);
    });
}

/// The same with the waiter in the list, which the late event looks at under the lock.
#[test]
fn a_late_event_and_the_next_registrations_list() {
    model(|| {
        let set = Arc::new(RegistrationSet::new(1));
        let former = set.insert(facts()).unwrap();
        let mut futures = [Future::reader(), Future::reader()];
        for future in &mut futures {
            future.poll(set.get(former).unwrap());
        }
        let driver = spawn({
            let set = set.clone();
            move || {
                event(&set, former, Ready::READABLE, true);
                let next = Token(former.0 + (1 << 24));
                event(&set, next, Ready::WRITABLE, false)
            }
        });
        for future in &mut futures {
            future.leave(set.get(former).unwrap());
        }
        drop(set.remove(former));
        let next = set.insert(facts()).unwrap();
        let io = set.get(next).unwrap();
        let mut first = Future::new(Interest::WRITABLE);
        first.poll(io);
        let mut second = Future::new(BOTH);
        second.poll(io);
        let reported = driver.join().unwrap();

        assert!(!io.look(BOTH).ready().is_readable(), "a ghost");
        assert!(!reported || first.is_served());
        assert!(!reported || second.is_served());
        [first, second].into_iter().chain(futures).for_each(|future| future.end(io));
    });
}

/// Two threads register and drop at once: a slot belongs to one of them.
#[test]
fn two_registrations_at_once_have_two_slots() {
    model(|| {
        let set = Arc::new(RegistrationSet::new(2));
        let former = set.insert(facts()).unwrap();
        let other = spawn({
            let set = set.clone();
            move || {
                drop(set.remove(former));
                set.insert(facts()).unwrap()
            }
        });
        let mine = set.insert(facts()).unwrap();
        let others = other.join().unwrap();
        assert_ne!(mine.0 & 0xff_ffff, others.0 & 0xff_ffff);
        assert_eq!(set.len(), 2);
        for token in [mine, others] {
            let io = set.get(token).unwrap();
            assert_eq!(io.generation(), generation_of(token), "the slot was ended under its user");
            assert!(io.facts().is_some());
        }
    });
}
