//! Ends a test that hangs, with its name: a lost wake is a wait without end.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

/// The slowest test takes two seconds on an idle machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Watches the test that holds it.
pub(crate) struct Watchdog {
    /// Its end calls the watch off.
    _leash: Sender<()>,
}

#[track_caller]
pub(crate) fn watch() -> Watchdog {
    let (leash, held) = mpsc::channel::<()>();
    let test = std::panic::Location::caller();
    let watch = move || {
        if held.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            eprintln!("\nthe test at {test} hangs: it did not end within {LIMIT:?}");
            std::process::abort();
        }
    };
    std::thread::Builder::new().spawn(watch).expect("a thread for the watchdog");
    Watchdog { _leash: leash }
}
