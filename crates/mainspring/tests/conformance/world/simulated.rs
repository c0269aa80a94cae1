//! Sockets of the simulated kernel.

use std::io;
use std::net::SocketAddr;

use mainspring::{SimAddress, SimSocket, Simulation};

pub(crate) fn tcp_listener(simulation: &Simulation) -> (SimSocket, SimAddress) {
    let listener = simulation.tcp_socket(false).expect("a simulated socket");
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    listener.bind(&SimAddress::Ip(any_port)).expect("a free port");
    listener.listen(16).expect("a bound socket");
    let address = listener.local_address().expect("an address");
    (listener, address)
}

pub(crate) fn tcp_connect(simulation: &Simulation, address: &SimAddress) -> SimSocket {
    let socket = simulation.tcp_socket(false).expect("a simulated socket");
    match socket.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket,
        other => panic!("a connection takes time: {other:?}"),
    }
}
