//! Unix streams and listeners, of a real kernel and of simulated ones.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::join;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use mainspring::Interest;
use mainspring::net::unix::SocketAddr;
use mainspring::net::{UnixListener, UnixStream};

use crate::both_ways::{SocketPath, abstract_name, both_ways};
use crate::support::{block_on, driver, on_each_kernel, pattern, poll_once};

async fn connected() -> (UnixStream, UnixStream) {
    let listener = UnixListener::bind_addr(&abstract_name()).expect("a listener");
    let address = listener.local_addr().expect("its name");
    let (client, accepted) = join(UnixStream::connect_addr(&address), listener.accept()).await;
    (client.expect("a connection"), accepted.expect("its other end").0)
}

#[test]
fn a_client_is_served_and_each_side_ends_in_its_time() {
    let test = async || {
        let (mut client, mut server) = connected().await;
        let serve = async {
            let mut asked = Vec::new();
            server.read_to_end(&mut asked).await.unwrap();
            server.write_all(&asked).await.unwrap();
            server.close().await.unwrap();
            asked.len()
        };
        let ask = async {
            client.write_all(b"one question").await.unwrap();
            client.close().await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "one question");
        };
        assert_eq!(join(serve, ask).await.0, 12);
    };
    on_each_kernel(|_| test());
    both_ways(test);
}

#[test]
fn a_pair_carries_more_than_its_buffers_hold() {
    on_each_kernel(async |_| {
        let (mut a, mut b) = UnixStream::pair().unwrap();
        let sent = pattern(300_000, 5);
        let write = async {
            a.write_all(&sent).await.unwrap();
            a.close().await.unwrap();
        };
        let mut received = Vec::new();
        let read = async { b.read_to_end(&mut received).await.unwrap() };
        assert_eq!(join(write, read).await.1, sent.len());
        assert!(received == sent, "every byte in its place");
    });
}

#[test]
fn the_halves_go_their_own_ways_and_come_together() {
    on_each_kernel(async |_| {
        let (a, b) = UnixStream::pair().unwrap();
        let (reader, writer) = a.into_split();
        let (read, written) = join(
            async {
                let mut buffer = [0; 16];
                reader.read(&mut buffer).await.unwrap()
            },
            async {
                writer.write(b"to b").await.unwrap();
                let mut buffer = [0; 16];
                b.read(&mut buffer).await.unwrap();
                b.write(b"to a, too").await.unwrap()
            },
        )
        .await;
        assert_eq!(read, written);
        let mut a = reader.reunite(writer).expect("halves of one stream");
        let (reader, writer) = UnixStream::split(&mut a);
        writer.write(b"still there").await.unwrap();
        assert_eq!(b.read(&mut [0; 16]).await.unwrap(), 11);
        assert_eq!(reader.try_read(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
}

#[test]
fn several_buffers_are_one_transfer() {
    both_ways(|| async {
        let (a, b) = UnixStream::pair().unwrap();
        let parts = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"transfer")];
        assert_eq!(a.write_vectored(&parts).await.unwrap(), 12);
        let (mut first, mut second) = ([0; 3], [0; 16]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(b.read_vectored(&mut buffers).await.unwrap(), 12);
        assert_eq!((&first, &second[..9]), (b"one", &b" transfer"[..]));
        let nothing = b.try_read_vectored(&mut [IoSliceMut::new(&mut first)]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    });
}

#[test]
fn a_peek_takes_nothing() {
    on_each_kernel(async |_| {
        let (a, b) = UnixStream::pair().unwrap();
        a.write(b"look").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(b.peek(&mut buffer).await.unwrap(), 4);
        assert_eq!(poll_fn(|cx| b.poll_peek(cx, &mut buffer)).await.unwrap(), 4);
        assert_eq!(b.try_peek(&mut buffer[..2]).unwrap(), 2);
        assert_eq!(b.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(b.try_peek(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
}

#[test]
fn the_peer_is_this_very_process() {
    both_ways(|| async {
        let user = rustix::process::geteuid().as_raw();
        let group = rustix::process::getegid().as_raw();
        let (a, b) = UnixStream::pair().unwrap();
        let (client, server) = connected().await;
        for stream in [a, b, client, server] {
            let peer = stream.peer_cred().unwrap();
            assert_eq!((peer.uid(), peer.gid()), (user, group));
            assert_eq!(peer.pid(), i32::try_from(std::process::id()).ok());
        }
    });
}

#[test]
fn a_stream_without_a_peer_has_no_credentials() {
    both_ways(|| async {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let alone = UnixStream::from_socket2(socket.unwrap()).unwrap();
        assert_eq!(alone.peer_cred().unwrap_err().kind(), io::ErrorKind::NotConnected);
        assert_eq!(alone.peer_addr().unwrap_err().kind(), io::ErrorKind::NotConnected);
    });
}

#[test]
fn paths_name_listeners() {
    both_ways(|| async {
        let at = SocketPath::new();
        let early = UnixStream::connect(&at.0).await.unwrap_err();
        assert_eq!(early.kind(), io::ErrorKind::NotFound);
        let listener = UnixListener::bind(&at.0).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(at.0.as_path()));
        let client = UnixStream::connect(&at.0).await.unwrap();
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(at.0.as_path()));
        assert!(client.local_addr().unwrap().is_unnamed());
        let (server, peer) = listener.try_accept().unwrap();
        assert!(peer.is_unnamed() && server.peer_addr().unwrap().is_unnamed());
        let none = listener.try_accept().unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
        let taken = UnixListener::bind(&at.0).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        let late = UnixStream::connect(&at.0).await.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::ConnectionRefused);
        let long = UnixStream::connect("x".repeat(200)).await.unwrap_err();
        assert_eq!(long.kind(), io::ErrorKind::InvalidInput);
    });
}

#[test]
fn connections_come_as_a_stream() {
    on_each_kernel(async |_| {
        let listener = UnixListener::bind_addr(&abstract_name()).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = async {
            let mut clients = Vec::new();
            for _ in 0..5 {
                clients.push(UnixStream::connect_addr(&address).await.unwrap());
            }
            clients
        };
        let accept = listener.incoming().take(5).filter(|c| std::future::ready(c.is_ok())).count();
        let (clients, count) = join(connect, accept).await;
        assert_eq!((clients.len(), count), (5, 5));
        assert_eq!(listener.shortages().failures(), 0);
        assert!(listener.take_error().unwrap().is_none());
    });
}

/// A listener whose queue is full: one waits although the backlog is 0, as Linux counts.
fn full_listener(name: &SocketAddr) -> (UnixListener, Vec<std::os::unix::net::UnixStream>) {
    let kind = socket2::Type::STREAM;
    let socket = socket2::Socket::new(socket2::Domain::UNIX, kind, None).unwrap();
    let std_name = name.to_std().unwrap();
    let address = socket2::SockAddr::unix(format!(
        "\0{}",
        std::str::from_utf8(name.as_abstract_name().unwrap()).unwrap()
    ));
    socket.bind(&address.unwrap()).unwrap();
    socket.listen(0).unwrap();
    let first = std::os::unix::net::UnixStream::connect_addr(&std_name).unwrap();
    (UnixListener::from_socket2(socket).unwrap(), vec![first])
}

/// The kernel says `EAGAIN` and never more: the attempt is made again until there is room.
#[test]
fn a_connection_waits_for_room_in_the_queue() {
    both_ways(|| async {
        let name = abstract_name();
        let (listener, _first) = full_listener(&name);
        let mut connecting = pin!(UnixStream::connect_addr(&name));
        assert!(poll_once(connecting.as_mut()).is_pending());
        listener.accept().await.unwrap();
        let (client, accepted) = join(connecting, listener.accept()).await;
        client.unwrap().write(b"at last").await.unwrap();
        assert_eq!(accepted.unwrap().0.read(&mut [0; 16]).await.unwrap(), 7);
    });
}

#[test]
fn a_connection_waits_no_longer_than_it_may() {
    both_ways(|| async {
        let name = abstract_name();
        let (_listener, _first) = full_listener(&name);
        let mut path = String::from("\0");
        path.push_str(std::str::from_utf8(name.as_abstract_name().unwrap()).unwrap());
        let late = UnixStream::connect_timeout(&path, Duration::from_millis(60)).await;
        let late = late.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        assert!(late.to_string().contains("backlog"), "{late}");
    });
}

#[test]
fn a_shutdown_wakes_who_reads() {
    on_each_kernel(async |_| {
        let (a, b) = UnixStream::pair().unwrap();
        let mut buffer = [0; 4];
        let read = a.read(&mut buffer);
        let (read, ()) = join(read, async { b.shutdown(Shutdown::Write).unwrap() }).await;
        assert_eq!(read.unwrap(), 0);
        a.write(b"x").await.unwrap();
        drop(b);
        let broken = loop {
            if let Err(error) = a.write(b"x").await {
                break error;
            }
        };
        assert!(
            matches!(broken.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset),
            "{broken}"
        );
    });
}

#[test]
fn readiness_and_calls_of_ones_own() {
    both_ways(|| async {
        let (a, b) = UnixStream::pair().unwrap();
        let std = socket2::SockRef::from(&b);
        let peek = || std.peek(&mut [std::mem::MaybeUninit::uninit(); 4]);
        let early = b.try_io(Interest::READABLE, peek).unwrap_err();
        assert_eq!(early.kind(), io::ErrorKind::WouldBlock);
        let (seen, _) = join(b.async_io(Interest::READABLE, peek), a.write(b"abc")).await;
        assert_eq!(seen.unwrap(), 3);
        let ready = b.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        assert!(ready.is_readable());
        b.readable().await.unwrap();
        b.writable().await.unwrap();
        assert_eq!(b.try_read(&mut [0; 8]).unwrap(), 3);
        assert_eq!(b.try_write(b"d").unwrap(), 1);
    });
}

#[test]
fn streams_come_from_elsewhere_and_go_there() {
    both_ways(|| async {
        let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
        let a = UnixStream::from_std(a).unwrap();
        let b = UnixStream::from_std(b).unwrap();
        a.write(b"x").await.unwrap();
        let b = b.into_std().unwrap();
        assert_eq!(io::Read::read(&mut &b, &mut [0; 4]).unwrap(), 1);
        let blocked = io::Read::read(&mut &b, &mut [0; 4]).unwrap_err();
        assert_eq!(blocked.kind(), io::ErrorKind::WouldBlock);

        let at = SocketPath::new();
        let listener = std::os::unix::net::UnixListener::bind(&at.0).unwrap();
        let listener = UnixListener::from_std(listener).unwrap();
        let client = UnixStream::connect(&at.0).await.unwrap();
        let (server, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        server.write(b"y").await.unwrap();
        assert_eq!(client.read(&mut [0; 4]).await.unwrap(), 1);
        assert!(listener.into_std().is_ok());

        let tcp = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let refused = UnixStream::from_socket2(tcp.unwrap()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let datagram = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::DGRAM, None);
        assert!(UnixListener::from_socket2(datagram.unwrap()).is_err());
    });
}

/// C14.
#[test]
fn the_end_of_the_driver_is_the_end_of_its_streams() {
    let mut driver = driver();
    let name = abstract_name();
    let (a, _b) = block_on(&mut driver, async { UnixStream::pair().unwrap() });
    let entered = driver.handle().enter();
    let (_listener, _first) = full_listener(&name);
    let mut connecting = pin!(UnixStream::connect_addr(&name));
    assert!(poll_once(connecting.as_mut()).is_pending());
    drop(entered);
    let mut buffer = [0; 4];
    let mut waiting = pin!(a.read(&mut buffer));
    assert!(poll_once(waiting.as_mut()).is_pending());
    drop(driver);
    let Poll::Ready(ended) = poll_once(waiting) else { panic!("it still waits") };
    assert!(mainspring::is_shutdown(&ended.unwrap_err()));
    let Poll::Ready(ended) = poll_once(connecting) else { panic!("it still waits") };
    assert!(mainspring::is_shutdown(&ended.unwrap_err()));
}
