//! `proxy` carries both directions, and each to its own end.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::child::{PATIENCE, Running};
use crate::{bounded, connect, listening};

/// More than the buffers between the two ends hold.
const LONG: usize = 4 * 1024 * 1024;

/// A proxy, and the two ends of one connection through it.
fn through_a_proxy() -> (Running, TcpStream, TcpStream) {
    let target = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = target.local_addr().expect("an address").to_string();
    let (proxy, listen) = listening("proxy", &["127.0.0.1:0", &address]);
    let client = connect(listen);
    let (server, _) = target.accept().expect("the proxy connects");
    (proxy, client, bounded(server))
}

fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("a proper end");
    bytes
}

#[test]
fn a_word_goes_there_and_back() {
    let (_proxy, mut client, mut server) = through_a_proxy();
    let mut word = [0; 4];
    client.write_all(b"ping").expect("a write");
    server.read_exact(&mut word).expect("a word");
    assert_eq!(&word, b"ping");
    server.write_all(b"pong").expect("a write");
    client.read_exact(&mut word).expect("a word");
    assert_eq!(&word, b"pong");
}

/// The answer begins only after the end of the question.
#[test]
fn an_end_on_one_way_leaves_the_other_open() {
    for client_first in [true, false] {
        let (_proxy, client, server) = through_a_proxy();
        let (mut first, mut second) =
            if client_first { (client, server) } else { (server, client) };
        first.write_all(b"a question").expect("a write");
        first.shutdown(Shutdown::Write).expect("an end");
        assert_eq!(read_all(&mut second), b"a question");

        let answer: Vec<u8> = (0..LONG).map(|n| (n % 253) as u8).collect();
        let sent = answer.clone();
        let answering = std::thread::spawn(move || {
            second.write_all(&sent).expect("a write");
            drop(second);
        });
        assert!(read_all(&mut first) == answer, "client first: {client_first}");
        answering.join().expect("the answering side");
    }
}

#[test]
fn a_reset_is_handed_on_as_a_reset() {
    let (_proxy, mut client, server) = through_a_proxy();
    socket2::SockRef::from(&server).set_linger(Some(Duration::ZERO)).expect("an option");
    drop(server);
    let error = client.read(&mut [0]).expect_err("no proper end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_target_that_is_not_there_costs_only_its_own_connection() {
    // Bound, so that nobody else gets the port, the proxy itself least of all; and not listening.
    let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    nobody.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    let address = nobody.local_addr().expect("an address").as_socket().expect("of IPv4");
    let address = address.to_string();
    let (_proxy, listen) = listening("proxy", &["127.0.0.1:0", &address]);
    for _ in 0..3 {
        // The reset may come before the connection is handed to us.
        let connected = TcpStream::connect_timeout(&listen, PATIENCE);
        let ended = connected.and_then(|stream| bounded(stream).read(&mut [0]));
        assert_eq!(ended.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    }
}
