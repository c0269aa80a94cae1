//! Receiving into groups of buffers, and accepting without being asked: on each kernel, and with
//! the same result whether the kernel does it or readiness stands in (clauses C10 to C14).

use std::future::Future;
use std::net::Shutdown;
use std::pin::pin;
use std::task::Poll;

use futures::future::{join, join_all, poll_fn};
use futures::{Stream, StreamExt};
use mainspring::net::{RecvMulti, TcpListener, TcpStream};
use mainspring::{BufferGroup, Builder, Choice, Driver, Handle, Kind, Lease, is_shutdown, op};

use crate::support::{
    block_on, on_each_kernel, on_each_kernel_with, pair, pattern, poll_once, reset_has_come,
};

/// A driver with a ring, for any thread and pinned, where there are rings.
///
/// Elsewhere none: these tests run with `MAINSPRING_BACKEND=uring` too, which insists on one.
fn rings() -> impl Iterator<Item = Driver> {
    let ring = || Builder::new().choice(Choice::Exactly(Kind::Uring));
    [ring(), ring().pinned()].into_iter().filter_map(|builder| builder.build().ok())
}

async fn write_all(stream: &TcpStream, bytes: &[u8]) {
    let mut at = 0;
    while at < bytes.len() {
        at += stream.write(&bytes[at..]).await.expect("room");
    }
}

/// Sends all of it and then the end.
async fn send_all(stream: &TcpStream, bytes: &[u8]) {
    write_all(stream, bytes).await;
    stream.shutdown(Shutdown::Write).expect("an end");
}

pub async fn all(mut incoming: RecvMulti<'_>) -> Vec<u8> {
    let mut got = Vec::new();
    while let Some(lease) = incoming.next().await {
        let lease = lease.expect("data");
        assert!(!lease.is_empty());
        got.extend_from_slice(&lease);
    }
    got
}

/// Lets the driver and whatever is on its way do something.
async fn a_moment() {
    mainspring::time::sleep(std::time::Duration::from_millis(1)).await;
}

/// Awaits until `held` is true: what comes on the way to a stream that nobody polls.
async fn until(mut held: impl FnMut() -> bool) {
    for _ in 0..5_000 {
        if held() {
            return;
        }
        a_moment().await;
    }
    panic!("it did not come to that");
}

#[test]
fn c10_everything_comes_in_order_and_then_the_end() {
    on_each_kernel(|handle| async move {
        let group = handle.buffer_group(8, 1000).unwrap();
        let (a, b) = pair().await;
        let bytes = pattern(1 << 20, 3);
        let ((), got) = join(send_all(&a, &bytes), all(b.recv_multi(&group))).await;
        assert!(got == bytes);
        assert_eq!(group.in_use(), 0);
    });
}

#[test]
fn c10_several_buffers_at_once_are_in_order_too() {
    on_each_kernel(|handle| async move {
        let group = handle.buffer_group(16, 100).unwrap();
        let (a, b) = pair().await;
        let bytes = pattern(1 << 16, 5);
        let receives = all(b.recv_multi(&group).bundle().limit(12));
        let ((), got) = join(send_all(&a, &bytes), receives).await;
        assert!(got == bytes);
        assert_eq!(group.in_use(), 0);
    });
}

#[test]
fn the_end_comes_once_and_stays() {
    on_each_kernel(|handle| async move {
        let group = handle.buffer_group(2, 64).unwrap();
        let (a, b) = pair().await;
        a.write(b"last words").await.unwrap();
        a.shutdown(Shutdown::Write).unwrap();
        let mut incoming = b.recv_multi(&group);
        assert_eq!(incoming.next().await.unwrap().unwrap().as_ref(), b"last words");
        assert!(incoming.next().await.is_none());
        assert!(incoming.next().await.is_none());
        assert_eq!(group.in_use(), 0);
    });
}

/// Two megabytes through eight buffers that sixteen connections share.
#[test]
fn c13_many_connections_share_few_buffers() {
    const CONNECTIONS: usize = 16;
    const EACH: usize = 1 << 17;
    on_each_kernel(|handle| async move {
        let group = &handle.buffer_group(8, 2048).unwrap();
        let exchanges = (0..CONNECTIONS).map(|seed| async move {
            let (a, b) = pair().await;
            let bytes = pattern(EACH, seed as u64);
            let receives = async {
                let mut got = Vec::new();
                let mut incoming = b.recv_multi(group);
                while let Some(lease) = incoming.next().await {
                    let lease = lease.expect("data");
                    got.extend_from_slice(&lease);
                    // Every other connection takes its time over each.
                    if seed % 2 == 1 {
                        op::nop().await.expect("nothing");
                    }
                }
                got
            };
            let ((), got) = join(send_all(&a, &bytes), receives).await;
            assert!(got == bytes, "connection {seed}");
        });
        join_all(exchanges).await;
        assert_eq!(group.in_use(), 0);
    });
}

#[test]
fn c13_without_a_buffer_a_stream_waits_and_loses_nothing() {
    on_each_kernel(|handle| async move {
        let group = handle.buffer_group(1, 4).unwrap();
        let (a, b) = pair().await;
        let (c, d) = pair().await;
        a.write(b"abcdefgh").await.unwrap();
        c.write(b"ijkl").await.unwrap();
        let (mut first, mut second) = (b.recv_multi(&group), d.recv_multi(&group));
        let lease = first.next().await.unwrap().unwrap();
        assert_eq!(group.in_use(), 1);
        // Neither gets anything while the lease is out, however often it is asked.
        for _ in 0..20 {
            assert!(poll_now(&mut first).await.is_pending());
            assert!(poll_now(&mut second).await.is_pending());
            a_moment().await;
        }
        assert!(group.exhausted() > 0);
        let mut got = lease.to_vec();
        drop(lease);
        // One buffer serves them in turn.
        while got.len() < 8 {
            got.extend_from_slice(&first.next().await.unwrap().unwrap());
        }
        assert_eq!(got, b"abcdefgh");
        let mut got = Vec::new();
        while got.len() < 4 {
            got.extend_from_slice(&second.next().await.unwrap().unwrap());
        }
        assert_eq!(got, b"ijkl");
        drop((first, second));
        assert_eq!(group.in_use(), 0);
    });
}

/// A stream that waits in line is given a buffer, and by then there are others for the kernel: it
/// goes back to the kernel's way, and the one that was kept for it is there for others.
#[test]
fn c13_a_stream_that_leaves_the_line_keeps_no_buffer() {
    on_each_kernel(leaves_the_line);
    for mut driver in rings() {
        let handle = driver.handle();
        block_on(&mut driver, leaves_the_line(handle));
    }
}

async fn leaves_the_line(handle: Handle) {
    let group = handle.buffer_group(2, 4).unwrap();
    let (a, b) = pair().await;
    let (c, d) = pair().await;
    let (mut first, mut second) = (b.recv_multi(&group), d.recv_multi(&group));
    a.write(b"abcdefgh").await.unwrap();
    let leases = [first.next().await.unwrap(), first.next().await.unwrap()];
    a.write(b"ijkl").await.unwrap();
    // It finds no buffer, learns that there is something to receive, and stands in line.
    for _ in 0..20 {
        assert!(poll_now(&mut first).await.is_pending());
        a_moment().await;
    }
    // The first goes to the one who waits, the second to nobody.
    for lease in leases {
        assert_eq!(lease.unwrap().len(), 4);
    }
    let lease = first.next().await.unwrap().unwrap();
    assert_eq!(&lease[..], b"ijkl");
    assert_eq!(group.in_use(), 1, "one for what came, and none is kept");
    c.write(b"mnop").await.unwrap();
    assert_eq!(&second.next().await.unwrap().unwrap()[..], b"mnop");
    drop((lease, first, second));
    assert_eq!(group.in_use(), 0);
}

/// Every lease is dropped on another thread, some time later, while the others wait for it.
#[test]
fn c13_leases_that_come_back_from_another_thread_wake_who_waits() {
    const CONNECTIONS: usize = 4;
    on_each_kernel(|handle| async move {
        let group = &handle.buffer_group(2, 512).unwrap();
        let (leases, dropped) = std::sync::mpsc::sync_channel::<Lease>(1);
        std::thread::spawn(move || dropped.into_iter().for_each(drop));
        let leases = &leases;
        let exchanges = (0..CONNECTIONS).map(|seed| async move {
            let (a, b) = pair().await;
            let bytes = pattern(1 << 16, seed as u64);
            let receives = async {
                let mut got = Vec::new();
                let mut incoming = b.recv_multi(group);
                while let Some(lease) = incoming.next().await {
                    let lease = lease.expect("data");
                    got.extend_from_slice(&lease);
                    leases.send(lease).expect("the other thread takes them");
                }
                got
            };
            let ((), got) = join(send_all(&a, &bytes), receives).await;
            assert!(got == bytes, "connection {seed}");
        });
        join_all(exchanges).await;
        until(|| group.in_use() == 0).await;
    });
}

/// One poll of the stream, with the task's own waker.
async fn poll_now<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    poll_fn(|cx| Poll::Ready(stream.poll_next_unpin(cx))).await
}

async fn moments() {
    for _ in 0..20 {
        a_moment().await;
    }
}

async fn holds_a_few_buffers(handle: Handle) {
    let group = handle.buffer_group(256, 128).unwrap();
    let (a, b) = pair().await;
    let mut incoming = b.recv_multi(&group).limit(4);
    write_all(&a, &pattern(10 * 128, 9)).await;
    let mut got = incoming.next().await.unwrap().unwrap().to_vec();
    // What had come before it was told to stop may all be there: a ring takes it at one look.
    moments().await;
    let held = group.in_use();
    assert!(held <= 10, "only so many were sent: {group:?}");
    write_all(&a, &pattern(100 * 128, 5)).await;
    moments().await;
    assert!(group.in_use() <= held.max(8), "it was told to stop at 4: {group:?}");
    a.shutdown(Shutdown::Write).unwrap();
    while let Some(lease) = incoming.next().await {
        got.extend_from_slice(&lease.unwrap());
    }
    drop(incoming);
    assert!(got == [pattern(10 * 128, 9), pattern(100 * 128, 5)].concat());
    assert_eq!(group.in_use(), 0);
}

#[test]
fn c13_a_stream_that_is_not_asked_holds_a_few_buffers_and_no_more() {
    on_each_kernel(holds_a_few_buffers);
    // Where the kernel fills the buffers it goes on until it is told to stop.
    for mut driver in rings() {
        let handle = driver.handle();
        block_on(&mut driver, holds_a_few_buffers(handle));
    }
}

#[test]
fn c11_a_stream_that_is_dropped_in_the_middle_gives_all_back() {
    on_each_kernel(|handle| async move {
        let group = handle.buffer_group(16, 64).unwrap();
        let (a, b) = pair().await;
        for round in 0..20_u8 {
            a.write(&[round; 300]).await.unwrap();
            let mut incoming = b.recv_multi(&group);
            let kept = incoming.next().await.unwrap().unwrap();
            assert!(!kept.is_empty());
            drop(incoming);
            drop(kept);
            until(|| group.in_use() == 0).await;
        }
        // What no dropped stream took is still there, and then the end.
        a.shutdown(Shutdown::Write).unwrap();
        all(b.recv_multi(&group)).await;
        assert_eq!(group.in_use(), 0);
    });
}

#[test]
fn c11_a_stream_that_is_stopped_loses_nothing() {
    on_each_kernel(|handle| async move {
        let group = handle.buffer_group(16, 100).unwrap();
        let (a, b) = pair().await;
        let bytes = pattern(20_000, 11);
        let receives = async {
            let mut got = Vec::new();
            while got.len() < bytes.len() {
                let mut incoming = b.recv_multi(&group);
                got.extend_from_slice(&incoming.next().await.unwrap().unwrap());
                incoming.stop();
                while let Some(lease) = incoming.next().await {
                    got.extend_from_slice(&lease.unwrap());
                }
                drop(incoming);
                if got.len() < bytes.len() {
                    // In another way for once.
                    let mut some = [0; 50];
                    let count = b.read(&mut some).await.unwrap();
                    got.extend_from_slice(&some[..count]);
                }
            }
            got
        };
        let ((), got) = join(send_all(&a, &bytes), receives).await;
        assert!(got == bytes);
    });
}

#[test]
fn c9_a_reset_is_an_error_and_then_the_end() {
    on_each_kernel(|handle| async move {
        let group = handle.buffer_group(2, 64).unwrap();
        let (a, b) = pair().await;
        // Closed with something unread: the peer is told by a reset.
        b.write(b"never read").await.unwrap();
        a.readable().await.unwrap();
        drop(a);
        reset_has_come(&b).await;
        let mut incoming = b.recv_multi(&group);
        let error = incoming.next().await.expect("not the end").expect_err("a reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert!(incoming.next().await.is_none());
        drop(incoming);
        assert_eq!(group.in_use(), 0);
    });
}

#[test]
fn a_group_of_another_driver_is_refused() {
    on_each_kernel(|_| async {
        let other = Driver::new().unwrap();
        let group = other.handle().buffer_group(2, 64).unwrap();
        let (_a, b) = pair().await;
        let mut incoming = b.recv_multi(&group);
        let refused = incoming.next().await.unwrap().unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
        assert!(incoming.next().await.is_none());
    });
}

/// The driver goes first: a lease keeps its bytes, and who waits hears of it.
#[test]
fn c14_leases_outlive_their_driver_and_streams_end() {
    on_each_kernel_with(|mut driver: Driver| {
        let handle = driver.handle();
        let _entered = handle.enter();
        let group = handle.buffer_group(2, 8).unwrap();
        let (a, b) = block_on(&mut driver, pair());
        let (c, d) = block_on(&mut driver, pair());
        let mut incoming = b.recv_multi(&group);
        let lease = block_on(&mut driver, async {
            a.write(b"outlives").await.unwrap();
            incoming.next().await.unwrap().unwrap()
        });
        // One waits for data, and one for a buffer.
        let mut starved = d.recv_multi(&group).limit(1);
        block_on(&mut driver, async {
            c.write(b"for want of room").await.unwrap();
            assert!(poll_now(&mut incoming).await.is_pending());
            let _held = starved.next().await.unwrap().unwrap();
            until(|| group.in_use() == 2).await;
            assert!(poll_now(&mut starved).await.is_pending());
        });
        drop(driver);
        for stream in [&mut incoming, &mut starved] {
            let error = loop {
                match futures::executor::block_on(stream.next()).expect("not the end") {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert!(is_shutdown(&error), "{error}");
            assert!(futures::executor::block_on(stream.next()).is_none());
        }
        drop((incoming, starved));
        assert_eq!(&lease[..], b"outlives");
        assert_eq!(group.in_use(), 1);
        drop(group);
        assert_eq!(&lease[..], b"outlives");
        drop((a, b, c, d));
        drop(lease);
    });
}

#[test]
fn c14_a_driver_that_is_gone_makes_no_group() {
    let mut driver = Driver::new().unwrap();
    driver.shutdown();
    assert!(is_shutdown(&driver.handle().buffer_group(2, 8).unwrap_err()));
}

#[test]
fn c13_the_number_of_groups_is_limited_and_they_are_used_again() {
    let driver = Driver::new().unwrap();
    let make = || driver.handle().buffer_group(1, 1);
    let mut groups: Vec<BufferGroup> = (0..1024).map(|_| make().unwrap()).collect();
    let refused = make().unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::QuotaExceeded, "{refused}");
    groups.truncate(1000);
    make().unwrap();
}

async fn listening() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn c10_every_connection_is_taken_once() {
    const CONNECTIONS: usize = 50;
    on_each_kernel(|_| async {
        let (listener, address) = listening().await;
        let connects = join_all((0..CONNECTIONS).map(|_| TcpStream::connect(address)));
        let mut connections = listener.accept_multi().limit(4);
        let accepts = async {
            let mut taken = Vec::new();
            while taken.len() < CONNECTIONS {
                let (stream, peer) = connections.next().await.unwrap().unwrap();
                assert_eq!(stream.peer_addr().unwrap(), peer);
                taken.push((stream, peer));
            }
            taken
        };
        let (clients, taken) = join(connects, accepts).await;
        let mut peers: Vec<_> = taken.iter().map(|(_, peer)| *peer).collect();
        let mut names: Vec<_> =
            clients.iter().map(|client| client.as_ref().unwrap().local_addr().unwrap()).collect();
        peers.sort();
        names.sort();
        assert_eq!(peers, names);
        assert!(poll_now(&mut connections).await.is_pending());
    });
}

#[test]
fn c11_connections_accepted_for_nobody_are_closed_and_stopped_ones_are_not() {
    on_each_kernel(|handle| async move {
        let sources = |handle: &Handle| handle.metrics().sources_now;
        let (listener, address) = listening().await;
        for stops in [false, true] {
            let before = sources(&handle);
            let mut connections = listener.accept_multi();
            assert!(poll_now(&mut connections).await.is_pending());
            let clients = join_all((0..5).map(|_| TcpStream::connect(address))).await;
            let clients: Vec<_> = clients.into_iter().map(Result::unwrap).collect();
            let _first = connections.next().await.unwrap().unwrap();
            a_moment().await;
            let mut kept = Vec::new();
            if stops {
                connections.stop();
                while let Some(connection) = connections.next().await {
                    kept.push(connection.unwrap());
                }
            }
            drop(connections);
            // What was neither taken nor closed waits in the listener's queue: each client either
            // has its connection or sees the end of it.
            a_moment().await;
            while let Poll::Ready(taken) = poll_fn(|cx| Poll::Ready(listener.poll_accept(cx))).await
            {
                kept.push(taken.unwrap());
            }
            let ended = async |client: &TcpStream| {
                let mut byte = [0];
                client.read(&mut byte).await.map_or(true, |count| count == 0)
            };
            let mut closed = 0;
            for client in &clients {
                let name = client.local_addr().unwrap();
                let living = kept.iter().any(|(_, peer)| *peer == name) || _first.1 == name;
                if !living {
                    assert!(ended(client).await);
                    closed += 1;
                }
            }
            assert_eq!(kept.len() + closed, 4);
            assert!(!stops || closed == 0, "{closed} connections were lost by a stop");
            drop((kept, _first, clients));
            assert_eq!(sources(&handle), before);
        }
    });
}

#[test]
fn c14_accepting_ends_with_the_driver() {
    on_each_kernel_with(|mut driver: Driver| {
        let handle = driver.handle();
        let _entered = handle.enter();
        let (listener, _) = block_on(&mut driver, listening());
        let mut connections = listener.accept_multi();
        let mut waits = pin!(connections.next());
        block_on(&mut driver, async {
            assert!(poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx))).await.is_pending());
            a_moment().await;
        });
        drop(driver);
        let error = futures::executor::block_on(waits).unwrap().unwrap_err();
        assert!(is_shutdown(&error), "{error}");
    });
}

/// On each mechanism of the machine: who finds no buffer waits for one, and has not failed.
#[test]
fn c13_an_empty_group_is_waited_for_on_each_kind() {
    for (kind, available) in mainspring::probe() {
        if available.is_err() || kind == Kind::Sim {
            continue;
        }
        let builder = Builder::new().choice(Choice::Exactly(kind)).pinned();
        let mut driver = builder.build().expect("a driver");
        let handle = driver.handle();
        block_on(&mut driver, async {
            let (a, b) = pair().await;
            let group = handle.buffer_group(1, 16).unwrap();
            let mut incoming = b.recv_multi(&group);
            for _ in 0..10 {
                a.write(&[7; 32]).await.unwrap();
                let first = incoming.next().await.unwrap().unwrap();
                assert_eq!(first.len(), 16, "{kind}");
                for _ in 0..3 {
                    assert!(poll_once(&mut incoming.next()).is_pending(), "{kind}");
                    op::nop().await.unwrap();
                }
                drop(first);
                let second = incoming.next().await.unwrap().unwrap();
                assert_eq!(second.len(), 16, "{kind}");
            }
        });
    }
}
