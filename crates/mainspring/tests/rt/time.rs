//! Sleeps, intervals and timeouts.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::future::join_all;
use mainspring::rt::{spawn_local, yield_now};
use mainspring::time::{
    MissedTick, Sleep, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
};
use mainspring::{Driver, Handle, is_shutdown};

use crate::watchdog::watch;
use crate::world::{PATIENCE, World, in_each_world, now};

in_each_world! {
    a_sleep_is_never_early
    a_sleep_may_be_reset_to_earlier_and_later
    a_sleep_that_is_done_may_be_reset
    a_reset_keeps_the_task_that_waits
    a_sleep_wakes_the_task_that_polled_it_last
    a_dropped_sleep_leaves_nothing_behind
    a_sleep_of_no_time_and_one_in_the_past_end
    the_longest_sleep_never_ends
    ten_thousand_sleeps_end_in_the_order_of_their_deadlines
    a_timeout_polls_its_future_first
    a_timeout_ends_at_its_deadline
    an_interval_ticks_at_once_and_then_by_the_period
    missed_ticks_come_in_a_burst
    missed_ticks_delay_the_rest
    missed_ticks_are_skipped
    a_late_tick_is_not_a_missed_one
    an_interval_of_no_period_ticks
    an_interval_may_be_reset
    what_is_set_before_the_driver_is_entered_is_on_its_clock
}

const MS: Duration = Duration::from_millis(1);

/// A small generator of Marsaglia's kind: the same times in every run.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn a_sleep_is_never_early(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let mut state = 0x9E37_79B9_7F4A_7C15;
    let mut times = || Duration::from_nanos(random(&mut state) % 3_000_000);
    let alone: Vec<Duration> = (0..100).map(|_| times()).collect();
    let together: Vec<Duration> = (0..900).map(|_| times()).collect();
    let ended = driver.block_on(async {
        for time in alone {
            let mut sleep = sleep(time);
            let deadline = sleep.deadline();
            (&mut sleep).await;
            world.assert_at(now(&handle), deadline);
            assert!(sleep.is_elapsed());
        }
        let handle = &handle;
        join_all(together.into_iter().map(|time| async move {
            let sleep = sleep(time);
            let deadline = sleep.deadline();
            sleep.await;
            world.assert_at(now(handle), deadline);
        }))
        .await
        .len()
    });
    assert_eq!(ended.unwrap(), 900);
}

fn a_sleep_may_be_reset_to_earlier_and_later(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let start = now(&handle);
        let mut sleep = sleep(Duration::from_secs(3600));
        assert!(futures::poll!(&mut sleep).is_pending());
        sleep.reset(start + 5 * MS);
        assert!(futures::poll!(&mut sleep).is_pending());
        sleep.reset(start + 2 * MS);
        (&mut sleep).await;
        world.assert_at(now(&handle), start + 2 * MS);
        sleep.reset(start + 4 * MS);
        assert_eq!(sleep.deadline(), start + 4 * MS);
        (&mut sleep).await;
        world.assert_at(now(&handle), start + 4 * MS);
        sleep.reset_after(MS);
        let deadline = sleep.deadline();
        (&mut sleep).await;
        world.assert_at(now(&handle), deadline);
    });
    blocked.unwrap();
}

fn a_sleep_that_is_done_may_be_reset(world: &World) {
    let mut driver = world.driver();
    let blocked = driver.block_on(async {
        let mut sleep = sleep(Duration::ZERO);
        (&mut sleep).await;
        (&mut sleep).await;
        sleep.reset_after(Duration::from_secs(3600));
        assert!(!sleep.is_elapsed());
        for _ in 0..3 {
            yield_now().await;
            assert!(futures::poll!(&mut sleep).is_pending());
        }
    });
    blocked.unwrap();
}

/// Polls a sleep that another task may reset meanwhile.
async fn shared(sleep: &RefCell<Sleep>) {
    poll_fn(|cx| Pin::new(&mut *sleep.borrow_mut()).poll(cx)).await;
}

fn a_reset_keeps_the_task_that_waits(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let start = now(&handle);
        let shared_sleep = Rc::new(RefCell::new(sleep(Duration::from_secs(3600))));
        let waits = Rc::clone(&shared_sleep);
        let task = spawn_local(async move { shared(&waits).await });
        yield_now().await;
        shared_sleep.borrow_mut().reset(start + MS);
        task.await.unwrap();
        world.assert_at(now(&handle), start + MS);
    });
    blocked.unwrap();
}

fn a_sleep_wakes_the_task_that_polled_it_last(world: &World) {
    let mut driver = world.driver();
    let blocked = driver.block_on(async {
        let shared_sleep = Rc::new(RefCell::new(sleep(2 * MS)));
        let first = Rc::clone(&shared_sleep);
        let first = spawn_local(async move { shared(&first).await });
        yield_now().await;
        let second = Rc::clone(&shared_sleep);
        let second = spawn_local(async move { shared(&second).await });
        second.await.unwrap();
        assert!(!first.is_finished(), "it was not woken");
        first.abort();
    });
    blocked.unwrap();
}

fn a_dropped_sleep_leaves_nothing_behind(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let mut sleeps: Vec<Sleep> =
            (1..=1000).map(|hours| sleep(hours * 3600 * 1000 * MS)).collect();
        for sleep in &mut sleeps {
            assert!(futures::poll!(sleep).is_pending());
        }
        assert_eq!(handle.metrics().timers_now, 1000);
        sleeps.truncate(300);
        assert_eq!(handle.metrics().timers_now, 300);
        drop(sleeps);
        assert_eq!(handle.metrics().timers_now, 0);
    });
    blocked.unwrap();
}

fn a_sleep_of_no_time_and_one_in_the_past_end(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    world.pass(2 * MS);
    let blocked = driver.block_on(async {
        sleep(Duration::ZERO).await;
        let mut past = sleep_until(now(&handle) - MS);
        assert!(past.is_elapsed());
        (&mut past).await;
        let beginning = now(&handle).checked_sub(Duration::from_secs(1 << 30));
        if let Some(beginning) = beginning {
            sleep_until(beginning).await;
        }
    });
    blocked.unwrap();
}

fn the_longest_sleep_never_ends(world: &World) {
    let mut driver = world.driver();
    let blocked = driver.block_on(async {
        let mut longest = sleep(Duration::MAX);
        assert!(longest.deadline() > Instant::now() + Duration::from_secs(3600));
        assert!(timeout(2 * MS, &mut longest).await.is_err());
        assert!(!longest.is_elapsed());
        longest.reset_after(Duration::MAX);
        assert!(timeout(2 * MS, &mut longest).await.is_err());
        assert_eq!(timeout(Duration::MAX, async { 7 }).await, Ok(7));
        let mut slow = interval(Duration::MAX);
        slow.tick().await;
        for mode in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
            slow.set_missed_tick(mode);
            assert!(timeout(MS, slow.tick()).await.is_err());
            slow.reset();
        }
    });
    blocked.unwrap();
}

fn ten_thousand_sleeps_end_in_the_order_of_their_deadlines(world: &World) {
    const COUNT: usize = 10_000;
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let ended = Rc::new(RefCell::new(Vec::with_capacity(COUNT)));
        let hour = Duration::from_secs(3600);
        let sleeps: Vec<_> = (0..COUNT).map(|_| Rc::new(RefCell::new(sleep(hour)))).collect();
        let tasks: Vec<_> = sleeps
            .iter()
            .map(|sleep| {
                let (sleep, ended) = (Rc::clone(sleep), Rc::clone(&ended));
                let handle = handle.clone();
                spawn_local(async move {
                    shared(&sleep).await;
                    ended.borrow_mut().push((sleep.borrow().deadline(), now(&handle)));
                })
            })
            .collect();
        while handle.metrics().timers_now < COUNT as u64 {
            yield_now().await;
        }
        // All wait by now, so that the order in which they end is the wheel's alone.
        let mut state = 0x1234_5678_9ABC_DEF1;
        let start = now(&handle) + MS;
        for sleep in &sleeps {
            let deadline = start + Duration::from_nanos(random(&mut state) % 20_000_000);
            sleep.borrow_mut().reset(deadline);
        }
        join_all(tasks).await;
        let ended = ended.take();
        assert_eq!(ended.len(), COUNT);
        assert!(ended.is_sorted_by_key(|(deadline, _)| *deadline));
        assert!(ended.iter().all(|(deadline, end)| end >= deadline), "early");
    });
    blocked.unwrap();
    let metrics = handle.metrics();
    assert_eq!(metrics.timers_now, 0);
    if cfg!(feature = "metrics") {
        assert_eq!(metrics.timers_fired, COUNT as u64);
    }
}

fn a_timeout_polls_its_future_first(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        let past = now(&handle);
        world.pass(2 * MS);
        assert_eq!(timeout_at(past, async { 2 }).await, Ok(2));
        // The future and the time are both up when the task is polled.
        let mut polls = 0;
        let second_time = poll_fn(|cx| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(3);
            }
            world.pass(2 * MS);
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert_eq!(timeout(MS, second_time).await, Ok(3));
    });
    blocked.unwrap();
}

fn a_timeout_ends_at_its_deadline(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let start = now(&handle);
        let elapsed = timeout(3 * MS, pending::<()>()).await.unwrap_err();
        world.assert_at(now(&handle), start + 3 * MS);
        let error = std::io::Error::from(elapsed);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(!is_shutdown(&error));
        assert_eq!(error.to_string(), "the deadline has passed");

        let mut limited = timeout_at(start, pending::<()>());
        assert!((&mut limited).await.is_err());
        let _pending = limited.into_inner();
    });
    blocked.unwrap();
}

fn an_interval_ticks_at_once_and_then_by_the_period(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let start = now(&handle);
        let mut ticks = interval_at(start, 2 * MS);
        for number in 0..5 {
            let due = ticks.tick().await;
            assert_eq!(due, start + number * 2 * MS);
            world.assert_at(now(&handle), due);
        }
        assert_eq!(ticks.period(), 2 * MS);
        assert_eq!(ticks.missed_tick(), MissedTick::Burst);
        let mut at_once = interval(Duration::from_secs(3600));
        assert!(matches!(poll_once(|cx| at_once.poll_tick(cx)), Poll::Ready(_)));
        assert!(poll_once(|cx| at_once.poll_tick(cx)).is_pending());
    });
    blocked.unwrap();
}

fn poll_once<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

fn missed_ticks_come_in_a_burst(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let start = now(&handle);
        let mut ticks = interval_at(start, 2 * MS);
        assert_eq!(ticks.tick().await, start);
        world.pass(7 * MS);
        for number in 1..=3 {
            let tick = poll_once(|cx| ticks.poll_tick(cx));
            assert_eq!(tick, Poll::Ready(start + number * 2 * MS), "without a turn of the driver");
        }
        assert_eq!(ticks.tick().await, start + 8 * MS);
    });
    blocked.unwrap();
}

fn missed_ticks_delay_the_rest(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let start = now(&handle);
        let mut ticks = interval_at(start, 2 * MS);
        ticks.set_missed_tick(MissedTick::Delay);
        assert_eq!(ticks.tick().await, start);
        world.pass(7 * MS);
        let before = now(&handle);
        assert_eq!(ticks.tick().await, start + 2 * MS);
        let after = now(&handle);
        let next = ticks.tick().await;
        assert!(next >= before + 2 * MS && next <= after + 2 * MS, "a period from the late one");
        world.assert_at(now(&handle), next);
    });
    blocked.unwrap();
}

fn missed_ticks_are_skipped(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let start = now(&handle);
        let mut ticks = interval_at(start, 2 * MS);
        ticks.set_missed_tick(MissedTick::Skip);
        assert_eq!(ticks.tick().await, start);
        world.pass(7 * MS);
        let before = now(&handle);
        assert_eq!(ticks.tick().await, start + 2 * MS);
        let after = now(&handle);
        let next = ticks.tick().await;
        assert_eq!((next - start).as_nanos() % (2 * MS).as_nanos(), 0, "in the rhythm");
        assert!(next > before && next <= after + 2 * MS, "the first that is not over");
        world.assert_at(now(&handle), next);
        if !world.is_machine() {
            assert_eq!(next, start + 8 * MS);
        }
    });
    blocked.unwrap();
}

fn a_late_tick_is_not_a_missed_one(world: &World) {
    if world.is_machine() {
        // How late a tick is there, is not for a test to say.
        return;
    }
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        for mode in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
            let start = now(&handle);
            let mut ticks = interval_at(start, 4 * MS);
            ticks.set_missed_tick(mode);
            world.pass(3 * MS);
            assert_eq!(ticks.tick().await, start);
            assert_eq!(ticks.tick().await, start + 4 * MS, "{mode:?}");
            // One period late to the nanosecond: the next is due, so this one was missed.
            world.pass(8 * MS);
            let taken = now(&handle);
            assert_eq!(ticks.tick().await, start + 8 * MS, "{mode:?}");
            let next = ticks.tick().await;
            let expected = if mode == MissedTick::Burst { start + 12 * MS } else { taken + 4 * MS };
            assert_eq!(next, expected, "{mode:?}");
        }
    });
    blocked.unwrap();
}

fn an_interval_of_no_period_ticks(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let start = now(&handle);
        let mut ticks = interval_at(start, Duration::ZERO);
        assert_eq!(ticks.period(), Duration::from_nanos(1));
        for number in 0..100 {
            assert_eq!(ticks.tick().await, start + Duration::from_nanos(number));
        }
        ticks.set_missed_tick(MissedTick::Skip);
        world.pass(MS);
        ticks.tick().await;
        assert!(ticks.tick().await >= start + MS);
    });
    blocked.unwrap();
}

fn an_interval_may_be_reset(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let mut ticks = interval(3 * MS);
        ticks.tick().await;
        let before = now(&handle);
        ticks.reset();
        let after = now(&handle);
        let due = ticks.tick().await;
        assert!(due >= before + 3 * MS && due <= after + 3 * MS);
        let due = now(&handle) + MS;
        ticks.reset_at(due);
        assert_eq!(ticks.tick().await, due);
        assert_eq!(ticks.tick().await, due + 3 * MS);
    });
    blocked.unwrap();
}

fn what_is_set_before_the_driver_is_entered_is_on_its_clock(world: &World) {
    let mut driver = world.driver();
    let handle = driver.handle();
    world.pass(3 * MS);
    let start = now(&handle);
    let sleep = Sleep::on(&handle, 2 * MS);
    world.assert_at(sleep.deadline(), start + 2 * MS);
    let until = Sleep::until_on(&handle, start + 3 * MS);
    driver.block_on(async { futures::join!(sleep, until) }).unwrap();
    world.assert_at(now(&handle), start + 3 * MS);
}

#[test]
fn a_sleep_outlives_its_driver_and_is_not_early() {
    let _watchdog = watch();
    for round in 0..20 {
        let mut driver = Driver::new().unwrap();
        let handle = driver.handle();
        let mut sleep = Sleep::on(&handle, 4 * MS);
        let mut first = Sleep::on(&handle, Duration::from_secs(3600));
        let deadline = sleep.deadline();
        let poll = async { assert!(futures::poll!(&mut sleep).is_pending()) };
        driver.block_on(poll).unwrap();
        if round % 2 == 0 {
            driver.shutdown();
        } else {
            drop(driver);
        }
        // Polled for the first time when its driver is gone already.
        assert!(poll_once(|cx| Pin::new(&mut first).poll(cx)).is_pending());
        assert!(!first.is_elapsed());
        first.reset(deadline);
        futures::executor::block_on(async { futures::join!(&mut sleep, &mut first) });
        assert!(Instant::now() >= deadline);
        assert!(sleep.is_elapsed() && first.is_elapsed());
    }
}

#[test]
fn a_waiting_sleep_is_woken_when_its_driver_ends_and_goes_on() {
    let _watchdog = watch();
    let driver = Driver::new().unwrap();
    let sleep = Sleep::on(&driver.handle(), 20 * MS);
    let ticks = {
        let _entered = driver.handle().enter();
        interval_at(Instant::now() + 10 * MS, 5 * MS)
    };
    let deadline = sleep.deadline();
    let waiting = std::thread::spawn(move || {
        futures::executor::block_on(async move {
            let mut ticks = ticks;
            let ticked = async {
                for _ in 0..3 {
                    ticks.tick().await;
                }
            };
            futures::join!(sleep, ticked);
            Instant::now()
        })
    });
    std::thread::sleep(2 * MS);
    drop(driver);
    assert!(waiting.join().unwrap() >= deadline);
}

#[test]
fn the_current_driver_takes_over_if_it_lives() {
    let _watchdog = watch();
    let mut first = Driver::new().unwrap();
    let mut second = Driver::new().unwrap();
    let mut sleep = Sleep::on(&first.handle(), Duration::from_secs(3600));
    let poll = async { assert!(futures::poll!(&mut sleep).is_pending()) };
    first.block_on(poll).unwrap();
    drop(first);
    let poll = async { assert!(futures::poll!(&mut sleep).is_pending()) };
    second.block_on(poll).unwrap();
    assert_eq!(second.handle().metrics().timers_now, 1);
}

#[cfg(feature = "sim")]
#[test]
fn without_anybody_to_move_the_time_a_sleep_completes_and_says_so() {
    let _watchdog = watch();
    let simulation = mainspring::Simulation::new(3);
    let world = World::Simulated(simulation);
    let mut driver = world.driver();
    let handle = driver.handle();
    let mut waiting = Sleep::on(&handle, MS);
    let mut fresh = Sleep::on(&handle, MS);
    let mut over = Sleep::on(&handle, MS);
    let (mut limited, mut ticks) = {
        let _entered = handle.enter();
        (timeout(MS, pending::<()>()), interval_at(now(&handle) + MS, MS))
    };
    let polls = async {
        assert!(futures::poll!(&mut waiting).is_pending());
        assert!(futures::poll!(&mut limited).is_pending());
    };
    driver.block_on(polls).unwrap();
    let tick = driver.block_on(poll_fn(|cx| Poll::Ready(ticks.poll_tick(cx)))).unwrap();
    assert!(tick.is_pending());
    drop(driver);
    futures::executor::block_on(async {
        (&mut waiting).await;
        (&mut fresh).await;
        let elapsed = limited.await.unwrap_err();
        assert_eq!(elapsed.to_string(), "the driver was shut down before the deadline");
        assert!(is_shutdown(&elapsed.into()));
        assert!(!waiting.is_elapsed() && !fresh.is_elapsed());
    });
    assert!(poll_once(|cx| ticks.poll_tick(cx)).is_pending(), "time stands still");
    // Whoever moves the time after all finds it passed.
    world.pass(MS);
    futures::executor::block_on(&mut over);
    assert!(over.is_elapsed() && waiting.is_elapsed());
}

#[test]
fn a_timer_of_another_thread_wakes_a_parked_driver_only_if_it_is_the_earliest() {
    let _watchdog = watch();
    let mut driver = Driver::new().unwrap();
    let handle = driver.handle();
    let hours = |count: u64| Duration::from_secs(count * 3600);
    let turning = std::thread::spawn(move || {
        // Until somebody sets the timer of the end.
        driver.block_on(async {
            let mut ended = Sleep::on(&Handle::current(), hours(100));
            assert!(futures::poll!(&mut ended).is_pending());
            futures::future::select(ended, END.wait()).await;
        })
    });
    let sent = || handle.metrics().wakes_sent;
    let mut sleeps = Vec::new();
    let mut set = |duration: Duration| {
        let mut sleep = Sleep::on(&handle, duration);
        assert!(poll_once(|cx| Pin::new(&mut sleep).poll(cx)).is_pending());
        sleeps.push(sleep);
    };
    let start = Instant::now();
    if cfg!(feature = "metrics") {
        // Each is the earliest so far; sooner or later the driver is found asleep.
        let mut seconds = 99 * 3600;
        while sent() < 20 {
            seconds -= 1;
            set(Duration::from_secs(seconds));
            std::thread::yield_now();
            assert!(start.elapsed() < PATIENCE, "an earlier timer does not wake the driver");
        }
        let before = sent();
        for later in 0..2000 {
            set(hours(99) + Duration::from_secs(later));
            std::thread::yield_now();
        }
        assert_eq!(sent(), before, "a later timer woke the driver");
    }
    // And it is in time: without the wake the driver would sleep for days.
    let deadline = Instant::now() + 2 * MS;
    futures::executor::block_on(Sleep::until_on(&handle, deadline));
    assert!(Instant::now() >= deadline && start.elapsed() < PATIENCE);
    END.set();
    turning.join().unwrap().unwrap();
}

static END: Flag = Flag { set: std::sync::Mutex::new((false, None)) };

/// A flag that one task waits for.
struct Flag {
    set: std::sync::Mutex<(bool, Option<Waker>)>,
}

impl Flag {
    fn set(&self) {
        let mut flag = self.set.lock().unwrap();
        flag.0 = true;
        flag.1.take().unwrap().wake();
    }

    fn wait(&self) -> impl Future<Output = ()> + Unpin + '_ {
        poll_fn(|cx| {
            let mut flag = self.set.lock().unwrap();
            flag.1 = Some(cx.waker().clone());
            if flag.0 { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}

#[test]
fn under_any_executor_a_sleep_is_in_time() {
    let _watchdog = watch();
    let threads = (0..4).map(|_| {
        std::thread::spawn(|| {
            for _ in 0..20 {
                let start = Instant::now();
                futures::executor::block_on(sleep(MS));
                assert!(start.elapsed() >= MS);
            }
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_sleep_goes_from_thread_to_thread() {
    fn is_send_and_sync<T: Send + Sync + Unpin>() {}
    is_send_and_sync::<Sleep>();
    is_send_and_sync::<mainspring::time::Interval>();
    let _watchdog = watch();
    let mut sleep = sleep(5 * MS);
    let deadline = sleep.deadline();
    let driver = Cell::new(Some(Driver::new().unwrap()));
    let polled = driver.take().unwrap().block_on(async { futures::poll!(&mut sleep).is_pending() });
    assert!(polled.unwrap());
    let end = std::thread::spawn(move || {
        futures::executor::block_on(sleep);
        Instant::now()
    });
    assert!(end.join().unwrap() >= deadline);
}
