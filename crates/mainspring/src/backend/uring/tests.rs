//! What is particular to the ring; what every backend has to do is in the conformance suite.

mod completion;
mod drain;
mod memory;
mod readiness;

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::*;
use crate::completion::operation::RawMemory;

/// How long a test waits for what has to come.
const SOON: Duration = Duration::from_secs(10);
/// How long a test waits for what must not come.
const MOMENT: Duration = Duration::from_millis(20);
const READ: Interest = Interest::READABLE;

/// A queue, and the thread it is turned on.
struct Queue {
    selector: UringSelector,
    registrar: Arc<UringRegistrar>,
    owner: Option<Arc<Owner>>,
    counters: Arc<Counters>,
}

fn shared() -> Queue {
    open(None)
}

fn pinned() -> Queue {
    open(Some(Arc::new(Owner::new())))
}

fn open(owner: Option<Arc<Owner>>) -> Queue {
    let counters = Arc::new(Counters::default());
    let config = Config {
        clock: Clock::real(),
        counters: counters.clone(),
        event_capacity: 0,
        owner: owner.clone(),
    };
    let (selector, registrar) = UringSelector::open(config).expect("io_uring");
    Queue { selector, registrar: Arc::new(registrar), owner, counters }
}

impl Queue {
    /// One look, as the driver does it.
    fn select(&mut self, timeout: Duration) -> Events {
        if let Some(owner) = &self.owner {
            assert!(owner.claim(), "the test turns it on one thread");
        }
        let mut events = Events::new();
        self.selector.select(&mut events, Some(timeout)).expect("a ring that works");
        events
    }

    /// The first events, which have to come.
    fn events(&mut self) -> Events {
        let events = self.select(SOON);
        assert!(events.has_come(), "nothing came");
        events
    }

    fn silence(&mut self) {
        let events = self.select(MOMENT);
        assert!(!events.has_come(), "silence was expected: {events:?}");
    }

    fn add(&self, source: &impl AsRawFd, token: u64) {
        let source = number(source);
        self.registrar.add(source, Token(token), READ, Trigger::Edge).expect("a source to watch");
    }

    fn remove(&self, source: &impl AsRawFd, token: u64) {
        self.registrar.remove(number(source), Token(token)).expect("a sound queue");
    }

    /// Submits an operation whose memory lives for ever.
    fn submit(&self, token: u64, operation: RawOperation) {
        // SAFETY: the tests' memory is leaked.
        let submitted = unsafe { self.registrar.submit(Token(token), operation) };
        submitted.expect("a queue with room");
    }

    /// Requests that the ring has room for.
    fn room(&mut self) -> u64 {
        self.selector.shared.ring.with(|ring| ring.room()).expect("here") as u64
    }

    /// Submits so many operations, under the tokens from 0 on, that end when they are cancelled.
    fn submit_hours(&self, count: u64) {
        let an_hour = timespec(3600, 0);
        for token in 0..count {
            self.submit(token, RawOperation::Timeout { timespec: an_hour });
        }
    }

    /// The next completions, at least `count`: token, result, and whether it was the last.
    fn completions(&mut self, count: usize) -> Vec<(u64, Result<u64, String>, bool)> {
        let (mut seen, begun) = (Vec::new(), Instant::now());
        while seen.len() < count {
            assert!(begun.elapsed() < SOON, "{seen:?} and no more");
            for done in self.select(MOMENT).completions {
                let result = done.result.map_err(|error| error.to_string());
                seen.push((done.token.0, result, !done.more));
            }
        }
        seen
    }

    /// What becomes of one operation.
    fn completion(&mut self, token: u64) -> Result<u64, String> {
        let seen = self.completions(1);
        let [(of, result, true)] = &seen[..] else { panic!("one was expected: {seen:?}") };
        assert_eq!(*of, token);
        result.clone()
    }
}

fn number(source: &impl AsRawFd) -> RawSource {
    RawSource(source.as_raw_fd().unsigned_abs().into())
}

fn pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().expect("a pair");
    a.set_nonblocking(true).expect("non-blocking");
    b.set_nonblocking(true).expect("non-blocking");
    (a, b)
}

/// Memory that is never freed, for operations of which a test may lose sight.
fn leaked(len: usize) -> RawMemory {
    let memory = Box::leak(vec![0_u8; len].into_boxed_slice());
    RawMemory { start: memory.as_mut_ptr(), len }
}

fn timespec(seconds: i64, nanoseconds: i64) -> RawMemory {
    let memory = Box::leak(Box::new([seconds, nanoseconds]));
    RawMemory { start: memory.as_mut_ptr().cast(), len: size_of_val(memory) }
}

fn recv(source: &impl AsRawFd) -> RawOperation {
    RawOperation::Recv { source: number(source), memory: leaked(64), flags: 0 }
}

fn cancelled() -> Result<u64, String> {
    Err(error::cancelled().to_string())
}

fn put(mut stream: &UnixStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("room");
}
