use super::*;

#[test]
fn a_transfer_is_full_by_what_a_call_can_move() {
    assert_eq!(full_transfer([3, 4].into_iter()), 7);
    assert_eq!(full_transfer([usize::MAX, 1].into_iter()), TRANSFER_MAX);
    assert_eq!(full_transfer(std::iter::repeat_n(1, BUFFERS_MAX + 1)), BUFFERS_MAX);
}

#[test]
fn a_connection_refused_is_known_when_the_socket_is_writable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = Socket::open_os(Domain::IPV4).unwrap();
    // Over the loopback the answer may be there before the call returns.
    let refused = match socket.connect(&free.into()) {
        Err(error) => error,
        Ok(Connect::Done) => panic!("nobody listens on {free}"),
        Ok(Connect::InProgress) => loop {
            if let Some(error) = socket.take_error().unwrap() {
                break error;
            }
        },
    };
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(not_connected(&socket.peer_address().unwrap_err()));
}
