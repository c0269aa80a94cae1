//! Options: what is set is what is read back, on IPv4 and IPv6.

use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use mainspring::net::TcpSocket;

use crate::support::{block_on, driver, pair};

#[test]
fn a_streams_options_are_read_back() {
    let mut driver = driver();
    let (stream, _peer) = block_on(&mut driver, pair());
    for on in [true, false] {
        stream.set_nodelay(on).unwrap();
        assert_eq!(stream.nodelay().unwrap(), on);
        stream.set_keepalive(on).unwrap();
        assert_eq!(stream.keepalive().unwrap(), on);
        stream.set_quickack(on).unwrap();
        assert_eq!(stream.quickack().unwrap(), on);
    }
    stream.set_ttl(42).unwrap();
    assert_eq!(stream.ttl().unwrap(), 42);
    stream.set_tos_v4(0x10).unwrap();
    assert_eq!(stream.tos_v4().unwrap(), 0x10);
    stream.set_linger(Some(Duration::from_secs(1))).unwrap();
    assert_eq!(stream.linger().unwrap(), Some(Duration::from_secs(1)));
    // Zero would reset the connection and lose what was not sent: only zero may become that.
    stream.set_linger(Some(Duration::from_millis(500))).unwrap();
    assert_eq!(stream.linger().unwrap(), Some(Duration::from_secs(1)));
    for endless in [Duration::MAX, Duration::from_secs(1 << 32)] {
        stream.set_linger(Some(endless)).unwrap();
        assert!(stream.linger().unwrap() > Some(Duration::from_secs(3600)), "{endless:?}");
    }
    stream.set_linger(None).unwrap();
    assert_eq!(stream.linger().unwrap(), None);
    // Doubled by Linux, and never below what was asked for.
    stream.set_send_buffer_size(8192).unwrap();
    assert!((8192..=16384).contains(&stream.send_buffer_size().unwrap()));
    stream.set_recv_buffer_size(8192).unwrap();
    assert!((8192..=16384).contains(&stream.recv_buffer_size().unwrap()));
    assert!(stream.take_error().unwrap().is_none());
    assert_eq!(stream.device().unwrap(), None);

    let half_a_second = Duration::from_millis(500);
    stream.set_keepalive_probes(Duration::from_secs(60), half_a_second, 3).unwrap();
    let socket = socket2::SockRef::from(&stream);
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(1), "rounded up");
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
    let error = stream.set_keepalive_probes(Duration::MAX, Duration::MAX, 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_sockets_options_pass_on_to_what_it_becomes() {
    let mut driver = driver();
    let entered = driver.handle().enter();
    let socket = TcpSocket::new_v6().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    assert!(socket.reuseaddr().unwrap() && socket.reuseport().unwrap());
    socket.set_only_v6(true).unwrap();
    assert!(socket.only_v6().unwrap());
    socket.set_ttl(7).unwrap();
    assert_eq!(socket.ttl().unwrap(), 7, "the hop limit of IPv6");
    socket.set_tclass_v6(0x20).unwrap();
    assert_eq!(socket.tclass_v6().unwrap(), 0x20);
    socket.bind("[::1]:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let first = socket.listen(1).unwrap();
    assert_eq!(first.ttl().unwrap(), 7);
    first.set_ttl(8).unwrap();
    assert_eq!(first.ttl().unwrap(), 8);
    assert!(first.take_error().unwrap().is_none());

    // One address, two listeners: both have said that they share it.
    let socket = TcpSocket::new_v6().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    let second = socket.listen(1).unwrap();
    assert_eq!(second.local_addr().unwrap(), address);
    let socket = TcpSocket::new_v6().unwrap();
    assert_eq!(socket.bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);

    let socket = TcpSocket::new_v6().unwrap();
    socket.bind("[::1]:0".parse().unwrap()).unwrap();
    let local = socket.local_addr().unwrap();
    drop(entered);
    let stream = block_on(&mut driver, socket.connect(address)).unwrap();
    assert_eq!(stream.local_addr().unwrap(), local);
    assert_eq!(stream.peer_addr().unwrap(), address);
    assert_eq!(stream.as_fd().as_raw_fd(), stream.as_raw_fd());
}
