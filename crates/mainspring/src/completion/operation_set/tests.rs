use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;

use super::super::testing::{Fates, Panics, Probe, Task};
use super::*;
use crate::time::allocations;

type Small = Probe<8>;

fn set() -> (Arc<Owner>, OperationSet) {
    let owner = Arc::new(Owner::new());
    (owner.clone(), OperationSet::new(owner))
}

fn insert(set: &OperationSet, fates: &StdArc<Fates>, panics: Panics) -> Token {
    let Ok((token, _)) = set.insert(Small::new(fates, panics)) else { panic!("there is room") };
    token
}

fn completion(token: Token, result: io::Result<u64>) -> Completion {
    Completion { token, result, more: false, buffer: None }
}

/// Dispatches and wakes.
fn dispatch(set: &OperationSet, completions: Vec<Completion>) -> Dispatched {
    let (mut completions, mut wakers) = (completions, Vec::new());
    let dispatched = set.dispatch(&mut completions, &mut wakers, &mut Vec::new());
    wakers.into_iter().for_each(Waker::wake);
    dispatched
}

fn end(set: &OperationSet, token: Token) -> Dispatched {
    dispatch(set, vec![completion(token, Ok(1))])
}

fn take(set: &OperationSet, token: Token) -> io::Result<u64> {
    match set.poll::<Small>(token, Waker::noop()) {
        Poll::Ready((_, result)) => result,
        Poll::Pending => panic!("it has ended"),
    }
}

const STALE: Dispatched = Dispatched { stale: 1, panics: 0 };
const GOOD: Dispatched = Dispatched { stale: 0, panics: 0 };

#[test]
fn a_token_leaves_the_two_highest_bits_to_the_backend() {
    let last = token((1 << INDEX_BITS) - 1, GENERATION_MAX);
    assert_eq!(last.0 >> TOKEN_BITS, 0);
    assert_eq!((index_of(last), generation_of(last)), ((1 << INDEX_BITS) - 1, GENERATION_MAX));
    const { assert!(OPERATIONS_MAX <= 1 << INDEX_BITS) };
}

#[test]
fn c10_the_result_comes_with_the_operation_and_the_slot_is_used_again() {
    let (_, set) = set();
    let fates = StdArc::default();
    let first = insert(&set, &fates, Panics::Never);
    let (task, waker) = Task::new();
    assert!(set.poll::<Small>(first, &waker).is_pending());
    assert_eq!(set.submitted(), 1);
    assert_eq!(end(&set, first), GOOD);
    assert_eq!((task.wakes(), set.submitted()), (1, 0));
    assert_eq!(take(&set, first).unwrap(), 1);
    let second = insert(&set, &fates, Panics::Never);
    assert_eq!(index_of(first), index_of(second));
    assert_ne!(first, second);
    assert_eq!(end(&set, first), STALE, "clause C4");
    assert_eq!(set.submitted(), 1);
    assert!(set.poll::<Small>(second, Waker::noop()).is_pending());
    end(&set, second);
    assert_eq!(take(&set, second).unwrap(), 1);
}

#[test]
fn c4_completions_that_name_nothing_are_counted() {
    let (_, set) = set();
    assert_eq!(end(&set, Token(u64::MAX)), STALE);
    assert_eq!(end(&set, Token(0)), STALE);
    let fates = StdArc::default();
    let known = insert(&set, &fates, Panics::Never);
    assert_eq!(end(&set, Token(known.0 + 1)), STALE, "a slot of the page, not in use");
    let twice = vec![completion(known, Ok(1)), completion(known, Ok(2))];
    assert_eq!(dispatch(&set, twice), STALE, "the second");
    assert_eq!(take(&set, known).unwrap(), 1);
}

#[test]
fn c11_an_abandoned_operation_gives_its_slot_back_with_the_last_completion() {
    let (_, set) = set();
    let fates = StdArc::default();
    let first = insert(&set, &fates, Panics::Never);
    assert!(matches!(set.abandon(first), Abandoned::Running(None)));
    assert_eq!((set.submitted(), fates.count()), (1, [0, 0, 0]), "the kernel has it");
    let beside = insert(&set, &fates, Panics::Never);
    assert_ne!(index_of(first), index_of(beside));
    assert_eq!(end(&set, first), GOOD);
    assert_eq!((set.submitted(), fates.count()), (1, [0, 1, 1]));
    let next = insert(&set, &fates, Panics::Never);
    assert_eq!(index_of(first), index_of(next));
    for token in [beside, next] {
        set.withdraw::<Small>(token);
    }
}

#[test]
fn c11_an_operation_that_had_ended_is_discarded_by_the_drop_of_its_future() {
    let (_, set) = set();
    let fates = StdArc::default();
    let token = insert(&set, &fates, Panics::Never);
    end(&set, token);
    assert!(matches!(set.abandon(token), Abandoned::Ended));
    assert_eq!(fates.count(), [0, 1, 1]);
    let never_seen = insert(&set, &fates, Panics::Never);
    assert_eq!(index_of(never_seen), index_of(token));
    assert!(matches!(set.abandon(never_seen), Abandoned::Running(_)));
    set.discard(never_seen, Err(error::cancelled()));
    assert_eq!((set.submitted(), fates.count()), (0, [0, 2, 2]));
}

#[test]
fn c10_parts_come_before_the_end_and_data_may_come_with_it() {
    let (_, set) = set();
    let fates = StdArc::default();
    let token = insert(&set, &fates, Panics::Never);
    let (task, waker) = Task::new();
    let part = || Completion { more: true, ..completion(token, Ok(1)) };
    assert!(set.poll::<Small>(token, &waker).is_pending());
    assert_eq!(dispatch(&set, vec![part()]), GOOD);
    assert_eq!((task.wakes(), fates.count()), (1, [1, 0, 0]));
    assert!(set.poll::<Small>(token, &waker).is_pending());
    let last = Completion { buffer: Some(3), ..completion(token, Ok(9)) };
    assert_eq!(dispatch(&set, vec![part(), last]), GOOD);
    assert_eq!(fates.count(), [3, 0, 0]);
    assert_eq!(take(&set, token).unwrap(), ENDED_EARLY);
    assert_eq!(dispatch(&set, vec![part()]), STALE);
}

#[test]
fn c8_an_operation_that_panics_disturbs_no_other() {
    let (_, set) = set();
    let fates = StdArc::default();
    let in_drop = insert(&set, &fates, Panics::InDrop);
    let in_part = insert(&set, &fates, Panics::InPart);
    let beside = insert(&set, &fates, Panics::Never);
    let (task, waker) = Task::new();
    assert!(set.poll::<Small>(in_part, &waker).is_pending());
    assert!(matches!(set.abandon(in_drop), Abandoned::Running(_)));
    let part = Completion { more: true, ..completion(in_part, Ok(1)) };
    let all = vec![completion(in_drop, Ok(1)), part, completion(beside, Ok(1))];
    assert_eq!(dispatch(&set, all), Dispatched { stale: 0, panics: 2 });
    assert_eq!(task.wakes(), 1, "the future finds out");
    assert_eq!(take(&set, beside).unwrap(), 1);
    end(&set, in_part);
    assert_eq!(take(&set, in_part).unwrap(), 1);
    assert_eq!(set.submitted(), 0);
    let next: Vec<_> = (0..3).map(|_| insert(&set, &fates, Panics::Never)).collect();
    assert!(next.iter().all(|token| index_of(*token) < 3), "every slot was given back: {next:?}");
    next.iter().for_each(|token| drop(set.withdraw::<Small>(*token)));
}

#[test]
fn a_panic_in_the_hands_of_the_future_gives_the_slot_back() {
    let (_, set) = set();
    let fates = StdArc::default();
    let cannot = AssertUnwindSafe(|| set.insert(Small::new(&fates, Panics::InRaw)).is_ok());
    assert!(catch_unwind(cannot).is_err());
    assert_eq!((set.submitted(), fates.count()), (0, [0, 0, 1]));
    let ended = insert(&set, &fates, Panics::InDrop);
    assert_eq!(index_of(ended), 0, "the slot of the one before");
    end(&set, ended);
    assert!(catch_unwind(AssertUnwindSafe(|| set.abandon(ended))).is_err());
    let unseen = insert(&set, &fates, Panics::InDrop);
    assert_eq!(index_of(unseen), 0);
    assert!(matches!(set.abandon(unseen), Abandoned::Running(_)));
    assert!(catch_unwind(AssertUnwindSafe(|| set.discard(unseen, Ok(0)))).is_err());
    assert_eq!(index_of(insert(&set, &fates, Panics::Never)), 0);
    assert_eq!(set.submitted(), 1);
    end(&set, Token(set.slot(Token(0)).generation() << INDEX_BITS));
}

/// A buffer may own a future of another operation.
#[test]
fn an_operation_dropped_inside_the_drop_of_another_is_no_matter() {
    struct Nested(StdArc<OperationSet>, Token);

    impl Operation for Nested {
        type Output = ();
        type Kept = ();

        fn raw(&mut self) -> RawOperation {
            RawOperation::Nop
        }

        fn finish(self, _result: io::Result<u64>) {}

        fn cancelled(self) {}
    }

    impl Drop for Nested {
        fn drop(&mut self) {
            assert!(matches!(self.0.abandon(self.1), Abandoned::Ended));
            insert(&self.0, &StdArc::default(), Panics::Never);
        }
    }

    let owner = Arc::new(Owner::new());
    assert!(owner.claim());
    let set = StdArc::new(OperationSet::new(owner));
    let fates = StdArc::default();
    let inner = insert(&set, &fates, Panics::Never);
    let Ok((outer, _)) = set.insert(Nested(set.clone(), inner)) else { panic!("there is room") };
    assert!(matches!(set.abandon(outer), Abandoned::Running(_)));
    assert_eq!(dispatch(&set, vec![completion(inner, Ok(1)), completion(outer, Ok(1))]), GOOD);
    assert_eq!((set.submitted(), fates.count()), (1, [0, 1, 1]));
}

#[test]
fn the_owner_takes_and_gives_back_without_the_lock() {
    let (owner, set) = set();
    assert!(owner.claim());
    let fates = StdArc::default();
    let warm: Vec<_> = (0..KEPT_MAX + 1).map(|_| insert(&set, &fates, Panics::Never)).collect();
    warm.iter().for_each(|token| drop(set.withdraw::<Small>(*token)));
    let lock = set.free.lock();
    for _ in 0..1_000 {
        let token = insert(&set, &fates, Panics::Never);
        end(&set, token);
        assert_eq!(take(&set, token).unwrap(), 1);
        let token = insert(&set, &fates, Panics::Never);
        assert!(matches!(set.abandon(token), Abandoned::Running(_)));
        end(&set, token);
    }
    drop(lock);
}

#[test]
fn slots_move_between_the_owner_and_the_others_and_none_is_lost() {
    let (owner, set) = set();
    assert!(owner.claim());
    let fates = StdArc::default();
    let count = KEPT_MAX * 3;
    for round in 0..10 {
        let mut tokens = Vec::new();
        let mut fill = || tokens.extend((0..count).map(|_| insert(&set, &fates, Panics::Never)));
        let others = round % 2 == 0;
        if others {
            std::thread::scope(|scope| _ = scope.spawn(fill).join());
        } else {
            fill();
        }
        let mut indices: Vec<_> = tokens.iter().map(|token| index_of(*token)).collect();
        indices.sort_unstable();
        indices.dedup();
        assert_eq!(indices.len(), count, "no slot twice");
        let bound = count + KEPT_MAX;
        assert!(indices.last() < Some(&bound), "few new ones: {:?}", indices.last());
        tokens.iter().for_each(|token| drop(set.withdraw::<Small>(*token)));
    }
}

#[test]
fn c13_the_number_of_operations_is_limited() {
    let (_, set) = set();
    let fates = StdArc::default();
    set.free.lock().fresh = OPERATIONS_MAX;
    let refused = set.insert(Small::new(&fates, Panics::Never));
    let Err((error, operation)) = refused else { panic!("there is no room") };
    assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    assert_eq!(fates.count(), [0, 0, 0], "the operation comes back");
    drop(operation);
    set.free.lock().fresh = 0;
    let token = insert(&set, &fates, Panics::Never);
    set.withdraw::<Small>(token);
}

#[test]
fn c14_after_shutdown_no_slot_is_taken() {
    let (_, set) = set();
    let fates = StdArc::default();
    let before = insert(&set, &fates, Panics::Never);
    set.shutdown();
    let Err((error, _)) = set.insert(Small::new(&fates, Panics::Never)) else {
        panic!("it was shut down");
    };
    assert!(error::is_shutdown(&error));
    end(&set, before);
    assert_eq!(take(&set, before).unwrap(), 1, "what ran still ends");
}

#[test]
fn a_slot_is_retired_before_its_generations_come_again() {
    let (_, set) = set();
    let fates = StdArc::default();
    let first = insert(&set, &fates, Panics::Never);
    set.slot(first).set_generation(GENERATION_MAX - 1);
    let last = token(index_of(first), GENERATION_MAX - 1);
    set.withdraw::<Small>(last);
    let next = insert(&set, &fates, Panics::Never);
    assert_ne!(index_of(next), index_of(first));
    set.withdraw::<Small>(next);
}

#[test]
fn c12_what_the_kernel_still_has_is_lost_on_purpose() {
    let fates = StdArc::default();
    let (_, set) = set();
    let running = insert(&set, &fates, Panics::Never);
    drop(set);
    assert_eq!(fates.count(), [0, 0, 0], "{running:?}");
    let (_, ended_set) = self::set();
    let ended = insert(&ended_set, &fates, Panics::Never);
    end(&ended_set, ended);
    drop(ended_set);
    assert_eq!(fates.count(), [0, 1, 1], "a forgotten future's");
}

#[test]
fn no_operation_allocates_once_the_lists_have_their_size() {
    let (owner, set) = set();
    assert!(owner.claim());
    let (_, waker) = Task::new();
    let fates = StdArc::default();
    let (mut completions, mut wakers) = (Vec::with_capacity(1), Vec::with_capacity(1));
    let mut round = || {
        let token = insert(&set, &fates, Panics::Never);
        assert!(set.poll::<Small>(token, &waker).is_pending());
        completions.push(completion(token, Ok(1)));
        assert_eq!(set.dispatch(&mut completions, &mut wakers, &mut Vec::new()), GOOD);
        completions.clear();
        wakers.drain(..).for_each(Waker::wake);
        assert_eq!(take(&set, token).unwrap(), 1);
    };
    round();
    let (allocated, ()) = allocations::count(|| (0..1_000).for_each(|_| round()));
    assert_eq!(allocated, 0);
}
