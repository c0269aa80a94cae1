//! A time that passes, by way of the kernel.

use std::io;
use std::time::{Duration, Instant};

use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject};
use crate::time::clock::{Clock, saturating_add};

/// The longest wait that is handed to a kernel, a hundred years: it counts the nanoseconds from its
/// start in 63 bits, which last 292.
const WAIT_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Completes after a time.
#[derive(Debug)]
pub struct Timeout {
    wait: Duration,
    /// It is one of a chain, and its time begins when the one before it has succeeded.
    linked: bool,
    /// When it is over, once it was handed over: it may have to be again, because the thread ended
    /// that did so.
    deadline: Option<Instant>,
    /// The kernel's form: seconds and nanoseconds.
    timespec: [i64; 2],
}

/// Completes after `wait`, on the driver's clock: an operation among others, in a chain of them for
/// example. [`time::sleep`](crate::time::sleep) is for everything else, and costs less.
///
/// The time begins when the operation is submitted; in a chain, when the one before it has
/// succeeded.
///
/// ```
/// use mainspring::op;
/// use std::time::{Duration, Instant};
/// mainspring::block_on(async {
///     let begin = Instant::now();
///     op::timeout(Duration::from_millis(2)).await?;
///     assert!(begin.elapsed() >= Duration::from_millis(2));
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// `QuotaExceeded` at the limit of operations; shutdown of the driver.
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
pub fn timeout(wait: Duration) -> Prepared<'static, Timeout> {
    Prepared::alone(Timeout { wait, linked: false, deadline: None, timespec: [0; 2] })
}

impl Operation for Timeout {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        let left = self.left().min(WAIT_MAX);
        self.timespec = [left.as_secs() as i64, i64::from(left.subsec_nanos())];
        let len = size_of_val(&self.timespec);
        let timespec = RawMemory { start: self.timespec.as_mut_ptr().cast(), len };
        RawOperation::Timeout { timespec }
    }

    fn join_chain(&mut self) {
        self.linked = true;
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}
}

impl Timeout {
    /// What is left of the wait; all of it the first time. Only a kernel is told, and its clock is
    /// the real one.
    fn left(&mut self) -> Duration {
        if self.linked {
            return self.wait;
        }
        let now = Clock::real().now();
        match self.deadline {
            Some(deadline) => deadline.saturating_duration_since(now),
            None => {
                self.deadline = Some(saturating_add(now, self.wait));
                self.wait
            }
        }
    }
}

impl Emulation for Timeout {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::After(self.wait)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn new(wait: Duration) -> Timeout {
        Timeout { wait, linked: false, deadline: None, timespec: [0; 2] }
    }

    /// What the kernel would be told now.
    fn told(timeout: &mut Timeout) -> Duration {
        let _ = timeout.raw();
        let [seconds, nanoseconds] = timeout.timespec.map(|part| u64::try_from(part).unwrap());
        Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
    }

    fn pass(time: Duration) {
        let begun = Clock::real();
        while begun.now_ns() < time.as_nanos() as u64 {
            std::hint::spin_loop();
        }
    }

    /// C7: the thread that handed it over has ended, and another one does.
    #[test]
    fn c7_what_is_handed_over_again_waits_for_what_is_left() {
        const MOMENT: Duration = Duration::from_millis(2);
        let wait = Duration::from_secs(3600);
        let mut timeout = new(wait);
        assert_eq!(told(&mut timeout), wait);
        pass(MOMENT);
        assert!(told(&mut timeout) <= wait - MOMENT);
        let mut over = new(MOMENT);
        assert_eq!(told(&mut over), MOMENT);
        pass(MOMENT);
        assert_eq!(told(&mut over), Duration::ZERO);
    }

    /// In a chain it begins when the one before has succeeded, and nobody knows when that is.
    #[test]
    fn c7_in_a_chain_it_waits_for_all_of_its_time() {
        let mut timeout = new(Duration::from_millis(1));
        timeout.join_chain();
        assert_eq!(told(&mut timeout), Duration::from_millis(1));
        pass(Duration::from_millis(1));
        assert_eq!(told(&mut timeout), Duration::from_millis(1));
    }

    /// C7: any duration is accepted.
    #[test]
    fn c7_the_longest_wait_is_one_that_a_kernel_can_count() {
        for wait in [Duration::MAX, Duration::from_secs(1 << 63), Duration::from_secs(1 << 35)] {
            let mut timeout = new(wait);
            assert_eq!(told(&mut timeout), WAIT_MAX);
            let again = told(&mut timeout);
            assert!(again <= WAIT_MAX && again.as_secs() + 3600 > WAIT_MAX.as_secs());
        }
    }
}
