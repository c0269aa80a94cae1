use super::*;

fn waiting(received: u64) -> impl Fn() -> Progress {
    move || Progress::Waiting { received }
}

fn totals(received: u64, written: u64) -> impl Fn() -> Progress {
    move || Progress::Totals { received, written }
}

/// The ages at which a look that finds the same, again and again, tells something.
fn repeats(edge: &mut Edge, now: i16, progress: impl Fn() -> Progress, until: u64) -> Vec<u64> {
    (1..=until).filter(|&age| edge.look(now, age, &progress) != 0).collect()
}

#[test]
fn c3_what_was_told_is_not_told_again_until_it_has_gone() {
    let mut edge = Edge::default();
    assert_eq!(edge.look(0, 0, waiting(0)), 0);
    assert_eq!(edge.look(IN, 0, waiting(1)), IN);
    assert!(edge.is_told());
    assert_eq!(edge.look(IN, 1, waiting(1)), 0);
    assert_eq!(edge.look(0, 2, waiting(0)), 0);
    assert!(!edge.is_told());
    assert_eq!(edge.look(IN, 3, waiting(1)), IN);
}

#[test]
fn c2_one_direction_that_is_ready_does_not_hide_the_other() {
    let mut edge = Edge::default();
    assert_eq!(edge.look(OUT, 0, waiting(0)), OUT);
    assert_eq!(edge.look(IN | OUT, 0, waiting(1)), IN | OUT);
    assert_eq!(edge.look(OUT, 0, waiting(0)), 0);
    assert_eq!(edge.look(IN | OUT, 0, waiting(1)), IN | OUT);
}

#[test]
fn c2_another_amount_is_something_new() {
    let mut edge = Edge::default();
    for amount in [1, 2, 7, 5] {
        assert_eq!(edge.look(IN, 0, waiting(amount)), IN, "{amount}");
        assert_eq!(edge.look(IN, 0, waiting(amount)), 0, "{amount}");
    }
}

#[test]
fn c2_the_same_amount_is_told_again_late_and_ever_more_seldom() {
    let mut edge = Edge::default();
    assert_eq!(edge.look(IN, 0, waiting(1)), IN);
    let ages = repeats(&mut edge, IN, waiting(1), 30_000);
    assert_eq!(ages[..5], [256, 256 + 512, 768 + 1024, 1792 + 2048, 3840 + 4096]);
    assert!(ages[4..].windows(2).all(|pair| pair[1] - pair[0] == PATIENCE_MAX));
    // Something certain makes it quick again.
    assert_eq!(edge.look(IN, 30_000, waiting(2)), IN);
    assert_eq!(edge.look(IN, 30_255, waiting(2)), 0);
    assert_eq!(edge.look(IN, 30_256, waiting(2)), IN);
}

#[test]
fn c3_totals_leave_no_doubt() {
    let mut edge = Edge::default();
    assert_eq!(edge.look(IN | OUT, 0, totals(1, 0)), IN | OUT);
    assert_eq!(repeats(&mut edge, IN | OUT, totals(1, 0), 50_000), []);
    assert_eq!(edge.look(IN | OUT, 50_000, totals(2, 0)), IN | OUT, "one byte for another");
    assert_eq!(edge.look(IN | OUT, 50_001, totals(2, 0)), 0);
}

/// Who wrote may have met a full buffer that has emptied since, or not.
#[test]
fn c2_room_is_told_again_to_who_wrote() {
    let mut edge = Edge::default();
    assert_eq!(edge.look(IN | OUT, 0, totals(1, 0)), IN | OUT);
    let mut ages = Vec::new();
    for age in 1..20_000 {
        match edge.look(IN | OUT, age, totals(1, 100)) {
            0 => {}
            told => ages.push((age, told)),
        }
    }
    assert_eq!(ages, [(256, OUT)], "once, and without what is not in doubt");
}

#[test]
fn c9_the_end_is_told_once() {
    for end in [IN | RDHUP, IN | OUT | HUP, IN | RDHUP | HUP | ERR, HUP] {
        let mut edge = Edge::default();
        assert_eq!(edge.look(end, 0, waiting(0)), end);
        assert_eq!(repeats(&mut edge, end, waiting(0), 50_000), [], "{end:#x}");
    }
    // Unless somebody opens the other end again.
    let mut edge = Edge::default();
    assert_eq!(edge.look(HUP, 0, waiting(0)), HUP);
    assert_eq!(edge.look(0, 1, waiting(0)), 0);
    assert_eq!(edge.look(HUP, 2, waiting(0)), HUP);
}

#[test]
fn c8_a_sleep_is_not_ended_by_what_was_told() {
    let mut edge = Edge::default();
    assert_eq!(edge.asleep(IN | OUT | RDHUP), Some(IN | OUT | RDHUP));
    edge.look(OUT, 0, waiting(0));
    assert_eq!(edge.asleep(IN | OUT | RDHUP), Some(IN | RDHUP));
    edge.look(IN | OUT, 0, waiting(0));
    assert_eq!(edge.asleep(IN | OUT), Some(0));
    edge.look(IN | OUT | RDHUP, 0, waiting(0));
    assert_eq!(edge.asleep(IN | OUT | RDHUP), (RDHUP & UNASKED == 0).then_some(0));
    let unasked = [ERR, HUP, RDHUP].into_iter().filter(|flag| flag & UNASKED != 0);
    for unasked in unasked {
        let mut edge = Edge::default();
        edge.look(unasked, 0, waiting(0));
        assert_eq!(edge.asleep(IN), None);
    }
}

#[test]
fn c2_a_socket_that_listens_now_is_looked_at_anew() {
    let mut edge = Edge::default();
    assert_eq!(edge.look(OUT, 0, totals(0, 0)), OUT);
    assert_eq!(edge.look(OUT, 1, waiting(1)), OUT);
}

#[test]
fn c2_what_was_taken_back_is_new_and_the_rest_is_not() {
    let mut edge = Edge::default();
    assert!(!edge.rearm(IN | RDHUP), "nothing was told");
    assert_eq!(edge.look(IN | OUT, 0, waiting(1)), IN | OUT);
    assert!(edge.rearm(OUT));
    assert_eq!(edge.look(IN, 1, waiting(1)), 0);
    assert_eq!(edge.look(IN | OUT, 2, waiting(1)), IN | OUT);
    assert!(edge.rearm(IN) && edge.is_told());
    assert!(edge.rearm(OUT) && !edge.is_told());
}
