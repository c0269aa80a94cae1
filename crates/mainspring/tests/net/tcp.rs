//! Connections: made, used in both directions, ended in every way.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::thread;

use futures::future::{join, join_all, try_join};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use mainspring::Kind;
use mainspring::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::{block_on, driver, on_each_kernel, pair, pair_with_std, pattern, poll_once};

#[test]
fn an_echo_under_an_executor_without_a_driver() {
    futures::executor::block_on(async {
        let (mut client, server) = pair().await;
        let serve = async {
            let mut buffer = [0; 64];
            loop {
                let count = server.read(&mut buffer).await?;
                if count == 0 {
                    return Ok::<(), io::Error>(());
                }
                let mut rest = &buffer[..count];
                while !rest.is_empty() {
                    rest = &rest[server.write(rest).await?..];
                }
            }
        };
        let ask = async {
            for word in ["one", "two", "three"] {
                client.write_all(word.as_bytes()).await?;
                let mut answer = vec![0; word.len()];
                client.read_exact(&mut answer).await?;
                assert_eq!(answer, word.as_bytes());
            }
            client.close().await
        };
        try_join(serve, ask).await.unwrap();
    });
}

#[test]
fn both_directions_at_once_through_small_buffers() {
    on_each_kernel(|handle| async move {
        // The simulated kernel gives a few bytes at a time.
        let len = if handle.backend().kind() != Kind::Sim { 1 << 20 } else { 1 << 15 };
        let (client, server) = pair().await;
        // So that writing has to wait. Receive buffers as small would make the kernel wait for its
        // own timers, 200 milliseconds at a time.
        for stream in [&client, &server] {
            stream.set_send_buffer_size(16 * 1024).unwrap();
            stream.set_recv_buffer_size(64 * 1024).unwrap();
        }
        let there = pattern(len, 1);
        let back = pattern(len, 2);
        let send = |stream: TcpStream, bytes: Vec<u8>, expected: Vec<u8>| async move {
            let (mut read, mut write) = stream.into_split();
            let writing = async {
                write.write_all(&bytes).await.unwrap();
                write.close().await.unwrap();
            };
            let reading = async {
                let mut got = Vec::new();
                read.read_to_end(&mut got).await.unwrap();
                assert!(got == expected, "{} of {} bytes, or others", got.len(), expected.len());
            };
            join(writing, reading).await;
        };
        join(send(client, there.clone(), back.clone()), send(server, back.clone(), there.clone()))
            .await;
    });
}

#[test]
fn an_end_in_one_direction_leaves_the_other_open() {
    on_each_kernel(|_| async {
        let (client, server) = pair().await;
        client.write(b"question").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut question = Vec::new();
        (&server).read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question");
        (&server).write_all(b"answer").await.unwrap();
        drop(server);
        let mut answer = Vec::new();
        (&client).read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
        let error = client.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

/// Clause C9.
#[test]
fn a_reset_is_not_an_end() {
    let mut driver = driver();
    block_on(&mut driver, async {
        let (client, server) = pair().await;
        let (reset, _) = join(client.read(&mut [0; 8]), async {
            server.set_zero_linger().unwrap();
            drop(server);
        })
        .await;
        assert_eq!(reset.unwrap_err().kind(), ErrorKind::ConnectionReset);

        let (client, server) = pair().await;
        let (end, ()) = join(client.read(&mut [0; 8]), async { drop(server) }).await;
        assert_eq!(end.unwrap(), 0);
    });
}

#[test]
fn a_refused_connection_says_so() {
    on_each_kernel(|handle| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nobody = listener.local_addr().unwrap();
        drop(listener);
        let error = TcpStream::connect(nobody).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        #[cfg(unix)]
        if handle.backend().kind() != Kind::Sim {
            assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
        }
        #[cfg(not(unix))]
        drop(handle);

        // The next address is tried, and the error is the last one's.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let somebody = listener.local_addr().unwrap();
        let stream = TcpStream::connect([nobody, somebody]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), somebody);
        let error = TcpStream::connect([nobody, nobody]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect([]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn an_address_in_use_is_refused_and_the_next_one_bound() {
    on_each_kernel(|_| async {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = first.local_addr().unwrap();
        let error = TcpListener::bind(taken).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let any = "127.0.0.1:0".parse().unwrap();
        let second = TcpListener::bind([taken, any]).await.unwrap();
        assert_ne!(second.local_addr().unwrap(), taken);
    });
}

#[test]
fn a_name_is_looked_up() {
    let mut driver = driver();
    block_on(&mut driver, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // Where the name has an IPv6 address too, nobody listens there: the next one is tried.
        let stream = TcpStream::connect(("localhost", port)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().port(), port);
        let error = TcpStream::connect("localhost").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("host:port"), "{error}");
    });
}

#[test]
fn a_peek_shows_what_a_read_then_takes() {
    on_each_kernel(|_| async {
        let (client, server) = pair().await;
        let mut buffer = [0; 16];
        let writing = async { (&client).write_all(b"peek").await };
        let (peeked, written) = join(server.peek(&mut buffer), writing).await;
        written.unwrap();
        assert!(b"peek".starts_with(&buffer[..peeked.unwrap()]) && buffer[0] == b'p');
        for _ in 0..2 {
            let mut again = [0; 1];
            assert_eq!(server.peek(&mut again).await.unwrap(), 1);
            assert_eq!(&again, b"p");
        }
        let mut taken = [0; 4];
        (&server).read_exact(&mut taken).await.unwrap();
        assert_eq!(&taken, b"peek");
        assert_eq!(server.try_peek(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(client);
        assert_eq!(server.peek(&mut buffer).await.unwrap(), 0, "the end of the stream");
    });
}

#[test]
fn several_buffers_in_one_call() {
    on_each_kernel(|_| async {
        let (mut client, mut server) = pair().await;
        let parts = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cdefg")];
        let mut sent = 0;
        while sent < 7 {
            let mut rest = &mut { parts }[..];
            IoSlice::advance_slices(&mut rest, sent);
            sent += client.write_vectored(rest).await.unwrap();
        }
        let (mut first, mut second) = ([0; 3], [0; 8]);
        let mut got: Vec<u8> = Vec::new();
        while got.len() < 7 {
            let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
            let count = server.read_vectored(&mut buffers).await.unwrap();
            assert_ne!(count, 0);
            got.extend(first.iter().chain(&second).take(count));
        }
        assert_eq!(got, b"abcdefg");

        // The same through the traits.
        AsyncWriteExt::write_vectored(&mut client, &[IoSlice::new(b"x")]).await.unwrap();
        let mut buffers = [IoSliceMut::new(&mut first)];
        let count = AsyncReadExt::read_vectored(&mut server, &mut buffers).await.unwrap();
        assert_eq!((count, first[0]), (1, b'x'));
    });
}

#[test]
fn nothing_is_asked_for_and_nothing_comes() {
    on_each_kernel(|_| async {
        let (client, server) = pair().await;
        assert_eq!(server.read(&mut []).await.unwrap(), 0);
        assert_eq!(server.peek(&mut []).await.unwrap(), 0);
        assert_eq!(server.read_vectored(&mut []).await.unwrap(), 0);
        assert_eq!(server.try_read(&mut []).unwrap(), 0);
        assert_eq!(client.write(b"").await.unwrap(), 0);
        assert_eq!(client.write_vectored(&[]).await.unwrap(), 0);
        client.write(b"!").await.unwrap();
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 1);
    });
}

#[test]
fn halves_are_reunited_only_with_their_own() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        let (a_read, a_write) = a.into_split();
        let (b_read, b_write) = b.into_split();
        let wrong = a_read.reunite(b_write).unwrap_err();
        let (a_read, b_write) = (wrong.0, wrong.1);
        // The wrong pairing has shut nothing down.
        b_write.write(b"still here").await.unwrap();
        let mut buffer = [0; 1];
        assert_eq!(a_read.read(&mut buffer).await.unwrap(), 1);
        let a = a_read.reunite(a_write).unwrap();
        let b = b_write.reunite(b_read).unwrap();
        a.write(b"!").await.unwrap();
        assert_eq!(b.read(&mut buffer).await.unwrap(), 1);
    });
}

#[test]
fn dropping_the_writing_half_ends_what_is_written() {
    on_each_kernel(|_| async {
        let (client, server) = pair().await;
        let (read, write) = client.into_split();
        drop(write);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        server.write(b"!").await.unwrap();
        assert_eq!(read.read(&mut [0; 8]).await.unwrap(), 1);

        let (client, server) = pair().await;
        let (read, write) = client.into_split();
        write.forget();
        assert!(poll_once(server.read(&mut [0; 8])).is_pending());
        drop(read);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn borrowed_halves_read_and_write_at_once() {
    on_each_kernel(|_| async {
        let (mut client, mut server) = pair().await;
        let (client_read, client_write) = TcpStream::split(&mut client);
        let (mut server_read, mut server_write) = TcpStream::split(&mut server);
        let mut buffer = [0; 8];
        let serve = futures::io::copy(&mut server_read, &mut server_write);
        let ask = async {
            client_write.write(b"!").await.unwrap();
            assert_eq!(client_read.read(&mut buffer).await.unwrap(), 1);
            client_write.as_ref().shutdown(Shutdown::Write).unwrap();
        };
        let (copied, ()) = join(serve, ask).await;
        assert_eq!(copied.unwrap(), 1);
    });
}

#[test]
fn two_hundred_connections_at_once() {
    on_each_kernel(|_| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = listener.incoming().take(200).for_each_concurrent(None, |next| async {
            let (mut stream, _) = next.unwrap();
            let mut word = [0; 8];
            stream.read_exact(&mut word).await.unwrap();
            stream.write_all(&word).await.unwrap();
        });
        let ask = join_all((0_u64..200).map(|number| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&number.to_be_bytes()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, number.to_be_bytes());
        }));
        join(serve, ask).await;
    });
}

#[test]
fn many_threads_share_the_background_driver() {
    let threads = (0_u8..4).map(|seed| {
        thread::spawn(move || {
            futures::executor::block_on(async {
                for round in 0..25 {
                    let (client, server) = pair().await;
                    let sent = pattern(10_000, u64::from(seed) * 100 + round);
                    let write = async {
                        (&client).write_all(&sent).await.unwrap();
                        client.shutdown(Shutdown::Write).unwrap();
                    };
                    let mut got = Vec::new();
                    let mut reader = &server;
                    let (read, ()) = join(reader.read_to_end(&mut got), write).await;
                    read.unwrap();
                    assert!(got == sent);
                }
            });
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
}

#[test]
fn two_tasks_on_two_threads_share_a_stream() {
    let (mut peer, stream) = futures::executor::block_on(async {
        let (stream, peer) = pair_with_std().await;
        (peer, std::sync::Arc::new(stream))
    });
    let reader = thread::spawn({
        let stream = stream.clone();
        move || {
            futures::executor::block_on(async {
                let mut got = Vec::new();
                (&*stream).read_to_end(&mut got).await.unwrap();
                got
            })
        }
    });
    let writer = thread::spawn(move || {
        futures::executor::block_on(async {
            (&*stream).write_all(&pattern(1 << 20, 3)).await.unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
    });
    let mut feeder = peer.try_clone().unwrap();
    let feeding = thread::spawn(move || {
        feeder.write_all(&pattern(1 << 20, 4)).unwrap();
        feeder.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert!(got == pattern(1 << 20, 3));
    feeding.join().unwrap();
    writer.join().unwrap();
    assert!(reader.join().unwrap() == pattern(1 << 20, 4));
}

#[test]
fn a_stream_moves_to_another_driver() {
    let mut here = driver();
    let (stream, mut peer) = block_on(&mut here, async {
        let (stream, peer) = pair_with_std().await;
        // Armed here, so that there is something to take back.
        assert!(poll_once(stream.readable()).is_pending());
        (stream.into_std().unwrap(), peer)
    });
    assert_eq!(here.handle().metrics().sources_now, 0);
    let mut there = driver();
    let entered = there.handle().enter();
    let stream = TcpStream::from_std(stream).unwrap();
    drop(entered);
    assert!(stream.registration().handle().is_same(&there.handle()));
    peer.write_all(b"!").unwrap();
    assert_eq!(block_on(&mut there, stream.read(&mut [0; 4])).unwrap(), 1);
}

#[test]
fn only_tcp_is_taken_over() {
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = TcpStream::from_socket2(udp.into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    #[cfg(unix)]
    {
        let (unix, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let error = TcpSocket::from_socket2(unix.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    assert_eq!(listener.try_accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let listener = listener.into_std().unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "still non-blocking");
}

#[cfg(feature = "sim")]
#[test]
fn sockets_of_another_kernel_are_refused() {
    let simulation = mainspring::Simulation::new(1);
    let driver = mainspring::Builder::new().simulation(&simulation).build().unwrap();
    let _entered = driver.handle().enter();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = TcpListener::from_std(listener.try_clone().unwrap()).unwrap_err();
    assert!(error.to_string().contains("simulated"), "{error}");
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(TcpStream::from_std(stream).unwrap_err().kind(), ErrorKind::InvalidInput);
}
