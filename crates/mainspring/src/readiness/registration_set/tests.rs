use super::*;

use crate::interest::Interest;
use crate::readiness::scheduled_io::{Place, ScheduledIo};
use crate::readiness::tests::{Task, facts, wake_all};
use crate::ready::Ready;

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

fn dispatch(set: &RegistrationSet, token: Token, ready: Ready) -> bool {
    let slot = set.get(token).expect("a token that was given out");
    slot.dispatch(generation_of(token), ready, false, &mut Vec::new())
}

#[test]
fn a_token_is_an_index_and_a_generation() {
    let last = (1 << INDEX_BITS) - 1;
    for index in [0, 1, 12_345, last] {
        for generation in [0, 1, 1 << 22, GENERATION_MAX - 1, GENERATION_MAX] {
            let token = token(index, generation);
            assert_eq!((index_of(token), generation_of(token)), (index, generation));
        }
    }
    assert_eq!(token(last, GENERATION_MAX), Token::WAKE, "the one that is never given out");
    assert!(SOURCES_MAX <= last);
}

#[test]
fn pages_grow_and_no_slot_moves() {
    let set = RegistrationSet::new(2);
    let mut slots: Vec<(Token, *const ScheduledIo)> = Vec::new();
    for count in 1..=100 {
        let token = set.insert(facts()).expect("there is room");
        slots.push((token, set.get(token).expect("it was just inserted")));
        assert_eq!(set.len(), count);
    }
    let mut addresses: Vec<_> = slots.iter().map(|(_, slot)| *slot).collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 100, "two registrations share a slot");
    for (token, slot) in &slots {
        assert!(std::ptr::eq(set.get(*token).expect("still there"), *slot), "a slot moved");
    }
    assert_eq!(set.slots().count(), 100);
}

/// C4, C13: in steady state nothing grows, and no token comes twice.
#[test]
fn a_hundred_thousand_rounds_use_one_slot() {
    let set = RegistrationSet::new(1);
    let mut former = None;
    let mut capacity = None;
    for round in 0..100_000 {
        let token = set.insert(facts()).expect("there is room");
        assert_eq!((index_of(token), generation_of(token)), (0, round));
        if let Some(former) = former.replace(token) {
            assert!(!dispatch(&set, former, Ready::ALL), "a ghost");
        }
        assert_eq!(set.get(token).expect("it is there").look(BOTH).ready(), Ready::EMPTY);
        assert!(dispatch(&set, token, Ready::ALL));
        assert!(set.remove(token).is_some());
        let now = set.free.lock().released.capacity();
        assert_eq!(*capacity.get_or_insert(now), now, "it allocated");
    }
    assert_eq!((set.len(), set.slots().count()), (0, 1));
}

/// A drop must not allocate, also when everything is given back at once.
#[test]
fn giving_back_never_allocates() {
    let set = RegistrationSet::new(1);
    let tokens: Vec<_> = (0..1000).map(|_| set.insert(facts()).expect("there is room")).collect();
    let capacity = set.free.lock().released.capacity();
    tokens.into_iter().for_each(|token| assert!(set.remove(token).is_some()));
    assert_eq!(set.free.lock().released.capacity(), capacity);
    assert_eq!((set.len(), set.slots().count()), (0, 1000));
}

#[test]
fn the_slot_given_back_last_is_used_first() {
    let set = RegistrationSet::new(4);
    let tokens: Vec<_> = (0..3).map(|_| set.insert(facts()).expect("there is room")).collect();
    drop(set.remove(tokens[0]));
    drop(set.remove(tokens[2]));
    assert_eq!(index_of(set.insert(facts()).expect("there is room")), 2);
    assert_eq!(index_of(set.insert(facts()).expect("there is room")), 0);
    assert_eq!(index_of(set.insert(facts()).expect("there is room")), 3);
}

/// C4: the second removal of a token would give the slot to two registrations.
#[test]
fn a_token_is_removed_once() {
    let set = RegistrationSet::new(1);
    let former = set.insert(facts()).expect("there is room");
    assert!(set.remove(former).is_some());
    assert!(set.remove(former).is_none());
    let next = set.insert(facts()).expect("there is room");
    assert!(set.remove(former).is_none(), "nor in the name of its successor");
    assert!(set.remove(Token::WAKE).is_none());
    assert_eq!(set.len(), 1);
    assert!(set.get(next).expect("it is there").facts().is_some());
    assert_ne!(index_of(set.insert(facts()).expect("there is room")), index_of(next));
}

#[test]
fn a_slot_whose_generations_are_used_up_is_retired() {
    let set = RegistrationSet::new(1);
    drop(set.remove(set.insert(facts()).expect("there is room")));
    // As after a trillion registrations.
    drop(set.get(Token(0)).expect("the slot").end(GENERATION_MAX - 2));
    let token = set.insert(facts()).expect("there is room");
    assert_eq!((index_of(token), generation_of(token)), (0, GENERATION_MAX - 2));
    assert!(dispatch(&set, token, Ready::READABLE), "all the bits of a generation are compared");
    assert!(set.remove(token).is_some());
    let token = set.insert(facts()).expect("there is room");
    assert_eq!((index_of(token), generation_of(token)), (0, GENERATION_MAX - 1));
    assert!(set.remove(token).is_some());

    let next = set.insert(facts()).expect("there is room");
    assert_eq!((index_of(next), generation_of(next)), (1, 0), "the slot is out of use");
    assert_eq!(set.len(), 1);
}

/// C13.
#[test]
fn the_limit_is_an_error_and_not_for_good() {
    let set = RegistrationSet::with_limit(2, 3);
    let tokens: Vec<_> = (0..3).map(|_| set.insert(facts()).expect("there is room")).collect();
    let refused = set.insert(facts()).expect_err("three is the limit");
    assert_eq!(refused.kind(), std::io::ErrorKind::QuotaExceeded);
    assert_eq!(set.len(), 3);
    assert!(set.remove(tokens[1]).is_some());
    assert_eq!(index_of(set.insert(facts()).expect("one left")), 1);
}

/// C14.
#[test]
fn shutdown_wakes_all_and_refuses_for_good() {
    let set = RegistrationSet::new(1);
    let tokens: Vec<_> = (0..20).map(|_| set.insert(facts()).expect("there is room")).collect();
    let (task, waker) = Task::new();
    let mut places: Vec<_> = tokens.iter().map(|_| Place::Unplaced).collect();
    for (token, place) in tokens.iter().zip(&mut places) {
        set.get(*token).expect("it is there").wait(place, Interest::READABLE, &waker);
    }
    let mut wakers = Vec::new();
    set.shutdown(&mut wakers);
    assert_eq!(wake_all(wakers), 20);
    assert_eq!(task.wakes(), 20);
    for (token, place) in tokens.iter().zip(&mut places) {
        let slot = set.get(*token).expect("it is there");
        assert!(slot.look(BOTH).is_shutdown());
        slot.leave(place, Interest::READABLE);
        assert!(set.remove(*token).is_some(), "what is left can still be given back");
    }
    let refused = set.insert(facts()).expect_err("the driver is gone");
    assert!(error::is_shutdown(&refused));
    assert_eq!(set.len(), 0);
    set.shutdown(&mut Vec::new());
    assert!(set.insert(facts()).is_err());
}
