//! hyper's clock and its way to start tasks.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use hyper::rt::{Executor, Sleep as HyperSleep, Timer};

use crate::driver::Handle;
use crate::rt::local::spawn_local;
use crate::time::{Clock, Sleep, sleep, sleep_until};

#[cfg(test)]
mod tests;

/// hyper's timer on the [current](Handle::current) driver: what its timeouts need to work.
///
/// ```
/// use hyper::rt::Timer;
/// use mainspring::rt::HyperTimer;
///
/// let sleep = HyperTimer::new().sleep(std::time::Duration::from_millis(1));
/// mainspring::block_on(sleep)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HyperTimer;

impl HyperTimer {
    /// The timer.
    #[must_use]
    pub fn new() -> HyperTimer {
        HyperTimer
    }
}

impl Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn HyperSleep>> {
        Box::pin(sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn HyperSleep>> {
        Box::pin(sleep_until(deadline))
    }

    fn now(&self) -> Instant {
        Handle::with_current_clock(Clock::now)
    }

    fn reset(&self, slot: &mut Pin<Box<dyn HyperSleep>>, new_deadline: Instant) {
        match slot.as_mut().downcast_mut_pin::<Sleep>() {
            // Ours keeps its place and its memory.
            Some(sleep) => sleep.get_mut().reset(new_deadline),
            None => *slot = self.sleep_until(new_deadline),
        }
    }
}

impl HyperSleep for Sleep {}

/// hyper's executor: tasks beside the one that uses it, by [`spawn_local`].
///
/// ```
/// use hyper::rt::Executor;
/// use mainspring::rt::{HyperExecutor, yield_now};
/// use std::{cell::Cell, rc::Rc};
///
/// let ran = Rc::new(Cell::new(false));
/// mainspring::block_on(async {
///     let ran = Rc::clone(&ran);
///     HyperExecutor::new().execute(async move { ran.set(true) });
///     yield_now().await;
/// })?;
/// assert!(ran.get());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HyperExecutor;

impl HyperExecutor {
    /// The executor.
    #[must_use]
    pub fn new() -> HyperExecutor {
        HyperExecutor
    }
}

/// Panics where [`spawn_local`] does: on a thread that runs no `block_on`.
impl<F> Executor<F> for HyperExecutor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        spawn_local(future).detach();
    }
}
