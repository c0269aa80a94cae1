use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;

use rustix::fs::OFlags;
use rustix::io::FdFlags;
use socket2::{Domain, SockAddr, Socket};

use super::*;

fn assert_flags(socket: &Socket) {
    let status = rustix::fs::fcntl_getfl(socket.as_fd()).unwrap();
    assert!(status.contains(OFlags::NONBLOCK), "{status:?}");
    let descriptor = rustix::io::fcntl_getfd(socket.as_fd()).unwrap();
    assert!(descriptor.contains(FdFlags::CLOEXEC), "{descriptor:?}");
}

fn loopback() -> SockAddr {
    SockAddr::from("127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap())
}

#[test]
fn every_socket_is_nonblocking_and_closed_on_exec() {
    let listener = open_stream(Domain::IPV4).unwrap();
    assert_flags(&listener);
    listener.bind(&loopback()).unwrap();
    listener.listen(1).unwrap();
    let error = accept(&listener).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);

    let client = std::net::TcpStream::connect(
        listener.local_addr().unwrap().as_socket().expect("an IPv4 address"),
    )
    .unwrap();
    let (accepted, peer) = accept(&listener).unwrap();
    assert_flags(&accepted);
    assert_eq!(peer.as_socket(), Some(client.local_addr().unwrap()));

    let (a, b) = stream_pair().unwrap();
    assert_flags(&a);
    assert_flags(&b);
}

#[test]
fn more_buffers_than_a_call_takes_are_a_short_transfer() {
    let (a, b) = stream_pair().unwrap();
    let byte = [7];
    let many = vec![IoSlice::new(&byte); BUFFERS_MAX + 10];
    assert_eq!(send_vectored(&a, &many).unwrap(), BUFFERS_MAX);
    let mut bytes = vec![0; BUFFERS_MAX + 10];
    let mut room: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
    assert_eq!(recv_vectored(&b, &mut room).unwrap(), BUFFERS_MAX);
    assert_eq!(recv(&b, &mut [0], false).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_peek_leaves_what_it_shows() {
    let (a, b) = stream_pair().unwrap();
    assert_eq!(send(&a, b"once").unwrap(), 4);
    let mut buffer = [0; 8];
    assert_eq!(recv(&b, &mut buffer, true).unwrap(), 4);
    let mut fresh = [MaybeUninit::uninit(); 8];
    assert_eq!(recv_uninit(&b, &mut fresh).unwrap(), 4);
    assert_eq!(&buffer[..4], b"once");
}

#[test]
fn a_broken_pipe_is_an_error_and_the_system_says_it() {
    let (a, b) = stream_pair().unwrap();
    drop(b);
    assert_eq!(send(&a, b"x").unwrap_err().raw_os_error(), Some(libc::EPIPE));
    let error = send_vectored(&a, &[IoSlice::new(b"x")]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPIPE));
}

#[test]
fn a_full_queue_of_a_unix_listener_is_not_an_attempt_in_progress() {
    let address = SockAddr::unix(format!("\0mainspring-socket-{}", std::process::id())).unwrap();
    let listener = open_stream(Domain::UNIX).unwrap();
    listener.bind(&address).unwrap();
    listener.listen(0).unwrap();
    let first = open_stream(Domain::UNIX).unwrap();
    assert!(connect(&first, &address).unwrap(), "a Unix connection is there at once");
    let second = open_stream(Domain::UNIX).unwrap();
    assert_eq!(connect(&second, &address).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn errors_of_accept_are_told_apart() {
    let of = |number| accept_failure(&io::Error::from_raw_os_error(number));
    for number in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
        assert_eq!(of(number), AcceptFailure::Shortage, "{number}");
    }
    for number in [libc::ECONNABORTED, libc::EPROTO, libc::EHOSTUNREACH] {
        assert_eq!(of(number), AcceptFailure::Connection, "{number}");
    }
    for number in [libc::EBADF, libc::EINVAL, libc::EOPNOTSUPP, libc::EPERM] {
        assert_eq!(of(number), AcceptFailure::Listener, "{number}");
    }
}
