use std::sync::Arc;
use std::task::Waker;

use super::*;
use crate::readiness::tests::Task;

fn all(pool: &Pool) -> Vec<u16> {
    std::iter::from_fn(|| pool.take()).collect()
}

fn waits(pool: &Pool, place: &mut Option<Place>, waker: &Waker) -> bool {
    pool.poll_take(place, waker).is_pending()
}

fn take_now(pool: &Pool, place: &mut Option<Place>, waker: &Waker) -> u16 {
    match pool.poll_take(place, waker) {
        Poll::Ready(Taken::Number(number)) => number,
        other => panic!("no number: {other:?}"),
    }
}

#[test]
fn every_number_is_had_once_and_again_when_it_is_back() {
    let pool = Pool::new(8);
    let mut taken = all(&pool);
    assert_eq!((pool.in_use(), pool.has_some()), (8, false));
    taken.sort_unstable();
    assert_eq!(taken, (0..8).collect::<Vec<_>>());
    taken.into_iter().for_each(|number| pool.give_back(number));
    assert_eq!((pool.in_use(), pool.has_some()), (0, true));
    assert_eq!(all(&pool).len(), 8);
}

#[test]
fn c13_who_waits_is_served_in_turn_and_one_number_wakes_one() {
    let pool = Pool::new(1);
    let number = pool.take().unwrap();
    let tasks: Vec<_> = (0..3).map(|_| Task::new()).collect();
    let mut places = [None, None, None];
    for (place, (_, waker)) in places.iter_mut().zip(&tasks) {
        assert!(waits(&pool, place, waker));
    }
    assert_eq!(pool.exhausted(), 3);
    for turn in 0..3 {
        pool.give_back(number);
        let wakes: Vec<_> = tasks.iter().map(|(task, _)| task.wakes()).collect();
        let expected: Vec<_> = (0..3).map(|index| usize::from(index <= turn)).collect();
        assert_eq!(wakes, expected);
        assert!(pool.take().is_none(), "nobody goes past the line, nor takes what is served");
        assert_eq!(take_now(&pool, &mut places[turn], &tasks[turn].1), number);
    }
    pool.give_back(number);
    assert_eq!(pool.take(), Some(number), "the line is gone");
}

#[test]
fn who_leaves_hands_on_what_it_was_given() {
    let pool = Pool::new(1);
    let number = pool.take().unwrap();
    let ((_, leaving), (task, staying)) = (Task::new(), Task::new());
    let (mut first, mut second) = (None, None);
    assert!(waits(&pool, &mut first, &leaving) && waits(&pool, &mut second, &staying));
    pool.give_back(number);
    assert_eq!(task.wakes(), 0);
    pool.leave(&mut first);
    assert_eq!(task.wakes(), 1);
    assert_eq!(take_now(&pool, &mut second, &staying), number);
}

#[test]
fn who_leaves_from_anywhere_in_the_line_disturbs_nobody() {
    for leaving in 0..3 {
        let pool = Pool::new(1);
        let number = pool.take().unwrap();
        let (_, waker) = Task::new();
        let mut places = [None, None, None];
        for place in &mut places {
            assert!(waits(&pool, place, &waker));
        }
        pool.leave(&mut places[leaving]);
        for (index, place) in places.iter_mut().enumerate() {
            if index != leaving {
                pool.give_back(number);
                assert_eq!(take_now(&pool, place, &waker), number);
            }
        }
        pool.give_back(number);
        assert_eq!(pool.take(), Some(number));
    }
}

#[test]
fn the_last_that_leaves_opens_the_pool_again() {
    let pool = Pool::new(2);
    let numbers = all(&pool);
    let (task, waker) = Task::new();
    let mut place = None;
    assert!(waits(&pool, &mut place, &waker));
    pool.leave(&mut place);
    pool.leave(&mut place);
    pool.give_back(numbers[0]);
    assert_eq!((pool.take(), task.wakes()), (Some(numbers[0]), 0));
    drop(waker);
    assert_eq!(Arc::strong_count(&task), 1, "no waker stayed behind");
}

#[test]
fn the_last_waker_is_the_one_that_counts() {
    let pool = Pool::new(1);
    let number = pool.take().unwrap();
    let ((old, old_waker), (new, new_waker)) = (Task::new(), Task::new());
    let mut place = None;
    assert!(waits(&pool, &mut place, &old_waker) && waits(&pool, &mut place, &new_waker));
    pool.give_back(number);
    assert_eq!((old.wakes(), new.wakes()), (0, 1));
    pool.leave(&mut place);
}

#[test]
fn c14_after_the_end_nobody_waits() {
    let pool = Pool::new(1);
    let number = pool.take().unwrap();
    let (task, waker) = Task::new();
    let mut places = [None, None];
    for place in &mut places {
        assert!(waits(&pool, place, &waker));
    }
    pool.close();
    assert_eq!(task.wakes(), 2);
    assert_eq!(pool.poll_take(&mut places[0], &waker), Poll::Ready(Taken::Closed));
    pool.leave(&mut places[1]);
    let mut late = None;
    assert_eq!(pool.poll_take(&mut late, &waker), Poll::Ready(Taken::Closed));
    pool.give_back(number);
    assert_eq!(pool.take(), Some(number), "what is there can still be had");
}

#[test]
fn places_are_used_again() {
    let pool = Pool::new(1);
    let number = pool.take().unwrap();
    let (_, waker) = Task::new();
    for _ in 0..100 {
        let mut places = [None, None];
        for place in &mut places {
            assert!(waits(&pool, place, &waker));
        }
        pool.give_back(number);
        assert_eq!(take_now(&pool, &mut places[0], &waker), number);
        pool.leave(&mut places[1]);
    }
    assert_eq!(pool.line.lock().places.len(), 2);
}

#[test]
fn what_is_lent_is_not_waited_for() {
    let pool = Pool::new(2);
    let (_, waker) = Task::new();
    let lent = [pool.lend().unwrap(), pool.lend().unwrap()];
    assert_eq!((pool.lend(), pool.in_use(), pool.has_some()), (None, 0, true));
    let mut place = None;
    assert_eq!(pool.poll_take(&mut place, &waker), Poll::Ready(Taken::Lent));
    assert_eq!(pool.filled(lent[0]), lent[1], "in the order they were lent");
    assert_eq!(pool.poll_take(&mut place, &waker), Poll::Ready(Taken::Lent));
    pool.filled(lent[1]);
    assert_eq!((pool.in_use(), pool.has_some()), (2, false));
    assert!(waits(&pool, &mut place, &waker), "none is left that could be received into");
    pool.give_back(lent[0]);
    pool.give_back(lent[1]);
    assert_eq!(take_now(&pool, &mut place, &waker), lent[0]);
    assert_eq!(pool.lend(), Some(lent[1]), "nobody waits any more");
}

#[test]
fn the_order_of_lending_is_kept_whatever_comes_back_first() {
    let pool = Pool::new(4);
    let mut order: Vec<u16> = std::iter::from_fn(|| pool.lend()).collect();
    for round in 0..20 {
        // Three are filled at once, and come back in another order.
        let filled: Vec<u16> = order.drain(..3).collect();
        assert_eq!(pool.filled(filled[0]), filled[1]);
        assert_eq!(pool.filled(filled[1]), filled[2]);
        assert_eq!(pool.filled(filled[2]), order[0]);
        for at in 0..3 {
            pool.give_back(filled[(at + round) % 3]);
        }
        order.extend(std::iter::from_fn(|| pool.lend()));
        assert_eq!(order.len(), 4);
    }
}

#[test]
fn nothing_is_lent_past_the_line() {
    let pool = Pool::new(1);
    let number = pool.take().unwrap();
    let (_, waker) = Task::new();
    let mut place = None;
    assert!(waits(&pool, &mut place, &waker));
    pool.give_back(number);
    assert_eq!(pool.lend(), None);
    assert_eq!(take_now(&pool, &mut place, &waker), number);
}

#[test]
fn arrivals_are_taken_in_the_order_they_came() {
    let pool = Pool::new(8);
    let (arrivals, mut in_order) = (Arrivals::new(), InOrder::new());
    let (mut came, mut taken) = (0, 0);
    for round in [3, 1, 0, 4, 2] {
        for _ in 0..round {
            let number = pool.take().unwrap();
            let appended = arrivals.append(&pool, number, came);
            let expected = came - taken + 1;
            assert!(matches!(appended, Appended::Held { held, .. } if held == expected));
            came += 1;
        }
        for _ in 0..round.min(2) {
            let (number, len) = arrivals.take(&pool, &mut in_order).unwrap();
            assert_eq!(len, taken);
            pool.give_back(number);
            taken += 1;
        }
    }
    while let Some((number, len)) = arrivals.take(&pool, &mut in_order) {
        assert_eq!(len, taken);
        pool.give_back(number);
        taken += 1;
    }
    assert_eq!((taken, arrivals.held(), pool.in_use()), (came, 0, 0));
}

#[test]
fn only_the_first_arrival_since_a_look_is_one_to_wake_for() {
    let pool = Pool::new(4);
    let (arrivals, mut in_order) = (Arrivals::new(), InOrder::new());
    let append = || {
        let number = pool.take().unwrap();
        matches!(arrivals.append(&pool, number, 0), Appended::Held { first: true, .. })
    };
    assert!(append());
    assert!(!append());
    assert!(arrivals.take(&pool, &mut in_order).is_some());
    assert!(append(), "the look took all that had come");
    assert!(!append());
}

#[test]
fn closed_arrivals_give_back_what_they_hold_and_refuse_the_rest() {
    let pool = Pool::new(4);
    let (arrivals, mut in_order) = (Arrivals::new(), InOrder::new());
    for len in 0..3 {
        let number = pool.take().unwrap();
        assert_ne!(arrivals.append(&pool, number, len), Appended::Refused);
    }
    let (number, _) = arrivals.take(&pool, &mut in_order).unwrap();
    let late = pool.take().unwrap();
    arrivals.close(&pool, &mut in_order);
    assert_eq!(pool.in_use(), 2, "what was taken, and what comes late");
    assert_eq!(arrivals.append(&pool, late, 1), Appended::Refused);
    pool.give_back(late);
    pool.give_back(number);
    arrivals.close(&pool, &mut in_order);
    assert_eq!((pool.in_use(), arrivals.held()), (0, 0));
}

#[test]
fn threads_never_have_the_same_number_and_lose_none() {
    const THREADS: usize = 6;
    const ROUNDS: usize = 2_000;
    let pool = Pool::new(4);
    let owners: Vec<_> = (0..4).map(|_| std::sync::atomic::AtomicBool::new(false)).collect();
    let (pool, owners) = (&pool, &owners);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(move || {
                let thread = std::thread::current();
                let waker = Waker::from(Arc::new(Unparker(thread)));
                let mut place = None;
                for _ in 0..ROUNDS {
                    let number = loop {
                        match pool.poll_take(&mut place, &waker) {
                            Poll::Ready(Taken::Number(number)) => break number,
                            Poll::Ready(other) => panic!("{other:?}"),
                            Poll::Pending => std::thread::park(),
                        }
                    };
                    let owner = &owners[usize::from(number)];
                    assert!(!owner.swap(true, std::sync::atomic::Ordering::Relaxed));
                    std::thread::yield_now();
                    owner.store(false, std::sync::atomic::Ordering::Relaxed);
                    pool.give_back(number);
                }
            });
        }
    });
    assert_eq!((pool.in_use(), all(pool).len()), (0, 4));
}

struct Unparker(std::thread::Thread);

impl std::task::Wake for Unparker {
    fn wake(self: Arc<Unparker>) {
        self.0.unpark();
    }
}
