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
