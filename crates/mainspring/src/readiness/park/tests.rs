use super::*;

/// C6.
#[test]
fn an_unpark_before_the_sleep_prevents_it() {
    let park = Park::new();
    assert!(!park.unpark(), "an awake driver costs no system call");
    assert!(!park.prepare());
    assert!(!park.prepare(), "the note stays until it is read");
    assert!(park.finish());
    assert!(park.prepare(), "a note is good for one turn");
}

/// C6.
#[test]
fn a_parked_driver_is_woken_by_one_call_however_many_ask() {
    let park = Park::new();
    assert!(park.prepare());
    assert!(park.unpark());
    for _ in 0..1000 {
        assert!(!park.unpark());
    }
    assert!(park.finish());
    assert!(!park.finish(), "the note was read");
}

/// C6.
#[test]
fn a_thousand_unparks_of_a_running_driver_ask_nothing_of_the_kernel() {
    let park = Park::new();
    assert_eq!((0..1000).filter(|_| park.unpark()).count(), 0);
    assert!(park.finish());
}

#[test]
fn a_driver_that_wakes_by_itself_was_not_asked() {
    let park = Park::new();
    assert!(park.prepare());
    assert!(!park.finish());
    assert!(!park.unpark(), "it is awake again");
}
