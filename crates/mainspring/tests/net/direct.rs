//! Connections in a table of direct descriptors (clauses C10, C11, C13), on each kernel.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::pin::pin;
use std::task::Poll;

use futures::StreamExt;
use futures::future::{Either, join, join_all, select};
use mainspring::net::{TcpListener, TcpStream};
use mainspring::op::DirectStream;
use mainspring::{DirectDescriptors, Handle, Kind, Outcome, op};

use crate::support::{block_on, driver, on_each_kernel, on_each_kernel_with, pattern, poll_once};

/// A connection whose far end is in the table.
async fn pair(table: &DirectDescriptors) -> (TcpStream, DirectStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let connects = TcpStream::connect(listener.local_addr().expect("its address"));
    let (client, stream) = join(connects, table.accept(&listener).into_future()).await;
    (client.expect("a connection"), stream.expect("its other end"))
}

/// Waits until all places are free again: what is closed by a drop is closed by the next turn.
async fn until_free(table: &DirectDescriptors) {
    while table.in_use() != 0 {
        op::nop().await.expect("the driver turns");
    }
}

#[test]
fn c10_an_echo_goes_through_a_place_of_the_table() {
    on_each_kernel(|handle| async move {
        let table = handle.direct_descriptors(4).unwrap();
        let (client, stream) = pair(&table).await;
        let has_table = handle.backend().features().contains(&"direct");
        assert_eq!(stream.is_direct(), has_table, "{:?}", handle.backend());
        let all = pattern(300_000, 3);
        let echoes = async {
            let mut buffer = vec![0; 4099];
            loop {
                let (received, filled) = op::recv(&stream, buffer).await;
                let mut left = filled[..received.unwrap()].to_vec();
                if left.is_empty() {
                    break;
                }
                while !left.is_empty() {
                    let (sent, rest) = op::send(&stream, left).await;
                    left = rest[sent.unwrap()..].to_vec();
                }
                buffer = filled;
            }
            op::shutdown(&stream, Shutdown::Write).await.unwrap();
        };
        let talks = async {
            let writes = async {
                let mut at = 0;
                while at < all.len() {
                    at += client.write(&all[at..]).await.unwrap();
                }
                client.shutdown(Shutdown::Write).unwrap();
            };
            let reads = async {
                let (mut got, mut buffer) = (Vec::new(), vec![0; 5000]);
                loop {
                    match client.read(&mut buffer).await.unwrap() {
                        0 => break got,
                        n => got.extend_from_slice(&buffer[..n]),
                    }
                }
            };
            join(writes, reads).await.1
        };
        let ((), got) = join(echoes, talks).await;
        assert!(got == all);
        stream.close().await.unwrap();
        assert_eq!(table.in_use(), 0);
    });
}

/// A group that runs out, so that each way of receiving has its turn.
#[test]
fn c10_what_comes_on_a_direct_descriptor_comes_in_leases() {
    on_each_kernel(|handle| async move {
        let table = handle.direct_descriptors(1).unwrap();
        let (client, stream) = pair(&table).await;
        let group = handle.buffer_group(4, 512).unwrap();
        let all = pattern(200_000, 8);
        let writes = async {
            let mut at = 0;
            while at < all.len() {
                at += client.write(&all[at..]).await.unwrap();
            }
            client.shutdown(Shutdown::Write).unwrap();
        };
        let reads = async {
            let (mut got, mut kept) = (Vec::new(), std::collections::VecDeque::new());
            let mut incoming = stream.recv_multi(&group).limit(2);
            while let Some(lease) = incoming.next().await {
                kept.push_back(lease.unwrap());
                // Now and then all of them are out for a while.
                if kept.len() == 4 || got.len() % 3 == 0 {
                    op::nop().await.unwrap();
                    kept.drain(..).for_each(|lease| got.extend_from_slice(&lease));
                }
            }
            kept.drain(..).for_each(|lease| got.extend_from_slice(&lease));
            got
        };
        let ((), got) = join(writes, reads).await;
        assert!(got == all);
        assert_eq!(group.in_use(), 0);
        stream.close().await.unwrap();
    });
}

#[test]
fn c11_a_stopped_stream_on_a_direct_descriptor_loses_nothing() {
    on_each_kernel(|handle| async move {
        let table = handle.direct_descriptors(1).unwrap();
        let (client, stream) = pair(&table).await;
        let group = handle.buffer_group(2, 64).unwrap();
        let (mut sent, mut got) = (Vec::new(), Vec::new());
        for round in 0..60_usize {
            // With both buffers out the stream waits in line, and receives by itself then.
            let mut leases = Vec::new();
            let mut incoming = stream.recv_multi(&group);
            for _ in 0..=round % 3 {
                let piece = pattern(10, round as u64);
                sent.extend_from_slice(&piece);
                client.write(&piece).await.unwrap();
                if leases.len() < round % 3 {
                    leases.push(incoming.next().await.unwrap().unwrap());
                }
            }
            for turn in 0..round % 5 {
                if let Poll::Ready(next) = poll_once(&mut incoming.next()) {
                    leases.push(next.unwrap().unwrap());
                }
                if turn > 1 {
                    leases.drain(..).for_each(|lease| got.extend_from_slice(&lease));
                }
                op::nop().await.unwrap();
            }
            leases.drain(..).for_each(|lease| got.extend_from_slice(&lease));
            incoming.stop();
            while let Some(lease) = incoming.next().await {
                got.extend_from_slice(&lease.unwrap());
            }
            assert!(incoming.next().await.is_none());
        }
        client.shutdown(Shutdown::Write).unwrap();
        let mut incoming = stream.recv_multi(&group);
        while let Some(lease) = incoming.next().await {
            got.extend_from_slice(&lease.unwrap());
        }
        assert!(got == sent, "{} of {} bytes", got.len(), sent.len());
        drop(incoming);
        let other = driver();
        let strange = other.handle().buffer_group(1, 64).unwrap();
        let refused = stream.recv_multi(&strange).next().await.unwrap().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn c10_connections_are_taken_into_the_table_as_they_come() {
    const CLIENTS: usize = 20;
    on_each_kernel(|handle| async move {
        let table = handle.direct_descriptors(CLIENTS + 3).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = table.accept_multi(&listener).limit(5);
        let mut streams = Vec::new();
        for _ in 0..CLIENTS / 4 {
            let connects = join_all((0..4).map(|_| TcpStream::connect(address)));
            let takes = async {
                for _ in 0..4 {
                    streams.push(connections.next().await.unwrap().unwrap());
                }
            };
            for client in join(connects, takes).await.0 {
                client.unwrap().write(b"hello").await.unwrap();
            }
        }
        for stream in &streams {
            let (received, _) = op::recv(stream, vec![0; 16]).await;
            assert_eq!(received.unwrap(), 5);
        }
        let ahead = table.in_use() - CLIENTS;
        assert!(ahead <= 3, "no more than there are places: {ahead}");
        // What was taken by then is given; then it is over, and every place is free.
        let _late = TcpStream::connect(address).await.unwrap();
        connections.stop();
        while let Some(stream) = connections.next().await {
            streams.push(stream.unwrap());
        }
        assert!(connections.next().await.is_none());
        drop(streams);
        until_free(&table).await;
    });
}

#[test]
fn c13_a_stream_into_a_full_table_says_so_and_goes_on() {
    on_each_kernel(|handle| async move {
        let table = handle.direct_descriptors(1).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = table.accept_multi(&listener);
        let _clients = [TcpStream::connect(address).await, TcpStream::connect(address).await];
        let first = connections.next().await.unwrap().unwrap();
        let full = connections.next().await.unwrap().unwrap_err();
        assert_eq!(full.kind(), ErrorKind::QuotaExceeded);
        first.close().await.unwrap();
        let second = connections.next().await.unwrap().unwrap();
        drop((second, connections));
        until_free(&table).await;
        let mut given_up = table.accept_multi(&listener).limit(0);
        assert!(poll_once(&mut given_up.next()).is_pending());
        assert_eq!(table.in_use(), 1);
        drop(given_up);
        until_free(&table).await;
    });
}

#[test]
fn c13_a_table_that_is_full_says_so_and_has_room_again() {
    on_each_kernel(|handle| async move {
        let table = handle.direct_descriptors(2).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_client, first) = pair(&table).await;
        let reserved = table.accept(&listener);
        assert_eq!((table.places(), table.in_use()), (2, 2));
        let full = table.accept(&listener).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::QuotaExceeded);
        assert!(full.to_string().contains("make the table larger"), "{full}");
        drop(reserved);
        drop(first);
        until_free(&table).await;
        for _ in 0..100 {
            // What a drop has closed makes room for what is begun after it.
            let (_a, first) = pair(&table).await;
            let (_b, second) = pair(&table).await;
            drop(first);
            let (_c, third) = pair(&table).await;
            third.close().await.unwrap();
            drop(second);
        }
        until_free(&table).await;
    });
}

#[test]
fn c13_the_tables_of_a_driver_have_a_limit() {
    on_each_kernel(|handle| async move {
        let refused = |places| handle.direct_descriptors(places).unwrap_err();
        assert_eq!(refused(0).kind(), ErrorKind::InvalidInput);
        assert_eq!(refused(4097).kind(), ErrorKind::InvalidInput);
        assert_eq!(refused(usize::MAX).kind(), ErrorKind::InvalidInput);
        let some = handle.direct_descriptors(1000).unwrap();
        assert!(refused(4000).to_string().contains("4096"));
        drop(some.clone());
        assert!(refused(4000).to_string().contains("4096"));
        drop(some);
        drop(handle.direct_descriptors(1000).unwrap());
    });
}

#[test]
fn c11_a_drop_closes_and_the_peer_reads_the_end() {
    on_each_kernel(|handle| async move {
        let table = handle.direct_descriptors(1).unwrap();
        for _ in 0..50 {
            let (client, stream) = pair(&table).await;
            drop(stream);
            assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0, "the end");
            until_free(&table).await;
        }
    });
}

#[test]
fn c11_a_late_connection_is_closed_with_its_place() {
    on_each_kernel(|handle| async move {
        let table = handle.direct_descriptors(1).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for round in 0..50 {
            let mut accepts = Box::pin(table.accept(&listener).into_future());
            assert!(poll_once(&mut accepts).is_pending());
            if round % 2 == 0 {
                // The kernel has it, and may be about to take the connection.
                op::nop().await.unwrap();
            }
            let client = TcpStream::connect(address).await.unwrap();
            drop(accepts);
            until_free(&table).await;
            // It was closed, or lies in the queue still.
            let taken = table.accept(&listener).into_future();
            let ended = async { client.read(&mut [0; 1]).await };
            let closed = match select(Box::pin(taken), pin!(ended)).await {
                Either::Left((stream, _)) => stream.unwrap().close().await,
                Either::Right((end, _)) => {
                    assert!(matches!(end, Ok(0) | Err(_)), "the end: {end:?}");
                    Ok(())
                }
            };
            closed.unwrap();
            until_free(&table).await;
        }
    });
}

#[test]
fn c11_a_cancelled_receive_gives_its_buffer_back() {
    on_each_kernel(|handle| async move {
        let table = handle.direct_descriptors(1).unwrap();
        let (client, stream) = pair(&table).await;
        let mut receives = op::recv(&stream, vec![7; 16]).into_future();
        assert!(poll_once(&mut receives).is_pending());
        op::nop().await.unwrap();
        let Outcome::Cancelled(buffer) = receives.cancel().await else { panic!("nothing came") };
        assert_eq!((buffer.len(), buffer.capacity()), (0, 16));
        client.write(b"more").await.unwrap();
        let (received, buffer) = op::recv(&stream, buffer).await;
        assert_eq!(&buffer[..received.unwrap()], b"more");
    });
}

/// A receive that nobody waits for any more is the old connection's, never the next one's in the
/// same place (clause C5).
#[test]
fn c5_a_place_that_is_used_again_is_another_connections() {
    on_each_kernel(|handle| async move {
        let table = handle.direct_descriptors(1).unwrap();
        for _ in 0..100 {
            let (client, stream) = pair(&table).await;
            let mut receives = op::recv(&stream, vec![0; 16]).into_future();
            assert!(poll_once(&mut receives).is_pending());
            drop(receives);
            drop(stream);
            drop(client);
            let (client, stream) = pair(&table).await;
            client.write(b"mine").await.unwrap();
            let (received, buffer) = op::recv(&stream, vec![0; 16]).await;
            assert_eq!(&buffer[..received.unwrap()], b"mine");
        }
    });
}

#[test]
fn c14_the_end_of_the_driver_closes_what_is_in_its_tables() {
    on_each_kernel_with(|mut driver| {
        if driver.handle().backend().kind() == Kind::Sim {
            // The other end is the machine's.
            return;
        }
        let handle = driver.handle();
        let (mut peer, stream, table) = block_on(&mut driver, async {
            let table = handle.direct_descriptors(2).unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (peer, table.accept(&listener).await.unwrap(), table)
        });
        peer.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        drop(driver);
        if stream.is_direct() {
            // To the end: the ring that is taken apart may interrupt one read.
            let end = std::io::Read::read_to_end(&mut peer, &mut Vec::new()).unwrap();
            assert_eq!(end, 0, "closed, although the handle and the stream are still here");
        }
        let refused = futures::executor::block_on(op::recv(&stream, vec![0; 8]).into_future());
        assert!(mainspring::is_shutdown(&refused.0.unwrap_err()));
        drop(stream);
        assert!(mainspring::is_shutdown(&handle.direct_descriptors(1).unwrap_err()));
        assert_eq!(table.in_use(), 0);
    });
}

#[test]
fn a_listener_of_another_driver_is_refused() {
    let (mut one, other) = (driver(), driver());
    let table = other.handle().direct_descriptors(1).unwrap();
    block_on(&mut one, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = table.accept(&listener).await.unwrap_err();
        assert!(refused.to_string().contains("another driver"), "{refused}");
    });
}

/// What is in the table is not in the process's own.
#[cfg(target_os = "linux")]
#[test]
fn a_place_takes_no_number_of_the_process() {
    let mut driver = driver();
    if !driver.handle().backend().features().contains(&"direct") {
        return;
    }
    let handle = driver.handle();
    block_on(&mut driver, async {
        let table = handle.direct_descriptors(64).unwrap();
        let mut streams = Vec::new();
        for _ in 0..64 {
            streams.push(pair(&table).await);
        }
        assert!(streams.iter().all(|(_, stream)| stream.is_direct()));
        let named = |(_, stream): &(TcpStream, DirectStream<TcpStream>)| format!("{stream:?}");
        assert!(named(&streams[0]).contains("true"));
    });
}

#[test]
fn a_handle_is_enough_on_any_thread() {
    let mut driver = driver();
    let handle: Handle = driver.handle();
    let (done, finished) = std::sync::mpsc::channel();
    let elsewhere = std::thread::spawn({
        let handle = handle.clone();
        move || {
            let _entered = handle.enter();
            futures::executor::block_on(async {
                let table = handle.direct_descriptors(1).unwrap();
                for _ in 0..50 {
                    let (client, stream) = pair(&table).await;
                    client.write(b"hello").await.unwrap();
                    let (received, _) = op::recv(&stream, vec![0; 16]).await;
                    assert_eq!(received.unwrap(), 5);
                    drop(stream);
                    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
                }
            });
            done.send(()).unwrap();
            handle.unpark();
        }
    });
    while finished.try_recv().is_err() {
        assert!(!elsewhere.is_finished() || finished.try_recv().is_ok(), "it panicked");
        driver.turn(Some(std::time::Duration::from_secs(1))).unwrap();
    }
    elsewhere.join().unwrap();
}
