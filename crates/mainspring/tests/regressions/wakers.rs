//! What a waker may do to the loop that calls it.

use std::cell::RefCell;
use std::io::Write;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

use mainspring::time::{Sleep, sleep};
use mainspring::{Driver, Handle, Interest, Registration, Trigger};

use crate::counts::counted;
use crate::fixture::{Bell, Stream, drive, pair, pass, poll};
use crate::watchdog::Watchdog;

const READ: Interest = Interest::READABLE;

/// A task that panics when it is woken.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        // Not `panic!`: the panic hook would print a scare into the test's output.
        std::panic::resume_unwind(Box::new("a waker that panics"));
    }
}

/// The wakers that came after one that panicked were lost, and their tasks slept for ever.
#[test]
fn a_waker_that_panics_costs_nobody_else_a_wake() {
    let _watchdog = Watchdog::over("a waker that panics");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let pairs: Vec<_> = (0..3).map(|_| pair()).collect();
    let register = |(a, _): &(Stream, Stream)| handle.register(a, READ, Trigger::Edge);
    let registrations: Vec<Registration> =
        pairs.iter().map(|pair| register(pair).expect("a source")).collect();
    let bells = [Bell::new(), Bell::new()];
    let bomb = Waker::from(Arc::new(Bomb));
    let wakers = [Waker::from(bells[0].clone()), bomb, Waker::from(bells[1].clone())];
    let mut waits: Vec<_> = registrations.iter().map(|one| Box::pin(one.ready(READ))).collect();
    for (wait, waker) in waits.iter_mut().zip(&wakers) {
        assert!(poll(wait.as_mut(), waker).is_pending());
    }
    for (_, peer) in &pairs {
        (&mut &*peer).write_all(b"x").expect("room");
    }
    pass(&mut driver);
    assert_eq!(bells.map(|bell| bell.rings()), [1, 1], "a wake was lost");
    let metrics = handle.metrics();
    counted((metrics.waker_panics, metrics.events), (1, 3));
    // The loop goes on, and so does the source whose task is broken.
    for registration in &registrations {
        drive(&mut driver, registration.ready(READ)).expect("the byte");
    }
}

/// The panic of a waker may carry something that panics when it is dropped.
#[test]
fn a_panic_that_panics_again_costs_nobody_else_a_wake() {
    struct Twice;
    impl Drop for Twice {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("and once more"));
        }
    }
    struct Worse;
    impl Wake for Worse {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new(Twice));
        }
    }
    let mut driver = Driver::new().expect("a driver");
    let (a, mut b) = pair();
    let registration = driver.handle().register(&a, READ, Trigger::Edge).expect("a source");
    let bells = [Bell::new(), Bell::new()];
    let worse = Waker::from(Arc::new(Worse));
    let wakers = [Waker::from(bells[0].clone()), worse, Waker::from(bells[1].clone())];
    let mut waits: Vec<_> = wakers.iter().map(|_| Box::pin(registration.ready(READ))).collect();
    for (wait, waker) in waits.iter_mut().zip(&wakers) {
        assert!(poll(wait.as_mut(), waker).is_pending());
    }
    b.write_all(b"x").expect("room");
    pass(&mut driver);
    assert_eq!(bells.map(|bell| bell.rings()), [1, 1], "a wake was lost");
    counted(driver.handle().metrics().waker_panics, 1);
}

/// Cloning a waker is the task's code too, and may set a timer or take one back.
#[test]
fn a_waker_may_set_timers_while_it_is_cloned() {
    thread_local! {
        static HANDLE: RefCell<Option<Handle>> = const { RefCell::new(None) };
    }
    fn clone(_: *const ()) -> RawWaker {
        let handle = HANDLE.with_borrow_mut(Option::take);
        if let Some(handle) = handle {
            drop(sleeping(&handle, Waker::noop()));
            let _ = handle.metrics();
        }
        RawWaker::new(std::ptr::null(), &FUNCTIONS)
    }
    fn nothing(_: *const ()) {}
    static FUNCTIONS: RawWakerVTable = RawWakerVTable::new(clone, nothing, nothing, nothing);

    let _watchdog = Watchdog::over("a waker that sets timers while it is cloned");
    let driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    // SAFETY: the functions keep the contract of a raw waker, having no data to keep it for.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &FUNCTIONS)) };
    HANDLE.set(Some(handle.clone()));
    let timer = sleeping(&handle, &waker);
    assert_eq!(handle.metrics().timers_now, 1);
    drop(timer);
    assert_eq!(handle.metrics().timers_now, 0);
}

/// A task whose memory, with all that it owns, goes when it is woken.
struct Task(Mutex<Option<Owned>>);

/// What a task owns: sources, timers, tasks that wait for it.
type Owned = Box<dyn Send>;

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let owned = self.0.lock().expect("no panic").take();
        drop(owned);
    }
}

fn sleeping(handle: &Handle, waker: &Waker) -> Pin<Box<Sleep>> {
    let _entered = handle.enter();
    let mut timer = Box::pin(sleep(Duration::from_secs(3600)));
    assert!(poll(timer.as_mut(), waker).is_pending());
    timer
}

/// Executors that drop a finished task inside its wake made the loop lock itself out, or walk a
/// list that was changed under it.
#[test]
fn a_task_that_is_dropped_by_its_wake_may_own_sources_and_timers() {
    let _watchdog = Watchdog::over("a task dropped by its wake");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let pairs: Vec<_> = (0..8).map(|_| pair()).collect();
    let task = Arc::new(Task(Mutex::new(None)));
    let waker = Waker::from(task.clone());
    // All sources wait with the one waker; the first wake takes all of them away.
    let mut owned = Vec::new();
    for (a, _) in &pairs {
        let registration = handle.register(a, READ, Trigger::Edge).expect("a source");
        let mut context = Context::from_waker(&waker);
        assert!(registration.poll_ready(&mut context, READ).is_pending());
        owned.push((registration, sleeping(&handle, &waker)));
    }
    *task.0.lock().expect("no panic") = Some(Box::new(owned));
    for (_, peer) in &pairs {
        (&mut &*peer).write_all(b"x").expect("room");
    }
    pass(&mut driver);
    let metrics = handle.metrics();
    assert_eq!((metrics.sources_now, metrics.timers_now), (0, 0));
    assert_eq!(metrics.waker_panics, 0);
    // Nobody is left inside the loop: slots and timers are given out again.
    let again = handle.register(&pairs[0].0, READ, Trigger::Edge).expect("a source");
    drive(&mut driver, again.ready(READ)).expect("the byte");
}

/// The same where the last waker's own drop is what ends the task.
#[test]
fn a_task_that_goes_with_its_last_waker_may_own_sources_and_timers() {
    struct Owner {
        _owned: Mutex<Option<Owned>>,
    }
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }
    let _watchdog = Watchdog::over("a task that goes with its last waker");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let (a, mut b) = pair();
    let (c, _d) = pair();
    let waiting = handle.register(&a, READ, Trigger::Edge).expect("a source");
    let mut future = Box::pin(waiting.ready(READ));
    {
        let owned = handle.register(&c, READ, Trigger::Edge).expect("a source");
        let owner = Arc::new(Owner { _owned: Mutex::new(None) });
        let waker = Waker::from(owner.clone());
        assert!(poll(pin!(owned.ready(READ)), Waker::noop()).is_pending());
        let timer = sleeping(&handle, Waker::noop());
        *owner._owned.lock().expect("no panic") = Some(Box::new((owned, timer)));
        assert!(poll(future.as_mut(), &waker).is_pending());
    }
    // Replaced: the task's last waker is dropped inside the wait.
    assert_eq!(handle.metrics().sources_now, 2);
    let bell = Bell::new();
    assert!(poll(future.as_mut(), &Waker::from(bell.clone())).is_pending());
    assert_eq!((handle.metrics().sources_now, handle.metrics().timers_now), (1, 0));
    b.write_all(b"x").expect("room");
    pass(&mut driver);
    assert_eq!(bell.rings(), 1);
}

/// Wakers that register, unpark and set timers from within.
#[test]
fn a_waker_may_call_the_driver_that_wakes_it() {
    struct Busy {
        handle: Handle,
        stream: Stream,
        kept: Mutex<Vec<Registration>>,
    }
    impl Wake for Busy {
        fn wake(self: Arc<Self>) {
            let registration = self.handle.register(&self.stream, READ, Trigger::Edge);
            let registration = registration.expect("a driver that lives");
            let _ = poll(pin!(registration.ready(READ)), Waker::noop());
            self.kept.lock().expect("no panic").push(registration);
            drop(sleeping(&self.handle, Waker::noop()));
            self.handle.unpark();
            let _ = (self.handle.sources(), self.handle.metrics());
        }
    }
    let _watchdog = Watchdog::over("a waker that calls the driver");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let (a, mut b) = pair();
    let (c, _d) = pair();
    let busy = Arc::new(Busy { handle: handle.clone(), stream: c, kept: Mutex::default() });
    let registration = handle.register(&a, READ, Trigger::Edge).expect("a source");
    let mut future = pin!(registration.ready(READ));
    assert!(poll(future.as_mut(), &Waker::from(busy.clone())).is_pending());
    b.write_all(b"x").expect("room");
    assert_eq!(driver.turn(None).expect("a queue that works").events(), 1);
    assert_eq!(busy.kept.lock().expect("no panic").len(), 1);
    assert!(driver.turn(None).expect("a queue that works").woken(), "its unpark counts");
    assert_eq!(handle.metrics().waker_panics, 0);
}
