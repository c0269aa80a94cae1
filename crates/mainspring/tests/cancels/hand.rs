//! The threads that begin operations and give them up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use mainspring::{Driver, Handle};

use crate::Left;
use crate::doomed::{Counted, Doomed, Ending};
use crate::world::{Lot, World};

/// Threads beside the one that turns the driver.
const OTHERS: u64 = 2;
/// Operations that a thread, or nobody, keeps under way at most.
const KEPT: usize = 24;

type Operation<'a> = Box<dyn Doomed<'a> + 'a>;

/// A task that has the driver turned.
struct Task(Handle);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What all threads share.
pub struct Hands<'a> {
    world: &'a World,
    wanted: usize,
    seed: u64,
    done: AtomicUsize,
    working: AtomicUsize,
    /// Operations that are to be ended by another thread than the one that began them.
    passed_on: Mutex<Vec<Operation<'a>>>,
    task: Arc<Task>,
}

impl<'a> Hands<'a> {
    pub fn new(world: &'a World, wanted: usize, seed: u64) -> Hands<'a> {
        let task = Arc::new(Task(world.handle.clone()));
        Hands {
            world,
            wanted,
            seed,
            done: AtomicUsize::new(0),
            working: AtomicUsize::new(OTHERS as usize),
            passed_on: Mutex::new(Vec::new()),
            task,
        }
    }

    /// Cancels as many as were wanted, here and on other threads.
    pub fn work(self, driver: &mut Driver) {
        let entered = self.world.handle.enter();
        std::thread::scope(|scope| {
            for number in 1..=OTHERS {
                scope.spawn({
                    let hands = &self;
                    move || hands.work_beside(number)
                });
            }
            self.work_and_turn(driver);
        });
        drop(entered);
        self.passed_on.lock().unwrap().clear();
        let Hands { task, world, done, .. } = self;
        let entered = world.handle.enter();
        world.be_quiet();
        drop(entered);
        // What was given up on a thread of the pool lets go of its waker when that is done with it.
        crate::settle(driver, || {
            let (leases, registered, places) = world.out();
            Left {
                operations: world.handle.metrics().operations_now,
                buffers: Counted::alive(),
                wakers: Arc::strong_count(&task) - 1,
                leases,
                registered,
                places,
            }
        });
        assert!(done.into_inner() != 0);
    }

    fn work_and_turn(&self, driver: &mut Driver) {
        let mut hand = Hand::new(self, 0);
        while self.is_wanted() {
            let ending = hand.begin_one();
            if let Some(ending) = ending {
                driver.block_on(ending).expect("the queue works");
            }
            let wait = match hand.lot.below(16) {
                0..=2 => Duration::ZERO,
                3 => Duration::from_micros(100),
                _ => continue,
            };
            driver.turn(Some(wait)).expect("the queue works");
        }
        drop(hand);
        while self.working.load(Ordering::Acquire) != 0 {
            driver.turn(Some(Duration::from_millis(10))).expect("the queue works");
        }
    }

    fn work_beside(&self, number: u64) {
        let _entered = self.world.handle.enter();
        let mut hand = Hand::new(self, number);
        while self.is_wanted() {
            if let Some(ending) = hand.begin_one() {
                futures::executor::block_on(ending);
            }
        }
        drop(hand);
        self.working.fetch_sub(1, Ordering::Release);
        self.world.handle.unpark();
    }

    fn is_wanted(&self) -> bool {
        self.done.load(Ordering::Relaxed) < self.wanted
    }
}

/// One of the threads.
struct Hand<'a, 'h> {
    hands: &'h Hands<'a>,
    lot: Lot,
    kept: Vec<Operation<'a>>,
    waker: Waker,
}

impl<'a, 'h> Hand<'a, 'h> {
    fn new(hands: &'h Hands<'a>, number: u64) -> Hand<'a, 'h> {
        let waker = Waker::from(hands.task.clone());
        Hand { hands, lot: Lot::new(hands.seed + 1 + number), kept: Vec::new(), waker }
    }

    /// Begins an operation and gives one up, this or another. What comes back is to be awaited.
    fn begin_one(&mut self) -> Option<Ending<'a>> {
        let mut operation = self.hands.world.operation(&mut self.lot);
        let fate = self.lot.below(8);
        if fate == 0 {
            return self.give_up(operation);
        }
        if operation.poll_once(&mut Context::from_waker(&self.waker)) {
            return None;
        }
        match fate {
            1..=3 => self.give_up(operation),
            4..=5 => {
                let other = exchange(&mut self.kept, operation, &mut self.lot)?;
                self.look_and_give_up(other)
            }
            _ => {
                let passed_on = &mut self.hands.passed_on.lock().unwrap();
                let other = exchange(passed_on, operation, &mut self.lot)?;
                self.look_and_give_up(other)
            }
        }
    }

    /// Polls an older one once more at times: from another thread and task perhaps.
    fn look_and_give_up(&mut self, mut operation: Operation<'a>) -> Option<Ending<'a>> {
        let looks = self.lot.below(3) == 0;
        if looks && operation.poll_once(&mut Context::from_waker(&self.waker)) {
            return None;
        }
        self.give_up(operation)
    }

    fn give_up(&mut self, operation: Operation<'a>) -> Option<Ending<'a>> {
        self.hands.done.fetch_add(1, Ordering::Relaxed);
        match self.lot.below(4) {
            0..=1 => drop(operation),
            2 => drop(operation.cancel()),
            _ => return Some(operation.cancel()),
        }
        None
    }
}

/// Puts one in; takes another one out if that makes too many.
fn exchange<'a>(
    kept: &mut Vec<Operation<'a>>,
    operation: Operation<'a>,
    lot: &mut Lot,
) -> Option<Operation<'a>> {
    kept.push(operation);
    (kept.len() > KEPT).then(|| kept.swap_remove(lot.below(kept.len())))
}
