//! How connections begin and end.

use std::io::ErrorKind;
use std::net::Shutdown;

use super::*;

#[test]
fn c5_numbers_are_given_lowest_free_first() {
    let simulation = Simulation::new(1);
    let sockets: Vec<_> = (0..4).map(|_| simulation.tcp_socket(false).unwrap()).collect();
    let numbers: Vec<_> = sockets.iter().map(|socket| socket.number()).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    let mut sockets = sockets.into_iter();
    let (zero, one, two) = (sockets.next(), sockets.next(), sockets.next());
    drop((two, zero));
    assert_eq!(simulation.tcp_socket(false).unwrap().number(), 0, "closed at once again");
    let (a, b) = simulation.unix_pair().unwrap();
    assert_eq!((a.number(), b.number()), (0, 2));
    drop(one);
}

#[test]
fn a_closed_number_is_an_error_and_not_another_socket() {
    let simulation = Simulation::new(1);
    let socket = simulation.tcp_socket(false).unwrap();
    simulation.close_number(socket.number()).unwrap();
    assert!(socket.local_address().is_err());
    assert!(socket.send(b"x").is_err());
    assert!(simulation.close_number(socket.number()).is_err());
    assert!(simulation.close_number(u64::MAX).is_err());
}

#[test]
fn a_duplicate_keeps_the_file_open() {
    let simulation = Simulation::new(1);
    let (a, b) = simulation.unix_pair().unwrap();
    let twin = a.duplicate().unwrap();
    drop(a);
    assert_eq!(twin.send(b"still here").unwrap(), 10);
    assert_eq!(read(&b, 100).unwrap(), b"still here");
    drop(twin);
    assert_eq!(read(&b, 100).unwrap(), b"", "and the last holder closes it");
}

#[test]
fn a_number_can_be_made_to_name_another_file() {
    let simulation = Simulation::new(1);
    let (a, b) = simulation.unix_pair().unwrap();
    let (c, d) = simulation.unix_pair().unwrap();
    a.duplicate_onto(&c).unwrap();
    assert_eq!(read(&d, 1).unwrap(), b"", "what the number named before has lost it");
    c.send(b"hello").unwrap();
    assert_eq!(read(&b, 9).unwrap(), b"hello");
    a.duplicate_onto(&a).unwrap();
    assert_eq!(a.send(b"x").unwrap(), 1, "onto itself changes nothing");
}

#[test]
fn c13_the_number_of_sockets_is_limited() {
    let simulation = Simulation::new(1).max_sockets(3);
    let (listener, address) = listener(&simulation, 1);
    let client = connecting(&simulation, &address);
    let filler = simulation.tcp_socket(false).unwrap();
    assert_eq!(kind(simulation.tcp_socket(true)), Some(ErrorKind::QuotaExceeded));
    assert_eq!(kind(filler.duplicate()), Some(ErrorKind::QuotaExceeded));
    assert_eq!(kind(simulation.unix_pair()), Some(ErrorKind::QuotaExceeded));
    simulation.advance(A_WHILE);
    assert_eq!(kind(listener.accept()), Some(ErrorKind::QuotaExceeded));
    drop(filler);
    assert_eq!(kind(simulation.unix_pair()), Some(ErrorKind::QuotaExceeded), "one is not two");
    let (_server, peer) = listener.accept().expect("the connection went on waiting");
    assert_eq!(peer, client.local_address().unwrap());
}

#[test]
fn bind_checks_addresses_as_linux_does() {
    let simulation = Simulation::new(1);
    let socket = |ipv6| simulation.tcp_socket(ipv6).unwrap();
    let (first, second) = (socket(false), socket(false));
    assert_eq!(first.local_address().unwrap(), Address::Ip(([0, 0, 0, 0], 0).into()));
    first.bind(&ip4(80)).unwrap();
    assert_eq!(first.local_address().unwrap(), ip4(80));
    assert_eq!(kind(first.bind(&ip4(81))), Some(ErrorKind::InvalidInput), "one address only");
    assert_eq!(kind(second.bind(&ip4(80))), Some(ErrorKind::AddrInUse));
    let any4 = Address::Ip(([0, 0, 0, 0], 80).into());
    let any6 = Address::Ip((Ipv6Addr::UNSPECIFIED, 80).into());
    assert_eq!(kind(second.bind(&any4)), Some(ErrorKind::AddrInUse));
    assert_eq!(kind(socket(true).bind(&any6)), Some(ErrorKind::AddrInUse), "it has both stacks");
    assert_eq!(kind(second.bind(&ip6(80))), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(second.bind(&Address::unnamed())), Some(ErrorKind::InvalidInput));
    let elsewhere = Address::Ip(([192, 0, 2, 1], 80).into());
    assert_eq!(kind(second.bind(&elsewhere)), Some(ErrorKind::AddrNotAvailable));
    socket(true).bind(&ip6(80)).expect("another address, another port space");
    second.bind(&Address::Ip(([127, 0, 0, 2], 80).into())).expect("another address");
    drop(first);
    socket(false).bind(&ip4(80)).expect("a closed socket frees its port");
}

#[test]
fn c13_ephemeral_ports_run_out_with_an_error() {
    let simulation = Simulation::new(9);
    let bound = |port| {
        let socket = simulation.tcp_socket(false).unwrap();
        socket.bind(&ip4(port)).map(|()| socket)
    };
    let all: Vec<_> = (32_768..=60_999).map(|port| bound(port).unwrap()).collect();
    assert_eq!(kind(bound(0)), Some(ErrorKind::AddrInUse));
    let late = simulation.tcp_socket(false).unwrap();
    assert_eq!(kind(late.connect(&ip4(80))), Some(ErrorKind::AddrNotAvailable));
    drop(all);
    assert!(bound(0).is_ok());
}

#[test]
fn a_connection_takes_its_handshake() {
    let simulation = Simulation::new(1).latency(A_WHILE..=A_WHILE);
    let (listener, address) = listener(&simulation, 16);
    let client = connecting(&simulation, &address);
    assert!(kind(client.connect(&address)).is_some_and(|kind| kind != ErrorKind::WouldBlock));
    assert_eq!(kind(client.send(b"early")), Some(ErrorKind::WouldBlock));
    assert_eq!(kind(read(&client, 1)), Some(ErrorKind::WouldBlock));
    simulation.advance(A_WHILE * 2 - Duration::from_nanos(1));
    assert_eq!(kind(client.peer_address()), Some(ErrorKind::NotConnected));
    simulation.advance(Duration::from_nanos(1));
    assert_eq!(client.peer_address().unwrap(), address);
    assert_eq!(pending(&client), None);
    client.connect(&address).expect("told once that it is there");
    assert!(client.connect(&address).is_err(), "and then that it was there already");
    assert_eq!(kind(listener.accept()), Some(ErrorKind::WouldBlock), "not confirmed yet");
    simulation.advance(A_WHILE);
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_address().unwrap());
    assert_eq!(server.peer_address().unwrap(), peer);
    assert_eq!(server.local_address().unwrap(), address);
}

#[test]
fn a_refusal_is_a_pending_error_and_the_socket_can_try_again() {
    let simulation = Simulation::new(1);
    let (gone, address) = listener(&simulation, 1);
    drop(gone);
    let client = connecting(&simulation, &address);
    simulation.advance(A_WHILE);
    assert_eq!(pending(&client), Some(ErrorKind::ConnectionRefused));
    assert_eq!(pending(&client), None, "one call takes it");
    assert_eq!(kind(client.connect(&address)), Some(ErrorKind::ConnectionAborted));
    let again = simulation.tcp_socket(false).unwrap();
    again.bind(&address).unwrap();
    again.listen(1).unwrap();
    assert_eq!(kind(client.connect(&address)), Some(ErrorKind::WouldBlock));
    simulation.advance(A_WHILE);
    assert!(again.accept().is_ok());
}

#[test]
fn addresses_elsewhere_are_unreachable() {
    let simulation = Simulation::new(1);
    let client = simulation.tcp_socket(false).unwrap();
    let elsewhere = Address::Ip(([192, 0, 2, 1], 80).into());
    assert_eq!(kind(client.connect(&elsewhere)), Some(ErrorKind::NetworkUnreachable));
    assert_eq!(kind(client.connect(&ip6(80))), Some(ErrorKind::InvalidInput));
}

#[test]
fn any_address_means_this_host_and_ipv6_takes_ipv4_guests() {
    let simulation = Simulation::new(1);
    let listener = simulation.tcp_socket(true).unwrap();
    listener.bind(&Address::Ip((Ipv6Addr::UNSPECIFIED, 0).into())).unwrap();
    listener.listen(4).unwrap();
    let Address::Ip(local) = listener.local_address().unwrap() else { panic!("an IP address") };
    let client = connecting(&simulation, &Address::Ip(([0, 0, 0, 0], local.port()).into()));
    simulation.advance(A_WHILE);
    let (server, Address::Ip(peer)) = listener.accept().unwrap() else { panic!("an IP address") };
    let Address::Ip(source) = client.local_address().unwrap() else { panic!("an IP address") };
    assert_eq!((peer.ip().to_canonical(), peer.port()), (source.ip(), source.port()));
    assert!(peer.is_ipv6(), "IPv4 written as IPv6");
    client.send(b"hi").unwrap();
    simulation.advance(A_WHILE);
    assert_eq!(read(&server, 9).unwrap(), b"hi");
    let six = simulation.tcp_socket(true).unwrap();
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    let to = Address::Ip((mapped, local.port()).into());
    assert_eq!(kind(six.connect(&to)), Some(ErrorKind::WouldBlock));
    simulation.advance(A_WHILE);
    assert_eq!(six.peer_address().unwrap(), to);
}

#[test]
fn c13_a_full_accept_queue_drops_requests_which_are_repeated() {
    let simulation = Simulation::new(1);
    let (listener, address) = listener(&simulation, 0);
    let first = connecting(&simulation, &address);
    simulation.advance(A_WHILE);
    let second = connecting(&simulation, &address);
    simulation.advance(A_WHILE);
    assert!(first.peer_address().is_ok(), "one more than the backlog has room");
    assert_eq!(kind(second.peer_address()), Some(ErrorKind::NotConnected));
    let (_server, _) = listener.accept().unwrap();
    simulation.advance(Duration::from_secs(1) + A_WHILE);
    assert!(second.peer_address().is_ok(), "after the first repetition");

    let third = connecting(&simulation, &address);
    simulation.advance(Duration::from_secs(62));
    assert_eq!(pending(&third), None);
    simulation.advance(Duration::from_secs(2));
    assert_eq!(pending(&third), Some(ErrorKind::TimedOut), "after 1 + 2 + 4 + … + 32 seconds");
}

#[test]
fn a_listener_that_closes_resets_who_waits() {
    for how in [None, Some(Shutdown::Read)] {
        let simulation = Simulation::new(1);
        let (listener, address) = listener(&simulation, 8);
        let client = connecting(&simulation, &address);
        simulation.advance(A_WHILE);
        match how {
            None => drop(listener),
            Some(how) => {
                listener.shutdown(how).unwrap();
                assert_eq!(kind(listener.accept()), Some(ErrorKind::InvalidInput));
            }
        }
        simulation.advance(A_WHILE);
        assert_eq!(pending(&client), Some(ErrorKind::ConnectionReset));
    }
}

#[test]
fn a_unix_listener_that_is_shut_still_gives_out_who_waits() {
    let simulation = Simulation::new(1);
    let listener = simulation.unix_socket().unwrap();
    listener.bind(&Address::unnamed()).unwrap();
    listener.listen(4).unwrap();
    let connect = || {
        let client = simulation.unix_socket().unwrap();
        client.connect(&listener.local_address().unwrap()).map(|()| client)
    };
    let client = connect().unwrap();
    listener.shutdown(Shutdown::Both).unwrap();
    assert_eq!(kind(connect()), Some(ErrorKind::ConnectionRefused));
    let (server, _) = listener.accept().unwrap();
    assert_eq!(kind(listener.accept()), Some(ErrorKind::InvalidInput));
    client.send(b"x").unwrap();
    assert_eq!(read(&server, 9).unwrap(), b"x");
}

#[test]
fn a_caller_that_leaves_during_the_handshake_leaves_nothing_behind() {
    for leaves_after_us in [0, 15, 25, 35] {
        let hop = Duration::from_micros(10);
        let simulation = Simulation::new(1).latency(hop..=hop);
        let (listener, address) = listener(&simulation, 0);
        let client = connecting(&simulation, &address);
        simulation.advance(Duration::from_micros(leaves_after_us));
        drop(client);
        simulation.advance(A_WHILE);
        if let Ok((server, _)) = listener.accept() {
            assert_eq!(read(&server, 1).unwrap(), b"", "accepted and ended");
        }
        let next = connecting(&simulation, &address);
        simulation.advance(A_WHILE);
        assert!(next.peer_address().is_ok(), "the accept queue has its room back");
        assert!(listener.accept().is_ok());
    }
}

#[test]
fn calls_on_the_wrong_kind_of_socket_fail_as_on_linux() {
    let simulation = Simulation::new(1);
    let tcp = simulation.tcp_socket(false).unwrap();
    let unix = simulation.unix_socket().unwrap();
    for socket in [&tcp, &unix] {
        assert_eq!(kind(socket.accept()), Some(ErrorKind::InvalidInput));
        assert_eq!(kind(socket.peer_address()), Some(ErrorKind::NotConnected));
        assert_eq!(kind(socket.reset()), Some(ErrorKind::NotConnected));
    }
    assert_eq!(kind(tcp.shutdown(Shutdown::Both)), Some(ErrorKind::NotConnected));
    assert_eq!(kind(unix.shutdown(Shutdown::Both)), None);
    assert_eq!(kind(unix.connect(&Address::unnamed())), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(read(&tcp, 1)), Some(ErrorKind::NotConnected));
    assert_eq!(kind(tcp.send(b"x")), Some(ErrorKind::BrokenPipe));
    assert_eq!(kind(read(&unix, 1)), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(unix.send(b"x")), Some(ErrorKind::NotConnected));
    let (listener, address) = listener(&simulation, 1);
    assert!(listener.connect(&address).is_err());
    let (client, _server) = tcp_pair(&simulation);
    assert_eq!(kind(client.listen(1)), Some(ErrorKind::InvalidInput));
    tcp.listen(1).expect("an unbound TCP socket listens on a free port");
    assert_ne!(tcp.local_address().unwrap(), Address::Ip(([0, 0, 0, 0], 0).into()));
    assert_eq!(kind(unix.listen(1)), Some(ErrorKind::InvalidInput));
}

#[test]
fn unix_names_outlive_their_sockets_unless_they_are_abstract() {
    let simulation = Simulation::new(1);
    let path = Address::Unix(b"/run/test.sock".to_vec());
    let connect = |to: &Address| simulation.unix_socket().unwrap().connect(to);
    assert_eq!(kind(connect(&path)), Some(ErrorKind::NotFound));
    let listener = simulation.unix_socket().unwrap();
    listener.bind(&path).unwrap();
    assert_eq!(kind(connect(&path)), Some(ErrorKind::ConnectionRefused), "it does not listen");
    listener.listen(0).unwrap();
    connect(&path).unwrap();
    assert_eq!(kind(connect(&path)), Some(ErrorKind::WouldBlock), "the accept queue is full");
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, Address::unnamed());
    assert_eq!(server.local_address().unwrap(), path);
    assert_eq!(read(&server, 1).unwrap(), b"", "its caller is gone already");
    drop(listener);
    assert_eq!(kind(connect(&path)), Some(ErrorKind::ConnectionRefused));
    let again = simulation.unix_socket().unwrap();
    assert_eq!(kind(again.bind(&path)), Some(ErrorKind::AddrInUse));
    simulation.unlink(b"/run/test.sock").unwrap();
    assert_eq!(kind(simulation.unlink(b"/run/test.sock")), Some(ErrorKind::NotFound));
    again.bind(&path).unwrap();

    let hidden = Address::Unix(b"\0hidden".to_vec());
    for _ in 0..2 {
        let listener = simulation.unix_socket().unwrap();
        listener.bind(&hidden).expect("an abstract name goes with its socket");
        listener.listen(1).unwrap();
        connect(&hidden).unwrap();
    }
    assert_eq!(kind(connect(&hidden)), Some(ErrorKind::ConnectionRefused));
    let any = simulation.unix_socket().unwrap();
    any.bind(&Address::unnamed()).unwrap();
    let Address::Unix(name) = any.local_address().unwrap() else { panic!("a Unix name") };
    assert_eq!((name.len(), name[0]), (6, 0));
    let long = Address::Unix(vec![b'x'; 108]);
    assert_eq!(kind(connect(&long)), Some(ErrorKind::NotFound));
    let socket = simulation.unix_socket().unwrap();
    assert_eq!(kind(socket.bind(&long)), Some(ErrorKind::InvalidInput));
}
