//! How the port has a socket that it is notified of, and the changes of a turn.
//!
//! ```text
//!          enable                       removal                    its notification
//!   Not ───────────▶ For (armed) ───────────────────▶ Leaving ───────────────────────▶ Not
//!                      │    ▲  ready: armed for nothing
//!                      └────┘  enable: armed again
//! ```
//!
//! A registration with the port is for one registration of ours, told by its serial number. It is
//! armed for one answer, armed again by the next change, and armed for more without a removal in
//! between: a change takes the place of the former. What is armed for more than is wanted stays so
//! until it has answered.
//!
//! A registration of ours that follows another on the same number waits for that one's last
//! notification before it is registered under a key of its own, as the call wants it; unless the
//! removal is refused, which says that the number names another socket by now. Until then requests
//! tell of everything, so that a notification which never comes costs nobody an event. The end of
//! the socket ends its registration without a word: the driver's answer tells of it.
//!
//! A call that fails as a whole is made anew for each change by itself. If removals fail time and
//! again, the mechanism is broken: requests tell all sockets of everything from then on.
//!
//! A key is the slot's index and a generation, so that a packet that was queued before its
//! registration ended names nothing (clause C4). No memory hangs on it.

use std::ops::Range;
use std::os::windows::io::{AsHandle, OwnedHandle};

use crate::source::RawSource;
use crate::sys::notifications::{Calls, Change};

/// How the port has a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// It does not.
    Not,
    /// For the registration with this serial number, and for the first of these events.
    For { serial: u64, armed: u32 },
    /// It had it for that registration, and is to say that it has it no longer.
    Leaving { serial: u64 },
}

impl Held {
    /// The registration that the port has, or had, the socket for.
    pub(super) fn serial(self) -> Option<u64> {
        match self {
            Held::Not => None,
            Held::For { serial, .. } | Held::Leaving { serial } => Some(serial),
        }
    }

    /// Whether it is over with the socket that the registration with this number was for.
    pub(super) fn ends_with(self, ended: u64) -> bool {
        match self {
            Held::Not => false,
            Held::For { serial, .. } => serial == ended,
            // The registration is over already; only the word for it is to come.
            Held::Leaving { .. } => true,
        }
    }

    /// Whether the port tells, or is about to be asked to tell, this registration what is ready.
    pub(super) fn serves(self, serial: u64) -> bool {
        self == Held::Not || matches!(self, Held::For { serial: held, .. } if held == serial)
    }

    /// The change that is due if these events are wanted, for the registration with this number; or
    /// none.
    pub(super) fn due(self, wanted: Option<(u64, u32)>) -> Option<Due> {
        match (self, wanted) {
            // Looked at again when it has left.
            (Held::Leaving { .. }, _) | (Held::Not, None | Some((_, 0))) => None,
            (Held::Not, Some((_, filter))) => Some(Due::Enable(filter)),
            (Held::For { serial, armed }, Some((now, filter))) if serial == now => {
                (filter & !armed != 0).then_some(Due::Enable(filter))
            }
            (Held::For { .. }, _) => Some(Due::Remove),
        }
    }
}

/// A change of what the port has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Registers the socket, or arms it anew, for the first of these events.
    Enable(u32),
    /// Ends its registration.
    Remove,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Yes,
    /// This socket's was refused.
    No,
    /// The call has failed: nothing is different from before.
    Nothing,
}

/// How many looks in a row have a removal that fails before nothing is expected of the call.
const FAILURES_MAX: u32 = 8;

/// The call, for one port, and the changes that are to be handed over with the next one.
pub(super) struct Notifier {
    calls: Calls,
    port: OwnedHandle,
    /// Which slot each change is of.
    due: Vec<(usize, Due)>,
    changes: Vec<Change>,
    /// What became of each; the room is used again.
    pub(super) outcomes: Vec<(usize, Due, Made)>,
    /// How often in a row there were removals and one has failed.
    failures: u32,
    /// For good.
    is_given_up: bool,
    /// Sockets whose last notification is to come.
    pub(super) leaving: usize,
    generation: u32,
}

impl Notifier {
    pub(super) fn new(calls: Calls, port: OwnedHandle) -> Notifier {
        Notifier {
            calls,
            port,
            due: Vec::new(),
            changes: Vec::new(),
            outcomes: Vec::new(),
            failures: 0,
            is_given_up: false,
            leaving: 0,
            generation: 0,
        }
    }

    /// A key for a slot that no other registration has had.
    pub(super) fn next_key(&mut self, index: usize) -> usize {
        // From one on: smaller numbers are the keys of other packets.
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        (u64::from(self.generation) << u32::BITS | index as u64) as usize
    }

    /// The slot that a key was made for.
    pub(super) fn index_of(key: usize) -> usize {
        key & u32::MAX as usize
    }

    /// Notes a change of a slot.
    pub(super) fn note(&mut self, index: usize, due: Due, source: RawSource, key: usize) {
        self.due.push((index, due));
        self.changes.push(match due {
            Due::Enable(filter) => Change::enable(source, key, filter),
            Due::Remove => Change::remove(source, key),
        });
    }

    /// Whether there are changes that were not handed over.
    pub(super) fn has_changes(&self) -> bool {
        !self.due.is_empty()
    }

    /// Hands all changes over, and appends what became of each. In one call; if that fails, one for
    /// each change: it may have been the fault of one alone. How many calls there were.
    pub(super) fn hand_over(&mut self) -> usize {
        let calls = match self.hand_over_part(0..self.changes.len()) {
            false if self.changes.len() > 1 => {
                self.outcomes.clear();
                for place in 0..self.changes.len() {
                    self.hand_over_part(place..place + 1);
                }
                1 + self.changes.len()
            }
            _ => 1,
        };
        self.changes.clear();
        self.due.clear();
        calls
    }

    /// Whether the call could be carried out.
    fn hand_over_part(&mut self, part: Range<usize>) -> bool {
        let changes = &mut self.changes[part.clone()];
        let is_carried_out = self.calls.hand_over(self.port.as_handle(), changes).is_ok();
        for (change, &(index, due)) in changes.iter().zip(&self.due[part]) {
            let made = match (is_carried_out, change.is_made()) {
                (false, _) => Made::Nothing,
                (true, true) => Made::Yes,
                (true, false) => Made::No,
            };
            self.outcomes.push((index, due, made));
        }
        is_carried_out
    }

    /// A removal has failed with its call, or all were carried out; whether this is the one time
    /// that the mechanism is given up.
    pub(super) fn removals_failed(&mut self, has_failed: bool) -> bool {
        self.failures = if has_failed { self.failures.saturating_add(1) } else { 0 };
        let gives_up = self.failures >= FAILURES_MAX;
        gives_up && !std::mem::replace(&mut self.is_given_up, true)
    }

    /// Whether sockets may be registered.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_given_up
    }
}
