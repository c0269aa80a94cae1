//! Ends a test that hangs, with its name.
//!
//! A lost wake shows as a wait without end. Such a test cannot be failed from outside its thread,
//! so the whole run is ended; the name on the terminal says where to look.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// The slowest test takes a second; under valgrind, fifty times as long.
const LIMIT: Duration = Duration::from_secs(30);
/// A factor on the limit, for runs under tools that slow everything down.
const FACTOR_VARIABLE: &str = "MAINSPRING_TEST_PATIENCE";

/// Watches the test that holds it, and is called off when it is dropped.
pub(crate) struct Watchdog {
    /// Only its end is of interest: the thread's receiver sees it.
    _leash: Sender<()>,
}

impl Watchdog {
    pub(crate) fn over(test: &str) -> Watchdog {
        let factor = std::env::var(FACTOR_VARIABLE).ok().and_then(|text| text.parse().ok());
        let limit = LIMIT * factor.unwrap_or(1);
        let (leash, held) = mpsc::channel::<()>();
        let test = test.to_string();
        thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || {
                if held.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                    eprintln!("\n{test} hangs: it did not end within {limit:?}");
                    std::process::abort();
                }
            })
            .expect("a thread for the watchdog");
        Watchdog { _leash: leash }
    }
}
