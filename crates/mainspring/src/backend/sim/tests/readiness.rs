//! C1 to C5, C8 and C9: what is reported.

use std::io::ErrorKind;
use std::net::Shutdown;

use super::*;

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn c1_a_source_that_is_ready_when_added_or_modified_is_reported() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    a.send(b"x").unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    registrar.add(a.raw_source(), Token(2), BOTH, Trigger::Edge).unwrap();
    assert_eq!(reported(&mut selector), [(1, Ready::READABLE), (2, Ready::WRITABLE)]);
    assert_eq!(reported(&mut selector), NOTHING);
    registrar.modify(b.raw_source(), Token(1), WRITE, Trigger::Edge).unwrap();
    assert_eq!(reported(&mut selector), [(1, Ready::WRITABLE)]);
    registrar.modify(b.raw_source(), Token(1), BOTH, Trigger::Edge).unwrap();
    assert_eq!(reported(&mut selector), [(1, Ready::READABLE | Ready::WRITABLE)]);
}

#[test]
fn c1_a_listener_and_a_connecting_socket_are_reported_when_they_are_ready() {
    let (simulation, mut selector, registrar) = open();
    let (listener, address) = listener(&simulation);
    registrar.add(listener.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    let client = simulation.tcp_socket(false).unwrap();
    assert!(client.connect(&address).is_err());
    registrar.add(client.raw_source(), Token(2), BOTH, Trigger::Edge).unwrap();
    assert_eq!(reported(&mut selector), [(2, Ready::WRITABLE)]);
    assert!(client.take_error().unwrap().is_none());
    assert_eq!(reported(&mut selector), [(1, Ready::READABLE)]);
    assert!(listener.accept().is_ok());
}

#[test]
fn c2_an_edge_follows_a_read_that_never_saw_would_block() {
    let (simulation, mut selector, registrar) = open();
    let (client, server) = tcp_pair(&simulation);
    registrar.add(server.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    for _ in 0..3 {
        client.send(b"x").unwrap();
        assert_eq!(reported(&mut selector), [(1, Ready::READABLE)]);
        assert_eq!(server.recv(&mut [0; 64], false).unwrap(), 1, "short, and no WouldBlock");
    }
    assert_eq!(reported(&mut selector), NOTHING);
}

#[test]
fn c2_every_arrival_is_an_edge_also_if_nothing_was_read() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    for _ in 0..3 {
        a.send(b"x").unwrap();
        assert_eq!(reported(&mut selector), [(1, Ready::READABLE)]);
        assert_eq!(reported(&mut selector), NOTHING, "but one edge each");
    }
    assert_eq!(exhaust(&b), 3);
}

#[test]
fn c2_room_after_a_full_buffer_is_an_edge() {
    for unix in [false, true] {
        let simulation = Simulation::new(1).send_buffer(1000);
        let (mut selector, registrar) = open_on(&simulation);
        let (sender, receiver) =
            if unix { simulation.unix_pair().unwrap() } else { tcp_pair(&simulation) };
        registrar.add(sender.raw_source(), Token(1), BOTH, Trigger::Edge).unwrap();
        assert_eq!(reported(&mut selector), [(1, Ready::WRITABLE)]);
        assert_eq!(sender.send(&[0; 2000]).unwrap(), 1000, "short, and no WouldBlock");
        assert_eq!(reported(&mut selector), NOTHING);
        receiver.recv(&mut [0; 100], false).unwrap();
        assert_eq!(reported(&mut selector), NOTHING, "too little room to be woken for");
        receiver.recv(&mut [0; 800], false).unwrap();
        assert_eq!(reported(&mut selector), [(1, Ready::WRITABLE)], "unix: {unix}");
        exhaust(&receiver);
        assert_eq!(reported(&mut selector), NOTHING, "it was not full again");
    }
}

/// Reads until a read fills less than its buffer, which a program may take for "no more now".
fn read_until_short(socket: &Socket) -> usize {
    let mut total = 0;
    loop {
        match socket.recv(&mut [0; 3000], false) {
            Ok(count) if count < 3000 => return total + count,
            Ok(count) => total += count,
            Err(error) => {
                assert!(crate::error::would_block(&error));
                return total;
            }
        }
    }
}

/// A program that stops after every short transfer gets everything through, because what was cut
/// off makes an edge.
#[test]
fn c2_a_transfer_cut_short_by_the_fault_switch_makes_an_edge() {
    for unix in [false, true] {
        let simulation = Simulation::new(1).short_transfers(true).send_buffer(5000);
        let (mut selector, registrar) = open_on(&simulation);
        let (sender, receiver) =
            if unix { simulation.unix_pair().unwrap() } else { tcp_pair(&simulation) };
        registrar.add(sender.raw_source(), Token(1), WRITE, Trigger::Edge).unwrap();
        registrar.add(receiver.raw_source(), Token(2), READ, Trigger::Edge).unwrap();
        let (mut left, mut got) = (100_000, 0);
        while got < 100_000 {
            let list = reported(&mut selector);
            assert!(!list.is_empty(), "an edge was lost: {left} to send, {got} received");
            for (token, _) in list {
                match token {
                    1 if left > 0 => match sender.send(&vec![7; left]) {
                        Ok(count) => left -= count,
                        Err(error) => assert!(crate::error::would_block(&error)),
                    },
                    1 => {}
                    _ => got += read_until_short(&receiver),
                }
            }
        }
    }
}

#[test]
fn c3_level_repeats_and_edge_does_not() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::Level).unwrap();
    let twin = b.duplicate().unwrap();
    registrar.add(twin.raw_source(), Token(2), READ, Trigger::Edge).unwrap();
    assert_eq!(reported(&mut selector), NOTHING);
    a.send(b"x").unwrap();
    let both = [(1, Ready::READABLE), (2, Ready::READABLE)];
    assert_eq!(reported(&mut selector), both);
    assert_eq!(reported(&mut selector), [both[0]]);
    assert_eq!(reported(&mut selector), [both[0]]);
    exhaust(&b);
    assert_eq!(reported(&mut selector), NOTHING);
    a.send(b"x").unwrap();
    assert_eq!(reported(&mut selector), both);
}

#[test]
fn c3_a_one_shot_is_deaf_until_it_is_modified() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::OneShot).unwrap();
    a.send(b"x").unwrap();
    assert_eq!(reported(&mut selector), [(1, Ready::READABLE)]);
    a.send(b"x").unwrap();
    assert_eq!(reported(&mut selector), NOTHING);
    drop(a);
    assert_eq!(reported(&mut selector), NOTHING, "also to a hang-up");
    registrar.modify(b.raw_source(), Token(1), READ, Trigger::OneShot).unwrap();
    let ended = Ready::READABLE | Ready::READ_CLOSED | Ready::WRITE_CLOSED;
    assert_eq!(reported(&mut selector), [(1, ended)]);
    assert_eq!(reported(&mut selector), NOTHING);
}

#[test]
fn c3_readiness_that_is_gone_before_the_look_is_not_reported() {
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        let (simulation, mut selector, registrar) = open();
        let (a, b) = simulation.unix_pair().unwrap();
        registrar.add(b.raw_source(), Token(1), READ, trigger).unwrap();
        a.send(b"x").unwrap();
        exhaust(&b);
        assert_eq!(reported(&mut selector), NOTHING);
        a.send(b"x").unwrap();
        assert_eq!(reported(&mut selector), [(1, Ready::READABLE)], "nor is the trigger spent");
    }
}

#[test]
fn c4_nothing_is_reported_after_a_removal() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        registrar.add(b.raw_source(), Token(1), BOTH, trigger).unwrap();
        a.send(b"x").unwrap();
        registrar.remove(b.raw_source(), Token(1)).unwrap();
        assert_eq!(reported(&mut selector), NOTHING, "though it was listed already");
    }
    registrar.remove(b.raw_source(), Token(1)).expect("twice is no error");
}

#[test]
fn c5_a_reused_number_is_a_new_source() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    let number = b.raw_source();
    registrar.add(number, Token(1), BOTH, Trigger::Level).unwrap();
    drop(b);
    assert_eq!(reported(&mut selector), NOTHING, "the kernel forgot it with its file");
    let (c, d) = simulation.unix_pair().unwrap();
    assert_eq!(c.raw_source(), number);
    assert_eq!(
        kind(registrar.modify(number, Token(1), READ, Trigger::Edge)),
        Some(ErrorKind::NotFound)
    );
    registrar.add(number, Token(2), READ, Trigger::Edge).expect("the number is not refused");
    registrar.remove(number, Token(1)).expect("the stale owner is told nothing");
    assert_eq!(
        kind(registrar.modify(number, Token(1), READ, Trigger::Edge)),
        Some(ErrorKind::NotFound)
    );
    d.send(b"x").unwrap();
    assert_eq!(reported(&mut selector), [(2, Ready::READABLE)], "and has done no harm");
    drop(a);
}

#[test]
fn c5_a_number_closed_behind_the_registration_is_an_error_and_no_more() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    simulation.close_number(b.number()).unwrap();
    assert_eq!(reported(&mut selector), NOTHING);
    let modified = registrar.modify(b.raw_source(), Token(1), READ, Trigger::Edge);
    assert_eq!(kind(modified), Some(ErrorKind::NotFound));
    assert!(registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).is_err());
    registrar.remove(b.raw_source(), Token(1)).unwrap();
    drop(a);
}

#[test]
fn c5_a_registration_of_a_duplicated_file_outlives_its_number_and_refuses_nobody() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    let twin = b.duplicate().unwrap();
    let number = b.raw_source();
    registrar.add(number, Token(1), READ, Trigger::Edge).unwrap();
    drop(b);
    a.send(b"x").unwrap();
    assert_eq!(reported(&mut selector), [(1, Ready::READABLE)], "the file is still open");
    registrar.remove(number, Token(1)).expect("its number is gone: no error");
    a.send(b"x").unwrap();
    assert_eq!(reported(&mut selector), [(1, Ready::READABLE)], "stale, as on epoll");

    // The number names the same file again: epoll would answer "exists" for ever.
    let again = twin.duplicate().unwrap();
    assert_eq!(again.raw_source(), number);
    registrar.add(number, Token(2), READ, Trigger::Edge).unwrap();
    let twice = registrar.add(number, Token(3), READ, Trigger::Edge);
    assert_eq!(kind(twice), Some(ErrorKind::AlreadyExists), "this one is alive");
    assert_eq!(reported(&mut selector), [(2, Ready::READABLE)], "the ghost has yielded");
    drop((again, twin));
    drop(a);
    assert_eq!(reported(&mut selector), NOTHING);
}

#[test]
fn c5_a_number_made_to_name_another_file_reports_under_the_old_token_only_for_the_old_file() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    let (c, d) = simulation.unix_pair().unwrap();
    registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
    d.duplicate_onto(&b).unwrap();
    c.send(b"x").unwrap();
    a.send(b"x").unwrap_err();
    assert_eq!(reported(&mut selector), NOTHING);
    registrar.add(b.raw_source(), Token(2), READ, Trigger::Edge).unwrap();
    assert_eq!(reported(&mut selector), [(2, Ready::READABLE)]);
}

#[test]
fn c8_a_failing_source_hides_no_other() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    let (c, d) = tcp_pair(&simulation);
    registrar.add(d.raw_source(), Token(1), READ, Trigger::Level).unwrap();
    registrar.add(b.raw_source(), Token(2), READ, Trigger::Level).unwrap();
    c.reset().unwrap();
    simulation.advance(A_WHILE);
    a.send(b"x").unwrap();
    for _ in 0..3 {
        let tokens: Vec<_> = reported(&mut selector).iter().map(|&(token, _)| token).collect();
        assert!(tokens.contains(&1) && tokens.contains(&2), "{tokens:?}");
    }
}

#[test]
fn c9_ends_and_errors_are_told_apart() {
    let end = Ready::READABLE | Ready::READ_CLOSED;
    let closed = end | Ready::WRITE_CLOSED;
    let reset = closed | Ready::ERROR;
    let (simulation, mut selector, registrar) = open();
    let watch = |socket: &Socket, interest| {
        registrar.add(socket.raw_source(), Token(1), interest, Trigger::Edge).unwrap();
    };
    let unwatch = |socket: &Socket| registrar.remove(socket.raw_source(), Token(1)).unwrap();

    let (client, server) = tcp_pair(&simulation);
    watch(&server, READ);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(reported(&mut selector), [(1, end)], "a clean end");
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(reported(&mut selector), [(1, closed)], "both ends over");
    unwatch(&server);

    let (client, server) = tcp_pair(&simulation);
    watch(&server, WRITE);
    assert_eq!(reported(&mut selector), [(1, Ready::WRITABLE)]);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(reported(&mut selector), NOTHING_OR_WRITABLE, "a writer does not hear of the end");
    client.reset().unwrap();
    assert_eq!(reported(&mut selector), [(1, (reset - Ready::READABLE) | Ready::WRITABLE)]);
    unwatch(&server);

    let (client, server) = tcp_pair(&simulation);
    watch(&server, READ);
    client.reset().unwrap();
    assert_eq!(reported(&mut selector), [(1, reset)], "a reset");
    unwatch(&server);

    let refused = simulation.tcp_socket(false).unwrap();
    assert!(refused.connect(&Address::Ip((Ipv4Addr::LOCALHOST, 9).into())).is_err());
    watch(&refused, BOTH);
    assert_eq!(reported(&mut selector), [(1, reset | Ready::WRITABLE)], "a refusal");
    unwatch(&refused);

    let fresh = simulation.tcp_socket(false).unwrap();
    watch(&fresh, READ);
    let hung_up = Ready::READ_CLOSED | Ready::WRITE_CLOSED;
    assert_eq!(reported(&mut selector), [(1, hung_up)], "never connected");
}

/// A change of state concerns every watcher, and a writable source is reported again for it.
const NOTHING_OR_WRITABLE: [(u64, Ready); 1] = [(1, Ready::WRITABLE)];

#[test]
fn spurious_events_come_only_when_they_are_on_and_claim_no_end() {
    for on in [false, true] {
        let simulation = Simulation::new(1).spurious_events(on);
        let (mut selector, registrar) = open_on(&simulation);
        let (_a, b) = simulation.unix_pair().unwrap();
        let (_c, d) = simulation.unix_pair().unwrap();
        registrar.add(b.raw_source(), Token(1), READ, Trigger::Edge).unwrap();
        registrar.add(d.raw_source(), Token(2), READ, Trigger::OneShot).unwrap();
        let all: Vec<_> = (0..200).flat_map(|_| reported(&mut selector)).collect();
        assert!(all.iter().all(|&(_, ready)| ready == Ready::READABLE), "{all:?}");
        let count = |token| all.iter().filter(|&&(known, _)| known == token).count();
        assert_eq!((count(1) > 5, count(2)), (on, usize::from(on)), "a one-shot is spent by a lie");
    }
}
