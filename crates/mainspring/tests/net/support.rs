//! Drivers turned by hand, and bounds in time for everything that waits.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use mainspring::net::{TcpListener, TcpStream};
use mainspring::{Builder, Driver, Handle, Interest, Kind};

/// Longer than any test takes on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(20);

struct Unparker(Handle);

impl Wake for Unparker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls `future` and turns `driver` on this thread until the future is ready.
///
/// # Panics
///
/// If it is not ready after `PATIENCE`: a wake was lost.
pub fn block_on<F: Future>(driver: &mut Driver, future: F) -> F::Output {
    let entered = driver.handle().enter();
    let waker = Waker::from(Arc::new(Unparker(driver.handle())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    let begin = Instant::now();
    let output = loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            break output;
        }
        assert!(begin.elapsed() < PATIENCE, "the future was not woken in time");
        driver.turn(Some(Duration::from_secs(1))).expect("the queue works");
    };
    drop(entered);
    output
}

/// A driver on the machine's own kernel: on the mechanism that the environment asks for.
pub fn driver() -> Driver {
    let driver = Driver::new().expect("a driver");
    assert_ne!(
        driver.handle().backend().kind(),
        Kind::Sim,
        "MAINSPRING_BACKEND names the machine's"
    );
    driver
}

/// Whether a short read may be taken for the end of what is there: not where edges are emulated.
pub fn has_true_edges(driver: &Driver) -> bool {
    driver.handle().backend().kind() != Kind::Poll && !cfg!(windows)
}

/// Turns `driver` until nothing happens any more.
pub fn settle(driver: &mut Driver) {
    while driver.turn(Some(Duration::from_millis(50))).expect("the queue works").events() != 0 {}
}

/// Runs `test` with a driver turned by hand: on the machine's kernel, with a driver for any thread
/// and with a pinned one, and, with the feature `sim`, on the simulated one under many seeds.
pub fn on_each_kernel<F: Future<Output = ()>>(test: impl Fn(Handle) -> F) {
    on_each_kernel_with(|mut driver| {
        let handle = driver.handle();
        block_on(&mut driver, test(handle));
    });
}

/// Runs `test` with a driver of its own on each of those kernels.
pub fn on_each_kernel_with(test: impl Fn(Driver)) {
    test(driver());
    test(Builder::new().pinned().build().expect("a driver"));
    on_simulated_kernels(&test);
}

#[cfg(feature = "sim")]
fn on_simulated_kernels(test: &impl Fn(Driver)) {
    for seed in 0..20 {
        let simulation = mainspring::Simulation::new(seed);
        let builder = Builder::new().simulation(&simulation);
        test(builder.build().expect("a driver"));
    }
}

#[cfg(not(feature = "sim"))]
fn on_simulated_kernels(_test: &impl Fn(Driver)) {}

/// Polls `future` once, with a waker that does nothing.
pub fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Waits until `stream` knows that its connection was reset.
///
/// Wine's server takes the error off a socket when it looks at it, and a receive at that very
/// moment is told of an end, once in some hundred. What is readiness already is known there.
pub async fn reset_has_come(stream: &TcpStream) {
    while !stream.ready(Interest::READABLE).await.expect("readiness").is_error() {
        // An end stays an end: it is no edge that is waited for.
        mainspring::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A connection between two streams of the current driver.
pub async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("its address");
    let (client, accepted) =
        futures::future::join(TcpStream::connect(address), listener.accept()).await;
    (client.expect("a connection"), accepted.expect("its other end").0)
}

/// A connection between a stream of the current driver and one of the standard library.
pub async fn pair_with_std() -> (TcpStream, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let peer = std::net::TcpStream::connect(listener.local_addr().expect("its address"));
    let peer = peer.expect("a connection");
    peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    (listener.accept().await.expect("its other end").0, peer)
}

/// Bytes that show when some are lost, doubled or swapped.
pub fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(len)
    .collect()
}
