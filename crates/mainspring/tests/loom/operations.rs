//! Operations: their futures against the thread that collects completions (clauses C10 to C12).

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use crate::completion::operation::{AfterPart, Operation, Part, RawOperation};
use crate::completion::operation_set::{Abandoned, Dispatched, OperationSet};
use crate::completion::slot::{Ended, Slot};
use crate::event::Completion;
use crate::sync::{Arc, Owner};
use crate::token::Token;
use crate::{Task, model, model_of_three, spawn};

/// What became of an operation; no part of what is checked, like [`Task`]'s count.
#[derive(Default)]
struct Fate {
    discarded: AtomicUsize,
    dropped: AtomicUsize,
}

impl Fate {
    fn count(&self) -> (usize, usize) {
        (self.discarded.load(Ordering::SeqCst), self.dropped.load(Ordering::SeqCst))
    }
}

/// An operation whose memory loom watches: each who touches it must come after the one before.
struct Probe {
    fate: std::sync::Arc<Fate>,
    memory: loom::cell::UnsafeCell<u64>,
}

impl Probe {
    fn new(fate: &std::sync::Arc<Fate>) -> Probe {
        Probe { fate: fate.clone(), memory: loom::cell::UnsafeCell::new(0) }
    }

    fn touch(&self) {
        self.memory.with_mut(|_| ());
    }
}

impl Operation for Probe {
    type Output = ();
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        self.touch();
        RawOperation::Nop
    }

    fn part(&mut self, _part: Part) -> AfterPart {
        self.touch();
        AfterPart::Wake
    }

    fn finish(self, _result: io::Result<u64>) {
        self.touch();
    }

    fn cancelled(self) {}

    fn discard(self, _result: io::Result<u64>) {
        self.touch();
        self.fate.discarded.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.fate.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn set() -> Arc<OperationSet> {
    Arc::new(OperationSet::new(Arc::new(Owner::new())))
}

fn insert(set: &OperationSet, fate: &std::sync::Arc<Fate>) -> Token {
    let Ok((token, _)) = set.insert(Probe::new(fate)) else { panic!("there is room") };
    token
}

/// A completion, told by the thread that collects them.
fn tell(set: &OperationSet, token: Token, more: bool) -> Dispatched {
    let mut completions = vec![Completion { token, result: Ok(5), more, buffer: None }];
    let mut wakers = Vec::new();
    let dispatched = set.dispatch(&mut completions, &mut wakers, &mut Vec::new());
    wakers.into_iter().for_each(Waker::wake);
    dispatched
}

const TOLD: Dispatched = Dispatched { stale: 0, panics: 0 };

/// Polls; true if the operation was over and is taken.
fn poll(set: &OperationSet, token: Token, waker: &Waker) -> bool {
    match set.poll::<Probe>(token, waker) {
        Poll::Ready((operation, result)) => {
            assert!(matches!(result, Ok(5)));
            operation.finish(result);
            true
        }
        Poll::Pending => false,
    }
}

#[test]
fn a_poll_sees_the_end_or_is_woken() {
    model(|| {
        let (set, fate) = (set(), std::sync::Arc::default());
        let token = insert(&set, &fate);
        let kernel = spawn({
            let set = set.clone();
            move || assert_eq!(tell(&set, token, false), TOLD)
        });
        let (task, waker) = Task::new();
        let over = poll(&set, token, &waker);
        assert!(kernel.join().is_ok());
        assert!(over || task.is_woken(), "nobody will poll again");
        assert!(over || poll(&set, token, &waker));
        assert_eq!((fate.count(), set.submitted()), ((0, 1), 0));
    });
}

/// The task may change between two polls: the last one is the one that is woken.
#[test]
fn a_poll_from_another_task_sees_the_end_or_is_woken() {
    model(|| {
        let (set, fate) = (set(), std::sync::Arc::default());
        let token = insert(&set, &fate);
        let kernel = spawn({
            let set = set.clone();
            move || assert_eq!(tell(&set, token, false), TOLD)
        });
        let (_, first) = Task::new();
        let (task, waker) = Task::new();
        let over = poll(&set, token, &first) || poll(&set, token, &waker);
        assert!(kernel.join().is_ok());
        assert!(over || task.is_woken());
        assert!(over || poll(&set, token, &waker));
    });
}

#[test]
fn an_operation_ends_once_whoever_comes_first() {
    model(|| {
        let (set, fate) = (set(), std::sync::Arc::default());
        let token = insert(&set, &fate);
        let kernel = spawn({
            let set = set.clone();
            move || assert_eq!(tell(&set, token, false), TOLD)
        });
        match set.abandon(token) {
            Abandoned::Ended => assert_eq!(fate.count(), (1, 1)),
            Abandoned::Running(left) => assert!(left.is_none()),
        }
        assert!(kernel.join().is_ok());
        assert_eq!((fate.count(), set.submitted()), ((1, 1), 0));
        let next = insert(&set, &fate);
        assert_eq!((next.0 & 0xff_ffff, next.0 >> 24), (0, 1), "the slot was given back once");
        assert!(matches!(set.abandon(next), Abandoned::Running(None)));
        assert_eq!(tell(&set, next, false), TOLD);
    });
}

/// A completion that is not the last has the operation for itself, also while its future goes.
#[test]
fn a_part_has_the_operation_for_itself() {
    model(|| {
        let (set, fate) = (set(), std::sync::Arc::default());
        let token = insert(&set, &fate);
        let kernel = spawn({
            let set = set.clone();
            move || {
                assert_eq!(tell(&set, token, true), TOLD);
                assert_eq!(tell(&set, token, false), TOLD);
            }
        });
        let (task, waker) = Task::new();
        let over = poll(&set, token, &waker);
        if !over {
            drop(set.abandon(token));
        }
        assert!(kernel.join().is_ok());
        assert_eq!(fate.count(), if over { (0, 1) } else { (1, 1) });
        drop(waker);
        assert_eq!(std::sync::Arc::strong_count(&task), 1, "a waker stayed behind");
    });
}

/// The slot of an abandoned operation is the next one's as soon as the kernel has let go, also
/// while the thread that abandoned it is still on its way out.
#[test]
fn who_abandons_takes_nothing_from_the_next_one() {
    model(|| {
        let (set, fate) = (set(), std::sync::Arc::default());
        let former = insert(&set, &fate);
        let (_, former_waker) = Task::new();
        assert!(!poll(&set, former, &former_waker));
        let leaving = spawn({
            let set = set.clone();
            move || drop(set.abandon(former))
        });
        assert_eq!(tell(&set, former, false), TOLD);
        let next = insert(&set, &fate);
        let (task, waker) = Task::new();
        assert!(!poll(&set, next, &waker));
        assert_eq!(tell(&set, next, false), TOLD);
        assert!(leaving.join().is_ok());
        assert!(task.is_woken(), "its waker was taken away");
        assert!(poll(&set, next, &waker));
        assert_eq!(fate.count(), (1, 2));
    });
}

/// The same for the one who tells the end: the future may have taken the result, and the slot be
/// another's, before the waker is looked for.
#[test]
fn who_completes_takes_nothing_from_the_next_one() {
    model(|| {
        let (set, fate) = (set(), std::sync::Arc::default());
        let former = insert(&set, &fate);
        let kernel = spawn({
            let set = set.clone();
            move || assert_eq!(tell(&set, former, false), TOLD)
        });
        let (task, waker) = Task::new();
        if poll(&set, former, &waker) {
            let next = insert(&set, &fate);
            let over = poll(&set, next, &waker);
            assert!(!over);
            assert!(kernel.join().is_ok());
            // Woken without need, perhaps; then it is polled again, and waits.
            assert!(!task.is_woken() || !poll(&set, next, &waker));
            let (last, last_waker) = Task::new();
            assert!(!poll(&set, next, &last_waker));
            assert_eq!(tell(&set, next, false), TOLD);
            assert!(last.is_woken());
            assert!(poll(&set, next, &last_waker));
        } else {
            assert!(kernel.join().is_ok());
            assert!(poll(&set, former, &waker));
        }
    });
}

/// Threads that insert and end at once have slots of their own.
#[test]
fn two_operations_at_once_have_two_slots() {
    model_of_three(|| {
        let (set, fate) = (set(), std::sync::Arc::default());
        let former = insert(&set, &fate);
        let kernel = spawn({
            let set = set.clone();
            move || assert_eq!(tell(&set, former, false), TOLD)
        });
        let other = spawn({
            let (set, fate) = (set.clone(), std::sync::Arc::clone(&fate));
            move || insert(&set, &fate)
        });
        drop(set.abandon(former));
        let mine = insert(&set, &fate);
        let others = other.join().expect("a slot");
        assert!(kernel.join().is_ok());
        assert_ne!(mine.0 & 0xff_ffff, others.0 & 0xff_ffff);
        assert_eq!((set.submitted(), fate.count()), (2, (1, 1)));
        for token in [mine, others] {
            drop(set.withdraw::<Probe>(token));
        }
    });
}

/// A late completion of a former use meets the next one.
#[test]
fn a_stale_completion_does_not_touch_the_next_operation() {
    model(|| {
        let fate = std::sync::Arc::default();
        let slot = Arc::new(Slot::new());
        slot.place(Probe::new(&fate), Operation::raw);
        let kernel = spawn({
            let slot = slot.clone();
            move || {
                assert!(matches!(slot.complete(0, Ok(5)), Ended::Told(_)));
                assert!(matches!(slot.complete(0, Ok(6)), Ended::Stale));
            }
        });
        let waker = Waker::noop();
        if let Poll::Ready((former, _)) = slot.poll::<Probe>(0, waker) {
            drop((former, slot.release()));
            slot.place(Probe::new(&fate), Operation::raw);
            assert!(slot.poll::<Probe>(1, waker).is_pending());
        }
        assert!(kernel.join().is_ok());
        drop((slot.withdraw::<Probe>(), slot.release()));
    });
}

/// The same through the set: what comes twice, as an end or as a part, is told to nobody, also
/// while the slot changes hands.
#[test]
fn what_comes_after_the_end_is_stale() {
    model(|| {
        let (set, fate) = (set(), std::sync::Arc::default());
        let former = insert(&set, &fate);
        let kernel = spawn({
            let set = set.clone();
            move || {
                assert_eq!(tell(&set, former, false), TOLD);
                assert_eq!(tell(&set, former, true).stale, 1);
                assert_eq!(tell(&set, former, false).stale, 1);
            }
        });
        let waker = Waker::noop();
        let next = poll(&set, former, waker).then(|| insert(&set, &fate));
        if let Some(next) = next {
            assert!(!poll(&set, next, waker), "it ended with the other's end");
        }
        assert!(kernel.join().is_ok());
        match next {
            Some(next) => drop(set.withdraw::<Probe>(next)),
            None => assert!(poll(&set, former, waker)),
        }
        assert_eq!((fate.count().0, set.submitted()), (0, 0));
    });
}

/// A turn ends what the kernel never saw, while the future is polled and goes.
#[test]
fn an_end_without_the_kernel_comes_once() {
    model(|| {
        let (set, fate) = (set(), std::sync::Arc::default());
        let token = insert(&set, &fate);
        let turn = spawn({
            let set = set.clone();
            move || {
                if let Some(waker) = set.end_unseen(token, Ok(5)) {
                    waker.wake();
                }
            }
        });
        let (task, waker) = Task::new();
        let over = poll(&set, token, &waker);
        if !over {
            drop(set.abandon(token));
        }
        assert!(turn.join().is_ok());
        assert_eq!(fate.count(), if over { (0, 1) } else { (1, 1) });
        assert_eq!(set.submitted(), 0);
        drop(waker);
        assert_eq!(std::sync::Arc::strong_count(&task), 1, "a waker stayed behind");
        let next = insert(&set, &fate);
        assert_eq!((next.0 & 0xff_ffff, next.0 >> 24), (0, 1), "the slot was given back once");
        drop(set.withdraw::<Probe>(next));
    });
}

/// The owner's thread collects and begins on its own list of free slots, while a future goes and
/// another operation begins elsewhere: the list is the owner's alone, and no slot is in two places.
#[test]
fn the_owners_slots_and_the_others_are_different_ones() {
    model(|| {
        let (owner, fate) = (Arc::new(Owner::new()), std::sync::Arc::default());
        let set = Arc::new(OperationSet::new(owner.clone()));
        assert!(owner.claim());
        let former = insert(&set, &fate);
        let other = spawn({
            let (set, fate) = (set.clone(), std::sync::Arc::clone(&fate));
            move || {
                drop(set.abandon(former));
                insert(&set, &fate)
            }
        });
        assert_eq!(tell(&set, former, false), TOLD);
        let mine = insert(&set, &fate);
        let others = other.join().expect("a slot");
        assert_ne!(mine.0 & 0xff_ffff, others.0 & 0xff_ffff);
        assert_eq!((set.submitted(), fate.count()), (2, (1, 1)));
        for token in [mine, others] {
            drop(set.withdraw::<Probe>(token));
        }
    });
}

/// A future asks for the end, which comes by itself at that moment, and awaits it from another
/// task than before: whichever waker is left is woken, and the set's drop finds nothing running.
#[test]
fn who_awaits_the_end_from_another_task_is_woken() {
    model_of_three(|| {
        let (set, fate) = (set(), std::sync::Arc::default());
        let token = insert(&set, &fate);
        let (former, first) = Task::new();
        assert!(!poll(&set, token, &first));
        drop(first);
        let kernel = spawn({
            let set = set.clone();
            move || {
                assert_eq!(tell(&set, token, true), TOLD);
                assert_eq!(tell(&set, token, false), TOLD);
            }
        });
        let future = spawn({
            let set = set.clone();
            move || {
                let (task, waker) = Task::new();
                (poll(&set, token, &waker), task)
            }
        });
        assert!(kernel.join().is_ok());
        let (over, task) = future.join().expect("the future");
        assert!(over || task.is_woken(), "nobody will poll again");
        assert!(over || poll(&set, token, Waker::noop()));
        assert_eq!((fate.count(), set.submitted()), ((0, 1), 0));
        assert_eq!(std::sync::Arc::strong_count(&former), 1, "a waker stayed behind");
    });
}
