//! What an executor that moves tasks between threads asks of the types and futures of `net`.
//!
//! The functions are never called: that they compile is the proof.

use std::time::Duration;

use mainspring::Interest;
use mainspring::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
    lookup_host, tcp, unix,
};
use mainspring::os::unix::DescriptorPassing;
use mainspring::signal::{Signal, ctrl_c};
use mainspring::time::{Interval, Sleep, timeout};
use mainspring::{Async, Handle, Registration};

fn shared<T: Send + Sync + Unpin + 'static>() {}
fn moved(_: impl Send) {}

#[allow(dead_code)]
fn types_go_to_any_thread() {
    shared::<TcpListener>();
    shared::<TcpSocket>();
    shared::<TcpStream>();
    shared::<UdpSocket>();
    shared::<UnixDatagram>();
    shared::<UnixListener>();
    shared::<UnixStream>();
    shared::<tcp::OwnedReadHalf>();
    shared::<tcp::OwnedWriteHalf>();
    shared::<tcp::ReuniteError>();
    shared::<tcp::Incoming<'static>>();
    shared::<unix::OwnedReadHalf>();
    shared::<unix::OwnedWriteHalf>();
    shared::<unix::ReuniteError>();
    shared::<unix::Incoming<'static>>();
    shared::<unix::SocketAddr>();
    shared::<Async<std::net::TcpStream>>();
    shared::<Handle>();
    shared::<Registration>();
    shared::<Signal>();
    shared::<Sleep>();
    shared::<Interval>();
}

#[allow(dead_code)]
fn futures_of_streams_go_to_any_thread(stream: &TcpStream, unix: &UnixStream) {
    let mut buffer = [0; 4];
    moved(TcpStream::connect("localhost:80"));
    moved(TcpStream::connect_timeout(("localhost", 80), Duration::ZERO));
    moved(UnixStream::connect("/path"));
    moved(UnixStream::connect_timeout("/path", Duration::ZERO));
    moved(stream.read(&mut buffer));
    moved(stream.peek(&mut buffer));
    moved(stream.read_vectored(&mut []));
    moved(stream.write(b"bytes"));
    moved(stream.write_vectored(&[]));
    moved(stream.readable());
    moved(stream.ready(Interest::WRITABLE));
    moved(stream.async_io(Interest::READABLE, || Ok(())));
    moved(timeout(Duration::ZERO, stream.writable()));
    moved(unix.recv_with_fds(&mut buffer));
    moved(unix.send_with_fds(b"bytes", &[]));
}

#[allow(dead_code)]
fn futures_of_the_others_go_to_any_thread(
    tcp: &TcpListener,
    unix: &UnixListener,
    udp: &UdpSocket,
    datagrams: &UnixDatagram,
    socket: TcpSocket,
) {
    let mut buffer = [0; 4];
    moved(TcpListener::bind("localhost:80"));
    moved(tcp.accept());
    moved(tcp.accept_steadily());
    moved(unix.accept());
    moved(unix.accept_steadily());
    moved(UdpSocket::bind("localhost:80"));
    moved(udp.connect("localhost:80"));
    moved(udp.send_to(b"bytes", "localhost:80"));
    moved(udp.recv_from(&mut buffer));
    moved(datagrams.send_to(b"bytes", "/path"));
    moved(datagrams.recv_from(&mut buffer));
    moved(socket.connect(([127, 0, 0, 1], 80).into()));
    moved(lookup_host("localhost:80"));
    moved(ctrl_c());
}

#[test]
fn what_the_standard_library_made_is_taken_over() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert!(TcpListener::try_from(listener).is_ok());
    assert!(TcpStream::try_from(stream).is_ok());
    let (stream, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(UnixStream::try_from(stream).is_ok());
}
