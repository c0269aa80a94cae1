//! UDP over the loopback interface of a real kernel.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::join;
use mainspring::net::UdpSocket;
use mainspring::{Builder, Interest, op};

use crate::both_ways::both_ways;
use crate::support::{block_on, driver, poll_once};

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("a socket")
}

async fn pair() -> (UdpSocket, UdpSocket) {
    let (a, b) = (socket().await, socket().await);
    a.connect(b.local_addr().unwrap()).await.expect("a route");
    b.connect(a.local_addr().unwrap()).await.expect("a route");
    (a, b)
}

#[test]
fn what_is_sent_arrives_with_its_sender() {
    both_ways(|| async {
        let (server, client) = (socket().await, socket().await);
        let address = server.local_addr().unwrap();
        let serve = async {
            let mut buffer = [0; 64];
            let (count, sender) = server.recv_from(&mut buffer).await.unwrap();
            server.send_to(&buffer[..count], sender).await.unwrap();
            sender
        };
        let ask = async {
            assert_eq!(client.send_to(b"question", address).await.unwrap(), 8);
            let mut buffer = [0; 64];
            let (count, sender) = client.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..count], sender), (&b"question"[..], address));
        };
        let (sender, ()) = join(serve, ask).await;
        assert_eq!(sender, client.local_addr().unwrap());
    });
}

#[test]
fn connected_sockets_hear_of_their_peer_only() {
    both_ways(|| async {
        let (a, b) = pair().await;
        let stranger = socket().await;
        assert_eq!(a.peer_addr().unwrap(), b.local_addr().unwrap());
        stranger.send_to(b"stranger", a.local_addr().unwrap()).await.unwrap();
        b.send(b"peer").await.unwrap();
        let mut buffer = [0; 16];
        let count = a.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..count], b"peer");
        let nothing = a.try_recv(&mut buffer).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        let nobody = stranger.peer_addr().unwrap_err();
        assert_eq!(nobody.kind(), io::ErrorKind::NotConnected);
    });
}

/// C2: a receive that brought a datagram is not taken for the last one, whatever its length.
#[test]
fn a_burst_that_came_as_one_event_is_received_whole() {
    both_ways(|| async {
        let (a, b) = pair().await;
        let mut buffer = [0; 64];
        assert!(poll_once(b.recv(&mut buffer)).is_pending(), "the kernel watches now");
        for n in 0..100u8 {
            a.send(&[n]).await.unwrap();
        }
        for n in 0..100u8 {
            assert_eq!(b.recv(&mut buffer).await.unwrap(), 1);
            assert_eq!(buffer[0], n);
        }
        let nothing = b.try_recv(&mut buffer).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    });
}

/// C9: the network's refusal is an error of the socket, told once; it neither ends the socket nor
/// keeps the loop awake.
// Wine, under which this is run, tells nobody of a refusal.
#[cfg(not(windows))]
#[test]
fn a_refusal_is_told_once_and_does_not_spin() {
    let mut driver = driver();
    let handle = driver.handle();
    let (a, port) = block_on(&mut driver, async {
        let free = socket().await.local_addr().unwrap();
        let a = socket().await;
        a.connect(free).await.unwrap();
        let mut buffer = [0; 16];
        assert!(poll_once(a.recv(&mut buffer)).is_pending(), "the kernel watches now");
        a.send(b"anybody there?").await.unwrap();
        let refused = a.recv(&mut buffer).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(poll_once(a.recv(&mut buffer)).is_pending(), "it was told");
        assert!(a.take_error().unwrap().is_none());
        (a, free)
    });
    let mut quiet = 0;
    for _ in 0..20 {
        quiet += u32::from(driver.turn(Some(Duration::from_millis(5))).unwrap().events() == 0);
    }
    assert!(quiet >= 15, "{quiet} of 20 turns brought nothing; {:?}", handle.metrics());
    block_on(&mut driver, async {
        let b = UdpSocket::bind(port).await.expect("the port is still free");
        b.connect(a.local_addr().unwrap()).await.unwrap();
        b.send(b"now there is").await.unwrap();
        assert_eq!(a.recv(&mut [0; 16]).await.unwrap(), 12);
    });
}

/// The refusal wakes a task that waits already, also if it only asked for readiness.
// Wine, under which this is run, tells nobody of a refusal.
#[cfg(not(windows))]
#[test]
fn a_refusal_wakes_who_waits() {
    both_ways(|| async {
        let free = socket().await.local_addr().unwrap();
        let a = socket().await;
        a.connect(free).await.unwrap();
        let mut buffer = [0; 16];
        let (received, sent) = join(a.recv(&mut buffer), a.send(b"anybody there?")).await;
        assert_eq!(sent.unwrap(), 14);
        assert_eq!(received.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        a.send(b"and now?").await.unwrap();
        a.readable().await.unwrap();
        let refused = a.try_recv(&mut buffer).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_datagram_that_is_too_long_for_the_buffer_says_so() {
    both_ways(|| async {
        let (a, b) = pair().await;
        for (sent, room, count, truncated) in [
            (10, 4, 4, true),
            (4, 4, 4, false),
            (3, 4, 3, false),
            (0, 4, 0, false),
            (1, 0, 0, true),
        ] {
            a.send(&vec![7; sent]).await.unwrap();
            let mut buffer = vec![0; room];
            let datagram = b.recv_datagram(&mut buffer).await.unwrap();
            assert_eq!((datagram.len(), datagram.is_truncated()), (count, truncated), "{sent}");
            assert_eq!(*datagram.sender(), a.local_addr().unwrap());
            assert_eq!(datagram.is_empty(), count == 0);
        }
        // The rest is not the next datagram.
        let nothing = b.try_recv_datagram(&mut [0; 4]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    });
}

#[test]
fn a_peek_takes_nothing() {
    both_ways(|| async {
        let (a, b) = pair().await;
        a.send(b"first").await.unwrap();
        a.send(b"second").await.unwrap();
        let sender = a.local_addr().unwrap();
        let mut buffer = [0; 16];
        for _ in 0..3 {
            assert_eq!(b.peek(&mut buffer).await.unwrap(), 5);
            assert_eq!(b.try_peek(&mut buffer[..2]).unwrap(), 2);
            assert_eq!(b.peek_from(&mut buffer).await.unwrap(), (5, sender));
            assert_eq!(b.try_peek_from(&mut buffer).unwrap(), (5, sender));
            assert_eq!(b.peek_sender().await.unwrap(), sender);
            assert_eq!(b.try_peek_sender().unwrap(), sender);
            assert_eq!(&buffer[..5], b"first");
        }
        assert_eq!(b.recv(&mut buffer).await.unwrap(), 5);
        assert_eq!(b.recv(&mut buffer).await.unwrap(), 6);
        assert_eq!(b.try_peek(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
}

#[test]
fn a_receive_that_is_dropped_loses_no_datagram() {
    both_ways(|| async {
        let (a, b) = pair().await;
        let mut buffer = [0; 16];
        for _ in 0..50 {
            assert!(poll_once(b.recv(&mut buffer)).is_pending());
            a.send(b"kept").await.unwrap();
            b.readable().await.unwrap();
            drop(b.recv(&mut buffer));
            assert_eq!(b.try_recv_from(&mut buffer).unwrap(), (4, a.local_addr().unwrap()));
        }
    });
}

#[test]
fn the_poll_methods_wake_their_task() {
    both_ways(|| async {
        let (a, b) = pair().await;
        let address = b.local_addr().unwrap();
        let sender = a.local_addr().unwrap();
        let mut buffer = [0; 16];
        let receive = poll_fn(|cx| b.poll_recv_from(cx, &mut buffer));
        let send = poll_fn(|cx| a.poll_send_to(cx, b"one", address));
        let (received, sent) = join(receive, send).await;
        assert_eq!((received.unwrap(), sent.unwrap()), ((3, sender), 3));

        let ready = poll_fn(|cx| b.poll_recv_ready(cx));
        let send = poll_fn(|cx| a.poll_send(cx, b"two"));
        let (ready, sent) = join(ready, send).await;
        ready.unwrap();
        assert_eq!(sent.unwrap(), 3);
        poll_fn(|cx| a.poll_send_ready(cx)).await.unwrap();
        assert_eq!(poll_fn(|cx| b.poll_peek(cx, &mut buffer)).await.unwrap(), 3);
        assert_eq!(poll_fn(|cx| b.poll_peek_from(cx, &mut buffer)).await.unwrap(), (3, sender));
        assert_eq!(poll_fn(|cx| b.poll_peek_sender(cx)).await.unwrap(), sender);
        let datagram = poll_fn(|cx| b.poll_recv_datagram(cx, &mut buffer[..2])).await.unwrap();
        assert!(datagram.is_truncated());
        let pending = poll_fn(|cx| Poll::Ready(b.poll_recv(cx, &mut buffer).is_pending()));
        assert!(pending.await);
    });
}

#[test]
fn calls_of_ones_own_wait_like_the_others() {
    both_ways(|| async {
        let (a, b) = pair().await;
        let std = socket2::SockRef::from(&b);
        let peek = || std.peek_sender().map(|sender| sender.as_socket());
        let early = b.try_io(Interest::READABLE, peek).unwrap_err();
        assert_eq!(early.kind(), io::ErrorKind::WouldBlock);
        let waited = b.async_io(Interest::READABLE, peek);
        let (sender, sent) = join(waited, a.send(b"!")).await;
        assert_eq!((sender.unwrap(), sent.unwrap()), (a.local_addr().ok(), 1));
        assert!(b.ready(Interest::READABLE).await.unwrap().is_readable());
    });
}

#[test]
fn sockets_come_from_elsewhere_and_go_there() {
    both_ways(|| async {
        let std = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = std.local_addr().unwrap();
        let a = UdpSocket::try_from(std).unwrap();
        // It was made non-blocking on the way in.
        assert_eq!(a.try_recv(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(a.local_addr().unwrap(), address);
        let std = a.into_std().unwrap();
        assert_eq!(std.recv(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(std.local_addr().unwrap(), address);

        let tcp = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let refused = UdpSocket::from_socket2(tcp.unwrap()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        #[cfg(unix)]
        {
            let unix = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::DGRAM, None);
            assert!(UdpSocket::from_socket2(unix.unwrap()).is_err());
        }
    });
}

#[test]
fn of_several_addresses_the_first_that_works_is_bound() {
    both_ways(|| async {
        let taken = socket().await;
        let taken_address = taken.local_addr().unwrap();
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let bound = UdpSocket::bind([taken_address, free]).await.unwrap();
        assert_ne!(bound.local_addr().unwrap(), taken_address);
        let refused = UdpSocket::bind(taken_address).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        let nothing = UdpSocket::bind(Vec::new()).await.unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::InvalidInput);
        let other_family = bound.send_to(b"x", (Ipv6Addr::LOCALHOST, 9)).await;
        assert!(other_family.is_err());
        assert!(bound.send(b"to nobody").await.is_err());
    });
}

#[cfg(unix)]
const TOO_LONG: i32 = libc::EMSGSIZE;
/// `WSAEMSGSIZE`.
#[cfg(windows)]
const TOO_LONG: i32 = 10040;

#[test]
fn more_than_fits_a_datagram_is_an_error_and_not_cut() {
    both_ways(|| async {
        let (a, b) = pair().await;
        let error = a.send(&vec![0; 70_000]).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(TOO_LONG));
        assert_eq!(a.send(&vec![1; 60_000]).await.unwrap(), 60_000);
        assert_eq!(b.recv(&mut vec![0; 65_536]).await.unwrap(), 60_000);
    });
}

#[test]
fn options_of_ipv4_are_kept() {
    both_ways(|| async {
        let socket = socket().await;
        socket.set_broadcast(true).unwrap();
        assert!(socket.broadcast().unwrap());
        socket.set_ttl(9).unwrap();
        assert_eq!(socket.ttl().unwrap(), 9);
        socket.set_tos_v4(0x10).unwrap();
        assert_eq!(socket.tos_v4().unwrap(), 0x10);
        socket.set_multicast_loop_v4(false).unwrap();
        assert!(!socket.multicast_loop_v4().unwrap());
        socket.set_multicast_ttl_v4(7).unwrap();
        assert_eq!(socket.multicast_ttl_v4().unwrap(), 7);
        socket.set_multicast_if_v4(Ipv4Addr::LOCALHOST).unwrap();
        assert_eq!(socket.multicast_if_v4().unwrap(), Ipv4Addr::LOCALHOST);
        socket.set_recv_buffer_size(8192).unwrap();
        assert!(socket.recv_buffer_size().unwrap() >= 8192);
        socket.set_send_buffer_size(8192).unwrap();
        assert!(socket.send_buffer_size().unwrap() >= 8192);
    });
}

#[cfg(unix)]
#[test]
fn options_of_ipv6_are_kept() {
    use mainspring::os::unix::UdpSocketExt;
    both_ways(|| async {
        // A machine may have no IPv6.
        let Ok(socket) = UdpSocket::bind("[::1]:0").await else { return };
        socket.set_multicast_loop_v6(false).unwrap();
        assert!(!socket.multicast_loop_v6().unwrap());
        socket.set_multicast_hops_v6(5).unwrap();
        assert_eq!(socket.multicast_hops_v6().unwrap(), 5);
        socket.set_hops_v6(6).unwrap();
        assert_eq!(socket.hops_v6().unwrap(), 6);
        socket.set_multicast_if_v6(1).unwrap();
        assert_eq!(socket.multicast_if_v6().unwrap(), 1);
        socket.set_tclass_v6(0x28).unwrap();
        assert_eq!(socket.tclass_v6().unwrap(), 0x28);
        let group = "ff02::fb".parse().unwrap();
        socket.join_multicast_v6(&group, 1).unwrap();
        socket.leave_multicast_v6(&group, 1).unwrap();
        assert!(socket.leave_multicast_v6(&group, 1).is_err());
        assert!(socket.join_multicast_v6(&Ipv6Addr::LOCALHOST, 1).is_err());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_is_bound_to_an_interface() {
    use mainspring::os::linux::BindDevice;
    both_ways(|| async {
        let socket = socket().await;
        socket.bind_device(Some(b"lo")).unwrap();
        assert_eq!(socket.device().unwrap().as_deref(), Some(&b"lo"[..]));
        socket.bind_device(None).unwrap();
        assert_eq!(socket.device().unwrap(), None);
        assert!(socket.bind_device(Some(b"no-such-device")).is_err());
    });
}

#[test]
fn a_member_of_a_group_receives_what_is_sent_to_it() {
    both_ways(|| async {
        let group = Ipv4Addr::new(239, 255, 77, 1);
        let member = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        let port = member.local_addr().unwrap().port();
        member.join_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        sender.set_multicast_if_v4(Ipv4Addr::LOCALHOST).unwrap();
        sender.send_to(b"all of you", (group, port)).await.unwrap();
        let (count, from) = member.recv_from(&mut [0; 16]).await.unwrap();
        assert_eq!((count, from), (10, sender.local_addr().unwrap()));
        member.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        let again = member.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap_err();
        // Windows has a word of its own for it.
        assert!(cfg!(windows) || again.kind() == io::ErrorKind::AddrNotAvailable);
    });
}

/// C14.
#[test]
fn the_end_of_the_driver_is_the_end_of_its_sockets() {
    let mut driver = driver();
    let socket = block_on(&mut driver, socket());
    let mut buffer = [0; 4];
    let mut waiting = std::pin::pin!(socket.recv(&mut buffer));
    assert!(poll_once(waiting.as_mut()).is_pending());
    driver.shutdown();
    let Poll::Ready(ended) = poll_once(waiting) else { panic!("it still waits") };
    assert!(mainspring::is_shutdown(&ended.unwrap_err()));
    let error = socket.try_send_to(b"x", socket.local_addr().unwrap()).unwrap_err();
    assert!(mainspring::is_shutdown(&error));
}

#[cfg(feature = "sim")]
#[test]
fn a_simulated_world_has_no_datagrams_and_says_so() {
    let simulation = mainspring::Simulation::new(1);
    let driver = mainspring::Builder::new().simulation(&simulation).build().unwrap();
    let _entered = driver.handle().enter();
    let Poll::Ready(refused) = poll_once(UdpSocket::bind("127.0.0.1:0")) else { panic!("blocks") };
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::Unsupported);
}

/// Also on a queue that is told of removals with its next turn, and has an open source until then.
#[test]
fn c4_a_port_is_free_when_its_socket_is_dropped() {
    let mut driver = Builder::new().pinned().build().expect("a driver");
    block_on(&mut driver, async {
        let first = socket().await;
        let address = first.local_addr().unwrap();
        {
            let mut buffer = [0; 8];
            let mut waits = pin!(first.recv(&mut buffer));
            assert!(poll_once(waits.as_mut()).is_pending());
            // With this turn the kernel watches.
            op::nop().await.unwrap();
        }
        drop(first);
        UdpSocket::bind(address).await.expect("nobody has it");
    });
}
