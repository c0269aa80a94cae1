//! An edge, made from levels.
//!
//! poll tells what is so, never what has become so. An edge is therefore the difference between
//! two looks: what was told stays told for as long as every look finds it, and what a look misses
//! once is new when it comes back.
//!
//! Between two looks a source can be emptied and filled again, and both looks find the same. Then
//! its [`Progress`] decides. TCP counts all that it ever received and was given to send, and these
//! totals leave no doubt. Of other sources only what waits in them is known: another number than
//! before is something new, and the same number proves nothing. What is in doubt is told again, so
//! that no edge is ever lost (clause C2); but late and ever more seldom, so that a source nobody
//! reads is as good as silent (clause C3).
//!
//! The end of a stream, once told, is not told again: nothing can come after it.

use crate::sys::inspect::Progress;
use crate::sys::poll::{ERR, HUP, IN, OUT, PRI, RDHUP, UNASKED};

/// How long a doubt is borne before what was told is told again, in looks; a millisecond asleep
/// counts as one. So it is a quarter of a second for a program that sleeps, and much less for one
/// that is busy: long enough that a source which is left alone costs nothing one would notice, and
/// short enough that a person hardly would, should there have been an edge.
pub(super) const PATIENCE_MIN: u64 = 256;
/// The longest: every repeat doubles it up to here. Four seconds asleep.
pub(super) const PATIENCE_MAX: u64 = 4096;

/// What was told of a source, and what it was like then.
#[derive(Debug, Default)]
pub(super) struct Edge {
    /// The answers that were told and that every look since has found.
    told: i16,
    progress: Option<Progress>,
    /// The age of the queue when the doubt began.
    since: u64,
    patience: u64,
}

impl Edge {
    /// Whether a look is needed to see what changes, because a sleep is not ended by it.
    pub(super) fn is_told(&self) -> bool {
        self.told != 0
    }

    /// What of `asked` may end a sleep; `None` if the source is to be left out of it, because an
    /// error or a hang-up, which the kernel tells unasked, would end it at once.
    pub(super) fn asleep(&self, asked: i16) -> Option<i16> {
        (self.told & UNASKED == 0).then_some(asked & !self.told)
    }

    /// Takes back what was told of `flags`: a call has said that it would block, so what the next
    /// look finds of them is new. Returns whether any of them was told.
    pub(super) fn rearm(&mut self, flags: i16) -> bool {
        let told = self.told & flags != 0;
        self.told &= !flags;
        told
    }

    /// What of the answers of a look, to all that was asked, is to be told.
    pub(super) fn look(&mut self, now: i16, age: u64, progress: impl FnOnce() -> Progress) -> i16 {
        self.told &= now;
        if now & !self.told != 0 {
            return self.tell(now, age, progress());
        }
        let doubt = doubt(now);
        if doubt == 0 {
            return 0;
        }
        let after = progress();
        let came = doubt & (IN | PRI) != 0;
        let unclear = match (self.progress, after) {
            (
                Some(Progress::Totals { received, written }),
                Progress::Totals { received: received_now, written: written_now },
            ) => {
                if came && received != received_now {
                    return self.tell(now, age, after);
                }
                // Who wrote nothing cannot have met a full buffer.
                doubt & if written == written_now { ERR } else { ERR | OUT }
            }
            (Some(Progress::Waiting { received }), Progress::Waiting { received: now_waiting }) => {
                if came && received != now_waiting {
                    return self.tell(now, age, after);
                }
                doubt
            }
            // It has become something else: a socket that listens now.
            _ => return self.tell(now, age, after),
        };
        if unclear == 0 {
            self.since = age;
        } else if age.saturating_sub(self.since) >= self.patience {
            self.progress = Some(after);
            self.since = age;
            self.patience = (self.patience * 2).min(PATIENCE_MAX);
            return unclear;
        }
        0
    }

    fn tell(&mut self, now: i16, age: u64, progress: Progress) -> i16 {
        *self = Edge { told: now, progress: Some(progress), since: age, patience: PATIENCE_MIN };
        now
    }
}

/// What of the answers may have gone and come back unseen. After the end nothing comes back.
fn doubt(now: i16) -> i16 {
    if now & HUP != 0 {
        return 0;
    }
    let ended = if now & RDHUP != 0 { IN } else { 0 };
    now & (IN | OUT | PRI | ERR) & !ended
}

#[cfg(test)]
mod tests;
