use std::sync::Arc;

use super::super::testing::{Fates, Panics, Probe, Task};
use super::*;

type Small = Probe<8>;
/// Does not fit into a slot.
type Large = Probe<4096>;

fn placed<const BYTES: usize>(fates: &Arc<Fates>) -> Slot {
    let slot = Slot::new();
    slot.place(Probe::<BYTES>::new(fates, Panics::Never), Operation::raw);
    slot
}

fn take_back<const BYTES: usize>(slot: &Slot) {
    let _: Probe<BYTES> = slot.withdraw();
    drop(slot.release());
}

fn part() -> Part {
    Part { result: Ok(1), buffer: None }
}

fn told(ended: Ended) -> Option<Waker> {
    match ended {
        Ended::Told(waker) => waker,
        Ended::Stale => panic!("it was stale"),
        Ended::Abandoned => panic!("it was abandoned"),
    }
}

#[test]
fn c10_an_operation_ends_once_and_its_future_has_it() {
    fn ends_once<const BYTES: usize>() {
        let fates = Arc::default();
        let slot = placed::<BYTES>(&fates);
        let (task, waker) = Task::new();
        assert!(slot.is_submitted());
        assert!(slot.poll::<Probe<BYTES>>(0, &waker).is_pending());
        told(slot.complete(0, Ok(7))).expect("the one who waits").wake();
        assert_eq!(task.wakes(), 1);
        assert!(matches!(slot.complete(0, Ok(8)), Ended::Stale));
        assert!(slot.part(0, part()).is_err(), "nothing comes after the last");
        let Poll::Ready((operation, result)) = slot.poll::<Probe<BYTES>>(0, &waker) else {
            panic!("it has ended");
        };
        assert_eq!((result.unwrap(), fates.count()), (7, [0, 0, 0]));
        drop(operation);
        assert_eq!(fates.count(), [0, 0, 1]);
        assert!(slot.release().is_none(), "the waker was taken");
        assert_eq!(slot.generation(), 1);
        drop(slot);
        assert_eq!(fates.count(), [0, 0, 1]);
    }
    ends_once::<8>();
    ends_once::<4096>();
}

#[test]
fn c11_an_abandoned_operation_stays_until_its_last_completion() {
    fn stays<const BYTES: usize>() {
        let fates = Arc::default();
        let slot = placed::<BYTES>(&fates);
        let (task, waker) = Task::new();
        assert!(slot.poll::<Probe<BYTES>>(0, &waker).is_pending());
        assert!(slot.abandon(0).expect("it runs").is_some(), "the waker is given back");
        assert!(slot.is_submitted());
        assert_eq!(slot.part(0, part()).expect("it has not ended"), AfterPart::Wake);
        assert_eq!(fates.count(), [1, 0, 0], "a part may still come");
        assert!(matches!(slot.complete(0, Ok(3)), Ended::Abandoned));
        assert_eq!(fates.count(), [1, 0, 0]);
        slot.discard();
        assert_eq!(fates.count(), [1, 1, 1]);
        assert!(slot.release().is_none());
        assert_eq!(task.wakes(), 0);
    }
    stays::<8>();
    stays::<4096>();
}

#[test]
fn c11_an_operation_that_ended_before_its_future_was_dropped_is_discarded_with_its_result() {
    let fates = Arc::default();
    let slot = placed::<8>(&fates);
    assert!(told(slot.complete(0, Ok(3))).is_none(), "nobody waited");
    assert!(slot.abandon(0).is_err());
    slot.discard();
    assert_eq!(fates.count(), [0, 1, 1]);
    slot.discard();
    assert_eq!(fates.count(), [0, 1, 1], "once");
}

#[test]
fn c4_completions_of_another_generation_are_stale() {
    let fates = Arc::default();
    let slot = placed::<8>(&fates);
    for generation in [1, 2, u64::MAX >> GENERATION_SHIFT] {
        assert!(matches!(slot.complete(generation, Ok(0)), Ended::Stale));
        assert!(slot.part(generation, part()).is_err());
    }
    take_back::<8>(&slot);
    assert!(matches!(slot.complete(0, Ok(0)), Ended::Stale), "free");
    slot.place(Small::new(&fates, Panics::Never), Operation::raw);
    assert!(matches!(slot.complete(0, Ok(0)), Ended::Stale), "the next one's");
    assert!(slot.is_submitted());
    take_back::<8>(&slot);
}

#[test]
fn a_waker_that_was_stored_is_the_last_one() {
    let fates = Arc::default();
    let slot = placed::<8>(&fates);
    let ((first, first_waker), (second, second_waker)) = (Task::new(), Task::new());
    assert!(slot.poll::<Small>(0, &first_waker).is_pending());
    assert!(slot.poll::<Small>(0, &second_waker).is_pending());
    told(slot.complete(0, Ok(0))).expect("the one who waits").wake();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
}

/// A poll that nothing has woken, as of a task that waits for several things.
#[test]
fn a_waker_that_is_left_twice_is_woken_once_and_by_each_part_anew() {
    let fates = Arc::default();
    let slot = placed::<8>(&fates);
    let (task, waker) = Task::new();
    for wakes in 1..3 {
        assert!(slot.poll::<Small>(0, &waker).is_pending());
        assert!(slot.poll::<Small>(0, &waker).is_pending());
        slot.take_waker(0).expect("the one who waits").wake();
        assert_eq!(task.wakes(), wakes);
        assert!(slot.take_waker(0).is_none(), "it was taken");
    }
    assert!(slot.poll::<Small>(0, &waker).is_pending());
    assert!(slot.poll::<Small>(0, &waker).is_pending());
    told(slot.complete(0, Ok(0))).expect("the one who waits").wake();
    assert_eq!(task.wakes(), 3);
    drop(waker);
    assert_eq!(Arc::strong_count(&task), 1, "a waker stayed behind");
}

#[test]
fn an_operation_that_cannot_be_begun_is_dropped() {
    let fates = Arc::default();
    let slot = Slot::new();
    let begin = || slot.place(Large::new(&fates, Panics::InRaw), Operation::raw);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(begin)).is_err());
    assert_eq!(fates.count(), [0, 0, 1]);
    assert!(!slot.is_submitted());
    slot.place(Small::new(&fates, Panics::Never), Operation::raw);
    assert!(slot.is_submitted());
    take_back::<8>(&slot);
}

#[test]
fn what_a_forgotten_future_left_goes_with_the_slot() {
    let fates = Arc::default();
    let slot = placed::<8>(&fates);
    told(slot.complete(0, Ok(3)));
    drop(slot);
    assert_eq!(fates.count(), [0, 1, 1]);
}

#[test]
#[should_panic(expected = "one type a use")]
fn an_operation_is_not_taken_for_one_of_another_type() {
    let slot = placed::<8>(&Arc::default());
    let _: Probe<9> = slot.withdraw();
}

/// Self-referential operations rely on it.
#[test]
fn an_operation_is_begun_where_it_stays() {
    struct Located(usize);

    impl Operation for Located {
        type Output = ();
        type Kept = ();

        fn raw(&mut self) -> crate::completion::operation::RawOperation {
            self.0 = std::ptr::from_ref(self).addr();
            crate::completion::operation::RawOperation::Nop
        }

        fn part(&mut self, _part: Part) -> AfterPart {
            assert_eq!(self.0, std::ptr::from_ref(self).addr());
            AfterPart::Nothing
        }

        fn finish(self, _result: io::Result<u64>) {}

        fn cancelled(self) {}
    }

    let slot = Slot::new();
    slot.place(Located(0), Operation::raw);
    assert_eq!(slot.part(0, part()).expect("it has not ended"), AfterPart::Nothing);
    let inside =
        std::ptr::from_ref(&slot).addr()..std::ptr::from_ref(&slot).addr() + size_of::<Slot>();
    let located: Located = slot.withdraw();
    drop(slot.release());
    assert!(inside.contains(&located.0), "small enough to lie in the slot");
}

/// A waker that is replaced runs the task's code: here it completes the operation, at the moment
/// between the first look and the second.
#[test]
fn c10_a_completion_while_the_waker_is_stored_is_seen() {
    struct CompletesWhenDropped(Arc<Slot>);

    impl std::task::Wake for CompletesWhenDropped {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for CompletesWhenDropped {
        fn drop(&mut self) {
            assert!(matches!(self.0.complete(0, Ok(7)), Ended::Told(_)));
        }
    }

    let fates = Arc::default();
    let slot = Arc::new(placed::<8>(&fates));
    let first = Waker::from(Arc::new(CompletesWhenDropped(slot.clone())));
    assert!(slot.poll::<Small>(0, &first).is_pending());
    drop(first);
    assert!(slot.poll::<Small>(0, Waker::noop()).is_ready());
}
