//! A limit on the time of a future.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use crate::error;
use crate::time::sleep::{Sleep, sleep, sleep_until};

/// Gives `future` the time `duration`, from now.
///
/// The future is polled first, so one that is ready is never called late, and a duration of zero
/// is a single try. When the time is over the future stays where it is until the timeout is
/// dropped.
///
/// ```
/// use std::future::pending;
/// use std::time::Duration;
/// use mainspring::time::timeout;
///
/// mainspring::block_on(async {
///     assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
///     assert!(timeout(Duration::from_millis(1), pending::<()>()).await.is_err());
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), sleep: sleep(duration) }
}

/// Gives `future` the time until `deadline`; see [`timeout`].
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), sleep: sleep_until(deadline) }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
    }
}

impl<F> Timeout<F> {
    /// The future.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future, to be changed.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// The future, without its limit.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let timeout = self.project();
        if let Poll::Ready(output) = timeout.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        ready!(Pin::new(&mut *timeout.sleep).poll(cx));
        Poll::Ready(Err(Elapsed { shut_down: timeout.sleep.is_abandoned() }))
    }
}

/// The time of a [`timeout`] is over. As an `io::Error` its kind is `TimedOut`.
///
/// On a driver with a virtual clock that was shut down, it is over before its end, since no more
/// will pass; the message says so, and the `io::Error` is that of a driver that was shut down.
///
/// ```
/// let elapsed = mainspring::block_on(async {
///     mainspring::time::timeout(std::time::Duration::ZERO, std::future::pending::<()>()).await
/// })?;
/// let error = std::io::Error::from(elapsed.unwrap_err());
/// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    shut_down: bool,
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.shut_down {
            "the driver was shut down before the deadline"
        } else {
            "the deadline has passed"
        })
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> io::Error {
        if elapsed.shut_down {
            error::shut_down()
        } else {
            io::Error::new(io::ErrorKind::TimedOut, elapsed)
        }
    }
}
