//! The clock's promises. No test here waits: a real clock is only ever asked whether it agrees with
//! itself.

use super::*;

fn assert_shareable<T: Clone + Send + Sync>() {}

#[test]
fn a_clock_is_cheap_and_shareable() {
    assert_shareable::<Clock>();
    assert!(size_of::<Clock>() <= 24, "an Instant and a pointer");
}

#[test]
fn a_real_clock_starts_at_its_base_and_never_runs_backwards() {
    let clock = Clock::real();
    assert!(!clock.is_virtual());
    assert_eq!(clock.ns_of(clock.base), 0);
    let mut last_ns = clock.now_ns();
    for _ in 0..10_000 {
        let now_ns = clock.now_ns();
        assert!(now_ns >= last_ns);
        last_ns = now_ns;
    }
    assert!(clock.ns_of(clock.now()) >= last_ns, "both faces show one time");
}

#[test]
fn a_real_clock_cannot_be_moved_by_hand() {
    let clock = Clock::real();
    let hour = Duration::from_secs(3_600);
    clock.advance(hour);
    clock.advance_to(saturating_ns(hour));
    assert!(clock.now_ns() < saturating_ns(hour));
}

#[test]
fn clones_of_a_virtual_clock_move_together() {
    let clock = Clock::virtual_clock();
    let twin = clock.clone();
    assert!(clock.is_virtual());
    assert_eq!((clock.now_ns(), clock.now()), (0, clock.base));
    clock.advance(Duration::from_millis(5));
    assert_eq!(twin.now_ns(), 5_000_000);
    twin.advance_to(7_000_000);
    assert_eq!(clock.now_ns(), 7_000_000);
    assert_eq!(clock.now() - clock.base, Duration::from_millis(7));
    assert_eq!(Clock::virtual_clock().now_ns(), 0, "another clock is another time");
}

#[test]
fn a_virtual_clock_never_runs_backwards() {
    let clock = Clock::virtual_clock();
    clock.advance_to(100);
    clock.advance_to(99);
    assert_eq!(clock.now_ns(), 100);
    clock.advance(Duration::ZERO);
    assert_eq!(clock.now_ns(), 100);
}

#[test]
fn threads_that_move_a_virtual_clock_lose_no_step() {
    let clock = Clock::virtual_clock();
    let start = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                start.wait();
                (0..100_000).for_each(|_| clock.advance(Duration::from_nanos(3)));
            });
        }
    });
    assert_eq!(clock.now_ns(), 600_000);
}

/// C7: any `Duration` is accepted.
#[test]
fn every_duration_saturates() {
    assert_eq!(saturating_ns(Duration::ZERO), 0);
    assert_eq!(saturating_ns(Duration::new(1, 1)), 1_000_000_001);
    assert_eq!(saturating_ns(Duration::from_nanos(u64::MAX)), u64::MAX);
    assert_eq!(saturating_ns(Duration::from_nanos(u64::MAX - 1)), u64::MAX - 1);
    assert_eq!(saturating_ns(Duration::from_nanos(u64::MAX) + Duration::new(0, 1)), u64::MAX);
    assert_eq!(saturating_ns(Duration::MAX), u64::MAX);

    let clock = Clock::virtual_clock();
    clock.advance_to(10);
    assert_eq!(clock.deadline_after_ns(Duration::ZERO), 10);
    assert_eq!(clock.deadline_after_ns(Duration::from_nanos(5)), 15);
    assert_eq!(clock.deadline_after_ns(Duration::MAX), u64::MAX);
    clock.advance(Duration::MAX);
    assert_eq!(clock.now_ns(), u64::MAX);
    clock.advance(Duration::MAX);
    assert_eq!(clock.now_ns(), u64::MAX, "the end of the scale is the end");
    let _ = clock.now();
}

/// C7: an instant on either side of the scale is accepted, and one on it comes back unchanged.
#[test]
fn instants_and_nanoseconds_agree() {
    let clock = Clock::virtual_clock();
    for ns in [0, 1, 999_999_999, 1_000_000_000, 1 << 40, (1 << 53) + 1, u64::MAX - 1, u64::MAX] {
        assert_eq!(clock.ns_of(clock.instant_of(ns)), ns);
    }
    if let Some(before) = clock.base.checked_sub(Duration::from_nanos(1)) {
        assert_eq!(clock.ns_of(before), 0, "before the base is past");
    }
    if let Some(beyond) = clock.base.checked_add(Duration::from_secs(1 << 40)) {
        assert_eq!(clock.ns_of(beyond), u64::MAX, "beyond the scale is never");
    }
}

/// C7: where an `Instant` cannot hold a sum, the furthest one stands in, without a panic.
#[test]
fn a_sum_beyond_the_platforms_instant_is_the_furthest_instant() {
    let clock = Clock::virtual_clock();
    let furthest = saturating_add(clock.base, Duration::MAX);
    let reach = furthest.duration_since(clock.base);
    assert!(reach >= Duration::from_secs(100 * 365 * 86_400), "a century at the least");
    assert_eq!(saturating_add(clock.base, reach), furthest);
    assert_eq!(
        saturating_add(clock.base, Duration::from_secs(1)) - clock.base,
        Duration::new(1, 0)
    );
}
