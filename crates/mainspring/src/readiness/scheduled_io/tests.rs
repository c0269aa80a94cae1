use super::*;

use std::sync::Arc;

use crate::readiness::direction::Direction;
use crate::readiness::tests::{Task, event, facts, registered, wake_all};

const READ: Interest = Interest::READABLE;
const WRITE: Interest = Interest::WRITABLE;
const BOTH: Interest = READ.add(WRITE);

/// A future between its polls.
struct Waiting {
    task: Arc<Task>,
    waker: Waker,
    place: Place,
    interest: Interest,
}

impl Waiting {
    fn new(io: &ScheduledIo, interest: Interest) -> Waiting {
        let (task, waker) = Task::new();
        let mut waiting = Waiting { task, waker, place: Place::Unplaced, interest };
        waiting.poll(io);
        waiting
    }

    fn poll(&mut self, io: &ScheduledIo) {
        io.wait(&mut self.place, self.interest, &self.waker);
    }

    fn leave(&mut self, io: &ScheduledIo) {
        io.leave(&mut self.place, self.interest);
    }

    fn is_listed(&self) -> bool {
        matches!(self.place, Place::Listed(_))
    }

    fn wakes(&self) -> usize {
        self.task.wakes()
    }

    /// The waker itself and the task's own reference, and none in a slot or list.
    fn is_forgotten(&self) -> bool {
        Arc::strong_count(&self.task) == 2
    }
}

fn waiting(io: &ScheduledIo, side: Side) -> usize {
    io.waiting(side, io.facts().as_ref().expect("registered"))
}

/// The room of a registration is part of what the driver promises.
#[test]
#[cfg(all(test, target_pointer_width = "64"))]
fn a_registration_costs_at_most_128_bytes() {
    assert!(size_of::<ScheduledIo>() <= 128, "{} bytes", size_of::<ScheduledIo>());
    assert!(size_of::<Direction>() <= 32, "{} bytes", size_of::<Direction>());
}

#[test]
fn a_look_shows_only_what_was_asked() {
    let io = registered();
    event(&io, Ready::READABLE | Ready::WRITABLE);
    assert_eq!(io.look(READ).ready(), Ready::READABLE);
    assert_eq!(io.look(WRITE).ready(), Ready::WRITABLE);
    assert_eq!(io.look(BOTH).ready(), Ready::READABLE | Ready::WRITABLE);
    assert_eq!(io.look(Interest::PRIORITY).ready(), Ready::EMPTY);
    event(&io, Ready::READ_CLOSED | Ready::ERROR);
    assert_eq!(io.look(Interest::PRIORITY).ready(), Ready::READ_CLOSED | Ready::ERROR);
    assert!(io.look(WRITE).ready().is_error(), "an error belongs to both sides");
}

/// C2: neither direction's events nor clears touch the other.
#[test]
fn each_direction_is_cleared_alone() {
    let io = registered();
    event(&io, Ready::READABLE | Ready::WRITABLE | Ready::ERROR);
    let look = io.look(READ);
    event(&io, Ready::WRITABLE);
    io.clear(&look);
    assert_eq!(io.look(READ).ready(), Ready::EMPTY, "a write event invalidated a reader's clear");
    assert_eq!(io.look(WRITE).ready(), Ready::WRITABLE | Ready::ERROR);

    let look = io.look(BOTH);
    event(&io, Ready::READABLE);
    io.clear(&look);
    assert_eq!(io.look(BOTH).ready(), Ready::READABLE, "the newer edge stays, the rest goes");
}

/// C9, C14.
#[test]
fn closed_bits_and_shutdown_survive_a_clear() {
    let io = registered();
    event(&io, Ready::ALL);
    let look = io.look(BOTH);
    io.shutdown(&mut Vec::new());
    io.clear(&look);
    let look = io.look(BOTH);
    assert_eq!(look.ready(), Ready::CLOSED);
    assert!(look.is_shutdown());
    event(&io, Ready::READABLE);
    assert!(io.look(READ).is_shutdown() && io.look(WRITE).is_shutdown());
}

/// C4: the word holds 22 bits of the generation, the slot all of them.
#[test]
fn a_stale_event_is_dropped_whole() {
    let io = registered();
    let generation = 1 << 22 | 5;
    drop(io.end(generation));
    io.begin(facts());
    let mut future = Waiting::new(&io, BOTH);
    for stale in [0, 5, generation - 1, generation + 1, 1 << 23 | 5] {
        let mut wakers = Vec::new();
        assert!(!io.dispatch(stale, Ready::ALL, true, &mut wakers), "generation {stale}");
        assert!(wakers.is_empty());
        assert_eq!(io.look(BOTH).ready(), Ready::EMPTY);
    }
    assert_eq!(event(&io, Ready::READABLE), 1);
    assert_eq!(future.wakes(), 1);
    future.leave(&io);
}

/// C4: no flag, waiter or readiness goes over to the next registration of the slot.
#[test]
fn the_next_registration_starts_empty() {
    let io = registered();
    let (task, waker) = Task::new();
    io.wait_poll(BOTH, &waker);
    let mut future = Waiting::new(&io, READ);
    assert!(future.is_listed());
    event(&io, Ready::ALL);
    io.side(Side::Read).set_armed(false);
    io.wait_poll(BOTH, &waker);
    future.leave(&io);

    let (facts_before, wakers) = io.end(1);
    assert!(facts_before.is_some() && wakers.iter().all(Option::is_some));
    drop((facts_before, wakers));
    drop(waker);
    assert_eq!(Arc::strong_count(&task), 1, "a waker stayed behind");

    io.begin(facts());
    let look = io.look(BOTH);
    assert!(look.ready().is_empty() && !look.is_armed() && !look.is_shutdown());
    assert_eq!((waiting(&io, Side::Read), waiting(&io, Side::Write)), (0, 0));
    assert!(!Waiting::new(&io, BOTH).is_listed(), "the slots are free again");
}

#[test]
fn the_first_waits_in_the_slot_and_the_others_in_the_list() {
    let io = registered();
    let mut readers: Vec<_> = (0..4).map(|_| Waiting::new(&io, READ)).collect();
    let mut writer = Waiting::new(&io, WRITE);
    let listed: Vec<_> = readers.iter().map(Waiting::is_listed).collect();
    assert_eq!(listed, [false, true, true, true]);
    assert!(!writer.is_listed(), "each direction has its own slot");
    assert_eq!((waiting(&io, Side::Read), waiting(&io, Side::Write)), (4, 1));

    readers[2].leave(&io);
    assert!(readers[2].is_forgotten());
    assert_eq!(event(&io, Ready::READABLE), 3);
    let wakes: Vec<_> = readers.iter().map(Waiting::wakes).collect();
    assert_eq!(wakes, [1, 1, 0, 1]);
    assert_eq!(writer.wakes(), 0);
    assert_eq!((waiting(&io, Side::Read), waiting(&io, Side::Write)), (0, 1));
    assert_eq!(event(&io, Ready::READABLE), 0, "a waiter is woken once");

    readers.iter_mut().for_each(|reader| reader.leave(&io));
    writer.leave(&io);
    assert!(readers.iter().all(Waiting::is_forgotten) && writer.is_forgotten());
    assert!(!io.side(Side::Read).look().is_queued(), "the lock is only taken while one is listed");
}

/// Notified, but another was faster: it waits on where it is.
#[test]
fn a_waiter_that_finds_nothing_waits_on() {
    let io = registered();
    let mut readers = [Waiting::new(&io, READ), Waiting::new(&io, READ)];
    for round in 1..=3 {
        assert_eq!(event(&io, Ready::READABLE), 2);
        io.clear(&io.look(READ));
        readers.iter_mut().for_each(|reader| reader.poll(&io));
        assert!(readers.iter().all(|reader| reader.wakes() == round));
    }
    readers.iter_mut().for_each(|reader| reader.leave(&io));
    assert!(readers.iter().all(Waiting::is_forgotten));
}

#[test]
fn a_listed_waiter_hears_of_events_after_the_first_has_left() {
    let io = registered();
    let mut first = Waiting::new(&io, READ);
    let mut second = Waiting::new(&io, READ);
    first.leave(&io);
    assert_eq!(event(&io, Ready::READABLE), 1);
    let mut third = Waiting::new(&io, READ);
    second.poll(&io);
    assert!(!third.is_listed() && second.is_listed());
    assert_eq!(event(&io, Ready::READABLE), 2);
    assert_eq!((first.wakes(), second.wakes(), third.wakes()), (0, 2, 1));
    second.leave(&io);
    third.leave(&io);
}

#[test]
fn a_waiter_for_both_sides_takes_both_slots_or_none() {
    let io = registered();
    let mut writer = Waiting::new(&io, WRITE);
    let mut both = Waiting::new(&io, BOTH);
    assert!(both.is_listed());
    let mut reader = Waiting::new(&io, READ);
    assert!(!reader.is_listed(), "the other slot was given back");
    event(&io, Ready::READABLE);
    assert_eq!((reader.wakes(), both.wakes(), writer.wakes()), (1, 1, 0));
    for waiting in [&mut writer, &mut both, &mut reader] {
        waiting.leave(&io);
        assert!(waiting.is_forgotten());
    }
    assert!(!Waiting::new(&io, BOTH).is_listed());
}

#[test]
fn an_error_wakes_both_sides() {
    let io = registered();
    let mut reader = Waiting::new(&io, READ);
    let mut writer = Waiting::new(&io, WRITE);
    assert_eq!(event(&io, Ready::ERROR), 2);
    reader.leave(&io);
    writer.leave(&io);
}

/// C3: the kernel's last report for a while: whoever got nothing has to ask again.
#[test]
fn a_last_report_wakes_everybody() {
    let io = registered();
    Side::BOTH.into_iter().for_each(|side| io.side(side).set_armed(false));
    let mut waiters = [READ, READ, WRITE, WRITE].map(|interest| Waiting::new(&io, interest));
    let mut wakers = Vec::new();
    assert!(io.dispatch(0, Ready::READABLE, true, &mut wakers));
    assert_eq!(wake_all(wakers), 4);
    assert!(!io.look(READ).is_armed() && !io.look(WRITE).is_armed());
    assert!(io.look(WRITE).ready().is_empty());
    waiters.iter_mut().for_each(|waiter| waiter.leave(&io));
}

/// C14.
#[test]
fn shutdown_wakes_everybody_for_good() {
    let io = registered();
    let (poller, waker) = Task::new();
    let mut waiters = [READ, READ, WRITE, BOTH].map(|interest| Waiting::new(&io, interest));
    io.wait_poll(BOTH, &waker);
    let mut wakers = Vec::new();
    io.shutdown(&mut wakers);
    wake_all(wakers);
    assert!(waiters.iter().all(|waiter| waiter.wakes() == 1));
    assert_eq!(poller.wakes(), 2, "once a side");
    waiters.iter_mut().for_each(|waiter| waiter.poll(&io));
    assert!(io.look(READ).is_shutdown() && io.look(WRITE).is_shutdown());
    waiters.iter_mut().for_each(|waiter| waiter.leave(&io));
}

#[test]
fn the_last_poll_is_the_one_that_is_woken() {
    let io = registered();
    let (first, first_waker) = Task::new();
    let (second, second_waker) = Task::new();
    io.wait_poll(READ, &first_waker);
    io.wait_poll(READ, &second_waker);
    io.wait_poll(WRITE, &first_waker);
    assert_eq!((waiting(&io, Side::Read), waiting(&io, Side::Write)), (1, 1));
    assert_eq!(event(&io, Ready::READABLE), 1);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert_eq!(waiting(&io, Side::Read), 0, "whoever was woken waits no longer");
}

#[test]
fn a_poll_and_futures_wait_together() {
    let io = registered();
    let (poller, waker) = Task::new();
    io.wait_poll(READ, &waker);
    let mut future = Waiting::new(&io, READ);
    assert!(future.is_listed(), "the slot belongs to the polls");
    assert_eq!(event(&io, Ready::READABLE), 2);
    assert_eq!((poller.wakes(), future.wakes()), (1, 1));
    future.leave(&io);
    assert!(Waiting::new(&io, READ).is_listed(), "for the life of the registration");
}

/// The calls of one task on one side may differ in what they want.
#[test]
fn a_poll_in_the_list_hears_of_everything_on_its_side() {
    let io = registered();
    let mut future = Waiting::new(&io, READ);
    let (poller, waker) = Task::new();
    io.wait_poll(READ, &waker);
    io.wait_poll(Interest::PRIORITY, &waker);
    event(&io, Ready::PRIORITY);
    assert_eq!(poller.wakes(), 1);
    io.wait_poll(READ, &waker);
    event(&io, Ready::WRITABLE);
    assert_eq!(poller.wakes(), 1, "but of nothing on the other");
    future.leave(&io);
}

#[test]
fn a_poll_moves_to_the_slot_and_leaves_nothing_in_the_list() {
    let io = registered();
    let mut future = Waiting::new(&io, READ);
    let (before, before_waker) = Task::new();
    io.wait_poll(READ, &before_waker);
    future.leave(&io);
    let (after, after_waker) = Task::new();
    io.wait_poll(READ, &after_waker);
    drop(before_waker);
    assert_eq!(Arc::strong_count(&before), 1);
    assert_eq!(event(&io, Ready::READABLE), 1);
    assert_eq!(after.wakes(), 1);
    assert!(!io.side(Side::Read).look().is_queued());
}

/// Dropping the last waker of a task may run the task's destructor, and that drops its
/// registrations: it must not find their locks taken.
#[test]
fn a_waker_is_dropped_outside_the_lock() {
    struct Owner(Arc<ScheduledIo>);
    impl std::task::Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            drop(self.0.facts());
        }
    }
    let drops = || {
        let io = Arc::new(registered());
        let owner = || Waker::from(Arc::new(Owner(io.clone())));
        let mut holder = Waiting::new(&io, READ);
        let mut place = Place::Unplaced;
        io.wait(&mut place, READ, &owner());
        assert!(matches!(place, Place::Listed(_)));
        io.wait(&mut place, READ, &owner());
        io.leave(&mut place, READ);
        io.wait_poll(READ, &owner());
        io.wait_poll(READ, &owner());
        holder.leave(&io);
        io.wait_poll(READ, &owner());
        io.wait_poll(READ, &owner());
        drop(io.end(1));
        io.wait_poll(READ, &owner());
        drop(io.end(2));
    };
    // A lock that is taken twice hangs: not this thread.
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drops();
        done.send(())
    });
    let ended = ended.recv_timeout(std::time::Duration::from_secs(30));
    assert!(ended.is_ok(), "a waker was dropped under the lock");
}

/// A task's destructor that panics does not keep the other slot from being given up.
#[test]
fn a_waker_whose_drop_panics_blocks_no_slot() {
    struct Hostile;
    impl std::task::Wake for Hostile {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Hostile {
        fn drop(&mut self) {
            panic!("a drop that panics");
        }
    }
    let io = registered();
    let mut place = Place::Unplaced;
    let (_, good) = Task::new();
    io.wait(&mut place, BOTH, &good);
    // The write slot keeps the good waker; the read slot holds the only one of the hostile task.
    assert!(io.side(Side::Read).slot.take().is_some());
    let hostile = Waker::from(Arc::new(Hostile));
    assert!(io.side(Side::Read).slot.store(&hostile).is_none());
    drop(hostile);
    let left = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        io.leave(&mut place, BOTH);
    }));
    assert!(left.is_err());
    assert_eq!(place, Place::Unplaced);
    assert!(!Waiting::new(&io, BOTH).is_listed(), "both slots are free");
}
