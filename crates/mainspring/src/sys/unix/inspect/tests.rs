use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::*;
use crate::sys::raw_source;

#[test]
fn c5_two_files_are_told_apart_and_a_duplicate_is_not() {
    let (a, b) = UnixStream::pair().unwrap();
    let twin = a.try_clone().unwrap();
    let [a, b, twin] = [&a, &b, &twin].map(|socket| identity(raw_source(socket)).unwrap());
    assert_ne!(a, b);
    assert_eq!(a, twin);
    assert_eq!(a.sort(), Sort::Socket);
    let program = File::open(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(identity(raw_source(&program)).unwrap().sort(), Sort::Storage);
}

#[test]
fn c5_a_number_that_names_nothing_is_an_error() {
    let closed = identity(RawSource(i32::MAX as u64)).unwrap_err();
    assert_eq!(closed.raw_os_error(), Some(libc::EBADF));
    let wild = identity(RawSource(u64::MAX)).unwrap_err();
    assert!(wild.to_string().contains("simulat"), "{wild}");
    for wild in [RawSource(u64::MAX), RawSource(i32::MAX as u64)] {
        assert_eq!(progress(wild, Sort::Socket), Progress::Waiting { received: 0 });
    }
}

#[test]
fn what_waits_in_a_socket_is_counted() {
    let (a, mut b) = UnixStream::pair().unwrap();
    let waiting = || progress(raw_source(&a), Sort::Socket);
    assert_eq!(waiting(), Progress::Waiting { received: 0 });
    b.write_all(b"abc").unwrap();
    assert_eq!(waiting(), Progress::Waiting { received: 3 });
}

/// One byte is read and one comes: what waits is the same, what ever came is not.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn c2_tcp_tells_data_that_was_replaced_by_as_much_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut b = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (a, _) = listener.accept().unwrap();
    let totals = || match progress(raw_source(&a), Sort::Socket) {
        Progress::Totals { received, written } => (received, written),
        waiting @ Progress::Waiting { .. } => panic!("TCP has totals: {waiting:?}"),
    };
    let until_received = |wanted: u64| {
        let patience = Instant::now() + Duration::from_secs(10);
        while totals().0 != wanted {
            assert!(Instant::now() < patience, "{:?} and never {wanted}", totals());
        }
    };
    let before = totals();
    for round in 1..=3 {
        b.write_all(b"x").unwrap();
        until_received(before.0 + round);
        assert_eq!((&a).read(&mut [0; 1]).unwrap(), 1);
        assert_eq!(totals(), (before.0 + round, before.1), "reading changes nothing");
    }
    (&a).write_all(b"answer").unwrap();
    let patience = Instant::now() + Duration::from_secs(10);
    while totals().1 != before.1 + 6 {
        assert!(Instant::now() < patience, "written: {:?}", totals());
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn c2_a_listener_counts_who_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let waiting = || progress(raw_source(&listener), Sort::Socket);
    assert_eq!(waiting(), Progress::Waiting { received: 0 });
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let patience = Instant::now() + Duration::from_secs(10);
    while waiting() != (Progress::Waiting { received: 1 }) {
        assert!(Instant::now() < patience, "{:?}", waiting());
    }
}
