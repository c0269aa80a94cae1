//! How long a connection may take for what it is doing.
//!
//! A server that waits for ever is stopped by anybody who opens connections and says nothing. What
//! is patient enough depends on what is being waited for: a request that has begun must end soon,
//! a kept-alive connection may rest for a while, and a response may take for hours as long as some
//! of it gets through. While the server itself is at work there is no deadline.
//!
//! ```text
//!            first byte              whole head                 body sent
//!   Idle ───────────────► Head ───────────────────► Busy ─────────────────► Idle
//!   accepted ─────────────┘        any ──► Closing: our side is shut, the client's not yet
//! ```
//!
//! Beside the phase, a write that the socket does not take has a deadline of its own.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The patience of the server.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a request, from its first byte on; and for the first byte.
    pub header: Duration,
    /// For the next request on a kept-alive connection.
    pub idle: Duration,
    /// For a client that takes nothing of a response.
    pub write: Duration,
    /// For the client's end of a connection after ours was shut.
    pub close: Duration,
    /// The same when the whole server waits for it to end.
    pub last_close: Duration,
}

impl Patience {
    /// The patience of a server that is about to end.
    #[must_use]
    pub fn at_the_end(self) -> Patience {
        Patience { close: self.last_close, ..self }
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Head,
    Busy,
    Idle,
    Closing,
}

/// Why a connection's time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// A request began and did not end.
    Head,
    /// Nothing was asked.
    Idle,
    /// The client takes nothing of its response.
    Write,
    /// The client does not close its side.
    Close,
}

/// The state of one connection, shared by its socket, its requests and its task.
#[derive(Debug)]
pub struct Watch {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    /// Bytes of a request came in this phase.
    heard: Cell<bool>,
    blocked_since: Cell<Option<Instant>>,
    /// A response was given up.
    cut: Cell<bool>,
}

impl Watch {
    /// A connection accepted at `now`.
    pub fn new(now: Instant) -> Watch {
        Watch {
            phase: Cell::new(Phase::Head),
            since: Cell::new(now),
            heard: Cell::new(false),
            blocked_since: Cell::new(None),
            cut: Cell::new(false),
        }
    }

    /// Bytes came from the client.
    pub fn read(&self, now: Instant) {
        if self.phase.get() == Phase::Idle {
            self.enter(Phase::Head, now);
        }
        self.heard.set(true);
    }

    /// The head of a request is complete; its response is being made and sent.
    pub fn begin(&self, now: Instant) {
        self.enter(Phase::Busy, now);
    }

    /// The response is written, as far as it is the server's part; or, if not `complete`, given up.
    pub fn finish(&self, now: Instant, complete: bool) {
        if !complete {
            self.cut.set(true);
        }
        if self.phase.get() == Phase::Busy {
            self.enter(Phase::Idle, now);
        }
    }

    /// The socket took some bytes.
    pub fn wrote(&self, now: Instant) {
        self.blocked_since.set(None);
        if self.phase.get() == Phase::Idle {
            self.since.set(now);
        }
    }

    /// The socket took nothing.
    pub fn blocked(&self, now: Instant) {
        if self.blocked_since.get().is_none() {
            self.blocked_since.set(Some(now));
        }
    }

    /// Our side is shut; what remains is the client's.
    pub fn close(&self, now: Instant) {
        if self.phase.get() != Phase::Closing {
            self.enter(Phase::Closing, now);
        }
    }

    /// Whether no response is owed: none is being made and none waits in a buffer.
    pub fn owes_nothing(&self) -> bool {
        self.phase.get() != Phase::Busy && self.blocked_since.get().is_none()
    }

    /// Whether a response did not get to its end, if the connection ends now.
    pub fn is_cut_off(&self) -> bool {
        self.cut.get() || !self.owes_nothing()
    }

    /// Whether our side is shut already.
    pub fn is_closing(&self) -> bool {
        self.phase.get() == Phase::Closing
    }

    /// When the patience ends, and with what; none while the server is at work.
    pub fn deadline(&self, patience: &Patience) -> Option<(Instant, Late)> {
        let (since, patience, late) = match (self.blocked_since.get(), self.phase.get()) {
            (Some(blocked), _) => (blocked, patience.write, Late::Write),
            (None, Phase::Busy) => return None,
            (None, Phase::Head) if self.heard.get() => {
                (self.since.get(), patience.header, Late::Head)
            }
            (None, Phase::Head) => (self.since.get(), patience.header, Late::Idle),
            (None, Phase::Idle) => (self.since.get(), patience.idle, Late::Idle),
            (None, Phase::Closing) => (self.since.get(), patience.close, Late::Close),
        };
        // A patience beyond the end of the clock is none that could end.
        Some((since.checked_add(patience)?, late))
    }

    fn enter(&self, phase: Phase, now: Instant) {
        self.phase.set(phase);
        self.since.set(now);
        self.heard.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(20),
        write: Duration::from_secs(30),
        close: Duration::from_secs(5),
        last_close: Duration::from_secs(3),
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_head_has_its_time_from_the_first_byte_however_many_follow() {
        let t0 = Instant::now();
        let watch = Watch::new(t0);
        assert_eq!(watch.deadline(&PATIENCE), Some((t0 + seconds(10), Late::Idle)));
        watch.read(t0 + seconds(3));
        watch.read(t0 + seconds(9));
        assert_eq!(watch.deadline(&PATIENCE), Some((t0 + seconds(10), Late::Head)));
        watch.begin(t0 + seconds(9));
        watch.finish(t0 + seconds(9), true);
        watch.read(t0 + seconds(15));
        watch.read(t0 + seconds(17));
        assert_eq!(watch.deadline(&PATIENCE), Some((t0 + seconds(25), Late::Head)));
    }

    #[test]
    fn the_servers_own_work_has_no_deadline() {
        let t0 = Instant::now();
        let watch = Watch::new(t0);
        watch.begin(t0);
        assert_eq!(watch.deadline(&PATIENCE), None);
        assert!(!watch.owes_nothing());
    }

    #[test]
    fn a_write_that_gets_through_starts_its_time_anew() {
        let t0 = Instant::now();
        let watch = Watch::new(t0);
        watch.begin(t0);
        watch.blocked(t0 + seconds(1));
        watch.blocked(t0 + seconds(20));
        assert_eq!(watch.deadline(&PATIENCE), Some((t0 + seconds(31), Late::Write)));
        watch.finish(t0 + seconds(21), true);
        assert!(!watch.owes_nothing(), "the end of the response is still in a buffer");
        watch.wrote(t0 + seconds(22));
        assert!(watch.owes_nothing());
        assert_eq!(watch.deadline(&PATIENCE), Some((t0 + seconds(42), Late::Idle)));
    }

    #[test]
    fn a_response_is_cut_off_until_its_last_byte_is_taken() {
        let t0 = Instant::now();
        let watch = Watch::new(t0);
        assert!(!watch.is_cut_off());
        watch.begin(t0);
        assert!(watch.is_cut_off());
        watch.blocked(t0);
        watch.finish(t0, true);
        assert!(watch.is_cut_off());
        watch.wrote(t0);
        assert!(!watch.is_cut_off());
        watch.begin(t0);
        watch.finish(t0, false);
        assert!(watch.is_cut_off());
    }

    #[test]
    fn a_closed_side_waits_shortly_for_the_other() {
        let t0 = Instant::now();
        let watch = Watch::new(t0);
        watch.close(t0);
        watch.close(t0 + seconds(2));
        watch.read(t0 + seconds(2));
        assert_eq!(watch.deadline(&PATIENCE), Some((t0 + seconds(5), Late::Close)));
        let hurried = PATIENCE.at_the_end();
        assert_eq!(watch.deadline(&hurried), Some((t0 + seconds(3), Late::Close)));
    }

    #[test]
    fn endless_patience_has_no_deadline() {
        let patience = Patience { header: Duration::MAX, ..PATIENCE };
        assert_eq!(Watch::new(Instant::now()).deadline(&patience), None);
    }
}
