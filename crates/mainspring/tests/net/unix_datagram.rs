//! Unix datagrams of a real kernel.

use std::future::{Future, poll_fn};
use std::io;
use std::net::Shutdown;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::future::join;
use mainspring::net::UnixDatagram;
use mainspring::net::unix::SocketAddr;
use mainspring::os::unix::DescriptorPassing;

use crate::both_ways::{SocketPath, abstract_name, both_ways};
use crate::support::{block_on, driver, poll_once};

#[test]
fn a_pair_carries_datagrams_both_ways() {
    both_ways(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        let mut buffer = [0; 16];
        let (received, sent) = join(b.recv(&mut buffer), a.send(b"there")).await;
        assert_eq!((received.unwrap(), sent.unwrap()), (5, 5));
        b.send(b"").await.unwrap();
        b.send(b"back").await.unwrap();
        assert_eq!(a.recv(&mut buffer).await.unwrap(), 0, "an empty datagram is one");
        let (count, sender) = a.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..count], sender.is_unnamed()), (&b"back"[..], true));
        assert!(a.local_addr().unwrap().is_unnamed() && a.peer_addr().unwrap().is_unnamed());
    });
}

#[test]
fn paths_name_sockets() {
    both_ways(|| async {
        let (at, back) = (SocketPath::new(), SocketPath::new());
        let receiver = UnixDatagram::bind(&at.0).unwrap();
        let sender = UnixDatagram::bind(&back.0).unwrap();
        assert_eq!(receiver.local_addr().unwrap().as_pathname(), Some(at.0.as_path()));
        sender.send_to(b"by path", &at.0).await.unwrap();
        let mut buffer = [0; 16];
        let (count, from) = receiver.recv_from(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..count], b"by path");
        assert_eq!(from.as_pathname(), Some(back.0.as_path()));
        receiver.send_to_addr(b"thanks", &from).await.unwrap();
        assert_eq!(sender.recv(&mut buffer).await.unwrap(), 6);

        let taken = UnixDatagram::bind(&at.0).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        let nowhere = sender.send_to(b"x", "/no/such/path").await.unwrap_err();
        assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
        drop(receiver);
        let gone = sender.send_to(b"x", &at.0).await.unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn abstract_names_leave_nothing_behind() {
    both_ways(|| async {
        let name = abstract_name();
        let receiver = UnixDatagram::bind_addr(&name).unwrap();
        assert_eq!(receiver.local_addr().unwrap(), name);
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect_addr(&name).unwrap();
        assert_eq!(sender.peer_addr().unwrap(), name);
        sender.send(b"hello").await.unwrap();
        let (count, from) = receiver.recv_from(&mut [0; 16]).await.unwrap();
        assert_eq!((count, from.is_unnamed()), (5, true));
        drop(receiver);
        UnixDatagram::bind_addr(&name).expect("the name went with its socket");
        // The same name, as a path that begins with a zero byte.
        let mut path = vec![0];
        path.extend_from_slice(name.as_abstract_name().unwrap());
        let path = String::from_utf8(path).unwrap();
        let receiver = UnixDatagram::bind(&path).unwrap();
        assert_eq!(receiver.local_addr().unwrap(), name);
        assert_eq!(sender.try_send_to(b"x", Path::new(&path)).unwrap(), 1);
        let free = UnixDatagram::bind_addr(&SocketAddr::unnamed().unwrap()).unwrap();
        assert!(free.local_addr().unwrap().as_abstract_name().is_some());
    });
}

#[test]
fn a_datagram_that_is_too_long_for_the_buffer_says_so() {
    both_ways(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        a.send(b"too long").await.unwrap();
        a.send(b"fits").await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(b.peek(&mut buffer).await.unwrap(), 4);
        assert_eq!(b.peek_from(&mut buffer).await.unwrap().0, 4);
        let datagram = b.recv_datagram(&mut buffer).await.unwrap();
        assert_eq!((datagram.len(), datagram.is_truncated()), (4, true));
        let datagram = b.try_recv_datagram(&mut buffer).unwrap();
        assert_eq!((datagram.len(), datagram.is_truncated()), (4, false));
        assert!(datagram.sender().is_unnamed());
        let nothing = b.try_recv(&mut buffer).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    });
}

/// Fills the queue of the socket with that name, from a socket that stays open.
fn fill(name: &SocketAddr) -> (UnixDatagram, usize) {
    let filler = UnixDatagram::unbound().unwrap();
    let mut count = 0;
    loop {
        match filler.try_send_to_addr(b"filler", name) {
            Ok(_) => count += 1,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (filler, count),
            Err(error) => panic!("{error}"),
        }
    }
}

/// C2: the sender of a datagram to a queue that *others* have filled gets no event when there is
/// room again, and goes on all the same.
#[test]
fn a_send_to_a_full_queue_ends_when_there_is_room() {
    both_ways(|| async {
        let name = abstract_name();
        let receiver = UnixDatagram::bind_addr(&name).unwrap();
        let (_filler, queued) = fill(&name);
        let sender = UnixDatagram::unbound().unwrap();
        let mut sending = pin!(sender.send_to_addr(b"at last", &name));
        assert!(poll_once(sending.as_mut()).is_pending());
        let mut buffer = [0; 16];
        for _ in 0..queued {
            assert_eq!(receiver.recv(&mut buffer).await.unwrap(), 6);
        }
        assert_eq!(sending.await.unwrap(), 7);
        assert_eq!(receiver.recv(&mut buffer).await.unwrap(), 7);
    });
}

#[test]
fn a_polled_send_to_a_full_queue_ends_when_there_is_room() {
    both_ways(|| async {
        let name = abstract_name();
        let receiver = UnixDatagram::bind_addr(&name).unwrap();
        let (_filler, queued) = fill(&name);
        let sender = UnixDatagram::unbound().unwrap();
        let mut sending = poll_fn(|cx| sender.poll_send_to(cx, b"at last", &name));
        assert!(poll_once(&mut sending).is_pending());
        assert!(poll_once(&mut sending).is_pending());
        let mut buffer = [0; 16];
        for _ in 0..queued {
            assert_eq!(receiver.recv(&mut buffer).await.unwrap(), 6);
        }
        assert_eq!(sending.await.unwrap(), 7);
    });
}

/// How often a task was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// C13: back-pressure is a wait, not a spin.
#[test]
fn a_send_that_waits_for_room_costs_next_to_nothing() {
    let mut driver = driver();
    let entered = driver.handle().enter();
    let name = abstract_name();
    let _receiver = UnixDatagram::bind_addr(&name).unwrap();
    let _filler = fill(&name);
    let sender = UnixDatagram::unbound().unwrap();
    drop(entered);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let mut sending = pin!(sender.send_to_addr(b"x", &name));
    let mut seen = u32::MAX;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(300) {
        let now = woken.0.load(Ordering::Relaxed);
        if std::mem::replace(&mut seen, now) != now {
            assert!(sending.as_mut().poll(&mut cx).is_pending());
        }
        driver.turn(Some(Duration::from_millis(300))).unwrap();
    }
    // Nine pauses up to 32 milliseconds, then one each.
    let woken = woken.0.load(Ordering::Relaxed);
    assert!((2..40).contains(&woken), "{woken} wakes in 300 ms");
    assert_eq!(driver.handle().metrics().events, 0, "it asks for no event that means nothing");
}

#[test]
fn a_full_queue_is_not_in_the_way_of_others() {
    both_ways(|| async {
        let (full, empty) = (abstract_name(), abstract_name());
        let _receiver = UnixDatagram::bind_addr(&full).unwrap();
        let other = UnixDatagram::bind_addr(&empty).unwrap();
        let (sender, _) = fill(&full);
        assert!(poll_once(sender.send_to_addr(b"x", &full)).is_pending());
        assert_eq!(sender.try_send_to_addr(b"free", &empty).unwrap(), 4);
        let Poll::Ready(sent) = poll_once(sender.send_to_addr(b"way", &empty)) else {
            panic!("it waits for the wrong queue")
        };
        assert_eq!(sent.unwrap(), 3);
        let mut buffer = [0; 8];
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 3);
    });
}

#[test]
fn a_connected_send_waits_for_its_peer() {
    both_ways(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        let mut sent = 0u32;
        while let Poll::Ready(result) = poll_once(a.send(&sent.to_ne_bytes())) {
            result.unwrap();
            sent += 1;
        }
        assert_eq!(a.try_send(b"x").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut buffer = [0; 8];
        let receive = async {
            for expected in 0..=sent {
                assert_eq!(b.recv(&mut buffer).await.unwrap(), 4);
                assert_eq!(buffer[..4], expected.to_ne_bytes(), "in order and whole");
            }
        };
        let last = sent.to_ne_bytes();
        assert_eq!(join(receive, a.send(&last)).await.1.unwrap(), 4);
    });
}

/// C2: a sender that is connected to a name waits for room in a queue that others have filled.
#[test]
fn a_send_to_a_connected_name_waits_for_an_event() {
    both_ways(|| async {
        let name = abstract_name();
        let receiver = UnixDatagram::bind_addr(&name).unwrap();
        let (_filler, queued) = fill(&name);
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect_addr(&name).unwrap();
        let mut sending = pin!(sender.send(b"at last"));
        assert!(poll_once(sending.as_mut()).is_pending());
        let drain = async {
            for _ in 0..queued {
                assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 6);
            }
        };
        let (sent, ()) = join(sending, drain).await;
        assert_eq!(sent.unwrap(), 7);
    });
}

#[test]
fn a_shutdown_wakes_and_ends() {
    both_ways(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        let mut buffer = [0; 4];
        let mut waiting = pin!(b.recv(&mut buffer));
        assert!(poll_once(waiting.as_mut()).is_pending());
        b.shutdown(Shutdown::Read).unwrap();
        assert_eq!(waiting.await.unwrap(), 0);
        let end = b.recv_datagram(&mut [0; 4]).await.unwrap();
        assert!(end.is_empty() && end.sender().is_unnamed());
        assert!(b.recv_with_fds(&mut [0; 4]).await.unwrap().is_empty());
        let broken = a.send(b"x").await.unwrap_err();
        assert_eq!(broken.kind(), io::ErrorKind::BrokenPipe);
        let alone = UnixDatagram::unbound().unwrap();
        assert_eq!(alone.send(b"x").await.unwrap_err().kind(), io::ErrorKind::NotConnected);
        assert_eq!(alone.peer_addr().unwrap_err().kind(), io::ErrorKind::NotConnected);
    });
}

#[test]
fn the_end_of_the_peer_is_an_error() {
    both_ways(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        drop(b);
        let gone = a.send(b"x").await.unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::ConnectionRefused);
        assert!(a.take_error().unwrap().is_none());
    });
}

#[test]
fn sockets_come_from_elsewhere_and_go_there() {
    both_ways(|| async {
        let (a, b) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let a = UnixDatagram::try_from(a).unwrap();
        assert_eq!(a.try_recv(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        b.send(b"x").unwrap();
        assert_eq!(a.recv(&mut [0; 4]).await.unwrap(), 1);
        let a = a.into_std().unwrap();
        assert_eq!(a.recv(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let stream = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let refused = UnixDatagram::from_socket2(stream.unwrap()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let udp = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None);
        assert!(UnixDatagram::from_socket2(udp.unwrap()).is_err());
    });
}

#[test]
fn the_poll_methods_wake_their_task() {
    both_ways(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        let mut buffer = [0; 8];
        let receive = poll_fn(|cx| b.poll_recv(cx, &mut buffer));
        let send = poll_fn(|cx| a.poll_send(cx, b"one"));
        let (received, sent) = join(receive, send).await;
        assert_eq!((received.unwrap(), sent.unwrap()), (3, 3));
        a.send(b"two").await.unwrap();
        let (count, from) = poll_fn(|cx| b.poll_recv_from(cx, &mut buffer)).await.unwrap();
        assert_eq!((count, from.is_unnamed()), (3, true));
    });
}

/// C14.
#[test]
fn the_end_of_the_driver_is_the_end_of_a_waiting_send() {
    let mut driver = driver();
    let name = abstract_name();
    let (_receiver, _filler, sender) = block_on(&mut driver, async {
        let receiver = UnixDatagram::bind_addr(&name).unwrap();
        (receiver, fill(&name), UnixDatagram::unbound().unwrap())
    });
    let mut sending = pin!(sender.send_to_addr(b"x", &name));
    assert!(poll_once(sending.as_mut()).is_pending());
    drop(driver);
    let Poll::Ready(ended) = poll_once(sending) else { panic!("it still waits") };
    assert!(mainspring::is_shutdown(&ended.unwrap_err()));
}
