//! The simulated kernel's calls, without a queue: the test moves the clock.

mod connection;
mod determinism;
mod stream;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Address, Simulation, Socket};

/// Longer than any handshake or transfer takes with the latency as it comes.
const A_WHILE: Duration = Duration::from_millis(10);

fn ip4(port: u16) -> Address {
    Address::Ip(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

fn ip6(port: u16) -> Address {
    Address::Ip(SocketAddr::from((Ipv6Addr::LOCALHOST, port)))
}

fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
    result.err().map(|error| error.kind())
}

/// A listening TCP socket and its address.
fn listener(simulation: &Simulation, backlog: u32) -> (Socket, Address) {
    let listener = simulation.tcp_socket(false).unwrap();
    listener.bind(&ip4(0)).unwrap();
    listener.listen(backlog).unwrap();
    let address = listener.local_address().unwrap();
    (listener, address)
}

/// A socket whose connection request is on its way.
fn connecting(simulation: &Simulation, to: &Address) -> Socket {
    let client = simulation.tcp_socket(false).unwrap();
    assert_eq!(kind(client.connect(to)), Some(io::ErrorKind::WouldBlock));
    client
}

/// Both ends of a TCP connection.
fn tcp_pair(simulation: &Simulation) -> (Socket, Socket) {
    let (listener, address) = listener(simulation, 16);
    let client = connecting(simulation, &address);
    simulation.advance(A_WHILE);
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

/// The pending error's kind.
fn pending(socket: &Socket) -> Option<io::ErrorKind> {
    socket.take_error().unwrap().map(|error| error.kind())
}

/// What a read finds, with a buffer of `len` bytes.
fn read(socket: &Socket, len: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; len];
    let count = socket.recv(&mut buffer, false)?;
    buffer.truncate(count);
    Ok(buffer)
}
