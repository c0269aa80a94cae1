//! Time: waiting for it, and the clock and the wheel beneath.
//!
//! [`sleep`], [`interval`] and [`timeout`] work under any executor. They wait on the driver of the
//! thread that first polls them, and without one on the process-wide driver; the deadline is kept
//! to the nanosecond and is never early.
//!
//! The clock and the wheel are plain state. The wheel takes "now" as an argument and the clock can
//! be virtual, so everything above them can be tested without sleeping, and a simulated driver
//! never touches the clock of the machine.
//!
//! ```
//! use std::time::Duration;
//! use mainspring::time;
//!
//! let answer = mainspring::block_on(async {
//!     time::sleep(Duration::from_millis(1)).await;
//!     time::timeout(Duration::from_secs(60), async { 42 }).await
//! })?;
//! assert_eq!(answer, Ok(42));
//! # Ok::<(), std::io::Error>(())
//! ```

#[cfg(all(test, not(windows)))]
#[allow(unsafe_code)]
pub(crate) mod allocations;
pub(crate) mod clock;
mod interval;
mod sleep;
mod timeout;
#[cfg(all(test, windows))]
pub(crate) mod uncounted;
pub(crate) mod wheel;

#[cfg(all(test, windows))]
pub(crate) use uncounted as allocations;

pub(crate) use clock::Clock;
pub use interval::{Interval, MissedTick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
