//! Bytes, ends and resets.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::Shutdown;

use super::*;
use crate::sim::random::Random;

#[test]
fn bytes_arrive_in_order_when_they_have_travelled() {
    let simulation = Simulation::new(3);
    let (client, server) = tcp_pair(&simulation);
    client.send(b"one ").unwrap();
    client
        .send_vectored(&[IoSlice::new(b"two "), IoSlice::new(b""), IoSlice::new(b"three")])
        .unwrap();
    assert_eq!(kind(read(&server, 99)), Some(ErrorKind::WouldBlock));
    simulation.advance(A_WHILE);
    let mut peeked = [0; 4];
    assert_eq!(server.recv(&mut peeked, true).unwrap(), 4);
    assert_eq!(&peeked, b"one ");
    let (mut head, mut tail) = ([0; 6], [0; 20]);
    let mut buffers = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)];
    assert_eq!(server.recv_vectored(&mut buffers).unwrap(), 13);
    assert_eq!((&head, &tail[..7]), (b"one tw", b"o three".as_slice()));
    assert_eq!(kind(read(&server, 99)), Some(ErrorKind::WouldBlock));
}

#[test]
fn an_empty_transfer_is_no_end_of_file() {
    let simulation = Simulation::new(3);
    let (client, server) = tcp_pair(&simulation);
    assert_eq!(client.send(b"").unwrap(), 0);
    assert_eq!(kind(read(&server, 0)), Some(ErrorKind::WouldBlock));
    client.send(b"x").unwrap();
    simulation.advance(A_WHILE);
    assert_eq!(read(&server, 0).unwrap(), b"");
    assert_eq!(read(&server, 1).unwrap(), b"x");
}

#[test]
fn a_half_closed_connection_still_carries_the_other_half() {
    let simulation = Simulation::new(3);
    let (client, server) = tcp_pair(&simulation);
    client.send(b"last words").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(kind(client.send(b"more")), Some(ErrorKind::BrokenPipe));
    simulation.advance(A_WHILE);
    assert_eq!(read(&server, 99).unwrap(), b"last words");
    assert_eq!(read(&server, 99).unwrap(), b"");
    assert_eq!(read(&server, 99).unwrap(), b"", "the end stays the end");
    server.send(b"answer").unwrap();
    simulation.advance(A_WHILE);
    assert_eq!(read(&client, 99).unwrap(), b"answer");
    drop(server);
    simulation.advance(A_WHILE);
    assert_eq!(read(&client, 99).unwrap(), b"");
    assert_eq!(pending(&client), None, "both ends were clean");
    assert_eq!(kind(client.peer_address()), Some(ErrorKind::NotConnected), "and it is over");
    assert_eq!(kind(client.shutdown(Shutdown::Both)), Some(ErrorKind::NotConnected));
}

#[test]
fn a_read_side_that_was_shut_ends_after_what_had_come() {
    let simulation = Simulation::new(3);
    let (client, server) = tcp_pair(&simulation);
    client.send(b"x").unwrap();
    simulation.advance(A_WHILE);
    server.shutdown(Shutdown::Read).unwrap();
    assert_eq!(read(&server, 9).unwrap(), b"x");
    assert_eq!(read(&server, 9).unwrap(), b"");
    assert_eq!(server.send(b"y").unwrap(), 1, "the other direction is open");
}

#[test]
fn c9_closing_with_unread_data_resets_the_peer() {
    let simulation = Simulation::new(3);
    let (client, server) = tcp_pair(&simulation);
    client.send(b"never read").unwrap();
    server.send(b"sent before").unwrap();
    simulation.advance(A_WHILE);
    drop(server);
    simulation.advance(A_WHILE);
    assert_eq!(read(&client, 99).unwrap(), b"sent before", "what had come is there");
    assert_eq!(kind(read(&client, 99)), Some(ErrorKind::ConnectionReset));
    assert_eq!(read(&client, 99).unwrap(), b"", "the error is told once");
    assert_eq!(kind(client.send(b"x")), Some(ErrorKind::BrokenPipe));
    assert_eq!(kind(client.peer_address()), Some(ErrorKind::NotConnected));
    assert_eq!(kind(client.shutdown(Shutdown::Both)), Some(ErrorKind::NotConnected));
}

#[test]
fn c9_data_for_a_closed_socket_is_answered_with_a_reset() {
    let simulation = Simulation::new(3);
    let (client, server) = tcp_pair(&simulation);
    drop(server);
    simulation.advance(A_WHILE);
    assert_eq!(client.send(b"to nobody").unwrap(), 9, "it cannot know yet");
    simulation.advance(A_WHILE);
    assert_eq!(kind(client.send(b"x")), Some(ErrorKind::BrokenPipe));
    assert_eq!(read(&client, 9).unwrap(), b"", "its reading end had ended before");

    let (client, server) = tcp_pair(&simulation);
    client.send(b"in flight").unwrap();
    drop(server);
    simulation.advance(A_WHILE);
    assert_eq!(pending(&client), Some(ErrorKind::BrokenPipe));
}

#[test]
fn c9_a_torn_connection_is_a_reset_at_both_ends() {
    let simulation = Simulation::new(3);
    let (client, server) = tcp_pair(&simulation);
    server.reset().unwrap();
    assert_eq!(kind(read(&server, 1)), Some(ErrorKind::ConnectionReset));
    assert_eq!(kind(read(&client, 1)), Some(ErrorKind::WouldBlock));
    simulation.advance(A_WHILE);
    assert_eq!(kind(client.send(b"x")), Some(ErrorKind::ConnectionReset));
    assert_eq!(kind(client.send(b"x")), Some(ErrorKind::BrokenPipe));
    let (a, b) = simulation.unix_pair().unwrap();
    a.reset().unwrap();
    assert_eq!([pending(&a), pending(&b)], [Some(ErrorKind::ConnectionReset); 2]);
}

#[test]
fn c13_the_send_buffer_is_bounded_until_the_peer_has_read() {
    let simulation = Simulation::new(3).send_buffer(1000);
    let (a, b) = tcp_pair(&simulation);
    let (c, d) = simulation.unix_pair().unwrap();
    for (sender, receiver) in [(a, b), (c, d)] {
        assert_eq!(sender.send(&[7; 600]).unwrap(), 600);
        assert_eq!(sender.send(&[7; 600]).unwrap(), 400, "a short write");
        assert_eq!(kind(sender.send(&[7; 600])), Some(ErrorKind::WouldBlock));
        simulation.advance(A_WHILE);
        assert_eq!(kind(sender.send(&[7; 600])), Some(ErrorKind::WouldBlock), "come is not read");
        assert_eq!(read(&receiver, 10).unwrap(), [7; 10]);
        simulation.advance(A_WHILE);
        assert_eq!(sender.send(&[7; 600]).unwrap(), 10);
    }
}

#[test]
fn unix_sockets_have_no_latency_and_share_their_shutdowns() {
    let simulation = Simulation::new(3);
    let (a, b) = simulation.unix_pair().unwrap();
    a.send(b"now").unwrap();
    assert_eq!(read(&b, 9).unwrap(), b"now");
    b.shutdown(Shutdown::Read).unwrap();
    assert_eq!(kind(a.send(b"x")), Some(ErrorKind::BrokenPipe), "nobody will read it");
    b.send(b"reply").unwrap();
    drop(b);
    assert_eq!(read(&a, 9).unwrap(), b"reply");
    assert_eq!(read(&a, 9).unwrap(), b"");
    let (a, b) = simulation.unix_pair().unwrap();
    a.send(b"unread").unwrap();
    drop(b);
    assert_eq!(kind(read(&a, 9)), Some(ErrorKind::ConnectionReset));
    assert_eq!(simulation.now(), Duration::ZERO);
}

/// A mebibyte goes through two small buffers, both ends taking turns; returns what arrived.
fn copy(simulation: &Simulation, sender: Socket, receiver: &Socket, bytes: &[u8]) -> Vec<u8> {
    let mut sizes = Random::new(5);
    let (mut sent, mut arrived) = (0, Vec::new());
    let mut sender = Some(sender);
    loop {
        if let Some(socket) = &sender {
            let end = bytes.len().min(sent + sizes.part_of(3000));
            match socket.send(&bytes[sent..end]) {
                Ok(count) => sent += count,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        if sent == bytes.len() {
            sender = None;
        }
        match read(receiver, sizes.part_of(3000)) {
            Ok(part) if part.is_empty() => return arrived,
            Ok(part) => arrived.extend(part),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        simulation.advance(Duration::from_micros(20));
    }
}

#[test]
fn a_mebibyte_survives_short_transfers_unchanged() {
    let mut random = Random::new(11);
    let bytes: Vec<u8> = (0..1 << 20).map(|_| random.next() as u8).collect();
    for short in [false, true] {
        let simulation = Simulation::new(8).short_transfers(short).send_buffer(2048);
        let (sender, receiver) = tcp_pair(&simulation);
        assert!(copy(&simulation, sender, &receiver, &bytes) == bytes, "TCP, short: {short}");
        let (sender, receiver) = simulation.unix_pair().unwrap();
        assert!(copy(&simulation, sender, &receiver, &bytes) == bytes, "Unix, short: {short}");
    }
}

#[test]
fn short_transfers_happen_only_when_they_are_on() {
    for on in [false, true] {
        let simulation = Simulation::new(8).short_transfers(on);
        let (a, b) = simulation.unix_pair().unwrap();
        let (mut short_writes, mut short_reads) = (0, 0);
        for _ in 0..100 {
            let sent = a.send(&[1; 100]).unwrap();
            short_writes += u32::from(sent < 100);
            let first = read(&b, 100).unwrap().len();
            short_reads += u32::from(first < sent);
            let mut left = sent - first;
            while left > 0 {
                left -= read(&b, 100).unwrap().len();
            }
        }
        assert_eq!((short_writes > 20, short_reads > 20), (on, on));
    }
}
