//! Waiting: what it costs, what wakes it, what ends it, and that nothing is lost on the way.

use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::future::join;
use mainspring::net::{TcpListener, TcpStream};
use mainspring::{Interest, SystemCall, is_shutdown};

use crate::support::{
    block_on, driver, has_true_edges, on_each_kernel, pair, pair_with_std, poll_once, settle,
};

/// Accepting, reading, writing and closing without having to wait never meets the selector.
#[test]
fn what_never_blocks_costs_no_system_call() {
    let mut driver = driver();
    let handle = driver.handle();
    block_on(&mut driver, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..10 {
            let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            peer.write_all(b"question").unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 16];
            // The loopback delivers before the peer's write returns.
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 8);
            assert_eq!(stream.write(b"answer").await.unwrap(), 6);
            drop(stream);
            let mut answer = Vec::new();
            peer.read_to_end(&mut answer).unwrap();
            assert_eq!(answer, b"answer");
        }
    });
    let metrics = handle.metrics();
    for call in [SystemCall::Add, SystemCall::Modify, SystemCall::Remove] {
        assert_eq!(metrics.system_calls(call), 0, "{call:?}");
    }
}

/// Clause C2: a short read is taken for the `WouldBlock` it stands for, a full one is not.
#[test]
fn a_short_read_saves_the_call_that_would_block() {
    let mut driver = driver();
    if !has_true_edges(&driver) {
        return;
    }
    let (stream, mut peer) = block_on(&mut driver, pair_with_std());
    let mut buffer = [0; 8];
    assert!(poll_once(stream.read(&mut buffer)).is_pending());
    settle(&mut driver);

    peer.write_all(b"abc").unwrap();
    settle(&mut driver);
    assert!(matches!(poll_once(stream.read(&mut buffer)), Poll::Ready(Ok(3))));
    assert!(poll_once(stream.readable()).is_pending(), "nothing is left, and that is known");

    peer.write_all(b"abc").unwrap();
    settle(&mut driver);
    assert_eq!(stream.try_read(&mut buffer).unwrap(), 3);
    assert!(poll_once(stream.readable()).is_pending(), "the same without a future");

    peer.write_all(b"abcdefgh").unwrap();
    settle(&mut driver);
    assert!(matches!(poll_once(stream.read(&mut buffer)), Poll::Ready(Ok(8))));
    assert!(poll_once(stream.readable()).is_ready(), "there may be more");

    // The end of the stream comes with no edge after this one.
    peer.write_all(b"z").unwrap();
    drop(peer);
    assert_eq!(block_on(&mut driver, stream.read(&mut buffer)).unwrap(), 1);
    assert_eq!(block_on(&mut driver, stream.read(&mut buffer)).unwrap(), 0);
}

/// Clause C2: a read stops at urgent data although more lies behind it, and no edge follows.
#[test]
fn a_short_read_is_not_trusted_beside_urgent_data() {
    let mut driver = driver();
    let (stream, mut peer) = block_on(&mut driver, pair_with_std());
    let mut buffer = [0; 16];
    assert!(poll_once(stream.read(&mut buffer)).is_pending());
    settle(&mut driver);

    peer.write_all(b"a").unwrap();
    let peer = socket2::Socket::from(peer);
    assert_eq!(peer.send_out_of_band(b"b").unwrap(), 1);
    assert_eq!(peer.send(b"c").unwrap(), 1);
    settle(&mut driver);

    let mut got = Vec::new();
    while got.len() < 2 {
        let count = block_on(&mut driver, stream.read(&mut buffer)).unwrap();
        got.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(got, b"ac");
    // And after it short reads count again.
    assert!(poll_once(stream.read(&mut buffer)).is_pending());
    peer.send(b"d").unwrap();
    settle(&mut driver);
    assert!(matches!(poll_once(stream.read(&mut buffer)), Poll::Ready(Ok(1))));
    if has_true_edges(&driver) {
        assert!(poll_once(stream.readable()).is_pending());
    }
}

/// Clause C2: the same where somebody took note of the urgent data before the reader came to it.
#[test]
fn a_short_read_is_not_trusted_after_urgent_data_was_seen() {
    let mut driver = driver();
    let (stream, mut peer) = block_on(&mut driver, pair_with_std());
    let mut buffer = [0; 16];
    assert!(poll_once(stream.read(&mut buffer)).is_pending());
    settle(&mut driver);

    peer.write_all(b"a").unwrap();
    let peer = socket2::Socket::from(peer);
    assert_eq!(peer.send_out_of_band(b"b").unwrap(), 1);
    assert_eq!(peer.send(b"c").unwrap(), 1);
    settle(&mut driver);

    let seen = stream.try_io(Interest::PRIORITY, || Err::<(), _>(ErrorKind::WouldBlock.into()));
    assert_eq!(seen.unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut got = Vec::new();
    while got.len() < 2 {
        let count = block_on(&mut driver, stream.read(&mut buffer)).unwrap();
        got.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(got, b"ac");
}

#[test]
fn urgent_data_can_be_waited_for() {
    let mut driver = driver();
    let (stream, peer) = block_on(&mut driver, pair_with_std());
    let peer = socket2::Socket::from(peer);
    let urgent = async {
        let (ready, _) = join(stream.ready(Interest::PRIORITY), async {
            peer.send_out_of_band(b"!").unwrap();
        })
        .await;
        ready.unwrap()
    };
    assert!(block_on(&mut driver, urgent).is_priority());
}

#[test]
fn trying_says_would_block_and_readiness_follows() {
    on_each_kernel(|_| async {
        let (client, server) = pair().await;
        let mut buffer = [0; 8];
        for _ in 0..2 {
            let error = server.try_read(&mut buffer).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        let (readable, written) = join(server.readable(), client.write(b"!")).await;
        readable.unwrap();
        written.unwrap();
        loop {
            server.readable().await.unwrap();
            match server.try_read(&mut buffer) {
                Ok(count) => break assert_eq!(count, 1),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        client.writable().await.unwrap();
        loop {
            match client.try_write(&[0; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(poll_once(client.writable()).is_pending(), "full");
        drop(server);
        client.writable().await.unwrap();
    });
}

#[test]
fn an_operation_of_the_programs_own() {
    let mut driver = driver();
    let (stream, mut peer) = block_on(&mut driver, pair_with_std());
    let by_hand = || socket2::SockRef::from(&stream).recv(&mut [MaybeUninit::uninit(); 8]);
    let error = stream.try_io(Interest::READABLE, by_hand).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(poll_once(stream.async_io(Interest::READABLE, by_hand)).is_pending());
    peer.write_all(b"hello").unwrap();
    let read = block_on(&mut driver, stream.async_io(Interest::READABLE, by_hand));
    assert_eq!(read.unwrap(), 5);
}

#[test]
fn a_dropped_future_loses_nothing() {
    on_each_kernel(|_| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(poll_once(listener.accept()).is_pending());
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();

        assert!(poll_once(server.read(&mut [0; 8])).is_pending());
        assert!(poll_once(server.peek(&mut [0; 8])).is_pending());
        client.write(b"kept").await.unwrap();
        let mut got = Vec::new();
        while got.len() < 4 {
            let mut buffer = [0; 8];
            let count = server.read(&mut buffer).await.unwrap();
            got.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(got, b"kept");

        // Written or not, but never half told: what was counted is what arrives.
        let mut counted = 0;
        while let Poll::Ready(count) = poll_once(client.write(&[7; 10_000])) {
            counted += count.unwrap();
        }
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut arrived = 0;
        loop {
            match server.read(&mut [0; 10_000]).await.unwrap() {
                0 => break,
                count => arrived += count,
            }
        }
        assert_eq!(arrived, counted);
    });
}

#[test]
fn a_dropped_attempt_closes_its_socket() {
    on_each_kernel(|handle| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let before = handle.metrics().sources_now;
        drop(poll_once(TcpStream::connect(listener.local_addr().unwrap())));
        // At once, or with the turn in which the kernel lets go of it.
        while handle.metrics().sources_now != before {
            mainspring::op::nop().await.unwrap();
        }
    });
}

/// A listener whose queue is full: on Linux what comes then is not answered.
async fn full_listener() -> (std::net::TcpListener, Vec<TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..16 {
        match TcpStream::connect_timeout(address, Duration::from_millis(100)).await {
            Ok(stream) => waiting.push(stream),
            Err(error) if error.kind() == ErrorKind::TimedOut => return (listener, waiting),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("a queue of none holds 16 connections");
}

/// Clause C7.
#[test]
fn a_deadline_ends_an_attempt() {
    let mut driver = driver();
    let handle = driver.handle();
    block_on(&mut driver, async {
        let (full, _waiting) = full_listener().await;
        let address = full.local_addr().unwrap();
        let timeout = Duration::from_millis(120);
        let sources = handle.metrics().sources_now;

        let begin = Instant::now();
        let error = TcpStream::connect_timeout(address, timeout).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() >= timeout, "{:?}", begin.elapsed());
        let metrics = handle.metrics();
        assert_eq!((metrics.sources_now, metrics.timers_now), (sources, 0), "nothing is left");

        // The first address gets half of the time, so that the second has its turn.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = [address, listener.local_addr().unwrap()];
        let begin = Instant::now();
        let stream = TcpStream::connect_timeout(addresses, timeout).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
        assert!(begin.elapsed() >= timeout / 2, "{:?}", begin.elapsed());
        assert_eq!(handle.metrics().timers_now, 0);

        // No time at all, and more than there is.
        let error = TcpStream::connect_timeout(address, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        TcpStream::connect_timeout(addresses[1], Duration::MAX).await.unwrap();
    });
}

/// Clause C14.
#[test]
fn a_driver_that_ends_wakes_whoever_waits() {
    let mut driver = driver();
    let (stream, _peer) = block_on(&mut driver, pair_with_std());
    let listener = block_on(&mut driver, TcpListener::bind("127.0.0.1:0")).unwrap();
    let (full, _waiting) = block_on(&mut driver, full_listener());
    let mut buffer = [0; 8];
    let (mut cx, wakes) = counting_context();
    let mut read = pin!(stream.read(&mut buffer));
    let mut accept = pin!(listener.accept_steadily());
    let address = full.local_addr().unwrap();
    let mut connect = pin!(TcpStream::connect_timeout(address, Duration::from_secs(3600)));
    let entered = driver.handle().enter();
    assert!(read.as_mut().poll(&mut cx).is_pending());
    assert!(accept.as_mut().poll(&mut cx).is_pending());
    assert!(connect.as_mut().poll(&mut cx).is_pending());
    drop(entered);
    driver.shutdown();
    assert!(wakes.load(Ordering::Relaxed) >= 3);
    let Poll::Ready(Err(error)) = read.as_mut().poll(&mut cx) else { panic!("still waiting") };
    assert!(is_shutdown(&error), "{error}");
    let Poll::Ready(Err(error)) = accept.as_mut().poll(&mut cx) else { panic!("still waiting") };
    assert!(is_shutdown(&error), "{error}");
    let Poll::Ready(Err(error)) = connect.as_mut().poll(&mut cx) else { panic!("still waiting") };
    assert!(is_shutdown(&error), "{error}");
    assert!(is_shutdown(&stream.try_read(&mut [0; 8]).unwrap_err()));
}

struct Count(Arc<AtomicUsize>);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counting_context() -> (Context<'static>, Arc<AtomicUsize>) {
    let wakes = Arc::new(AtomicUsize::new(0));
    let waker: &'static Waker = Box::leak(Box::new(Waker::from(Arc::new(Count(wakes.clone())))));
    (Context::from_waker(waker), wakes)
}

/// The listing says where the program, and not this library, made the source.
#[test]
fn a_source_is_known_by_the_line_that_made_it() {
    let mut driver = driver();
    let handle = driver.handle();
    block_on(&mut driver, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_client, _server) = join(TcpStream::connect(address), listener.accept()).await;
        let sources = handle.sources();
        assert_eq!(sources.len(), 3);
        for source in sources {
            assert!(source.location().file().ends_with("tcp_waiting.rs"), "{source:?}");
        }
    });
}
