//! Operations that the simulated kernel does not know: datagrams, messages, pipes, children.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::future::{Either, join, select};
use mainspring::net::{UdpSocket, UnixDatagram, UnixStream};
use mainspring::os::unix::DESCRIPTORS_MAX;
use mainspring::{Async, Handle, Interest, Outcome, is_shutdown, op};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::support::{block_on, driver, on_each_kernel, pair, pattern};

/// Runs `test` with a driver of the machine's kernel, turned by hand.
fn on_the_machine<F: Future<Output = ()>>(test: impl FnOnce(Handle) -> F) {
    let mut driver = driver();
    let handle = driver.handle();
    block_on(&mut driver, test(handle));
}

/// A pipe whose ends do not block: where it is read, and where it is written.
fn pipe() -> (File, File) {
    ends(PipeFlags::NONBLOCK)
}

/// A pipe whose ends do.
fn blocking_pipe() -> (File, File) {
    ends(PipeFlags::empty())
}

fn ends(flags: PipeFlags) -> (File, File) {
    let (reader, writer) = pipe_with(flags | PipeFlags::CLOEXEC).unwrap();
    (reader.into(), writer.into())
}

/// Whether `future` is still pending after the driver had its turn.
async fn waits<F: Future + Unpin>(future: &mut F) -> bool {
    let a_while = pin!(op::timeout(Duration::from_millis(5)).into_future());
    matches!(select(future, a_while).await, Either::Right(_))
}

#[test]
fn c10_a_unix_datagram_waits_for_its_receiver_to_have_room() {
    on_the_machine(|_| async {
        let name = format!("\0mainspring-operations-{}", std::process::id());
        let receiver = UnixDatagram::bind(&name).unwrap();
        let address = receiver.local_addr().unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        let mut sent = 0_usize;
        let mut stuck = loop {
            let mut sends = op::send_to(&sender, sent.to_ne_bytes(), &address).into_future();
            if waits(&mut sends).await {
                break sends;
            }
            sent += 1;
            assert!(sent < 100_000, "the queue has a limit");
        };
        assert!(waits(&mut stuck).await);
        for number in 0..sent {
            let (received, bytes) = op::recv_from(&receiver, [0; 8]).await;
            assert_eq!((received.unwrap().len(), usize::from_ne_bytes(bytes)), (8, number));
        }
        // It went through as soon as there was room.
        assert_eq!(stuck.await.0.unwrap(), 8);
        assert_eq!(op::recv(&receiver, [0; 8]).await.1, sent.to_ne_bytes());
    });
}

#[test]
fn c10_descriptors_travel_with_the_bytes() {
    on_the_machine(|_| async {
        let (a, b) = UnixStream::pair().unwrap();
        let mut receives = op::recv_message(&b, vec![0; 64]).into_future();
        assert!(waits(&mut receives).await);
        let (mut reader, writer) = blocking_pipe();
        let fds = vec![OwnedFd::from(writer)];
        let (sent, buffer, fds) = op::send_message(&a, "pipe".to_string(), fds).await;
        assert_eq!((sent.unwrap(), buffer.as_str(), fds.len()), (4, "pipe", 1));
        drop(fds);
        let (message, buffer) = receives.await;
        let message = message.unwrap();
        assert_eq!((buffer.as_slice(), message.len()), (b"pipe".as_slice(), 4));
        let mut writer = File::from(message.into_fds().pop().unwrap());
        writer.write_all(b"through").unwrap();
        drop(writer);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!(said, "through");

        // Those that nobody takes are closed.
        let (mut reader, writer) = blocking_pipe();
        op::send_message(&a, "unseen", vec![OwnedFd::from(writer)]).await.0.unwrap();
        drop(op::recv_message(&b, [0; 8]).await);
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn c13_what_a_message_cannot_carry_is_refused_and_comes_back() {
    on_the_machine(|_| async {
        let (a, b) = UnixStream::pair().unwrap();
        let one = OwnedFd::from(blocking_pipe().0);
        let many: Vec<_> = (0..=DESCRIPTORS_MAX).map(|_| one.try_clone().unwrap()).collect();
        let (refused, buffer, many) = op::send_message(&a, "many", many).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!((buffer, many.len()), ("many", DESCRIPTORS_MAX + 1));
        let (refused, _, fds) = op::send_message(&a, "", vec![one]).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(fds.len(), 1);
        let refused = op::recv_message(&b, Vec::new()).await.0;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        let (sent, ..) = op::send_message(&a, "", Vec::new()).await;
        assert_eq!(sent.unwrap(), 0);
    });
}

#[test]
fn c10_anything_with_a_descriptor_reads_and_writes_owned_buffers() {
    on_the_machine(|_| async {
        let (reader, writer) = pipe();
        let (reader, writer) = (Async::new(reader).unwrap(), Async::new(writer).unwrap());
        let mut reads = reader.read_owned(Vec::with_capacity(16)).into_future();
        assert!(waits(&mut reads).await);
        assert_eq!(writer.write_owned("through a pipe").await.0.unwrap(), 14);
        let (read, buffer) = reads.await;
        assert_eq!((read.unwrap(), buffer.as_slice()), (14, b"through a pipe".as_slice()));

        // Until it is full, and then it waits for room.
        let block = pattern(1 << 16, 3);
        assert_eq!(writer.write_owned(block.clone()).await.0.unwrap(), block.len());
        let mut writes = writer.write_owned(block.clone()).into_future();
        assert!(waits(&mut writes).await);
        let (read, buffer) = reader.read_owned(Vec::with_capacity(1 << 16)).await;
        assert_eq!((read.unwrap(), buffer == block), (1 << 16, true));
        assert!(writes.await.0.unwrap() > 0);
        drop(reader);
        assert_eq!(writer.write_owned("x").await.0.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let (reader, writer) = pipe();
        let reader = Async::new(reader).unwrap();
        drop(writer);
        assert_eq!(reader.read_owned([0; 8]).await.0.unwrap(), 0, "the end");
    });
}

#[test]
fn c5_another_source_in_the_place_of_a_registered_one_is_refused() {
    on_the_machine(|_| async {
        let ((first, _kept), (second, mut writer)) = (pipe(), pipe());
        let mut reader = Async::new(first).unwrap();
        writer.write_all(b"not for you").unwrap();
        let first = std::mem::replace(reader.get_mut(), second);
        let (read, buffer) = reader.read_owned(vec![0; 8]).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(buffer.capacity(), 8);
        drop(first);
    });
}

#[test]
fn c10_a_splice_moves_bytes_without_the_program() {
    on_the_machine(|_| async {
        let (source, near) = pair().await;
        let (far, sink) = pair().await;
        let (reader, writer) = pipe();
        let (reader, writer) = (Async::new(reader).unwrap(), Async::new(writer).unwrap());
        let all = pattern(1 << 20, 5);
        let feeds = async {
            let mut at = 0;
            while at < all.len() {
                at += source.send(all[at..].to_vec()).await.0.unwrap();
            }
            op::shutdown(&source, Shutdown::Write).await.unwrap();
        };
        let fills = async {
            while op::splice(&near, &writer, 1 << 20).await.unwrap() != 0 {}
            drop(writer);
        };
        let empties = async {
            while op::splice(&reader, &far, 1 << 20).await.unwrap() != 0 {}
            op::shutdown(&far, Shutdown::Write).await.unwrap();
        };
        let collects = async {
            let mut got = Vec::new();
            loop {
                let (received, bytes) = sink.recv(Vec::with_capacity(1 << 16)).await;
                if received.unwrap() == 0 {
                    break got;
                }
                got.extend(bytes);
            }
        };
        let ((), ((), ((), got))) = join(feeds, join(fills, join(empties, collects))).await;
        assert!(got == all);
    });
}

#[test]
fn c10_a_splice_that_cannot_be_says_why() {
    on_the_machine(|_| async {
        let ((a, b), (_c, d)) = (pair().await, pair().await);
        a.send("x").await.0.unwrap();
        b.readable().await.unwrap();
        let neither = op::splice(&b, &d, 8).await;
        assert_eq!(neither.unwrap_err().kind(), ErrorKind::InvalidInput, "neither is a pipe");
    });
}

#[test]
fn c10_a_child_that_ends_says_how() {
    on_the_machine(|_| async {
        let sleeper = || Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let mut child = sleeper();
        let mut ends = op::wait_child(child.id()).into_future();
        assert!(waits(&mut ends).await);
        drop(child.stdin.take());
        assert!(ends.await.unwrap().success());
        assert!(child.wait().is_err(), "it was taken off the list");

        let mut child = sleeper();
        let mut ends = op::child_exited(child.id()).into_future();
        assert!(waits(&mut ends).await);
        child.kill().unwrap();
        let status = ends.await.unwrap();
        assert_eq!(child.wait().unwrap(), status, "it was left");
        assert!(!status.success());

        let mut child = sleeper();
        let cancelled = op::wait_child(child.id()).into_future().cancel().await;
        assert!(matches!(cancelled, Outcome::Cancelled(())));
        let mut ends = op::wait_child(child.id()).into_future();
        assert!(waits(&mut ends).await);
        assert!(matches!(ends.cancel().await, Outcome::Cancelled(())));
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success(), "the cancelled ones did not take it");
    });
}

#[test]
fn c10_who_is_no_child_is_an_error() {
    on_the_machine(|_| async {
        for nobody in [1, 0, u32::MAX] {
            assert!(op::wait_child(nobody).await.is_err(), "{nobody}");
        }
    });
}

#[test]
fn c14_every_operation_of_a_driver_that_is_gone_fails_alike() {
    let mut gone = driver();
    let handle = gone.handle();
    let (stream, _peer, datagrams, pipe_end, mut child) = block_on(&mut gone, async {
        let (stream, peer) = pair().await;
        let datagrams = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (reader, writer) = pipe();
        let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        (stream, (peer, writer), datagrams, Async::new(reader).unwrap(), child)
    });
    // One of each is under way, one comes too late.
    let mut receives = stream.recv(vec![1; 8]).into_future();
    let mut datagram = op::recv_from(&datagrams, vec![1; 8]).into_future();
    let mut reads = pipe_end.read_owned(vec![1; 8]).into_future();
    let mut ready = op::poll(&stream, Interest::READABLE).into_future();
    let mut time = handle.submit(op::timeout(Duration::from_secs(3600)));
    let mut ends = handle.submit(op::wait_child(child.id()));
    block_on(&mut gone, async {
        assert!(waits(&mut receives).await && waits(&mut datagram).await);
        assert!(waits(&mut reads).await && waits(&mut ready).await);
        assert!(waits(&mut time).await && waits(&mut ends).await);
    });
    drop(gone);
    futures::executor::block_on(async {
        let buffers = [
            {
                let (received, buffer) = receives.await;
                assert!(is_shutdown(&received.unwrap_err()));
                buffer
            },
            {
                let (received, buffer) = datagram.await;
                assert!(is_shutdown(&received.unwrap_err()));
                buffer
            },
            {
                let (read, buffer) = reads.await;
                assert!(is_shutdown(&read.unwrap_err()));
                buffer
            },
        ];
        assert!(buffers.iter().all(|buffer| buffer.capacity() == 8));
        assert!(is_shutdown(&ready.await.unwrap_err()));
        assert!(is_shutdown(&time.await.unwrap_err()));
        assert!(is_shutdown(&ends.await.unwrap_err()));
        assert!(is_shutdown(&stream.send("late").await.0.unwrap_err()));
        assert!(is_shutdown(&op::shutdown(&stream, Shutdown::Both).await.unwrap_err()));
        assert!(is_shutdown(&handle.submit(op::nop()).await.unwrap_err()));
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_operation_on_an_object_of_another_driver_is_refused() {
    let (mut one, mut other) = (driver(), driver());
    let handle = other.handle();
    block_on(&mut one, async {
        let (a, _b) = pair().await;
        let (refused, buffer) = handle.submit(a.recv(vec![0; 8])).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(buffer.capacity(), 8);
    });
    // An operation on no object is any driver's.
    block_on(&mut other, async { handle.submit(op::nop()).await.unwrap() });
}

#[test]
fn c10_each_type_of_stream_and_its_halves_receive_and_send() {
    on_each_kernel(|_| async {
        let (tcp, mut other_tcp) = pair().await;
        let (unix, other_unix) = UnixStream::pair().unwrap();
        assert_eq!(op::send(&tcp, "tcp").await.0.unwrap(), 3);
        assert_eq!(op::send(&unix, "unix").await.0.unwrap(), 4);
        let (reader, writer) = other_tcp.split();
        assert_eq!(reader.recv([0; 8]).await.0.unwrap(), 3);
        assert_eq!(writer.send("back").await.0.unwrap(), 4);
        let (reader, writer) = other_unix.into_split();
        assert_eq!(op::recv(&reader, [0; 8]).await.0.unwrap(), 4);
        assert_eq!(op::send(&writer, "back").await.0.unwrap(), 4);
        assert_eq!(
            join(tcp.recv([0; 8]).into_future(), unix.recv([0; 8]).into_future())
                .await
                .0
                .0
                .unwrap(),
            4
        );
    });
}

#[test]
fn c10_a_unix_stream_and_a_half_do_the_same() {
    on_each_kernel(|handle| async move {
        let group = handle.buffer_group(2, 64).unwrap();
        let (a, mut b) = UnixStream::pair().unwrap();
        a.write(b"hello").await.unwrap();
        drop(a);
        let (reader, _writer) = b.split();
        assert_eq!(crate::multishot::all(reader.recv_multi(&group)).await, b"hello");
    });
}

#[test]
fn c10_a_datagram_socket_that_receives_no_more_says_so() {
    on_the_machine(|_| async {
        let (_a, b) = UnixDatagram::pair().unwrap();
        let mut receives = op::recv_from(&b, [0; 8]).into_future();
        assert!(waits(&mut receives).await);
        b.shutdown(Shutdown::Read).unwrap();
        assert!(receives.await.0.unwrap().is_empty());
        assert_eq!(op::recv(&b, [0; 8]).await.0.unwrap(), 0);
        assert!(op::recv_message(&b, [0; 8]).await.0.unwrap().is_empty());
    });
}

#[test]
fn c10_a_connected_datagram_socket_hears_that_nobody_listens() {
    on_the_machine(|_| async {
        let a = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        a.connect(gone).await.unwrap();
        assert_eq!(op::send(&a, "anyone?").await.0.unwrap(), 7);
        let (received, buffer) = op::recv(&a, vec![1, 2, 3]).await;
        assert_eq!(received.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert!(buffer.is_empty());
    });
}
