//! A driver, pairs of sockets, tasks that are polled by hand.

use std::future::Future;
use std::io::{self, Read};
#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::AtomicI32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use mainspring::{Driver, Kind};

/// Nothing here takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// What was going to happen on this machine's own sockets has happened.
pub(crate) const MOMENT: Duration = Duration::from_millis(10);

/// A task that only counts how often it was woken.
#[derive(Default)]
pub(crate) struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    pub(crate) fn new() -> Arc<Bell> {
        Arc::default()
    }

    pub(crate) fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Polls once.
pub(crate) fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// One end of a pair of sockets.
#[cfg(unix)]
pub(crate) type Stream = std::os::unix::net::UnixStream;
#[cfg(windows)]
pub(crate) type Stream = std::net::TcpStream;

#[cfg(unix)]
fn blocking_pair() -> (Stream, Stream) {
    Stream::pair().expect("a pair of sockets")
}

#[cfg(windows)]
fn blocking_pair() -> (Stream, Stream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = Stream::connect(listener.local_addr().expect("an address")).expect("a listener");
    let (far, _) = listener.accept().expect("a connection");
    near.set_nodelay(true).expect("TCP");
    far.set_nodelay(true).expect("TCP");
    (near, far)
}

/// Two connected sockets in non-blocking mode.
pub(crate) fn pair() -> (Stream, Stream) {
    let (a, b) = blocking_pair();
    a.set_nonblocking(true).expect("non-blocking");
    b.set_nonblocking(true).expect("non-blocking");
    (a, b)
}

/// Whether the mechanism remembers the sources from one turn to the next. `poll` is told anew each
/// time: what was closed leaves nothing behind, and a watch ends with its report.
pub(crate) fn remembers(driver: &Driver) -> bool {
    driver.handle().backend().kind() != Kind::Poll
}

/// How often a source is reported that was closed and lives on in a duplicate: once where the
/// kernel cannot be told of its end. A ring can, and what nobody remembers has none.
pub(crate) fn leftovers(driver: &Driver) -> u64 {
    u64::from(driver.handle().backend().kind() == Kind::Epoll)
}

/// Turns until the future is done; one that has nothing to wait for is a failure.
#[track_caller]
pub(crate) fn drive<F: Future>(driver: &mut Driver, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let bell = Bell::new();
    let waker = Waker::from(bell.clone());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let heard = bell.rings();
        if let Poll::Ready(output) = poll(future.as_mut(), &waker) {
            return output;
        }
        while bell.rings() == heard {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nobody woke the task within {PATIENCE:?}");
            driver.turn(Some(left)).expect("a queue that works");
        }
    }
}

/// Turns for a moment.
#[track_caller]
pub(crate) fn pass(driver: &mut Driver) {
    let end = Instant::now() + MOMENT;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        driver.turn(Some(left)).expect("a queue that works");
        if left.is_zero() {
            return;
        }
    }
}

/// Reads until the call says that it would block.
pub(crate) fn drain(mut stream: &Stream) -> usize {
    let mut total = 0;
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return total,
            Ok(count) => total += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return total,
            Err(error) => panic!("reading: {error}"),
        }
    }
}

/// A duplicate under a number that no other test of this process gets, so that a test may close
/// it and say what the number means afterwards.
#[cfg(unix)]
pub(crate) fn duplicate_apart(source: &impl AsFd) -> OwnedFd {
    static NEXT: AtomicI32 = AtomicI32::new(700);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let duplicate = rustix::io::fcntl_dupfd_cloexec(source, number).expect("a free number");
    NEXT.fetch_max(std::os::fd::AsRawFd::as_raw_fd(&duplicate) + 1, Ordering::Relaxed);
    duplicate
}
