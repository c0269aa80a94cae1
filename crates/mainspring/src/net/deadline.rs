//! Waiting for a future no longer than to a deadline on the driver's clock.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use crate::driver::{Handle, Timer};
use crate::error;

/// The deadline that is none: 584 years away.
pub(crate) const NEVER_NS: u64 = u64::MAX;

/// The result of `future`, or `late()` if it is not there at `deadline_ns`. A future that is
/// ready at its first poll sets no timer, nor does one without a deadline.
pub(crate) async fn before<T>(
    handle: &Handle,
    deadline_ns: u64,
    future: impl Future<Output = io::Result<T>>,
    late: impl Fn() -> io::Error,
) -> io::Result<T> {
    let mut future = pin!(future);
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(done) = future.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if deadline_ns == NEVER_NS {
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Timer::new(handle, deadline_ns));
        match timer.poll(cx.waker()) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) if handle.is_shutdown() => Poll::Ready(Err(error::shut_down())),
            Poll::Ready(()) => Poll::Ready(Err(late())),
        }
    })
    .await
}

/// A wait that doubles each time, up to a limit.
#[derive(Debug)]
pub(crate) struct Pause {
    next_ns: u64,
    last_ns: u64,
    timer: Option<Timer>,
}

/// Long enough for a few connections to end, short enough that nobody notices.
const FIRST_NS: u64 = 5_000_000;
/// A client waits a second for a server that is at its limit, not for one that forgot about it.
const LAST_NS: u64 = 1_000_000_000;

impl Pause {
    /// From five milliseconds to a second.
    pub(crate) const fn new() -> Pause {
        Pause::between(FIRST_NS, LAST_NS)
    }

    pub(crate) const fn between(first_ns: u64, last_ns: u64) -> Pause {
        Pause { next_ns: first_ns, last_ns, timer: None }
    }

    /// Begins the next wait.
    pub(crate) fn begin(&mut self, handle: &Handle) {
        let deadline_ns = handle.clock().now_ns().saturating_add(self.next_ns);
        self.next_ns = self.next_ns.saturating_mul(2).min(self.last_ns);
        self.timer = Some(Timer::new(handle, deadline_ns));
    }

    /// Ready when no wait is going on (any more), or the driver is gone.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.timer.as_mut().map_or(Poll::Ready(()), |timer| timer.poll(cx.waker()));
        if polled.is_ready() {
            self.timer = None;
        }
        polled
    }
}

#[cfg(test)]
mod tests;
