//! Sources that a wrapper owns, and sources with code of their own.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use mainspring::{Async, Driver, Interest, Poller, Registry, Token, Trigger};

use crate::fixture::{drive, pair, poll};
use crate::watchdog::Watchdog;

/// Flushing and closing a stream without room waited for a reader, although a descriptor has
/// nothing to flush: two peers that both closed before they read waited for each other.
#[test]
fn a_full_stream_is_flushed_and_closed_at_once() {
    let driver = Driver::new().expect("a driver");
    let (a, _b) = pair();
    let mut writer = Async::with_handle(&driver.handle(), a).expect("a source");
    let mut context = Context::from_waker(Waker::noop());
    let mut writer = Pin::new(&mut writer);
    while writer.as_mut().poll_write(&mut context, &[0; 65_536]).is_ready() {}
    assert!(matches!(writer.as_mut().poll_flush(&mut context), Poll::Ready(Ok(()))));
    assert!(matches!(writer.as_mut().poll_close(&mut context), Poll::Ready(Ok(()))));
}

/// Asking a source for its descriptor is its own code, which may use the poller it is added to.
#[test]
fn a_source_may_call_the_poller_while_it_is_added() {
    struct Curious {
        stream: UnixStream,
        registry: Registry,
    }
    impl AsFd for Curious {
        fn as_fd(&self) -> BorrowedFd<'_> {
            let _ = self.registry.metrics();
            self.stream.as_fd()
        }
    }
    let _watchdog = Watchdog::over("a source that calls the poller");
    let poller = Poller::new().expect("a poller");
    let (stream, _b) = pair();
    let source = Curious { stream, registry: poller.registry().clone() };
    let registry = poller.registry();
    registry.add(&source, Token(1), Interest::READABLE, Trigger::Edge).expect("a source");
    registry.modify(&source, Token(2), Interest::READABLE, Trigger::Edge).expect("a source");
    registry.remove(&source).expect("a source");
}

/// A borrowed wrapper reads while another writes, and lends its descriptor out.
#[test]
fn a_borrowed_source_reads_and_writes() {
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let (a, b) = pair();
    let a = Async::with_handle(&handle, a).expect("a source");
    let b = Async::with_handle(&handle, b).expect("a source");
    assert_eq!(a.as_fd().as_raw_fd(), a.get_ref().as_raw_fd());
    let mut context = Context::from_waker(Waker::noop());
    assert!(b.poll_readable(&mut context).is_pending());
    assert!(matches!(b.poll_writable(&mut context), Poll::Pending), "not before a turn");
    let mut buffer = [0; 5];
    {
        let (mut reader, mut writer) = (&b, &a);
        let mut reading = pin!(reader.read_exact(&mut buffer));
        assert!(poll(reading.as_mut(), Waker::noop()).is_pending());
        drive(&mut driver, writer.write_all(b"hello")).expect("room");
        drive(&mut driver, reading).expect("the bytes");
    }
    assert_eq!(&buffer, b"hello");
    let error = b.try_io(Interest::READABLE, |mut io| io.read(&mut buffer));
    assert_eq!(error.expect_err("nothing left").kind(), io::ErrorKind::WouldBlock);
}

/// What may go to another thread is a promise to every user.
#[test]
fn what_is_shared_between_threads_may_be() {
    fn sent<T: Send + Unpin>() {}
    fn shared<T: Send + Sync + Unpin>() {}
    fn future_is_sent<T: Send>(_: &T) {}
    sent::<Driver>();
    sent::<Poller>();
    shared::<Registry>();
    shared::<mainspring::Handle>();
    shared::<mainspring::Registration>();
    shared::<mainspring::ReadyFuture<'_>>();
    shared::<mainspring::ReadyEvent>();
    shared::<mainspring::Events>();
    shared::<mainspring::Builder>();
    shared::<Async<UnixStream>>();
    let driver = Driver::new().expect("a driver");
    let (a, _b) = pair();
    let a = Async::with_handle(&driver.handle(), a).expect("a source");
    future_is_sent(&a.readable());
    future_is_sent(&a.read_with(|mut io| io.read(&mut [0; 8])));
    future_is_sent(&a.registration().async_io(Interest::READABLE, || Ok(())));
}
