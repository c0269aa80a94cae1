//! Sockets that are told of by notifications, on what stands in for the call.

use super::*;
use crate::backend::iocp::stand_in::CALLS;
use crate::backend::iocp::stand_in::seen::{self, alone};
use crate::backend::iocp::{REMOVALS_WAIT_MS, choice};
use crate::sys::notifications;
use windows_sys::Win32::Networking::WinSock::SOCK_NOTIFY_EVENT_ERR;

/// A queue that is notified.
fn notified() -> Watch {
    choice::stand_in(Some(CALLS));
    let watch = Watch::new();
    choice::stand_in(None);
    watch
}

impl Watch {
    fn held(&self, source: RawSource) -> Held {
        let sockets = self.registrar.shared.sockets.lock();
        sockets.by_source.get(&source).map_or(Held::Not, |&index| sockets.slots[index].held)
    }

    fn key(&self, source: RawSource) -> usize {
        let sockets = self.registrar.shared.sockets.lock();
        sockets.slots[sockets.by_source[&source]].key
    }

    /// Looks until nothing is known any more, and hears nothing on the way.
    fn until_empty(&mut self) {
        let begin = Instant::now();
        while !self.registrar.shared.sockets.lock().by_source.is_empty() {
            assert!(begin.elapsed() < SOON, "a socket is still known");
            self.nothing();
        }
        self.empty();
        assert_eq!(self.registrar.shared.sockets.lock().leaving(), 0);
    }

    /// Makes the changes that are due, and hears nothing.
    fn until_armed(&mut self, socket: &TcpStream) {
        let begin = Instant::now();
        while seen::registered(of(socket)) != Some(true) {
            assert!(begin.elapsed() < SOON, "{:?}", self.held(of(socket)));
            self.nothing();
        }
    }

    /// Looks until this is told of the only socket; all that was told of it on the way.
    fn until_told_of(&mut self, ready: Ready) -> Ready {
        let (mut told, begin) = (Ready::EMPTY, Instant::now());
        while !told.contains(ready) {
            assert!(begin.elapsed() < SOON, "{told:?}");
            let mut events = Events::new();
            self.selector.select(&mut events, Some(SOON)).expect("a port that works");
            events.list.iter().for_each(|event| told |= event.ready);
        }
        told
    }

    fn modify(&self, socket: &TcpStream, token: u64, interest: Interest) {
        let modified = self.registrar.modify(of(socket), Token(token), interest, Trigger::Edge);
        modified.expect("a socket that is watched");
    }
}

/// Waits until the notification of a socket was queued.
fn until_told(socket: &TcpStream) {
    let begin = Instant::now();
    while seen::registered(of(socket)) == Some(true) {
        assert!(begin.elapsed() < SOON);
        std::thread::yield_now();
    }
}

#[test]
fn a_turn_of_many_sockets_is_one_call() {
    const SOCKETS: usize = 40;
    let _alone = alone();
    let (mut watch, mut pairs) = (notified(), [(); SOCKETS].map(|()| pair()));
    for (token, (socket, _)) in pairs.iter().enumerate() {
        watch.add(socket, token as u64, Interest::READABLE);
    }
    watch.nothing();
    assert_eq!(seen::calls(), [SOCKETS], "all that is new, in one call");
    for _ in 0..5 {
        for (socket, peer) in &mut pairs {
            peer.write_all(b"x").unwrap();
            until_readable(socket);
        }
        pairs.iter().for_each(|(socket, _)| until_told(socket));
        seen::calls();
        let before = watch.calls();
        let mut told = 0;
        while told < SOCKETS {
            let mut events = Events::new();
            watch.selector.select(&mut events, Some(SOON)).unwrap();
            for event in &events.list {
                assert_eq!(event.ready, Ready::READABLE);
                let (socket, _) = &pairs[event.token.0 as usize];
                assert_eq!(read_dry(socket), 1);
                watch.rearm(socket, event.token.0);
            }
            told += events.list.len();
        }
        watch.nothing();
        let calls = seen::calls();
        assert_eq!(calls.iter().sum::<usize>(), SOCKETS, "{calls:?}");
        // Sixteen packets a look at first, twice as many the next time.
        assert!(calls.len() <= 4, "{calls:?}");
        watch.called(before, [0, calls.len() as u64, 0]);
    }
    let last = pairs.iter().map(|(socket, _)| watch.held(of(socket)));
    assert!(
        last.into_iter().all(|held| matches!(held, Held::For { armed: notifications::IN, .. }))
    );
}

#[test]
fn c3_a_direction_that_was_told_is_armed_again_by_a_rearm_alone() {
    let _alone = alone();
    let (mut watch, (socket, mut peer)) = (notified(), pair());
    watch.add(&socket, 1, BOTH);
    assert_eq!(watch.one(), (1, Ready::WRITABLE));
    watch.until_armed(&socket);
    for _ in 0..20 {
        peer.write_all(b"message").unwrap();
        assert_eq!(watch.one(), (1, Ready::READABLE));
        // Told once, although it is still to be read.
        watch.nothing();
        let held = watch.held(of(&socket));
        assert!(matches!(held, Held::For { armed: 0, .. }), "{held:?}");
        assert_eq!(read_dry(&socket), 7);
        watch.rearm(&socket, 1);
        watch.nothing();
        let held = watch.held(of(&socket));
        assert!(matches!(held, Held::For { armed: notifications::IN, .. }), "{held:?}");
    }
}

#[test]
fn c1_more_than_was_armed_takes_one_change_and_no_removal() {
    let _alone = alone();
    let (mut watch, (socket, _peer)) = (notified(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    let (before, key) = (watch.calls(), watch.key(of(&socket)));
    watch.modify(&socket, 1, BOTH);
    assert_eq!(watch.one(), (1, Ready::WRITABLE));
    watch.called(before, [0, 1, 0]);
    assert_eq!(watch.key(of(&socket)), key);
    watch.until_armed(&socket);
    let before = watch.calls();
    watch.modify(&socket, 1, Interest::READABLE);
    watch.nothing();
    watch.called(before, [0, 0, 0]);
}

#[test]
fn c4_what_was_queued_before_a_removal_names_nothing() {
    let _alone = alone();
    let (mut watch, (socket, mut peer)) = (notified(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    peer.write_all(b"x").unwrap();
    until_told(&socket);
    let key = watch.key(of(&socket));
    watch.remove(of(&socket), 1);
    watch.add(&socket, 2, Interest::WRITABLE);
    assert_eq!(watch.one(), (2, Ready::WRITABLE), "and nothing of what can be read");
    assert_ne!(watch.key(of(&socket)), key);
    watch.nothing();
    watch.remove(of(&socket), 2);
    watch.until_empty();
    assert_eq!(seen::registered(of(&socket)), None);
}

#[test]
fn c4_a_key_names_nothing_when_its_slot_is_used_again() {
    let _alone = alone();
    let (mut watch, (first, _peer)) = (notified(), pair());
    let (second, _other) = pair();
    watch.add(&first, 1, Interest::READABLE);
    watch.nothing();
    let key = watch.key(of(&first));
    watch.remove(of(&first), 1);
    watch.until_empty();
    watch.add(&second, 2, Interest::READABLE);
    watch.nothing();
    assert_eq!(watch.registrar.shared.sockets.lock().slots.len(), 1, "the same slot");
    let mut events = Events::new();
    watch.registrar.shared.sockets.lock().notified(key, notifications::IN, &mut events);
    assert!(events.list.is_empty(), "a packet that comes too late: {:?}", events.list);
}

#[test]
fn c4_a_removed_socket_is_known_until_the_port_has_let_go_of_it() {
    let _alone = alone();
    let (mut watch, (socket, mut peer)) = (notified(), pair());
    for token in 0..50 {
        watch.add(&socket, token, Interest::READABLE);
        watch.until_armed(&socket);
        watch.remove(of(&socket), token);
        // The changes are made, and no packet is taken.
        let mut events = Events::new();
        watch.registrar.shared.sockets.lock().update(&mut events);
        assert!(matches!(watch.held(of(&socket)), Held::Leaving { .. }));
        assert_eq!(watch.registrar.shared.sockets.lock().leaving(), 1);
    }
    watch.add(&socket, 50, Interest::READABLE);
    peer.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (50, Ready::READABLE), "registered anew when it had left");
    watch.remove(of(&socket), 50);
    watch.until_empty();
}

#[test]
fn c5_a_socket_that_is_closed_and_not_removed_leaves_nothing_with_notifications() {
    let _alone = alone();
    for is_removed in [false, true] {
        let (mut watch, (socket, _peer)) = (notified(), pair());
        watch.add(&socket, 1, BOTH);
        assert_eq!(watch.one(), (1, Ready::WRITABLE));
        watch.until_armed(&socket);
        let source = of(&socket);
        if is_removed {
            watch.remove(source, 1);
        }
        seen::calls();
        drop(socket);
        watch.until_empty();
        watch.remove(source, 1);
        assert!(seen::calls().is_empty(), "closing has ended it already");
    }
}

#[test]
fn c5_a_number_that_is_used_again_is_its_new_owners_with_notifications() {
    let _alone = alone();
    for (is_removed, has_duplicate) in [(false, false), (true, false), (true, true)] {
        let (mut watch, (closed, peer_of_closed)) = (notified(), pair());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = of(&closed);
        watch.add(&closed, 1, Interest::READABLE);
        watch.nothing();
        let duplicate = has_duplicate.then(|| closed.try_clone().unwrap());
        if is_removed {
            watch.remove(number, 1);
        }
        drop(closed);
        let (socket, mut peer) = pair_at(number, &listener);
        watch.add(&socket, 2, Interest::READABLE);
        watch.rearm(&socket, 2);
        watch.nothing();
        drop(peer_of_closed);
        peer.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (2, Ready::READABLE), "{is_removed} {has_duplicate}");
        watch.nothing();
        watch.remove(number, 2);
        watch.until_empty();
        drop(duplicate);
    }
}

#[test]
fn c5_a_number_that_changed_hands_before_the_first_look_is_not_registered() {
    let _alone = alone();
    let (mut watch, (closed, _peer_of_closed)) = (notified(), pair());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = of(&closed);
    watch.add(&closed, 1, Interest::READABLE);
    drop(closed);
    let (socket, mut peer) = pair_at(number, &listener);
    peer.write_all(b"x").unwrap();
    until_readable(&socket);
    watch.until_empty();
    assert!(seen::calls().is_empty(), "nobody has asked for the newcomer");
    watch.add(&socket, 2, Interest::READABLE);
    assert_eq!(watch.one(), (2, Ready::READABLE));
}

#[test]
fn c3_who_is_told_once_is_told_all_of_it_by_requests() {
    let _alone = alone();
    let (mut watch, (socket, peer)) = (notified(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.until_armed(&socket);
    let modified = watch.registrar.modify(of(&socket), Token(1), BOTH, Trigger::OneShot);
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    while socket.peek(&mut [0]).is_err() {
        std::thread::yield_now();
    }
    modified.expect("a socket that is watched");
    let (token, ready) = watch.one();
    assert_eq!((token, seen::registered(of(&socket))), (1, None));
    assert!(ready.contains(Ready::READ_CLOSED), "{ready:?}");
    watch.nothing();
}

#[test]
fn c8_a_socket_that_is_refused_has_requests_and_the_others_notifications() {
    let _alone = alone();
    let (mut watch, (refused, mut peer)) = (notified(), pair());
    let (socket, mut other) = pair();
    seen::refuse(of(&refused), true);
    watch.add(&refused, 1, Interest::READABLE);
    watch.add(&socket, 2, Interest::READABLE);
    watch.nothing();
    for _ in 0..3 {
        peer.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (1, Ready::READABLE));
        assert_eq!(read_dry(&refused), 1);
        watch.rearm(&refused, 1);
        other.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (2, Ready::READABLE));
        assert_eq!(read_dry(&socket), 1);
        watch.rearm(&socket, 2);
    }
    watch.nothing();
    assert_eq!(watch.held(of(&refused)), Held::Not);
    assert_eq!(seen::calls(), [2, 1, 1, 1], "refused once, and not tried again");
    seen::refuse(of(&refused), false);
    watch.remove(of(&refused), 1);
    watch.add(&refused, 3, Interest::READABLE);
    watch.until_armed(&refused);
    peer.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (3, Ready::READABLE));
}

#[test]
fn c5_a_socket_of_two_queues_is_told_to_both_and_registered_with_one() {
    let _alone = alone();
    let (mut first, mut second) = (notified(), notified());
    let (socket, mut peer) = pair();
    first.add(&socket, 1, Interest::READABLE);
    first.nothing();
    second.add(&socket, 2, Interest::READABLE);
    second.nothing();
    assert!(matches!(first.held(of(&socket)), Held::For { .. }));
    assert_eq!(second.held(of(&socket)), Held::Not);
    peer.write_all(b"x").unwrap();
    assert_eq!(first.one(), (1, Ready::READABLE));
    assert_eq!(second.one(), (2, Ready::READABLE));
    // And from the second it cannot be taken away from the first.
    second.remove(of(&socket), 2);
    second.until_empty();
    assert_eq!(read_dry(&socket), 1);
    first.rearm(&socket, 1);
    peer.write_all(b"x").unwrap();
    assert_eq!(first.one(), (1, Ready::READABLE));
    drop(first);
    assert_eq!(seen::registered(of(&socket)), None);
}

#[test]
fn c8_a_call_that_fails_leaves_everything_to_requests() {
    let _alone = alone();
    let (mut watch, (socket, mut peer)) = (notified(), pair());
    let (late, mut other) = pair();
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    peer.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (1, Ready::READABLE));
    assert_eq!(read_dry(&socket), 1);
    seen::fail(true);
    watch.rearm(&socket, 1);
    watch.add(&late, 2, Interest::READABLE);
    watch.nothing();
    peer.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (1, Ready::READABLE));
    other.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (2, Ready::READABLE));
    watch.remove(of(&socket), 1);
    watch.nothing();
    // What could not be removed is removed as soon as it can be.
    seen::fail(false);
    watch.nothing();
    watch.remove(of(&late), 2);
    watch.until_empty();
    assert_eq!(seen::registered(of(&socket)), None);
}

#[test]
fn c9_urgent_data_and_ends_are_asked_of_the_driver() {
    let _alone = alone();
    let (mut watch, (socket, peer)) = (notified(), pair());
    watch.add(&socket, 1, Interest::PRIORITY);
    watch.nothing();
    assert_eq!(watch.asked(), afd::RECEIVE_EXPEDITED | ENDING | afd::LOCAL_CLOSE);
    assert!(seen::calls().is_empty(), "nothing of it can be told by notifications");
    watch.modify(&socket, 1, Interest::READABLE);
    watch.until_armed(&socket);
    SockRef::from(&peer).send_out_of_band(b"!").unwrap();
    watch.modify(&socket, 1, Interest::PRIORITY);
    assert_eq!(watch.one(), (1, Ready::PRIORITY));
    watch.modify(&socket, 1, Interest::READABLE);
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    let told = watch.until_told_of(Ready::READ_CLOSED);
    assert!(!told.contains(Ready::ERROR), "{told:?}");
    watch.nothing();
}

#[test]
fn c8_what_nobody_armed_is_told_once_and_leaves_the_socket_to_requests() {
    let _alone = alone();
    for told in [SOCK_NOTIFY_EVENT_ERR, notifications::REMOVED] {
        let (mut watch, (socket, mut peer)) = (notified(), pair());
        watch.add(&socket, 1, Interest::READABLE);
        watch.nothing();
        seen::tell(of(&socket), told);
        seen::calls();
        for _ in 0..20 {
            watch.nothing();
        }
        // The removal of what the port still has, if it has it.
        let removals = usize::from(told != notifications::REMOVED);
        assert_eq!(seen::calls(), vec![1; removals], "{told:#x}");
        peer.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (1, Ready::READABLE), "{told:#x}");
        watch.remove(of(&socket), 1);
        watch.until_empty();
    }
}

#[test]
fn c9_a_reset_is_an_error_with_notifications_and_does_not_spin() {
    let _alone = alone();
    let (mut watch, (socket, peer)) = (notified(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    let told = watch.until_told_of(Ready::ERROR);
    assert!(told.contains(BROKEN | Ready::READABLE | Ready::WRITABLE), "{told:?}");
    let before = watch.calls();
    for _ in 0..200 {
        watch.selector.select(&mut Events::new(), Some(Duration::ZERO)).unwrap();
    }
    let calls: u64 = watch.calls().iter().zip(before).map(|(now, before)| now - before).sum();
    assert!(calls <= 4, "{calls} calls for a socket that is over");
}

#[test]
fn c6_a_change_during_the_wait_is_told_to_the_port_at_once() {
    let _alone = alone();
    let (mut watch, (socket, mut peer)) = (notified(), pair());
    let (late, mut other) = pair();
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    let registrar = &watch.registrar;
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let mut events = Events::new();
            watch.selector.select(&mut events, Some(SOON)).unwrap();
            events.list
        });
        while !registrar.shared.sockets.lock().parked {
            std::thread::yield_now();
        }
        registrar.add(of(&late), Token(2), Interest::READABLE, Trigger::Edge).unwrap();
        assert_eq!(seen::registered(of(&late)), Some(true), "before anybody looks");
        other.write_all(b"x").unwrap();
        let list = waits.join().unwrap();
        assert_eq!((list.len(), list[0].token), (1, Token(2)));
    });
    peer.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (1, Ready::READABLE));
}

#[test]
fn c12_the_end_removes_every_socket_and_waits_for_the_last_notification() {
    let _alone = alone();
    let (mut watch, pairs) = (notified(), [(); 60].map(|()| pair()));
    for (token, (socket, _)) in pairs.iter().enumerate() {
        watch.add(socket, token as u64, Interest::READABLE);
    }
    watch.nothing();
    for (token, (socket, peer)) in pairs.iter().enumerate() {
        let mut peer = peer;
        match token % 3 {
            0 => watch.remove(of(socket), token as u64),
            1 => peer.write_all(b"x").unwrap(),
            _ => {}
        }
    }
    let Watch { selector, registrar, .. } = watch;
    seen::calls();
    drop(selector);
    assert_eq!(seen::calls(), [pairs.len()], "all in one call");
    assert_eq!(registrar.shared.sockets.lock().leaving(), 0);
    assert!(pairs.iter().all(|(socket, _)| seen::registered(of(socket)).is_none()));
    let mut next = notified();
    next.add(&pairs[0].0, 1, Interest::READABLE);
    next.nothing();
    assert!(matches!(next.held(of(&pairs[0].0)), Held::For { .. }), "free for another port");
}

#[test]
fn the_report_says_that_notifications_are_in_force() {
    let (notified, plain) = (notified(), Watch::new());
    let report = notified.selector.in_force();
    assert!(report.features.contains(&"ProcessSocketNotifications"), "{:?}", report.features);
    assert!(report.setup.contains("a stand-in for ProcessSocketNotifications"), "{}", report.setup);
    let report = plain.selector.in_force();
    assert!(!report.features.contains(&"ProcessSocketNotifications"), "{:?}", report.features);
}

#[test]
fn c1_who_comes_after_a_removal_that_is_never_told_hears_all_the_same() {
    let _alone = alone();
    let (mut watch, (socket, mut peer)) = (notified(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.until_armed(&socket);
    seen::lose_removals(true);
    watch.remove(of(&socket), 1);
    watch.nothing();
    assert!(matches!(watch.held(of(&socket)), Held::Leaving { .. }));
    watch.add(&socket, 2, Interest::READABLE);
    for _ in 0..3 {
        peer.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (2, Ready::READABLE), "by a request");
        assert_eq!(read_dry(&socket), 1);
        watch.rearm(&socket, 2);
    }
    // Closed, the number is free: of the old registration nothing can be told any more.
    drop(socket);
    watch.until_empty();
}

#[test]
fn c12_the_end_does_not_wait_for_ever_for_the_last_notifications() {
    let _alone = alone();
    let (mut watch, (socket, _peer)) = (notified(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.until_armed(&socket);
    seen::lose_removals(true);
    let begin = Instant::now();
    drop(watch);
    // It has waited once, in vain; not as long as for what the kernel writes to.
    assert!(begin.elapsed() >= Duration::from_millis(u64::from(REMOVALS_WAIT_MS) / 2));
    assert!(begin.elapsed() < SOON / 4, "{:?}", begin.elapsed());
}

#[test]
fn c5_a_removal_that_is_refused_frees_the_number_for_a_registration_under_its_own_key() {
    let _alone = alone();
    for is_added_again in [false, true] {
        let (mut watch, (socket, mut peer)) = (notified(), pair());
        watch.add(&socket, 1, Interest::READABLE);
        watch.until_armed(&socket);
        let key = watch.key(of(&socket));
        // As if the number were another socket's.
        seen::lose(of(&socket));
        watch.remove(of(&socket), 1);
        if is_added_again {
            watch.add(&socket, 2, Interest::READABLE);
            watch.until_armed(&socket);
            assert_ne!(watch.key(of(&socket)), key);
            peer.write_all(b"x").unwrap();
            assert_eq!(watch.one(), (2, Ready::READABLE));
            watch.remove(of(&socket), 2);
        }
        watch.until_empty();
    }
}

#[test]
fn c8_what_is_armed_and_cannot_be_armed_for_more_is_removed_and_has_requests() {
    let _alone = alone();
    let (mut watch, (socket, mut peer)) = (notified(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.until_armed(&socket);
    seen::be_strict(true);
    watch.modify(&socket, 1, BOTH);
    assert_eq!(watch.one(), (1, Ready::WRITABLE));
    watch.nothing();
    assert_eq!((seen::registered(of(&socket)), watch.held(of(&socket))), (None, Held::Not));
    for _ in 0..3 {
        peer.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (1, Ready::READABLE));
        assert_eq!(read_dry(&socket), 1);
        watch.rearm(&socket, 1);
    }
    watch.remove(of(&socket), 1);
    watch.until_empty();
}

#[test]
fn c8_removals_that_always_fail_are_given_up_and_nothing_new_is_registered() {
    let _alone = alone();
    let (mut watch, pairs) = (notified(), [(); 3].map(|()| pair()));
    for (token, (socket, _)) in pairs.iter().enumerate() {
        watch.add(socket, token as u64, Interest::READABLE);
    }
    pairs.iter().for_each(|(socket, _)| watch.until_armed(socket));
    seen::fail(true);
    for (token, (socket, _)) in pairs.iter().enumerate() {
        watch.remove(of(socket), token as u64);
    }
    watch.until_empty();
    seen::fail(false);
    let (socket, mut peer) = pair();
    watch.add(&socket, 9, Interest::READABLE);
    peer.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (9, Ready::READABLE));
    assert_eq!(watch.held(of(&socket)), Held::Not, "what fails so is used no more");
    let (socket, mut peer) = (&pairs[0].0, &pairs[0].1);
    watch.add(socket, 10, Interest::READABLE);
    peer.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (10, Ready::READABLE), "although the port has it still");
}

#[test]
fn c8_a_call_that_fails_is_made_anew_for_each_socket() {
    let _alone = alone();
    let (mut watch, pairs) = (notified(), [(); 3].map(|()| pair()));
    seen::fail_many();
    for (token, (socket, _)) in pairs.iter().enumerate() {
        watch.add(socket, token as u64, Interest::READABLE);
    }
    watch.nothing();
    assert_eq!(seen::calls(), [1, 1, 1]);
    for (socket, _) in &pairs {
        assert!(matches!(watch.held(of(socket)), Held::For { .. }), "none was at fault");
    }
}

#[test]
fn c1_one_failure_of_many_removals_is_no_end_of_anything() {
    const SOCKETS: usize = 20;
    let _alone = alone();
    let (mut watch, mut pairs) = (notified(), [(); SOCKETS].map(|()| pair()));
    for (token, (socket, _)) in pairs.iter().enumerate() {
        watch.add(socket, token as u64, Interest::READABLE);
    }
    pairs.iter().for_each(|(socket, _)| watch.until_armed(socket));
    for (token, (socket, _)) in pairs.iter().enumerate() {
        watch.remove(of(socket), token as u64);
    }
    seen::fail(true);
    watch.nothing();
    seen::fail(false);
    for (token, (socket, peer)) in pairs.iter_mut().enumerate() {
        watch.add(socket, token as u64, Interest::READABLE);
        watch.until_armed(socket);
        peer.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (token as u64, Ready::READABLE));
    }
}

#[test]
fn c1_who_is_registered_anew_when_removals_are_given_up_has_requests() {
    let _alone = alone();
    let (mut watch, (socket, mut peer)) = (notified(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.until_armed(&socket);
    let (other, mut other_peer) = pair();
    watch.add(&other, 2, Interest::READABLE);
    watch.until_armed(&other);
    seen::fail_removals(true);
    watch.remove(of(&socket), 1);
    watch.add(&socket, 3, Interest::READABLE);
    (0..20).for_each(|_| watch.nothing());
    seen::fail_removals(false);
    for _ in 0..3 {
        peer.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (3, Ready::READABLE));
        assert_eq!(read_dry(&socket), 1);
        watch.rearm(&socket, 3);
        // Who was registered before is told by requests too.
        other_peer.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (2, Ready::READABLE));
        assert_eq!(read_dry(&other), 1);
        watch.rearm(&other, 2);
    }
    watch.nothing();
    assert_eq!([watch.held(of(&socket)), watch.held(of(&other))], [Held::Not, Held::Not]);
}

#[test]
fn c3_what_a_request_still_asks_for_is_not_armed_as_well() {
    let _alone = alone();
    let (mut watch, (socket, mut peer)) = (notified(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.until_armed(&socket);
    watch.remove(of(&socket), 1);
    watch.nothing();
    // Asked for everything until the port has let go, and the request stays.
    watch.add(&socket, 2, Interest::READABLE);
    for _ in 0..20 {
        watch.nothing();
    }
    let is_asked = watch.asked() & afd::RECEIVE != 0;
    assert_eq!(seen::registered(of(&socket)), if is_asked { None } else { Some(true) });
    for _ in 0..3 {
        peer.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (2, Ready::READABLE));
        assert_eq!(read_dry(&socket), 1);
        watch.rearm(&socket, 2);
        watch.nothing();
    }
    assert_eq!(seen::registered(of(&socket)), Some(true), "from the next time on");
}

#[test]
fn c5_who_is_closed_during_the_call_leaves_no_registration_to_the_next_owner_of_the_number() {
    let _alone = alone();
    let (mut watch, (closed, _peer_of_closed)) = (notified(), pair());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = of(&closed);
    watch.add(&closed, 1, Interest::READABLE);
    // What is noted is handed over when the number has changed hands.
    let shared = watch.registrar.shared.clone();
    let mut sockets = shared.sockets.lock();
    let index = sockets.by_source[&number];
    sockets.note(index);
    drop(closed);
    let (socket, mut peer) = pair_at(number, &listener);
    assert!(sockets.hand_over(), "to be looked at again");
    drop(sockets);
    watch.until_empty();
    assert_eq!(seen::registered(number), None);
    watch.add(&socket, 2, Interest::READABLE);
    watch.until_armed(&socket);
    peer.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (2, Ready::READABLE));
}
