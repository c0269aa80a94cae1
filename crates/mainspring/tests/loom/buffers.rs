//! Buffers: who has a number, who waits for one, and what has come (clauses C10, C12 and C13).

use std::task::{Poll, Waker};

use loom::cell::UnsafeCell;

use crate::completion::pool::{Appended, Arrivals, InOrder, Place, Pool, Taken};
use crate::sync::Arc;
use crate::sync::waker_slot::WakerSlot;
use crate::{Task, model, model_of_three, spawn};

/// A pool, and the memory of its buffers, which loom watches: who has a number touches it.
struct Buffers {
    pool: Pool,
    memory: Vec<UnsafeCell<u64>>,
}

impl Buffers {
    fn new(count: u32) -> Arc<Buffers> {
        let memory = (0..count).map(|_| UnsafeCell::new(0)).collect();
        Arc::new(Buffers { pool: Pool::new(count), memory })
    }

    fn touch(&self, number: u16) {
        self.memory[usize::from(number)].with_mut(|_| ());
    }

    /// Takes, uses and gives back.
    fn pass(&self) {
        if let Some(number) = self.pool.take() {
            self.touch(number);
            self.pool.give_back(number);
        }
    }

    fn assert_whole(&self) {
        assert_eq!(self.pool.in_use(), 0);
        let all: Vec<_> = std::iter::from_fn(|| self.pool.take()).collect();
        assert_eq!(all.len(), self.memory.len(), "a number is lost, or the line never ends");
        all.into_iter().for_each(|number| self.pool.give_back(number));
    }
}

/// A stream that wants a buffer.
struct Waiter {
    task: std::sync::Arc<Task>,
    waker: Waker,
    place: Option<Place>,
}

impl Waiter {
    fn new() -> Waiter {
        let (task, waker) = Task::new();
        Waiter { task, waker, place: None }
    }

    fn poll(&mut self, pool: &Pool) -> Poll<Taken> {
        pool.poll_take(&mut self.place, &self.waker)
    }

    /// What it has after everybody else is done: whoever is not served by then was forgotten.
    fn number(&mut self, pool: &Pool, first: Poll<Taken>) -> u16 {
        let last = match first {
            Poll::Pending => {
                assert!(self.task.is_woken(), "a number was given back and nobody was told");
                self.poll(pool)
            }
            ready => ready,
        };
        match last {
            Poll::Ready(Taken::Number(number)) => number,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_number_is_one_threads_at_a_time() {
    model(|| {
        let buffers = Buffers::new(2);
        let other = spawn({
            let buffers = buffers.clone();
            move || {
                buffers.pass();
                buffers.pass();
            }
        });
        buffers.pass();
        buffers.pass();
        other.join().unwrap();
        buffers.assert_whole();
    });
}

/// What is on top is taken with what lies below it, and comes back alone: whoever has looked
/// before must not take it for the pile that it saw.
#[test]
fn a_number_that_came_back_is_not_taken_for_what_lay_on_another() {
    model(|| {
        let buffers = Buffers::new(2);
        let other = spawn({
            let buffers = buffers.clone();
            move || {
                let (first, second) = (buffers.pool.take(), buffers.pool.take());
                if let Some(first) = first {
                    buffers.pool.give_back(first);
                }
                second
            }
        });
        let mine = [buffers.pool.take(), buffers.pool.take()];
        let theirs = other.join().unwrap();
        let all: Vec<_> = mine.into_iter().chain([theirs]).flatten().collect();
        for (at, number) in all.iter().enumerate() {
            assert!(!all[..at].contains(number), "two have number {number}");
            buffers.pool.give_back(*number);
        }
        buffers.assert_whole();
    });
}

#[test]
fn three_threads_and_one_number() {
    model_of_three(|| {
        let buffers = Buffers::new(1);
        let others = [(); 2].map(|()| {
            let buffers = buffers.clone();
            spawn(move || buffers.pass())
        });
        buffers.pass();
        for other in others {
            other.join().unwrap();
        }
        buffers.assert_whole();
    });
}

#[test]
fn who_waits_gets_what_is_given_back_meanwhile() {
    model(|| {
        let buffers = Buffers::new(1);
        let number = buffers.pool.take().unwrap();
        let giver = spawn({
            let buffers = buffers.clone();
            move || {
                buffers.touch(number);
                buffers.pool.give_back(number);
            }
        });
        let mut waiter = Waiter::new();
        let first = waiter.poll(&buffers.pool);
        giver.join().unwrap();
        let number = waiter.number(&buffers.pool, first);
        buffers.touch(number);
        buffers.pool.give_back(number);
        buffers.assert_whole();
    });
}

#[test]
fn two_wait_and_one_leaves() {
    model_of_three(|| {
        let buffers = Buffers::new(1);
        let number = buffers.pool.take().unwrap();
        let giver = spawn({
            let buffers = buffers.clone();
            move || buffers.pool.give_back(number)
        });
        let leaver = spawn({
            let buffers = buffers.clone();
            move || {
                let mut waiter = Waiter::new();
                match waiter.poll(&buffers.pool) {
                    Poll::Ready(Taken::Number(number)) => buffers.pool.give_back(number),
                    _ => buffers.pool.leave(&mut waiter.place),
                }
            }
        });
        let mut waiter = Waiter::new();
        let first = waiter.poll(&buffers.pool);
        giver.join().unwrap();
        leaver.join().unwrap();
        let number = waiter.number(&buffers.pool, first);
        buffers.pool.give_back(number);
        buffers.assert_whole();
    });
}

#[test]
fn nobody_waits_for_what_the_kernel_has() {
    model(|| {
        let buffers = Buffers::new(1);
        let number = buffers.pool.take().unwrap();
        // The turning thread: a lease comes back, and what is free is lent at the next look.
        let turner = spawn({
            let buffers = buffers.clone();
            move || {
                buffers.pool.give_back(number);
                buffers.pool.lend()
            }
        });
        let mut waiter = Waiter::new();
        let first = waiter.poll(&buffers.pool);
        match turner.join().unwrap() {
            // Lent: then the waiter is told so, or was served before and is not in line.
            Some(_) => assert_eq!(first, Poll::Ready(Taken::Lent)),
            None => _ = waiter.number(&buffers.pool, first),
        }
    });
}

#[test]
fn nothing_is_lent_past_the_line() {
    model_of_three(|| {
        let buffers = Buffers::new(1);
        let number = buffers.pool.take().unwrap();
        let giver = spawn({
            let buffers = buffers.clone();
            move || buffers.pool.give_back(number)
        });
        let turner = spawn({
            let buffers = buffers.clone();
            move || buffers.pool.lend()
        });
        let mut waiter = Waiter::new();
        let first = waiter.poll(&buffers.pool);
        giver.join().unwrap();
        match turner.join().unwrap() {
            Some(_) => assert_eq!(first, Poll::Ready(Taken::Lent)),
            None if first == Poll::Ready(Taken::Lent) => {}
            None => _ = waiter.number(&buffers.pool, first),
        }
    });
}

#[test]
fn the_end_reaches_who_waits_and_who_comes() {
    model(|| {
        let buffers = Buffers::new(1);
        let _number = buffers.pool.take().unwrap();
        let closer = spawn({
            let buffers = buffers.clone();
            move || buffers.pool.close()
        });
        let mut waiter = Waiter::new();
        let first = waiter.poll(&buffers.pool);
        closer.join().unwrap();
        if first.is_pending() {
            assert!(waiter.task.is_woken());
            assert_eq!(waiter.poll(&buffers.pool), Poll::Ready(Taken::Closed));
        } else {
            assert_eq!(first, Poll::Ready(Taken::Closed));
        }
    });
}

/// A stream and what comes for it. The wake is of another kind than that of `completion/slot.rs`,
/// and as that one a step of one word on both sides.
#[test]
fn what_comes_is_taken_in_order_and_wakes() {
    model(|| {
        let buffers = Buffers::new(2);
        let shared = Arc::new((Arrivals::new(), WakerSlot::new()));
        let collector = spawn({
            let (buffers, shared) = (buffers.clone(), shared.clone());
            move || {
                for len in 0..2 {
                    let number = buffers.pool.take().unwrap();
                    buffers.touch(number);
                    match shared.0.append(&buffers.pool, number, len) {
                        Appended::Held { first: true, .. } => {
                            shared.1.take().into_iter().for_each(Waker::wake);
                        }
                        Appended::Held { .. } => {}
                        Appended::Refused => panic!("nobody closed it"),
                    }
                }
            }
        });
        let (task, waker) = Task::new();
        let mut in_order = InOrder::new();
        let mut came = Vec::new();
        let mut take = |came: &mut Vec<u32>| {
            let taken = shared.0.take(&buffers.pool, &mut in_order);
            taken.map(|(number, len)| {
                buffers.touch(number);
                came.push(len);
            })
        };
        // One poll: until there is nothing, with the waker left before the last look.
        while take(&mut came).is_some() {}
        if let Some(raced) = shared.1.store(&waker) {
            raced.wake();
        }
        while take(&mut came).is_some() {}
        let seen = came.len();
        collector.join().unwrap();
        assert!(seen == 2 || task.is_woken(), "something came and nobody was told");
        while take(&mut came).is_some() {}
        assert_eq!(came, [0, 1]);
        assert_eq!(shared.0.held(), 0);
    });
}

#[test]
fn what_comes_for_nobody_goes_back() {
    model(|| {
        let buffers = Buffers::new(2);
        let arrivals = Arc::new(Arrivals::new());
        let collector = spawn({
            let (buffers, arrivals) = (buffers.clone(), arrivals.clone());
            move || {
                for _ in 0..2 {
                    let Some(number) = buffers.pool.take() else { return };
                    buffers.touch(number);
                    if arrivals.append(&buffers.pool, number, 1) == Appended::Refused {
                        buffers.pool.give_back(number);
                    }
                }
            }
        });
        let mut in_order = InOrder::new();
        if let Some((number, _)) = arrivals.take(&buffers.pool, &mut in_order) {
            buffers.touch(number);
            buffers.pool.give_back(number);
        }
        arrivals.close(&buffers.pool, &mut in_order);
        collector.join().unwrap();
        assert_eq!(arrivals.held(), 0);
        buffers.assert_whole();
    });
}
