//! What happened in a simulation, in order.
//!
//! The trace is the proof of determinism and the first thing to read after a failure: the same
//! seed and the same program give the same entries. It keeps the last [`LIMIT`] entries and drops
//! older ones; a running digest covers all there ever were, so two long runs compare in one word.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// Entries kept (C13): some megabytes, and more than anyone reads.
pub(super) const LIMIT: usize = 1 << 16;

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Actor {
    /// An open file; its identity, which is never used again, not its number, which is.
    File(u64),
    /// A readiness and completion queue.
    Queue(u64),
}

/// A named number of an entry.
pub(super) type Figure = (&'static str, u64);

/// One thing that happened in a simulation, with its virtual time.
///
/// ```
/// use mainspring::Simulation;
/// let simulation = Simulation::new(1);
/// assert!(simulation.trace().is_empty(), "nothing has happened yet");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceEntry {
    at_ns: u64,
    actor: Actor,
    what: &'static str,
    figures: [Figure; 2],
}

impl TraceEntry {
    /// When it happened, from the start of the simulation.
    #[must_use]
    pub fn at(&self) -> Duration {
        Duration::from_nanos(self.at_ns)
    }

    /// What happened, in a word or two.
    #[must_use]
    pub fn what(&self) -> &'static str {
        self.what
    }
}

impl fmt::Display for TraceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ns) = (self.at_ns / 1_000_000_000, self.at_ns % 1_000_000_000);
        match self.actor {
            Actor::File(id) => write!(f, "{seconds}.{ns:09} socket {id}: {}", self.what)?,
            Actor::Queue(id) => write!(f, "{seconds}.{ns:09} queue {id}: {}", self.what)?,
        }
        for (name, value) in self.figures {
            if !name.is_empty() {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}

/// The entries so far.
#[derive(Debug)]
pub(super) struct Trace {
    entries: VecDeque<TraceEntry>,
    dropped: u64,
    digest: Digest,
}

impl Trace {
    pub(super) fn new() -> Trace {
        Trace { entries: VecDeque::new(), dropped: 0, digest: Digest(OFFSET_BASIS) }
    }

    pub(super) fn note(
        &mut self,
        at_ns: u64,
        actor: Actor,
        what: &'static str,
        figures: [Figure; 2],
    ) {
        let entry = TraceEntry { at_ns, actor, what, figures };
        entry.hash(&mut self.digest);
        if self.entries.len() == LIMIT {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.entries.push_back(entry);
    }

    pub(super) fn entries(&self) -> Vec<TraceEntry> {
        self.entries.iter().cloned().collect()
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest.0
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped != 0 {
            writeln!(f, "({} older entries are not kept)", self.dropped)?;
        }
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv): stable across builds and releases,
/// which the standard library's hasher does not promise.
#[derive(Debug)]
struct Digest(u64);

const OFFSET_BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01B3;

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
}
