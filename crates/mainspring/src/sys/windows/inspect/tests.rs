use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::*;
use crate::sys::raw_source;

fn of(source: &impl crate::sys::AsSource) -> Identity {
    identity(raw_source(source)).unwrap()
}

#[test]
fn c5_two_connections_are_told_apart_and_a_duplicate_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let a = TcpStream::connect(address).unwrap();
    let (b, _) = listener.accept().unwrap();
    let c = TcpStream::connect(address).unwrap();
    let twin = a.try_clone().unwrap();
    for other in [of(&b), of(&c), of(&listener), of(&UdpSocket::bind(address).unwrap())] {
        assert!(!of(&a).is_still(&other) && !other.is_still(&of(&a)), "{other:?}");
    }
    assert!(of(&a).is_still(&of(&twin)));
    assert!(!of(&a).is_connecting() && !of(&listener).is_connecting() && !of(&b).is_connecting());
}

#[test]
fn c5_a_socket_stays_itself_while_it_gets_its_addresses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let mut stages = vec![of(&socket)];
    assert!(stages[0].is_connecting(), "it has no peer yet");
    let any: std::net::SocketAddr = "0.0.0.0:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    stages.push(of(&socket));
    socket.connect(&listener.local_addr().unwrap().into()).unwrap();
    stages.push(of(&socket));
    assert!(!stages[2].is_connecting());
    for (place, then) in stages.iter().enumerate() {
        for now in &stages[place..] {
            assert!(then.is_still(now), "{then:?} to {now:?}");
        }
    }
    assert!(!stages[2].is_still(&stages[0]), "it never loses its own address");
    let fresh = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    assert!(!stages[2].is_still(&of(&fresh)));
}

#[test]
fn c5_a_connection_that_was_reset_is_still_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (b, _) = listener.accept().unwrap();
    let before = of(&a);
    socket2::SockRef::from(&b).set_linger(Some(Duration::ZERO)).unwrap();
    drop(b);
    assert!(std::io::Read::read(&mut &a, &mut [0; 1]).is_err());
    assert!(before.is_still(&of(&a)), "{before:?} to {:?}", of(&a));
}

#[test]
fn c5_the_peer_of_datagrams_is_changed_at_will() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let before = of(&socket);
    assert!(!before.is_connecting());
    for _ in 0..2 {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(peer.local_addr().unwrap()).unwrap();
        assert!(before.is_still(&of(&socket)));
    }
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(!before.is_still(&of(&other)));
}

#[test]
fn c5_a_number_that_names_nothing_is_an_error() {
    let closed = identity(RawSource(0x7fff_fffc)).unwrap_err();
    assert_eq!(closed.raw_os_error(), Some(WSAENOTSOCK));
    let wild = identity(RawSource(u64::MAX)).unwrap_err();
    assert!(wild.to_string().contains("simulat"), "{wild}");
    for wild in [RawSource(u64::MAX), RawSource(0x7fff_fffc)] {
        assert_eq!(progress(wild, Sort::Socket), Progress::Waiting { received: 0 });
    }
}

#[test]
fn what_waits_in_a_socket_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut b, _) = listener.accept().unwrap();
    let waiting = || progress(raw_source(&a), Sort::Socket);
    assert_eq!(waiting(), Progress::Waiting { received: 0 });
    b.write_all(b"abc").unwrap();
    let patience = Instant::now() + Duration::from_secs(10);
    while waiting() != (Progress::Waiting { received: 3 }) {
        assert!(Instant::now() < patience, "{:?}", waiting());
    }
}
