//! A million timers: set, half of them dropped, the rest fired, none early.

#[cfg(feature = "sim")]
mod virtual_clock;

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use std::future::Future;
use std::pin::Pin;

use mainspring::Driver;
use mainspring::time::Sleep;

use crate::allocator::{allocations, bytes_held};
use crate::watchdog::Watchdog;

const TIMERS: usize = 1_000_000;
/// Bytes a timer may take in the wheel, besides the `Sleep` itself.
const BYTES_MAX: i64 = 64;

/// Notes which timer woke it.
struct Bell {
    timer: usize,
    rung: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.rung.lock().expect("no test panics in here").push(self.timer);
    }
}

/// Numbers without a pattern, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        // A linear congruential generator; its upper bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Timers, each with a waker of its own.
struct Timers {
    sleeps: Vec<Option<Sleep>>,
    wakers: Vec<Waker>,
    rung: Arc<Mutex<Vec<usize>>>,
}

impl Timers {
    /// Sets them for moments within `span`, in steps of `step`.
    fn set(driver: &Driver, span: Duration, step: Duration) -> Timers {
        let rung = Arc::new(Mutex::new(Vec::with_capacity(TIMERS)));
        let bell = |timer| Waker::from(Arc::new(Bell { timer, rung: Arc::clone(&rung) }));
        let wakers: Vec<Waker> = (0..TIMERS).map(bell).collect();
        let mut sleeps = Vec::with_capacity(TIMERS);
        let (handle, mut numbers) = (driver.handle(), Numbers(1));
        let steps = (span.as_nanos() / step.as_nanos()) as u64;
        let (bytes_before, allocations_before) = (bytes_held(), allocations());
        for waker in &wakers {
            let mut sleep = Sleep::on(&handle, step * numbers.below(steps) as u32);
            assert!(poll(&mut sleep, waker).is_pending(), "no turn has fired it");
            sleeps.push(Some(sleep));
        }
        let bytes = (bytes_held() - bytes_before) / TIMERS as i64;
        let allocations = allocations() - allocations_before;
        println!("{TIMERS} timers: {bytes} bytes each, in {allocations} allocations");
        assert!(bytes <= BYTES_MAX, "{bytes} bytes a timer");
        Timers { sleeps, wakers, rung }
    }

    /// Drops every second one.
    fn drop_half(&mut self) {
        let before = allocations();
        for sleep in self.sleeps.iter_mut().step_by(2) {
            *sleep = None;
        }
        assert_eq!(allocations(), before, "to drop a timer allocates nothing");
    }

    /// Turns the driver until all have fired, each once, and none early by the clock `now`.
    fn run(mut self, driver: &mut Driver, now: impl Fn() -> Instant) -> Duration {
        let mut latest = Duration::ZERO;
        let mut left = self.sleeps.iter().flatten().count();
        assert_eq!(driver.handle().metrics().timers_now, left as u64);
        while left > 0 {
            driver.turn(None).expect("a queue that works");
            let now = now();
            let rung = std::mem::take(&mut *self.rung.lock().expect("no test panics in here"));
            for timer in rung {
                let mut sleep = self.sleeps[timer].take().expect("one that is set, and only once");
                assert!(sleep.deadline() <= now, "early by {:?}", sleep.deadline() - now);
                latest = latest.max(now - sleep.deadline());
                assert!(poll(&mut sleep, &self.wakers[timer]).is_ready());
                left -= 1;
            }
        }
        latest
    }
}

fn poll(sleep: &mut Sleep, waker: &Waker) -> Poll<()> {
    Pin::new(sleep).poll(&mut Context::from_waker(waker))
}

#[test]
fn a_million_timers_fire_and_none_early() {
    let _watchdog = Watchdog::over("a million timers");
    let start = Instant::now();
    let mut driver = Driver::new().expect("a driver");
    let mut timers = Timers::set(&driver, Duration::from_secs(1), Duration::from_nanos(1_000));
    timers.drop_half();
    let latest = timers.run(&mut driver, Instant::now);
    println!(
        "set, half dropped and the rest fired in {:?}, the last by {latest:?}",
        start.elapsed()
    );
}
