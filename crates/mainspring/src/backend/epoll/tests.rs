use super::*;

#[test]
fn c7_milliseconds_round_up_and_saturate() {
    assert_eq!(milliseconds(None), -1);
    assert_eq!(milliseconds(Some(Duration::ZERO)), 0);
    assert_eq!(milliseconds(Some(Duration::from_nanos(1))), 1);
    assert_eq!(milliseconds(Some(Duration::from_micros(1001))), 2);
    assert_eq!(milliseconds(Some(Duration::MAX)), i32::MAX);
}

#[test]
fn c9_flags_map_to_ready() {
    let reset = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLERR | libc::EPOLLHUP) as u32;
    assert!(ready(reset).contains(Ready::ERROR | Ready::READ_CLOSED | Ready::WRITE_CLOSED));
    let end = (libc::EPOLLIN | libc::EPOLLRDHUP) as u32;
    assert_eq!(ready(end), Ready::READABLE | Ready::READ_CLOSED);
    assert_eq!(ready(libc::EPOLLERR as u32), Ready::ERROR | Ready::WRITE_CLOSED);
    assert_eq!(ready(libc::EPOLLPRI as u32), Ready::PRIORITY);
}

#[test]
fn c6_a_full_wake_counter_still_wakes() {
    let queue = Queue::open().unwrap();
    queue.wake.fill();
    queue.wake.raise().unwrap();
}
