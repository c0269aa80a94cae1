//! The state that threads share, under every interleaving up to a bound.
//!
//! loom runs each model again and again: with every order of the steps that its threads take, and
//! with every value that a load may see under the memory model, also those that this processor
//! would never show. The models include the crate's own sources, compiled with loom's atomics,
//! locks and cells in place of the standard ones (`src/sync`), so that what is checked is what
//! runs.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p mainspring --release --test loom
//! ```
//!
//! `LOOM_MAX_PREEMPTIONS` bounds how often a thread is interrupted where it does not wait. The
//! models of two threads take it as it is, those of three, whose orders are far more, one less.
#![cfg(loom)]
#![allow(dead_code)]

#[path = "../src/completion/mod.rs"]
mod completion;
#[path = "../src/error.rs"]
mod error;
#[path = "../src/event.rs"]
mod event;
#[path = "../src/interest.rs"]
mod interest;
#[path = "../src/readiness/mod.rs"]
mod readiness;
#[path = "../src/ready.rs"]
mod ready;
#[path = "../src/source.rs"]
mod source;
#[path = "../src/sync/mod.rs"]
mod sync;
#[path = "../src/token.rs"]
mod token;
#[path = "../src/trigger.rs"]
mod trigger;

#[path = "loom/arming.rs"]
mod arming;
#[path = "loom/buffers.rs"]
mod buffers;
#[path = "loom/ending.rs"]
mod ending;
#[path = "loom/operations.rs"]
mod operations;
#[path = "loom/owning.rs"]
mod owning;
#[path = "loom/parking.rs"]
mod parking;
#[path = "loom/polling.rs"]
mod polling;
#[path = "loom/reuse.rs"]
mod reuse;
#[path = "loom/waiting.rs"]
mod waiting;
#[path = "loom/words.rs"]
mod words;

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use loom::model::Builder;
use loom::thread::JoinHandle;

use interest::Interest;
use readiness::scheduled_io::{Facts, Look, Place, ScheduledIo};
use ready::Ready;
use source::RawSource;
use sync::Arc;
use trigger::Trigger;

/// loom's guide finds that two or three show nearly every fault.
const PREEMPTIONS: usize = 3;

fn model(check: impl Fn() + Send + Sync + 'static) {
    explore(PREEMPTIONS, check);
}

fn model_of_three(check: impl Fn() + Send + Sync + 'static) {
    explore(PREEMPTIONS - 1, check);
}

fn explore(preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    let fewer = PREEMPTIONS - preemptions;
    let asked = builder.preemption_bound.unwrap_or(PREEMPTIONS);
    builder.preemption_bound = Some(asked.saturating_sub(fewer));
    let check = std::sync::Arc::new(check);
    for first in [First::Spawning, First::Spawned] {
        FIRST.set(first);
        let check = check.clone();
        builder.check(move || check());
    }
}

/// Who runs first where loom starts to explore.
///
/// From that start loom tries the orders that it takes to differ, and this choice misses some: a
/// clear that wiped the closed bits passed when the spawning thread began, and failed when the
/// spawned one did. So each model is explored from both.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Spawning,
    Spawned,
}

thread_local! {
    static FIRST: Cell<First> = const { Cell::new(First::Spawning) };
}

/// Starts a thread of the model.
fn spawn<T: 'static>(side: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    let handle = loom::thread::spawn(side);
    if FIRST.get() == First::Spawned {
        loom::thread::yield_now();
    }
    handle
}

/// A task that only counts how often it was woken.
///
/// The count is no part of what is checked, so it is the standard library's: loom need not
/// interleave it, and runs one thread at a time anyway.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: std::sync::Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Task {
    fn new() -> (std::sync::Arc<Task>, Waker) {
        let task = std::sync::Arc::new(Task::default());
        (task.clone(), Waker::from(task))
    }

    fn is_woken(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// One waiting future: what `ready().await` does between its polls.
struct Future {
    task: std::sync::Arc<Task>,
    waker: Waker,
    place: Place,
    interest: Interest,
    looked: Option<Look>,
}

impl Future {
    fn new(interest: Interest) -> Future {
        let (task, waker) = Task::new();
        Future { task, waker, place: Place::Unplaced, interest, looked: None }
    }

    fn reader() -> Future {
        Future::new(Interest::READABLE)
    }

    /// Waits, then looks again: a poll that found nothing before.
    fn poll(&mut self, io: &ScheduledIo) {
        io.wait(&mut self.place, self.interest, &self.waker);
        self.looked = Some(io.look(self.interest));
    }

    /// The same from another task.
    fn poll_from_another_task(&mut self, io: &ScheduledIo) {
        (self.task, self.waker) = Task::new();
        self.poll(io);
    }

    fn saw(&self) -> Ready {
        self.looked.map_or(Ready::EMPTY, |look| look.ready())
    }

    /// Its last look found something, or it will be polled again.
    fn is_served(&self) -> bool {
        let shut_down = self.looked.is_some_and(|look| look.is_shutdown());
        !self.saw().is_empty() || shut_down || self.task.is_woken()
    }

    fn leave(&mut self, io: &ScheduledIo) {
        io.leave(&mut self.place, self.interest);
    }

    /// Leaves, and checks that nothing of it stayed behind.
    fn end(mut self, io: &ScheduledIo) {
        self.leave(io);
        let Future { task, waker, .. } = self;
        drop(waker);
        assert_eq!(std::sync::Arc::strong_count(&task), 1, "a waker stayed behind");
    }
}

fn facts() -> Facts {
    Facts::new(RawSource(3), Interest::READABLE | Interest::WRITABLE, Trigger::Edge)
}

/// A slot in its first use.
fn registered() -> Arc<ScheduledIo> {
    let io = ScheduledIo::new();
    io.begin(facts());
    Arc::new(io)
}

/// What the driver does with an event.
fn dispatch(io: &ScheduledIo, generation: u64, ready: Ready, disarms: bool) -> bool {
    let mut wakers = Vec::new();
    let current = io.dispatch(generation, ready, disarms, &mut wakers);
    wakers.into_iter().for_each(Waker::wake);
    current
}

fn event(io: &ScheduledIo, ready: Ready) {
    assert!(dispatch(io, io.generation(), ready, false));
}

/// What the driver does when it ends.
fn shut_down(io: &ScheduledIo) {
    let mut wakers = Vec::new();
    io.shutdown(&mut wakers);
    wakers.into_iter().for_each(Waker::wake);
}

/// Whoever comes after all have left finds the slot free, and is woken.
fn assert_still_works(io: &ScheduledIo) {
    let look = io.look(Interest::READABLE);
    io.clear(&look);
    let mut future = Future::reader();
    future.poll(io);
    assert_eq!(future.place, Place::Slots);
    assert!(!future.task.is_woken(), "the slot was left locked");
    event(io, Ready::READABLE);
    assert!(future.task.is_woken());
    future.end(io);
}
