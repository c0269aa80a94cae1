//! One timer for a deadline that moves with every request.
//!
//! The deadline of a connection moves on at each step, nearly always further away. So the timer is
//! left where it is until it fires, and only then set to where the deadline has got to meanwhile:
//! a connection that is never late costs a timer call once in a while, not three a request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use mainspring::time::{Sleep, sleep_until};

/// The timer of a connection.
#[derive(Debug, Default)]
pub struct Alarm {
    sleep: Option<Sleep>,
}

impl Alarm {
    /// Waits until `deadline`, which may be another one each time.
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| sleep_until(deadline));
        if sleep.deadline() > deadline {
            sleep.reset(deadline);
        }
        loop {
            ready!(Pin::new(&mut *sleep).poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainspring::time::timeout;
    use std::future::poll_fn;
    use std::time::Duration;

    /// Asks for `first`, then waits for `second`; whether that was in time.
    fn moved(first: Duration, second: Duration) -> bool {
        let start = Instant::now();
        let waited = mainspring::block_on(async {
            let mut alarm = Alarm::default();
            let set = poll_fn(|cx| Poll::Ready(alarm.poll(cx, start + first)));
            assert!(set.await.is_pending());
            let fired = poll_fn(|cx| alarm.poll(cx, start + second));
            timeout(Duration::from_secs(60), fired).await
        });
        waited.unwrap().is_ok() && start.elapsed() >= second
    }

    #[test]
    fn a_deadline_that_comes_nearer_is_kept() {
        assert!(moved(Duration::from_secs(3600), Duration::from_millis(5)));
    }

    #[test]
    fn a_deadline_that_moved_away_is_not_met_early() {
        assert!(moved(Duration::from_secs(1), Duration::from_millis(1200)));
    }
}
