//! Two real threads meet at one registration, a thousand times a test.
//!
//! Each round has a registration of its own, made before the threads start, and is judged after
//! they have ended: nothing waits for anything but the other side at the start of a round.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use crate::interest::Interest;
use crate::readiness::park::Park;
use crate::readiness::registration_set::{RegistrationSet, generation_of};
use crate::readiness::scheduled_io::{Look, Place, ScheduledIo};
use crate::ready::Ready;
use crate::token::Token;

use super::{Task, event, facts, registered, wake_all};

const ROUNDS: usize = 1000;
const READ: Interest = Interest::READABLE;
/// Only a failing test waits that long.
const LIMIT: Duration = Duration::from_secs(20);

/// Where two sides wait for each other, round by round. It spins, so that they part at the same
/// moment, and it lets go of a side whose opponent has panicked.
#[derive(Default)]
struct Meeting {
    arrived: AtomicUsize,
    broken: AtomicBool,
}

impl Meeting {
    fn play<S>(&self, rounds: &[S], side: impl Fn(&S)) {
        let _breaks_on_panic = Breaks(self);
        for (number, round) in rounds.iter().enumerate() {
            self.arrived.fetch_add(1, Ordering::SeqCst);
            while self.arrived.load(Ordering::SeqCst) < 2 * (number + 1) {
                assert!(!self.broken.load(Ordering::SeqCst), "the other side panicked");
                thread::yield_now();
            }
            side(round);
        }
    }
}

struct Breaks<'a>(&'a Meeting);

impl Drop for Breaks<'_> {
    fn drop(&mut self) {
        self.0.broken.fetch_or(thread::panicking(), Ordering::SeqCst);
    }
}

fn duel<S: Sync>(
    make: impl Fn() -> S,
    left: impl Fn(&S) + Sync,
    right: impl Fn(&S),
    judge: impl Fn(&S),
) {
    let rounds: Vec<S> = (0..ROUNDS).map(|_| make()).collect();
    let meeting = Meeting::default();
    thread::scope(|scope| {
        scope.spawn(|| meeting.play(&rounds, &left));
        meeting.play(&rounds, right);
    });
    rounds.iter().for_each(judge);
}

/// A registration, and what its waiters went through.
struct Round {
    io: ScheduledIo,
    first: Mutex<Waiting>,
    second: Mutex<Waiting>,
    flag: AtomicBool,
}

struct Waiting {
    task: Arc<Task>,
    waker: Waker,
    place: Place,
    looked: Option<Look>,
}

impl Waiting {
    fn new() -> Waiting {
        let (task, waker) = Task::new();
        Waiting { task, waker, place: Place::Unplaced, looked: None }
    }

    fn poll(&mut self, io: &ScheduledIo) {
        io.wait(&mut self.place, READ, &self.waker);
        self.looked = Some(io.look(READ));
    }

    fn poll_owner(&mut self, io: &ScheduledIo) {
        io.wait_poll(READ, &self.waker);
        self.looked = Some(io.look(READ));
    }

    fn is_served(&self) -> bool {
        let found = |look: Look| !look.ready().is_empty() || look.is_shutdown();
        self.task.wakes() > 0 || self.looked.is_some_and(found)
    }

    /// Leaves; true if no waker stayed behind.
    fn end(&mut self, io: &ScheduledIo) -> bool {
        io.leave(&mut self.place, READ);
        Arc::strong_count(&self.task) == 2
    }
}

impl Round {
    fn new() -> Round {
        Round {
            io: registered(),
            first: Mutex::new(Waiting::new()),
            second: Mutex::new(Waiting::new()),
            flag: AtomicBool::new(false),
        }
    }

    fn first(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.first.lock().expect("no side panicked")
    }

    fn second(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.second.lock().expect("no side panicked")
    }

    fn shut_down(&self) {
        let mut wakers = Vec::new();
        self.io.shutdown(&mut wakers);
        wake_all(wakers);
    }
}

fn read_event(round: &Round) {
    event(&round.io, Ready::READABLE);
}

#[test]
fn concurrent_wait_and_event() {
    duel(
        Round::new,
        read_event,
        |round| round.first().poll(&round.io),
        |round| {
            assert!(round.first().is_served());
            assert!(round.first().end(&round.io));
        },
    );
}

/// C2.
#[test]
fn concurrent_clear_and_event() {
    let make = || {
        let round = Round::new();
        read_event(&round);
        round
    };
    duel(
        make,
        |round| {
            round.flag.store(true, Ordering::Release);
            read_event(round);
        },
        |round| {
            let look = round.io.look(READ);
            if !round.flag.load(Ordering::Acquire) {
                round.io.clear(&look);
                round.first().looked = Some(look);
            }
        },
        |round| {
            let cleared = round.first().looked.is_some();
            assert!(!cleared || round.io.look(READ).ready().is_readable(), "an edge was lost");
        },
    );
}

#[test]
fn concurrent_waiters_and_event() {
    duel(
        Round::new,
        |round| round.first().poll(&round.io),
        |round| {
            round.second().poll(&round.io);
            read_event(round);
        },
        |round| {
            assert!(round.first().is_served() && round.second().task.wakes() > 0);
            assert!(round.first().end(&round.io) && round.second().end(&round.io));
        },
    );
}

#[test]
fn concurrent_leave_and_event() {
    let make = || {
        let round = Round::new();
        round.first().poll(&round.io);
        round.second().poll(&round.io);
        round
    };
    duel(
        make,
        read_event,
        |round| round.io.leave(&mut round.first().place, READ),
        |round| {
            assert!(round.second().is_served(), "the listed one hears of it in any case");
            assert!(round.first().end(&round.io) && round.second().end(&round.io));
        },
    );
}

/// C14.
#[test]
fn concurrent_wait_and_shutdown() {
    duel(
        Round::new,
        Round::shut_down,
        |round| {
            round.first().poll(&round.io);
            round.second().poll(&round.io);
        },
        |round| {
            assert!(round.first().is_served() && round.second().is_served());
            assert!(round.first().end(&round.io) && round.second().end(&round.io));
        },
    );
}

/// C14.
#[test]
fn concurrent_clear_and_shutdown() {
    let make = || {
        let round = Round::new();
        read_event(&round);
        round
    };
    duel(
        make,
        Round::shut_down,
        |round| {
            let look = round.io.look(READ);
            round.io.clear(&look);
        },
        |round| assert!(round.io.look(READ).is_shutdown(), "the driver came back to life"),
    );
}

/// C4.
#[test]
fn concurrent_reuse_and_late_event() {
    let make = || {
        let set = RegistrationSet::new(1);
        let former = set.insert(facts()).expect("there is room");
        (set, former)
    };
    let next = |former: Token| Token(former.0 + (1 << 24));
    duel(
        make,
        |(set, former)| {
            let io = set.get(*former).expect("its page is there");
            let mut wakers = Vec::new();
            io.dispatch(generation_of(*former), Ready::ALL, false, &mut wakers);
            wake_all(wakers);
        },
        |(set, former)| {
            drop(set.remove(*former));
            let token = set.insert(facts()).expect("there is room");
            assert_eq!(token, next(*former));
        },
        |(set, former)| {
            let look = set.get(next(*former)).expect("it is there").look(READ);
            assert_eq!(look.ready(), Ready::EMPTY, "a ghost");
        },
    );
}

#[test]
fn concurrent_poll_from_another_task_and_event() {
    let make = || {
        let round = Round::new();
        round.first().poll_owner(&round.io);
        round
    };
    duel(
        make,
        read_event,
        |round| round.second().poll_owner(&round.io),
        |round| assert!(round.second().is_served()),
    );
}

/// C6: a driver that is asked for work a thousand times does all of it and then ends.
#[test]
fn concurrent_unpark_and_park() {
    let park = Park::new();
    let kernel = (Mutex::new(0_usize), Condvar::new());
    let work: Vec<AtomicBool> = (0..ROUNDS).map(|_| AtomicBool::new(false)).collect();
    let mut sleeps = 0;
    let wakes = thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut wakes = 0;
            for work in &work {
                work.store(true, Ordering::Relaxed);
                if park.unpark() {
                    wakes += 1;
                    *kernel.0.lock().expect("nobody panicked") += 1;
                    kernel.1.notify_one();
                }
            }
            wakes
        });
        for work in &work {
            while !work.load(Ordering::Relaxed) {
                if park.prepare() {
                    sleeps += 1;
                    let signals = kernel.0.lock().expect("nobody panicked");
                    let (mut signals, slept) = kernel
                        .1
                        .wait_timeout_while(signals, LIMIT, |signals| *signals == 0)
                        .expect("as above");
                    assert!(!slept.timed_out(), "a wake was lost");
                    *signals -= 1;
                }
                park.finish();
            }
        }
        client.join().expect("the client does not panic")
    });
    assert!(wakes <= sleeps, "{wakes} calls to the kernel for {sleeps} sleeps");
}
