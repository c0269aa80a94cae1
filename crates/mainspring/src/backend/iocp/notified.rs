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
//! removal is refused, which says that the number names another socket by now. The end of the
//! socket ends its registration without a word: the driver's answer tells of it.
//!
//! A key is the slot's index and a generation, so that a packet that was queued before its
//! registration ended names nothing (clause C4). No memory hangs on it.

use std::io;
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
    Enable(u32),
    Remove,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Yes,
    /// This socket's was refused; it is not registered with the port.
    No,
    /// The call has failed: nothing is different from before.
    Nothing,
}

/// The call, for one port, and the changes that are to be handed over with the next one.
pub(super) struct Notifier {
    calls: Calls,
    port: OwnedHandle,
    /// Which slot each change is of.
    due: Vec<(usize, Due)>,
    changes: Vec<Change>,
    /// Sockets whose last notification is to come.
    pub(super) leaving: usize,
    generation: u32,
}

impl Notifier {
    pub(super) fn new(calls: Calls, port: OwnedHandle) -> Notifier {
        let (due, changes) = (Vec::new(), Vec::new());
        Notifier { calls, port, due, changes, leaving: 0, generation: 0 }
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

    /// Hands all changes over, in one call, and appends what became of each.
    pub(super) fn hand_over(&mut self, outcomes: &mut Vec<(usize, Due, Made)>) {
        let called: io::Result<()> = self.calls.hand_over(self.port.as_handle(), &mut self.changes);
        let made = |change: &Change| match (&called, change.is_made()) {
            (Err(_), _) => Made::Nothing,
            (Ok(()), true) => Made::Yes,
            (Ok(()), false) => Made::No,
        };
        let changes = self.changes.iter().zip(&self.due);
        outcomes.extend(changes.map(|(change, &(index, due))| (index, due, made(change))));
        self.changes.clear();
        self.due.clear();
    }

    /// Whether every notification has come that says that a socket is registered no longer.
    pub(super) fn is_drained(&self) -> bool {
        self.leaving == 0
    }
}
