//! Descriptors that travel over Unix sockets.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use futures::future::join;
use mainspring::net::{UnixDatagram, UnixStream};
use mainspring::os::unix::{DESCRIPTORS_MAX, DescriptorPassing};
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::both_ways::both_ways;
use crate::support::{block_on, driver, poll_once};

/// The reading and the writing end of a pipe; a read that would wait says so.
fn pipe() -> (File, OwnedFd) {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
    (File::from(read), write)
}

/// Whether nobody has the writing end any more.
fn is_closed(read: &mut File) -> bool {
    match read.read(&mut [0; 1]) {
        Ok(0) => true,
        Ok(_) => panic!("nobody wrote"),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    }
}

async fn pass_a_pipe(a: &impl DescriptorPassing, b: &impl DescriptorPassing) {
    let (mut read, write) = pipe();
    let fds = [write.as_fd()];
    let mut buffer = [0; 16];
    let (message, sent) =
        join(b.recv_with_fds(&mut buffer), a.send_with_fds(b"a pipe", &fds)).await;
    let message = message.unwrap();
    assert_eq!((sent.unwrap(), message.len()), (6, 6));
    assert!(message.credentials().is_none(), "nobody asked for them");
    assert_eq!(&buffer[..6], b"a pipe");
    drop(write);
    assert!(!is_closed(&mut read), "the receiver has it");
    let [arrived] = message.fds() else { panic!("{:?}", message.fds()) };
    assert!(fcntl_getfd(arrived).unwrap().contains(FdFlags::CLOEXEC));
    let arrived = message.into_fds().pop().unwrap();
    File::from(arrived).write_all(b"through it").unwrap();
    let mut said = String::new();
    read.read_to_string(&mut said).unwrap();
    assert_eq!(said, "through it");
}

#[test]
fn a_pipe_is_passed_over_a_stream_and_written_through() {
    both_ways(|| async {
        let (a, b) = UnixStream::pair().unwrap();
        pass_a_pipe(&a, &b).await;
        pass_a_pipe(&b, &a).await;
    });
}

#[test]
fn a_pipe_is_passed_over_datagrams_and_written_through() {
    both_ways(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        pass_a_pipe(&a, &b).await;
        // A datagram carries descriptors without a byte.
        let (mut read, write) = pipe();
        assert_eq!(a.try_send_with_fds(b"", &[write.as_fd()]).unwrap(), 0);
        drop(write);
        let message = b.try_recv_with_fds(&mut []).unwrap();
        assert_eq!((message.len(), message.fds().len()), (0, 1));
        drop(message);
        assert!(is_closed(&mut read), "what is not taken out is closed");
    });
}

#[test]
fn as_many_as_the_kernel_carries_and_no_more() {
    both_ways(|| async {
        let (a, b) = UnixStream::pair().unwrap();
        let (_read, write) = pipe();
        let many: Vec<BorrowedFd<'_>> = vec![write.as_fd(); DESCRIPTORS_MAX + 1];
        assert_eq!(a.send_with_fds(b"!", &many[..DESCRIPTORS_MAX]).await.unwrap(), 1);
        let message = b.recv_with_fds(&mut [0; 4]).await.unwrap();
        assert_eq!(message.fds().len(), DESCRIPTORS_MAX);
        let refused = a.send_with_fds(b"!", &many).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert!(refused.to_string().contains("at most 253"), "{refused}");
        assert_eq!(a.send_with_fds(b"none", &[]).await.unwrap(), 4);
        let message = b.recv_with_fds(&mut [0; 4]).await.unwrap();
        assert_eq!((message.len(), message.fds().len()), (4, 0));
    });
}

#[test]
fn descriptors_without_a_byte_of_a_stream_are_refused() {
    both_ways(|| async {
        let (a, b) = UnixStream::pair().unwrap();
        let (_read, write) = pipe();
        let lost = a.send_with_fds(b"", &[write.as_fd()]).await.unwrap_err();
        assert_eq!(lost.kind(), io::ErrorKind::InvalidInput);
        let no_room = b.recv_with_fds(&mut []).await.unwrap_err();
        assert_eq!(no_room.kind(), io::ErrorKind::InvalidInput);
        drop(a);
        assert!(b.recv_with_fds(&mut [0; 1]).await.unwrap().is_empty(), "the end");
    });
}

#[test]
fn messages_with_descriptors_are_not_mixed() {
    both_ways(|| async {
        let (a, b) = UnixStream::pair().unwrap();
        let (_read, write) = pipe();
        a.send_with_fds(b"one", &[write.as_fd()]).await.unwrap();
        a.send_with_fds(b"two", &[write.as_fd(), write.as_fd()]).await.unwrap();
        a.write(b"bare").await.unwrap();
        for (len, count) in [(3, 1), (3, 2), (4, 0)] {
            let message = b.recv_with_fds(&mut [0; 64]).await.unwrap();
            assert_eq!((message.len(), message.fds().len()), (len, count));
        }
    });
}

/// C2: a read stops where a descriptor was sent. Being short it looks like the last one there is,
/// and no event will tell of what lies behind.
#[test]
fn what_lies_behind_an_unwanted_descriptor_is_read() {
    let mut driver = driver();
    block_on(&mut driver, async {
        let (a, b) = UnixStream::pair().unwrap();
        let mut buffer = [0; 64];
        for round in 0..20 {
            assert!(poll_once(b.read(&mut buffer)).is_pending(), "the kernel watches now");
            let (mut read, write) = pipe();
            a.send_with_fds(b"first", &[write.as_fd()]).await.unwrap();
            a.write(b"second").await.unwrap();
            drop(write);
            // One event for both.
            b.readable().await.unwrap();
            assert_eq!(b.read(&mut buffer).await.unwrap(), 5, "round {round}");
            assert!(is_closed(&mut read), "a plain read closes what it did not ask for");
            let rest = b.read(&mut buffer);
            let timer = async {
                for _ in 0..100 {
                    futures_yield().await;
                }
            };
            match futures::future::select(Box::pin(rest), Box::pin(timer)).await {
                futures::future::Either::Left((rest, _)) => assert_eq!(rest.unwrap(), 6),
                futures::future::Either::Right(_) => panic!("the rest was taken for nothing"),
            }
        }
    });
}

/// Lets the loop turn once.
async fn futures_yield() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn a_receive_that_is_dropped_loses_no_descriptor() {
    both_ways(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        let mut buffer = [0; 4];
        for _ in 0..20 {
            assert!(poll_once(b.recv_with_fds(&mut buffer)).is_pending());
            let (mut read, write) = pipe();
            a.send_with_fds(b"!", &[write.as_fd()]).await.unwrap();
            b.readable().await.unwrap();
            drop(b.recv_with_fds(&mut buffer));
            drop(write);
            assert!(!is_closed(&mut read), "it is still on its way");
            assert_eq!(b.try_recv_with_fds(&mut buffer).unwrap().fds().len(), 1);
        }
    });
}

#[test]
fn a_send_waits_for_room_and_then_takes_the_descriptors_along() {
    both_ways(|| async {
        let (a, b) = UnixStream::pair().unwrap();
        let mut filled = 0;
        while let Ok(count) = a.try_write(&[0; 65_536]) {
            filled += count;
        }
        let (_read, write) = pipe();
        let fds = [write.as_fd()];
        let drain = async {
            let mut buffer = vec![0; 65_536];
            while filled > 0 {
                let message = b.recv_with_fds(&mut buffer).await.unwrap();
                assert!(message.fds().is_empty());
                filled -= message.len();
            }
            b.recv_with_fds(&mut buffer).await.unwrap()
        };
        let (sent, message) = join(a.send_with_fds(b"late", &fds), drain).await;
        assert_eq!((sent.unwrap(), message.len(), message.fds().len()), (4, 4, 1));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn every_message_names_its_sender_if_asked() {
    use mainspring::os::linux::PassCredentials;
    both_ways(|| async {
        let (a, b) = UnixDatagram::pair().unwrap();
        let (c, d) = UnixStream::pair().unwrap();
        b.set_pass_credentials(true).unwrap();
        d.set_pass_credentials(true).unwrap();
        assert!(b.passes_credentials().unwrap() && d.passes_credentials().unwrap());
        let (_read, write) = pipe();
        a.send_with_fds(b"x", &[write.as_fd()]).await.unwrap();
        c.write(b"x").await.unwrap();
        let datagram = b.recv_with_fds(&mut [0; 4]).await.unwrap();
        let bytes = d.recv_with_fds(&mut [0; 4]).await.unwrap();
        assert_eq!((datagram.fds().len(), bytes.fds().len()), (1, 0));
        for message in [datagram, bytes] {
            let sender = message.credentials().expect("asked for");
            assert_eq!(sender.pid(), i32::try_from(std::process::id()).ok());
            assert_eq!(sender.uid(), rustix::process::geteuid().as_raw());
            assert_eq!(sender.gid(), rustix::process::getegid().as_raw());
        }
        b.set_pass_credentials(false).unwrap();
        a.send(b"x").await.unwrap();
        assert!(b.recv_with_fds(&mut [0; 4]).await.unwrap().credentials().is_none());
    });
}

/// A reader of one stream is not woken for nothing while it waits for descriptors.
#[test]
fn a_waiting_receive_sleeps() {
    let mut driver = driver();
    let entered = driver.handle().enter();
    let (_a, b) = UnixStream::pair().unwrap();
    drop(entered);
    let mut buffer = [0; 4];
    let mut waiting = std::pin::pin!(b.recv_with_fds(&mut buffer));
    assert!(poll_once(waiting.as_mut()).is_pending());
    // The report of what the stream is ready for at first.
    driver.turn(Some(Duration::from_millis(20))).unwrap();
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(driver.turn(Some(Duration::from_millis(20))).unwrap().events(), 0);
}
