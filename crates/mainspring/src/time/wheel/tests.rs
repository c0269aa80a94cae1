//! The wheel against a sorted map, at its edges, and at a million timers. Time is a number here:
//! nothing waits and nothing runs in parallel.
//!
//! Changes to the wheel that these tests were seen to catch: firing one nanosecond early, a cascade
//! that loses an entry, a generation not compared, a bound not lowered on insert, a list filled
//! from its head, a new timer that overtakes a half cascaded slot, a removal that leaves the slot
//! marked occupied or half cascaded, a cursor that stays behind, a time that runs backwards, an
//! entry never reused, a waker cloned again for the same task.

use super::*;
use crate::time::allocations;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::task::Wake;

/// The generator of Steele, Lea and Flood's SplitMix64: seeded, so a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let end = from.len().max(1) as u64;
        from.get(self.below(end) as usize)
    }
}

/// What was woken, in order.
type Log = Arc<Mutex<Vec<u64>>>;

/// A waker that writes its timer's number into the log.
struct Tag {
    number: u64,
    log: Log,
}

impl Wake for Tag {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push(self.number);
    }
}

fn tag(number: u64, log: &Log) -> Waker {
    Waker::from(Arc::new(Tag { number, log: log.clone() }))
}

/// Sets a timer that logs `number`.
fn insert_tagged(wheel: &mut Wheel, deadline_ns: u64, number: u64, log: &Log) -> TimerKey {
    let key = wheel.insert(deadline_ns);
    assert!(matches!(ask(wheel, key, &tag(number, log)), Asked::Waiting { replaced: None }));
    key
}

/// Advances to the end in calls of `limit` steps and returns the numbers woken, in order.
fn fire_until(wheel: &mut Wheel, now_ns: u64, limit: usize, log: &Log) -> Vec<u64> {
    let mut due = Vec::new();
    let mut fired = 0;
    loop {
        let advanced = wheel.advance(now_ns, limit, &mut due);
        assert!(due.len() <= limit && advanced.fired <= limit);
        fired += advanced.fired;
        due.drain(..).for_each(Waker::wake);
        if !advanced.more {
            break;
        }
    }
    let woken = std::mem::take(&mut *log.lock().unwrap());
    assert_eq!(woken.len(), fired, "each of these timers has a waker");
    woken
}

/// What a timer said, and the waker that another took the place of.
#[derive(Debug)]
enum Asked {
    Fired,
    Waiting { replaced: Option<Waker> },
    Stale,
}

/// Asks as a driver's timer does: cloning the waker only if it has to.
fn ask(wheel: &mut Wheel, key: TimerKey, waker: &Waker) -> Asked {
    let mut clone = None;
    let mut polled = wheel.poll(key, waker, &mut clone);
    if polled == Polled::Unheard {
        clone = Some(waker.clone());
        polled = wheel.poll(key, waker, &mut clone);
    }
    match polled {
        Polled::Fired => Asked::Fired,
        Polled::Waiting => Asked::Waiting { replaced: clone },
        Polled::Stale => Asked::Stale,
        Polled::Unheard => panic!("a waker was offered"),
    }
}

fn has_fired(wheel: &mut Wheel, key: TimerKey) -> bool {
    match ask(wheel, key, Waker::noop()) {
        Asked::Fired => true,
        Asked::Waiting { .. } => false,
        Asked::Stale => panic!("the key is in use"),
    }
}

/// Walks the whole wheel and checks everything that is kept twice.
fn check(wheel: &Wheel) {
    let mut waiting = 0;
    for (level, digits) in wheel.levels.iter().enumerate() {
        assert_eq!(wheel.occupied >> level & 1 == 1, digits.occupied != 0);
        for (slot, list) in digits.slots.iter().enumerate() {
            assert_eq!(digits.occupied >> slot & 1 == 1, list.head != NIL);
            assert_eq!(list.head == NIL, list.tail == NIL);
            assert!(list.head != NIL || list.bound_ns == u64::MAX);
            let open = level == wheel.cascading && slot == slot_of(wheel.cursor_ns, level);
            let (mut index, mut prev) = (list.head, NIL);
            while index != NIL {
                let entry = wheel.entries.at(index);
                let deadline_ns = entry.deadline_ns;
                assert_eq!(entry.place, Place::Slot { level: level as u8, slot: slot as u8 });
                assert_eq!(entry.prev, prev);
                assert_eq!(slot_of(deadline_ns, level), slot);
                assert!(deadline_ns >= list.bound_ns.max(wheel.cursor_ns));
                let apart = level_of(deadline_ns ^ wheel.cursor_ns);
                assert!(if open { apart <= level } else { apart == level });
                waiting += 1;
                (prev, index) = (index, entry.next);
            }
            assert_eq!(list.tail, prev);
        }
    }
    assert_eq!(wheel.waiting, waiting);
    assert!(wheel.cascading == 0 || wheel.occupied >> wheel.cascading & 1 == 1);
    let entries = wheel.entries.pages.iter().flat_map(|page| page.iter());
    let in_slots = entries.filter(|entry| matches!(entry.place, Place::Slot { .. }));
    assert_eq!(in_slots.count(), waiting, "no timer waits outside the lists");
}

/// Deadlines at which a digit, or the whole number, is about to turn over.
fn edges_ns() -> impl Iterator<Item = u64> {
    let turns = (0..LEVELS as u32).map(|level| 1_u64 << (level * SLOT_BITS));
    let around = turns.flat_map(|turn| [turn - 1, turn, turn + 1, turn.saturating_mul(63)]);
    around.chain([u64::MAX / 2, 1 << 63, u64::MAX - 1, u64::MAX])
}

#[test]
fn a_new_wheel_has_nothing_to_do() {
    let mut wheel = Wheel::new();
    assert_eq!((wheel.len(), wheel.next_deadline_ns()), (0, None));
    let mut due = Vec::new();
    assert_eq!(wheel.advance(1 << 40, 8, &mut due), Advanced { fired: 0, more: false });
    assert_eq!(wheel.advance(u64::MAX, 8, &mut due), Advanced { fired: 0, more: false });
    check(&wheel);
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&wheel);
    assert!(format!("{wheel:?}").contains("waiting: 0"));
}

/// C7: never early, and not a nanosecond late when asked at the deadline, at every turn of a digit.
#[test]
fn a_timer_fires_at_its_nanosecond_and_not_before() {
    for start in [0, 1, 63, 64, 4_095, (1 << 30) - 1, 1 << 36, 0x1234_5678_9abc_def0] {
        for distance in edges_ns() {
            let Some(deadline_ns) = distance.checked_add(start) else { continue };
            let mut wheel = Wheel::new();
            let mut due = Vec::new();
            let _ = wheel.advance(start, 8, &mut due);
            let key = wheel.insert(deadline_ns);
            check(&wheel);
            assert_eq!(wheel.next_deadline_ns(), Some(deadline_ns));
            for early_ns in [start, start / 2 + deadline_ns / 2, deadline_ns.saturating_sub(1)] {
                if (start..deadline_ns).contains(&early_ns) {
                    let advanced = wheel.advance(early_ns, 64, &mut due);
                    assert_eq!(advanced, Advanced { fired: 0, more: false });
                    assert_eq!(wheel.next_deadline_ns(), Some(deadline_ns));
                    check(&wheel);
                }
            }
            assert!(!has_fired(&mut wheel, key));
            assert_eq!(wheel.advance(deadline_ns, 64, &mut due).fired, 1);
            assert!(has_fired(&mut wheel, key));
            assert_eq!((wheel.len(), wheel.next_deadline_ns()), (0, None));
            check(&wheel);
        }
    }
}

#[test]
fn a_deadline_in_the_past_fires_at_the_next_advance() {
    let mut wheel = Wheel::new();
    let log = Log::default();
    assert_eq!(fire_until(&mut wheel, 1_000, 8, &log), []);
    insert_tagged(&mut wheel, 1_000, 1, &log);
    insert_tagged(&mut wheel, 0, 2, &log);
    let moved = insert_tagged(&mut wheel, 5_000, 3, &log);
    assert!(wheel.reset(moved, 999));
    assert_eq!(wheel.next_deadline_ns(), Some(1_000));
    check(&wheel);
    // A time that runs backwards counts as the wheel's own. All three count as due at 1,000.
    assert_eq!(fire_until(&mut wheel, 3, 8, &log), [1, 2, 3]);
    assert_eq!(wheel.cursor_ns, 1_000);
}

/// C7: a wait without end is a timer like the others.
#[test]
fn the_last_nanosecond_is_a_deadline_like_the_others() {
    let mut wheel = Wheel::new();
    let log = Log::default();
    insert_tagged(&mut wheel, u64::MAX, 2, &log);
    insert_tagged(&mut wheel, u64::MAX - 1, 1, &log);
    let reset = insert_tagged(&mut wheel, 7, 3, &log);
    assert!(wheel.reset(reset, u64::MAX));
    let edges_ns: BTreeSet<u64> = edges_ns().filter(|&edge_ns| edge_ns < u64::MAX - 1).collect();
    for now_ns in edges_ns {
        assert_eq!(fire_until(&mut wheel, now_ns, 64, &log), []);
        check(&wheel);
    }
    assert_eq!(fire_until(&mut wheel, u64::MAX - 1, 64, &log), [1]);
    assert_eq!(wheel.next_deadline_ns(), Some(u64::MAX));
    assert_eq!(fire_until(&mut wheel, u64::MAX, 64, &log), [2, 3]);
    insert_tagged(&mut wheel, u64::MAX, 4, &log);
    assert_eq!(fire_until(&mut wheel, u64::MAX, 64, &log), [4]);
    check(&wheel);
}

#[test]
fn timers_of_one_advance_fire_by_deadline() {
    let mut random = Random(7);
    for limit in [1, 3, 64, usize::MAX] {
        let mut wheel = Wheel::new();
        let log = Log::default();
        let mut expected = BTreeMap::new();
        for number in 0..2_000 {
            let deadline_ns = random.next() >> random.below(64);
            insert_tagged(&mut wheel, deadline_ns, number, &log);
            expected.insert((deadline_ns, number), number);
        }
        let expected: Vec<u64> = expected.into_values().collect();
        assert_eq!(fire_until(&mut wheel, u64::MAX, limit, &log), expected);
    }
}

#[test]
fn timers_of_equal_deadline_fire_in_the_order_they_were_set() {
    let second_ns = 1_000_000_000;
    let mut wheel = Wheel::new();
    let log = Log::default();
    let mut keys = Vec::new();
    for number in 0..10 {
        keys.push(insert_tagged(&mut wheel, second_ns, number, &log));
        // A turn in between, so that those already set are at another level than they began.
        assert_eq!(fire_until(&mut wheel, second_ns - (1 << (3 * (9 - number))), 64, &log), []);
        check(&wheel);
    }
    assert!(wheel.reset(keys[3], second_ns), "a timer that is set again goes to the end");
    assert!(wheel.remove(keys[5]).is_some());
    insert_tagged(&mut wheel, second_ns, 10, &log);
    assert_eq!(fire_until(&mut wheel, second_ns, 64, &log), [0, 1, 2, 4, 6, 7, 8, 9, 3, 10]);
}

/// The lock is released between calls, so timers are set and dropped while a slot is half cascaded.
#[test]
fn a_half_cascaded_slot_keeps_order_and_takes_removals() {
    let slot_ns = 5 << (4 * SLOT_BITS);
    for removed in 0..4 {
        let mut wheel = Wheel::new();
        let log = Log::default();
        let mut due = Vec::new();
        let mut keys: Vec<TimerKey> = (0..4)
            .map(|number| insert_tagged(&mut wheel, slot_ns + 100 + number, number, &log))
            .collect();
        for _ in 0..2 {
            let advanced = wheel.advance(slot_ns + 200, 1, &mut due);
            assert_eq!(advanced, Advanced { fired: 0, more: true });
            check(&wheel);
        }
        assert_ne!(wheel.cascading, 0, "two of four have moved");
        // Equal to the last, which has not moved down yet; before the first; outside the slot.
        keys.push(insert_tagged(&mut wheel, slot_ns + 103, 4, &log));
        keys.push(insert_tagged(&mut wheel, 0, 5, &log));
        keys.push(insert_tagged(&mut wheel, slot_ns << 1, 6, &log));
        assert!(wheel.next_deadline_ns() <= Some(slot_ns + 100));
        assert!(wheel.remove(keys[removed as usize]).is_some());
        check(&wheel);
        let expected = [0, 5, 1, 2, 3, 4].into_iter().filter(|&number| number != removed);
        let expected: Vec<u64> = expected.collect();
        assert_eq!(fire_until(&mut wheel, slot_ns + 200, 1, &log), expected);
        check(&wheel);
    }
    // Emptied by removals alone, the slot is no longer being cascaded.
    let mut wheel = Wheel::new();
    let keys: Vec<TimerKey> = (0..3).map(|offset| wheel.insert(slot_ns + offset)).collect();
    let mut due = Vec::new();
    assert!(wheel.advance(slot_ns, 1, &mut due).more);
    assert_ne!(wheel.cascading, 0);
    for &key in &keys {
        wheel.remove(key);
        check(&wheel);
    }
    assert_eq!((wheel.cascading, wheel.next_deadline_ns()), (0, None));
}

/// One park a timer: without removals every wake at `next_deadline_ns` fires something.
#[test]
fn the_next_deadline_is_exact_and_no_wake_is_in_vain() {
    let mut random = Random(11);
    for _ in 0..50 {
        let mut wheel = Wheel::new();
        let mut oracle = BTreeMap::<u64, usize>::new();
        let mut due = Vec::new();
        for _ in 0..200 {
            let now_ns = wheel.cursor_ns;
            for _ in 0..random.below(4) {
                let deadline_ns = now_ns.saturating_add(random.next() >> random.below(64));
                wheel.insert(deadline_ns);
                *oracle.entry(deadline_ns).or_default() += 1;
                assert_eq!(wheel.next_deadline_ns(), oracle.keys().next().copied());
            }
            // Now and then something else ends the park before the deadline.
            if let Some(next_ns) = wheel.next_deadline_ns().filter(|_| random.below(3) == 0) {
                let between_ns = now_ns + (next_ns - now_ns) / 2;
                if between_ns < next_ns {
                    assert_eq!(wheel.advance(between_ns, 512, &mut due).fired, 0);
                    assert_eq!(wheel.next_deadline_ns(), Some(next_ns));
                }
            }
            if let Some((deadline_ns, count)) = oracle.pop_first() {
                assert_eq!(wheel.next_deadline_ns(), Some(deadline_ns));
                let advanced = wheel.advance(deadline_ns, 512, &mut due);
                assert_eq!(advanced, Advanced { fired: count, more: false });
            }
            check(&wheel);
        }
    }
}

#[test]
fn a_removal_may_leave_one_early_wake_but_never_a_late_one() {
    let slot_ns = 1 << (5 * SLOT_BITS);
    let mut wheel = Wheel::new();
    let mut due = Vec::new();
    let earliest = wheel.insert(slot_ns + 1_000);
    wheel.insert(slot_ns + 9_000);
    assert!(wheel.remove(earliest).is_none(), "nobody polled it");
    assert_eq!(wheel.next_deadline_ns(), Some(slot_ns + 1_000), "early, by design");
    let advanced = wheel.advance(slot_ns + 1_000, 8, &mut due);
    assert_eq!(advanced, Advanced { fired: 0, more: false });
    assert_eq!(wheel.next_deadline_ns(), Some(slot_ns + 9_000), "exact from then on");

    // The common timeout, alone in its slot, leaves nothing behind.
    let timeout = wheel.insert(slot_ns + 5_000);
    assert_eq!(wheel.next_deadline_ns(), Some(slot_ns + 5_000));
    wheel.remove(timeout);
    assert_eq!(wheel.next_deadline_ns(), Some(slot_ns + 9_000));
    assert_eq!(wheel.advance(slot_ns + 9_000, 8, &mut due).fired, 1);
}

#[test]
fn a_stale_key_finds_nothing_and_does_no_harm() {
    let mut wheel = Wheel::new();
    let log = Log::default();
    let stale = insert_tagged(&mut wheel, 100, 1, &log);
    assert!(wheel.remove(stale).is_some());
    let refused = |wheel: &mut Wheel| {
        assert!(wheel.remove(stale).is_none());
        assert!(!wheel.reset(stale, 1));
        assert!(matches!(ask(wheel, stale, Waker::noop()), Asked::Stale));
        check(wheel);
    };
    refused(&mut wheel);
    let heir = insert_tagged(&mut wheel, 200, 2, &log);
    assert_eq!(heir.index, stale.index, "a freed entry is used again at once");
    refused(&mut wheel);
    assert_eq!(wheel.next_deadline_ns(), Some(200), "the heir is untouched");
    assert_eq!(fire_until(&mut wheel, 200, 8, &log), [2]);
    refused(&mut wheel);
    assert!(has_fired(&mut wheel, heir));
    let unknown = TimerKey { index: 1 << 20, generation: 0 };
    assert!(wheel.remove(unknown).is_none() && !wheel.reset(unknown, 1));
}

#[test]
fn an_entry_at_its_last_generation_is_retired() {
    let mut wheel = Wheel::new();
    let first = wheel.insert(10);
    wheel.entries.at_mut(first.index).generation = u32::MAX - 1;
    wheel.remove(TimerKey { generation: u32::MAX - 1, ..first });
    let last = wheel.insert(10);
    assert_eq!(last, TimerKey { generation: u32::MAX, ..first });
    wheel.remove(last);
    assert!(!wheel.reset(last, 20), "its last key is stale like every other");
    assert!(wheel.remove(last).is_none());
    for _ in 0..2 * PAGE {
        assert_ne!(wheel.insert(10).index, first.index);
    }
    check(&wheel);
}

#[test]
fn a_waker_is_cloned_once_a_task_and_handed_back_when_replaced() {
    let log = Log::default();
    let (first, second) = (Arc::new(Tag { number: 1, log: log.clone() }), tag(2, &log));
    let waker = Waker::from(first.clone());
    let mut wheel = Wheel::new();
    let key = wheel.insert(50);
    for _ in 0..3 {
        assert!(matches!(ask(&mut wheel, key, &waker), Asked::Waiting { replaced: None }));
        assert_eq!(Arc::strong_count(&first), 3, "ours, the waker's, and one in the wheel");
    }
    let Asked::Waiting { replaced: Some(replaced) } = ask(&mut wheel, key, &second) else {
        panic!("another task's waker takes the place of the first")
    };
    assert!(replaced.will_wake(&waker));
    assert_eq!(Arc::strong_count(&first), 3, "handed back, not dropped");
    drop(replaced);
    assert_eq!(Arc::strong_count(&first), 2);

    // A reset keeps the waker, so the task that waits hears of the new deadline.
    assert!(wheel.reset(key, 80));
    assert_eq!(fire_until(&mut wheel, 79, 8, &log), []);
    assert_eq!(fire_until(&mut wheel, 80, 8, &log), [2]);
    assert!(matches!(ask(&mut wheel, key, &waker), Asked::Fired));
    assert_eq!(Arc::strong_count(&first), 2, "a timer that fired keeps no waker");

    // An interval sets the same timer again.
    assert!(wheel.reset(key, 120));
    assert!(matches!(ask(&mut wheel, key, &waker), Asked::Waiting { replaced: None }));
    let removed = wheel.remove(key).expect("the waker comes back");
    assert_eq!(Arc::strong_count(&first), 3, "handed back, not dropped");
    drop(removed);
    assert_eq!((wheel.len(), Arc::strong_count(&first)), (0, 2));
}

#[test]
fn a_call_does_no_more_steps_than_it_may() {
    let mut wheel = Wheel::new();
    let log = Log::default();
    for number in 0..1_000 {
        insert_tagged(&mut wheel, (1 << 40) + number / 4, number, &log);
    }
    wheel.insert(u64::MAX);
    let mut due = Vec::with_capacity(16);
    let (mut calls, mut fired) = (0, 0);
    loop {
        let advanced = wheel.advance(1 << 41, 16, &mut due);
        (calls, fired) = (calls + 1, fired + advanced.fired);
        assert_eq!(due.capacity(), 16, "the list of wakers never grows");
        due.drain(..).for_each(Waker::wake);
        check(&wheel);
        if !advanced.more {
            break;
        }
        assert!(wheel.cursor_ns < 1 << 41);
    }
    assert_eq!((fired, wheel.len()), (1_000, 1));
    // Each timer fires once and moves at most once a level on its way down.
    assert!((1_000 / 16..1_000 * LEVELS / 16).contains(&calls), "{calls} calls");
    assert_eq!(*log.lock().unwrap(), (0..1_000).collect::<Vec<_>>());

    // A limit of nothing would never end; it counts as one.
    let key = wheel.insert(0);
    assert_eq!(wheel.advance(1 << 41, 0, &mut due), Advanced { fired: 1, more: false });
    assert!(has_fired(&mut wheel, key));
}

/// A timer as the oracle knows it.
struct Known {
    number: u64,
    key: TimerKey,
    /// Its place in the oracle's order; `None` once it has fired.
    due: Option<(u64, u64)>,
}

/// The wheel and a sorted map, fed with the same calls.
struct Comparison {
    wheel: Wheel,
    order: BTreeMap<(u64, u64), u64>,
    known: Vec<Known>,
    stale: Vec<TimerKey>,
    log: Log,
    random: Random,
    sequence: u64,
    fired: u64,
}

impl Comparison {
    fn new(seed: u64) -> Comparison {
        Comparison {
            wheel: Wheel::new(),
            order: BTreeMap::new(),
            known: Vec::new(),
            stale: Vec::new(),
            log: Log::default(),
            random: Random(seed),
            sequence: 0,
            fired: 0,
        }
    }

    fn deadline_ns(&mut self) -> u64 {
        let now_ns = self.wheel.cursor_ns;
        let random = &mut self.random;
        let distance = match random.below(8) {
            0 => return now_ns.saturating_sub(random.next() >> random.below(64)),
            1 => return u64::MAX - random.below(3),
            2 => return self.order.keys().next().map_or(now_ns, |&(deadline_ns, _)| deadline_ns),
            3 | 4 => (1 << (random.below(LEVELS as u64) * 6)) - 1 + random.below(3),
            5 => random.below(200),
            _ => random.next() >> random.below(64),
        };
        // From now, or from a round number near now.
        let base_ns = [now_ns, now_ns & !0xfff, now_ns & !0xffff_ffff][random.below(3) as usize];
        base_ns.saturating_add(distance)
    }

    /// Where a timer set now belongs in the order.
    fn place(&mut self, deadline_ns: u64) -> (u64, u64) {
        self.sequence += 1;
        (deadline_ns.max(self.wheel.cursor_ns), self.sequence)
    }

    fn insert(&mut self) {
        let deadline_ns = self.deadline_ns();
        let due = self.place(deadline_ns);
        let number = self.sequence;
        let key = insert_tagged(&mut self.wheel, deadline_ns, number, &self.log);
        self.order.insert(due, number);
        self.known.push(Known { number, key, due: Some(due) });
    }

    fn reset(&mut self) {
        let Some(at) = self.any_known() else { return };
        let deadline_ns = self.deadline_ns();
        let due = self.place(deadline_ns);
        let timer = &mut self.known[at];
        assert!(self.wheel.reset(timer.key, deadline_ns));
        let waited = timer.due.replace(due).is_some_and(|old| self.order.remove(&old).is_some());
        self.order.insert(due, timer.number);
        let polled = ask(&mut self.wheel, timer.key, &tag(timer.number, &self.log));
        let Asked::Waiting { replaced } = polled else { panic!("it was just set") };
        assert_eq!(replaced.is_some(), waited, "a timer that waits has a waker");
    }

    fn remove(&mut self) {
        let Some(at) = self.any_known() else { return };
        let timer = self.known.swap_remove(at);
        let waker = self.wheel.remove(timer.key);
        assert_eq!(waker.is_some(), timer.due.is_some());
        if let Some(due) = timer.due {
            assert_eq!(self.order.remove(&due), Some(timer.number));
        }
        self.stale.push(timer.key);
    }

    fn probe(&mut self) {
        if let Some(&key) = self.random.pick(&self.stale) {
            assert!(matches!(ask(&mut self.wheel, key, Waker::noop()), Asked::Stale));
            assert!(!self.wheel.reset(key, 0));
            assert!(self.wheel.remove(key).is_none());
        }
        if let Some(at) = self.any_known() {
            let timer = &self.known[at];
            let polled = ask(&mut self.wheel, timer.key, &tag(timer.number, &self.log));
            assert_eq!(matches!(polled, Asked::Fired), timer.due.is_none());
            assert!(!matches!(polled, Asked::Stale));
        }
    }

    fn any_known(&mut self) -> Option<usize> {
        let end = self.known.len() as u64;
        (end > 0).then(|| self.random.below(end) as usize)
    }

    fn advance(&mut self) {
        let cursor_ns = self.wheel.cursor_ns;
        let next_ns = self.order.keys().next().map_or(cursor_ns, |&(deadline_ns, _)| deadline_ns);
        let now_ns = match self.random.below(64) {
            0 => self.random.next(),
            1 => cursor_ns / 2,
            2..12 => next_ns,
            12..22 => next_ns.saturating_sub(1),
            22..32 => next_ns.saturating_add(1),
            32..44 => cursor_ns.saturating_add(self.random.below(10_000)),
            _ => cursor_ns.saturating_add(self.random.next() >> (20 + self.random.below(44))),
        };
        let limit = [1, 2, 3, 7, 1_000_000][self.random.below(5) as usize];
        let mut due = Vec::new();
        let advanced = self.wheel.advance(now_ns, limit, &mut due);
        assert!(advanced.fired <= limit);
        assert_eq!(due.len(), advanced.fired);
        due.drain(..).for_each(Waker::wake);
        for number in std::mem::take(&mut *self.log.lock().unwrap()) {
            let ((deadline_ns, _), expected) = self.order.pop_first().expect("a timer waits");
            assert_eq!(number, expected, "out of order");
            assert!(deadline_ns <= now_ns.max(cursor_ns), "early");
            let timer = self.known.iter_mut().find(|timer| timer.number == number);
            timer.expect("it was not removed").due = None;
            self.fired += 1;
        }
        let earliest_ns =
            self.order.keys().next().map_or(u64::MAX, |&(deadline_ns, _)| deadline_ns);
        if advanced.more {
            assert!((cursor_ns..=now_ns.max(cursor_ns)).contains(&self.wheel.cursor_ns));
        } else {
            assert_eq!(self.wheel.cursor_ns, now_ns.max(cursor_ns));
            assert!(earliest_ns > now_ns || self.order.is_empty(), "late");
        }
    }

    fn step(&mut self) {
        match self.random.below(16) {
            0..7 => self.insert(),
            7..9 => self.reset(),
            9..12 => self.remove(),
            12 => self.probe(),
            _ => self.advance(),
        }
        assert_eq!(self.wheel.len(), self.order.len());
        let earliest_ns = self.order.keys().next().map(|&(deadline_ns, _)| deadline_ns);
        let next_ns = self.wheel.next_deadline_ns();
        assert_eq!(next_ns.is_some(), earliest_ns.is_some());
        assert!(next_ns <= earliest_ns, "a driver would sleep past {earliest_ns:?}");
        assert!(next_ns.is_none() || next_ns >= Some(self.wheel.cursor_ns));
    }
}

/// C7, and the order that the essay promises, over random calls.
#[test]
fn the_wheel_agrees_with_a_sorted_map() {
    let mut fired = 0;
    for seed in 0..400 {
        let mut comparison = Comparison::new(seed);
        for step in 0..500 {
            comparison.step();
            if step % 16 == 0 {
                check(&comparison.wheel);
            }
        }
        fired += comparison.fired;
        // Whatever is left fires in order at the end of time.
        let expected: Vec<u64> = comparison.order.values().copied().collect();
        let Comparison { mut wheel, log, .. } = comparison;
        assert_eq!(fire_until(&mut wheel, u64::MAX, 5, &log), expected, "seed {seed}");
    }
    assert!(fired > 20_000, "the runs fired only {fired} timers");
}

#[test]
fn a_million_timers_half_of_them_dropped() {
    const COUNT: u64 = 1_000_000;
    let minute_ns = 60_000_000_000;
    let mut random = Random(3);
    let mut wheel = Wheel::new();
    let mut expected = Vec::with_capacity(COUNT as usize / 2);
    let timers: Vec<(TimerKey, u64)> = (0..COUNT)
        .map(|_| {
            let deadline_ns = random.below(minute_ns);
            (wheel.insert(deadline_ns), deadline_ns)
        })
        .collect();
    assert_eq!(wheel.len(), COUNT as usize);
    for (number, (key, deadline_ns)) in timers.iter().enumerate() {
        if number % 2 == 0 {
            wheel.remove(*key);
        } else {
            expected.push((*deadline_ns, *key));
        }
    }
    assert_eq!(wheel.len(), COUNT as usize / 2);
    check(&wheel);
    // Stable, so timers of equal deadline stay in the order in which they were set.
    expected.sort_by_key(|&(deadline_ns, _)| deadline_ns);
    let mut due = Vec::new();
    let mut expected = expected.into_iter().peekable();
    let mut wakes_in_vain = 0;
    while let Some(next_ns) = wheel.next_deadline_ns() {
        let mut fired = 0;
        loop {
            let advanced = wheel.advance(next_ns, 1, &mut due);
            if advanced.fired == 1 {
                let (deadline_ns, key) = expected.next().expect("no more fire than were set");
                assert!(deadline_ns <= next_ns, "early");
                assert!(has_fired(&mut wheel, key), "the next in order is the one that fired");
            }
            fired += advanced.fired;
            if !advanced.more {
                break;
            }
        }
        assert!(expected.peek().is_none_or(|&(deadline_ns, _)| deadline_ns > next_ns), "late");
        wakes_in_vain += usize::from(fired == 0);
    }
    // One a slot of the upper levels whose earliest timer was dropped; below, bounds are new.
    assert!(wakes_in_vain < 128, "{wakes_in_vain} wakes for nothing");
    assert!(expected.next().is_none());
    assert_eq!(wheel.len(), 0);
    check(&wheel);
}

#[test]
fn timers_set_moved_polled_fired_and_dropped_allocate_nothing() {
    if !allocations::COUNTS {
        return;
    }
    let log = Log::default();
    let waker = tag(0, &log);
    let other = tag(1, &log);
    let mut wheel = Wheel::new();
    let mut due = Vec::with_capacity(64);
    let mut keys = Vec::with_capacity(3 * PAGE);
    let mut random = Random(5);
    let mut fired = 0;
    let mut round = |wheel: &mut Wheel, due: &mut Vec<Waker>| {
        let now_ns = wheel.cursor_ns;
        keys.extend((0..3 * PAGE).map(|_| wheel.insert(now_ns + random.below(1 << 36))));
        for &key in &keys {
            let _ = ask(wheel, key, &waker);
            let _ = ask(wheel, key, &other);
            assert!(wheel.reset(key, now_ns + random.below(1 << 30)));
        }
        while wheel.advance(now_ns + (1 << 29), 64, due).more {
            fired += due.len();
            due.clear();
        }
        due.clear();
        keys.drain(..).for_each(|key| drop(wheel.remove(key)));
    };
    let (warm_up, ()) = allocations::count(|| round(&mut wheel, &mut due));
    assert!(warm_up >= 3, "the pages were counted");
    let (steady, ()) = allocations::count(|| (0..50).for_each(|_| round(&mut wheel, &mut due)));
    assert_eq!(steady, 0);
    assert!(fired > 50 * PAGE, "timers did fire meanwhile");
    assert_eq!(wheel.entries.pages.len(), 3, "three pages of timers at a time, three pages held");
}

#[test]
fn a_timer_costs_forty_bytes_and_an_empty_wheel_eleven_kibibytes() {
    if usize::BITS == 64 {
        assert_eq!(size_of::<Entry>(), 40);
        assert_eq!(size_of::<[Level; LEVELS]>(), 11 * (8 + 64 * 16));
    }
    assert_eq!(size_of::<TimerKey>(), 8);
    let mut wheel = Wheel::new();
    assert!(wheel.entries.pages.is_empty());
    for deadline_ns in 0..PAGE as u64 {
        wheel.insert(deadline_ns);
    }
    assert_eq!(wheel.entries.pages.len(), 1);
    wheel.insert(0);
    assert_eq!(wheel.entries.pages.len(), 2);
}
