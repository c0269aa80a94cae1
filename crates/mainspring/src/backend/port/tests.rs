use super::{ENDLESS, Packets, Queue, milliseconds};
use std::time::Duration;

#[test]
fn c7_a_wait_is_rounded_up_to_milliseconds_and_cut_below_endless() {
    let nanoseconds = |count| milliseconds(Some(Duration::from_nanos(count)));
    assert_eq!(nanoseconds(0), 0);
    assert_eq!(nanoseconds(1), 1);
    assert_eq!(nanoseconds(1_000_000), 1);
    assert_eq!(nanoseconds(1_000_001), 2);
    assert_eq!(milliseconds(None), ENDLESS);
    // 49.7 days, and more: the largest number would be a wait without end.
    for days in [49, 50, 365, 1 << 30] {
        let wait = milliseconds(Some(Duration::from_secs(days * 24 * 60 * 60)));
        assert_eq!(wait == ENDLESS - 1, days > 49, "{days} days");
        assert!(wait < ENDLESS);
    }
    assert_eq!(milliseconds(Some(Duration::MAX)), ENDLESS - 1);
}

#[test]
fn a_batch_that_is_full_doubles_the_room() {
    let queue = Queue::open().expect("a port");
    let mut packets = Packets::new(2);
    for _ in 0..5 {
        queue.wake().expect("a packet");
    }
    for (taken, full) in [(2, true), (3, false)] {
        queue.wait(&mut packets, 0).expect("a port that works");
        assert_eq!((packets.taken().count(), packets.grow_if_full()), (taken, full));
    }
    queue.wait(&mut packets, 0).expect("a port that works");
    assert_eq!(packets.taken().count(), 0, "the packets of the look before are gone");
}
