//! What a server did, and how it is told at the end.

use std::cell::Cell;
use std::ops::AddAssign;
use std::time::Duration;

use mainspring::{Metrics, SystemCall};

use super::listing::size;

/// The counts of one core.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Connections accepted.
    pub connections: Cell<u64>,
    /// Requests whose head was read whole.
    pub requests: Cell<u64>,
    /// Bytes that sockets took.
    pub bytes: Cell<u64>,
    /// Connections that broke, or whose requests were no HTTP.
    pub errors: Cell<u64>,
    /// Connections closed because the client was too slow.
    pub timeouts: Cell<u64>,
    /// Responses that did not get to their end.
    pub cut_off: Cell<u64>,
}

impl Statistics {
    /// Adds one.
    pub fn count(counter: &Cell<u64>) {
        counter.set(counter.get() + 1);
    }
}

/// The sums of all cores.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    connections: u64,
    requests: u64,
    bytes: u64,
    errors: u64,
    timeouts: u64,
    cut_off: u64,
    turns: u64,
    parks: u64,
    calls: u64,
    failed: bool,
}

impl Summary {
    /// What one core did, and its driver, and whether it ended by a failure.
    pub fn of(statistics: &Statistics, metrics: &Metrics, failed: bool) -> Summary {
        let calls = [
            SystemCall::Wait,
            SystemCall::Add,
            SystemCall::Modify,
            SystemCall::Remove,
            SystemCall::Wake,
            SystemCall::Inspect,
        ];
        Summary {
            connections: statistics.connections.get(),
            requests: statistics.requests.get(),
            bytes: statistics.bytes.get(),
            errors: statistics.errors.get(),
            timeouts: statistics.timeouts.get(),
            cut_off: statistics.cut_off.get(),
            turns: metrics.turns,
            parks: metrics.parks,
            calls: calls.into_iter().map(|call| metrics.system_calls(call)).sum(),
            failed,
        }
    }

    /// Whether a core ended by a failure.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// One line for people.
    pub fn line(&self, lived: Duration) -> String {
        format!(
            "served {} requests, {} on {} connections in {:.1} s; {} errors, {} timeouts, \
             {} cut off; {} turns, {} parks, {} driver system calls",
            self.requests,
            size(self.bytes),
            self.connections,
            lived.as_secs_f64(),
            self.errors,
            self.timeouts,
            self.cut_off,
            self.turns,
            self.parks,
            self.calls,
        )
    }
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Summary) {
        self.connections += other.connections;
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.errors += other.errors;
        self.timeouts += other.timeouts;
        self.cut_off += other.cut_off;
        self.turns += other.turns;
        self.parks += other.parks;
        self.calls += other.calls;
        self.failed |= other.failed;
    }
}
