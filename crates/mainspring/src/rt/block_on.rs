//! Running a future on the thread that turns the driver.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::driver::{Builder, Driver, Enough, Flush, budget};
use crate::rt::queue::{Entry, Running};

/// How many futures are polled between two turns of the driver at most, so that tasks which are
/// always ready keep no socket waiting. A turn that finds nothing costs a system call, about as
/// much as ten short polls; spread over 61 it is lost in the noise. A prime, so that tasks which
/// wake each other in a rhythm do not always meet the turn at the same place. It is the interval
/// of tokio's schedulers, which have it from Go's (`schedtick % 61`).
const POLLS_PER_TURN: usize = 61;

/// How many events one of these turns brings at most: fewer than there are polls until the next, or
/// the queue grows by the difference each turn, up to all that is ready at all (173 tasks and not
/// 25 wait in it on average, with 1000 connections). What an event touched is then still in the
/// cache when its task comes to be polled; of a thousand events at once it has been pushed out.
const EVENTS_PER_TURN: usize = 56;
const _: () = assert!(EVENTS_PER_TURN < POLLS_PER_TURN);

/// How many completions. Keeping the others for the next turn costs no system call, so they are
/// fewer still, and what each touches is close at hand when its task is polled: of 14, 30, 56 and
/// 112 the least was the best, by about one per cent a step of an echo on the ring with 1000
/// connections (in turns that looked at the kernel only when all were used up).
const COMPLETIONS_PER_TURN: usize = 16;

/// Runs `future` to its end on a driver of its own, and beside it the tasks that it
/// [spawns](crate::rt::spawn_local).
///
/// It may be called inside another `block_on`, whose tasks and I/O then wait for this one.
///
/// # Errors
///
/// Those of [`Driver::new`] and [`Driver::block_on`].
///
/// # Panics
///
/// If `future` does: its panic goes on in the caller. A task's panic stays with its
/// [`JoinHandle`](crate::rt::JoinHandle).
///
/// ```
/// use mainspring::rt::spawn_local;
///
/// let sum = mainspring::block_on(async {
///     let task = spawn_local(async { 40 });
///     task.await.map(|value| value + 2)
/// })?;
/// assert_eq!(sum?, 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    Builder::new().pinned().build()?.block_on(future)
}

impl Driver {
    /// Runs `future` to its end, and beside it the tasks that it
    /// [spawns](crate::rt::spawn_local); turns the driver whenever nothing is to be polled, and at
    /// the latest after every 61 polls.
    ///
    /// The driver is the [current](crate::Handle::current) one meanwhile. Tasks that have not ended
    /// when `future` has are dropped, still inside the driver.
    ///
    /// # Errors
    ///
    /// Those of [`turn`](Self::turn): the queue is unusable, or the driver was shut down and
    /// `future` waits for something else than the driver.
    ///
    /// # Panics
    ///
    /// If `future` does.
    ///
    /// ```
    /// use std::time::Duration;
    /// let mut driver = mainspring::Driver::new()?;
    /// driver.block_on(mainspring::time::sleep(Duration::from_millis(1)))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn block_on<F: Future>(&mut self, future: F) -> io::Result<F::Output> {
        // Dropped last: what the future and the tasks held is let go of when this returns, although
        // there may never be another turn.
        let _flush = Flush(self.handle());
        let running = Running::start(&self.handle());
        let local = running.local();
        // After `running`, so dropped before: the future still has its driver.
        let mut future = pin!(future);
        let waker = Waker::from(Arc::clone(local.shared()));
        let mut cx = Context::from_waker(&waker);
        // Since the last look at the kernel.
        let mut polls = 0;
        loop {
            while polls < POLLS_PER_TURN {
                match local.pop() {
                    Some(Entry::Main) => {
                        local.take_main();
                        budget::grant();
                        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                            return Ok(output);
                        }
                    }
                    Some(Entry::Task(task)) => local.run(task),
                    None => break,
                }
                polls += 1;
            }
            let looks = polls == POLLS_PER_TURN || !self.is_behind();
            if looks {
                polls = 0;
            }
            let max_wait = if local.is_idle() { None } else { Some(Duration::ZERO) };
            let (events, completions) = (EVENTS_PER_TURN, COMPLETIONS_PER_TURN);
            self.turn_for(max_wait, Enough { events, completions, looks })?;
        }
    }
}
