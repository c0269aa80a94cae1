//! A time that passes, by way of the kernel.

use std::io;
use std::time::Duration;

use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject};

/// Completes after a time.
#[derive(Debug)]
pub struct Timeout {
    wait: Duration,
    /// The kernel's form: seconds and nanoseconds.
    timespec: [i64; 2],
}

/// Completes after `wait`, on the driver's clock: an operation among others, in a chain of them for
/// example. [`time::sleep`](crate::time::sleep) is for everything else, and costs less.
///
/// The time begins when the operation is submitted.
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
    Prepared::alone(Timeout { wait, timespec: [0; 2] })
}

impl Operation for Timeout {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        let seconds = i64::try_from(self.wait.as_secs()).unwrap_or(i64::MAX);
        self.timespec = [seconds, i64::from(self.wait.subsec_nanos())];
        let len = size_of_val(&self.timespec);
        let timespec = RawMemory { start: self.timespec.as_mut_ptr().cast(), len };
        RawOperation::Timeout { timespec }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}
}

impl Emulation for Timeout {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::After(self.wait)
    }
}
