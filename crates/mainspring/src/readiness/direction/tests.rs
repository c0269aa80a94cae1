use super::*;

const LAST: u64 = u32::MAX as u64;

fn set(direction: &Direction, ready: Ready) {
    assert!(matches!(direction.set(0, ready, false), Dispatch::Set { .. }));
}

fn with_word(word: u64) -> Direction {
    Direction { word: AtomicU64::new(word), slot: WakerSlot::new() }
}

/// C2: the widths at which ticks of 8, 15, 16 and 17 bits would have come round.
#[test]
fn a_clear_erases_no_edge_however_many_events_lie_between() {
    let powers = [1u32 << 8, 1 << 15, 1 << 16, 1 << 17];
    let around = powers.into_iter().flat_map(|power| [power - 1, power, power + 1]);
    for newer in around.chain([1]) {
        let direction = Direction::new();
        set(&direction, Ready::READABLE);
        let seen = direction.look();
        for _ in 0..newer {
            set(&direction, Ready::READABLE);
        }
        direction.clear(seen, Ready::READABLE);
        assert!(direction.look().ready().is_readable(), "an edge was lost after {newer} events");
    }
}

/// C2: where the tick does come round. A clear is fooled by exactly 2^32 newer events, and by no
/// other number of them.
#[test]
fn the_tick_comes_round_after_exactly_two_to_the_thirty_two_events() {
    let ready = u64::from(Ready::READABLE.bits());
    for (newer, erased) in [(LAST - 1, false), (LAST, false), (LAST + 1, true), (LAST + 2, false)] {
        let before = with_word(5 << TICK_SHIFT | ready);
        let seen = before.look();
        // The word after that many events, made by hand.
        let tick = (5 + newer) & LAST;
        let after = with_word(tick << TICK_SHIFT | ready);
        after.clear(seen, Ready::READABLE);
        assert_eq!(after.look().ready().is_empty(), erased, "after {newer} events");
    }
}

#[test]
fn a_tick_that_comes_round_touches_nothing_else() {
    let flags = SHUTDOWN | QUEUED | ARMED | u64::from(Ready::READ_CLOSED.bits());
    let generation = GENERATION_MASK >> GENERATION_SHIFT;
    let direction = with_word(LAST << TICK_SHIFT | GENERATION_MASK | flags);
    let dispatched = direction.set(generation, Ready::READABLE, false);
    assert_eq!(dispatched, Dispatch::Set { queued: true });
    let seen = direction.look();
    assert_eq!(seen.tick(), 0);
    assert_eq!(seen.generation_bits(), GENERATION_MASK);
    assert_eq!(seen.ready(), Ready::READABLE | Ready::READ_CLOSED);
    assert!(seen.is_shutdown() && seen.is_queued() && seen.is_armed());
}

#[test]
fn a_clear_without_a_newer_event_takes_what_it_names() {
    let direction = Direction::new();
    set(&direction, Ready::READABLE | Ready::PRIORITY | Ready::ERROR);
    direction.clear(direction.look(), Ready::READABLE | Ready::ERROR);
    assert_eq!(direction.look().ready(), Ready::PRIORITY);
    assert_eq!(direction.look().tick(), 1, "a clear is no event");
}

/// C2: an event without news is still an event.
#[test]
fn an_event_that_sets_no_new_bit_moves_the_tick() {
    let direction = Direction::new();
    set(&direction, Ready::READABLE);
    let seen = direction.look();
    set(&direction, Ready::EMPTY);
    direction.clear(seen, Ready::READABLE);
    assert!(direction.look().ready().is_readable());
}

/// C2: whoever waited for urgent data takes note of it before a reader has come so far.
#[test]
fn the_mark_goes_when_the_usual_data_was_read() {
    let direction = Direction::new();
    set(&direction, Ready::READABLE | Ready::PRIORITY);
    direction.clear(direction.look(), Ready::PRIORITY | Ready::ERROR);
    assert_eq!(direction.look().ready(), Ready::READABLE);
    assert!(direction.look().has_mark());
    let seen = direction.look();
    set(&direction, Ready::PRIORITY);
    direction.clear(seen, Ready::READABLE);
    assert!(direction.look().has_mark(), "of newer urgent data");
    direction.clear(direction.look(), Ready::READABLE);
    assert!(!direction.look().has_mark());
    assert_eq!(direction.look().ready(), Ready::PRIORITY);
}

/// C9.
#[test]
fn closed_bits_survive_every_clear() {
    let direction = Direction::new();
    set(&direction, Ready::ALL);
    direction.clear(direction.look(), Ready::ALL);
    assert_eq!(direction.look().ready(), Ready::CLOSED);
    set(&direction, Ready::READABLE);
    assert_eq!(direction.look().ready(), Ready::CLOSED | Ready::READABLE);
}

/// C14.
#[test]
fn the_flags_survive_a_clear_and_an_event() {
    let direction = Direction::new();
    set(&direction, Ready::READABLE);
    direction.set_shutdown();
    direction.set_armed(false);
    direction.set_queued();
    direction.clear(direction.look(), Ready::ALL);
    let seen = direction.look();
    assert!(seen.is_shutdown() && seen.is_armed() && seen.is_queued());
    assert_eq!(direction.set(0, Ready::READABLE, false), Dispatch::Set { queued: true });
    let seen = direction.look();
    assert!(seen.is_shutdown() && seen.is_armed() && seen.is_queued());
}

#[test]
fn each_flag_goes_alone() {
    let direction = Direction::new();
    direction.set_shutdown();
    direction.set_armed(false);
    direction.set_queued();
    set(&direction, Ready::READABLE);
    direction.clear_queued();
    assert!(!direction.look().is_queued() && direction.look().is_armed());
    direction.clear_armed();
    let seen = direction.look();
    assert!(!seen.is_armed() && seen.is_shutdown());
    assert_eq!((seen.ready(), seen.tick()), (Ready::READABLE, 1));
}

#[test]
fn a_last_report_disarms_and_an_ordinary_one_does_not() {
    let direction = Direction::new();
    direction.set_armed(false);
    direction.set(0, Ready::READABLE, false);
    assert!(direction.look().is_armed());
    direction.set(0, Ready::READABLE, true);
    assert!(!direction.look().is_armed());
    assert!(direction.look().ready().is_readable());
}

/// C4.
#[test]
fn an_event_of_another_generation_touches_nothing() {
    let direction = Direction::new();
    direction.renew(7);
    let before = direction.look();
    for stale in [0, 6, 8, 7 + (1 << (GENERATION_BITS - 1))] {
        assert_eq!(direction.set(stale, Ready::ALL, true), Dispatch::Stale);
        assert_eq!(direction.look(), before);
    }
    assert_eq!(direction.set(7, Ready::READABLE, false), Dispatch::Set { queued: false });
}

/// The word has room for the low bits only; `ScheduledIo` compares the rest.
#[test]
fn the_word_holds_the_low_bits_of_the_generation() {
    let direction = Direction::new();
    let high = 1 << GENERATION_BITS;
    direction.renew(7 + high);
    assert_eq!(direction.look().tick(), 0, "the high bits do not spill into the tick");
    assert!(matches!(direction.set(7, Ready::READABLE, false), Dispatch::Set { .. }));
}

/// C4: a look from before is no right to clear after.
#[test]
fn a_clear_of_another_generation_touches_nothing() {
    let direction = Direction::new();
    set(&direction, Ready::READABLE);
    let seen = direction.look();
    direction.renew(1);
    // The same tick as the look's: only the generation tells them apart.
    direction.set(1, Ready::READABLE, false);
    assert_eq!(direction.look().tick(), seen.tick());
    direction.clear(seen, Ready::READABLE);
    assert!(direction.look().ready().is_readable());
}

#[test]
fn the_next_registration_inherits_nothing() {
    let direction = Direction::new();
    set(&direction, Ready::ALL);
    set(&direction, Ready::ALL);
    direction.set_shutdown();
    direction.set_armed(false);
    direction.set_queued();
    direction.renew(3);
    let seen = direction.look();
    assert_eq!(seen.ready(), Ready::EMPTY);
    assert!(!seen.is_shutdown() && !seen.is_armed() && !seen.is_queued());
    assert_eq!(seen.tick(), 0);
}

/// A FIFO whose other end was opened again: the end that was reported was not one.
#[test]
fn a_reopened_direction_forgets_its_end_and_nothing_else() {
    let direction = Direction::new();
    set(&direction, Ready::READABLE | Ready::READ_CLOSED);
    direction.set_armed(true);
    direction.set_shutdown();
    direction.set_queued();
    direction.reopen(direction.look());
    let seen = direction.look();
    assert_eq!((seen.ready(), seen.tick()), (Ready::EMPTY, 1));
    assert!(seen.is_armed() && seen.is_once() && seen.is_shutdown() && seen.is_queued());
}

/// C2, C4, C9: only the end that was looked at, never a newer one nor another registration's.
#[test]
fn a_reopening_takes_no_newer_end() {
    let direction = Direction::new();
    set(&direction, Ready::READ_CLOSED);
    let seen = direction.look();
    set(&direction, Ready::READ_CLOSED);
    direction.reopen(seen);
    assert!(direction.look().ready().is_read_closed());

    let seen = direction.look();
    direction.renew(1);
    direction.set(1, Ready::READ_CLOSED, false);
    direction.set(1, Ready::READ_CLOSED, false);
    assert_eq!(direction.look().tick(), seen.tick());
    direction.reopen(seen);
    assert!(direction.look().ready().is_read_closed());
}

#[test]
fn one_report_at_a_time_is_a_matter_of_the_registration() {
    let direction = Direction::new();
    direction.set_armed(true);
    direction.set(0, Ready::READABLE, true);
    assert!(direction.look().is_once() && !direction.look().is_armed());
    direction.clear_armed();
    direction.clear(direction.look(), Ready::ALL);
    assert!(direction.look().is_once());
    direction.renew(1);
    assert!(!direction.look().is_once(), "the next one has its own trigger");
    direction.set_armed(false);
    assert!(direction.look().is_armed() && !direction.look().is_once());
}
