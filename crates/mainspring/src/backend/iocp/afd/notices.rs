//! Notifications of the sockets, beside the requests: what can be read and written.
//!
//! With notifications a socket has both. Its request asks for what happens once in its life: the
//! ends of the connection, the end of the socket itself (so that clause C5 is kept as without
//! them), urgent data. It stays in flight over any number of messages. What happens with each
//! message is told by notifications, whose changes are handed over in one call a turn.
//!
//! A socket that is refused (another port has it, another provider made it), and one that tells by
//! a notification of something else than it was armed for (an error, say), has requests for
//! everything, until it is registered anew.

use super::{INCOMING, NOTIFIED, Phase, Registered, Slot, Sockets};
use crate::backend::iocp::notified::{Due, Held, Made, Notifier};
use crate::event::Events;
use crate::metrics::SystemCall;
use crate::sys::{afd, notifications};

/// The serial number of no registration.
const NOBODY: u64 = 0;

impl Sockets {
    /// Notes what the port is to be told of a slot with the next call.
    pub(super) fn note(&mut self, index: usize) {
        let Some(notifier) = &mut self.notifier else { return };
        let slot = &mut self.slots[index];
        let wanted = if self.ended { None } else { slot.wanted() };
        let Some(due) = slot.held.due(wanted) else { return };
        let serial = match due {
            Due::Enable(_) => wanted.map(|(serial, _)| serial),
            Due::Remove => slot.held.serial(),
        };
        if serial == Some(slot.asked_for) && slot.has_ended() {
            // Closed: the port has it no longer, and its number may be a newcomer's. The packet
            // that says so is on its way.
            return;
        }
        if slot.held == Held::Not {
            slot.key = notifier.next_key(index);
        }
        notifier.note(index, due, slot.source, slot.key);
    }

    /// Hands over what was noted; whether a slot has to be looked at once more for it.
    pub(super) fn hand_over(&mut self) -> bool {
        let Some(notifier) = self.notifier.as_mut().filter(|notifier| notifier.has_changes())
        else {
            return false;
        };
        let calls = notifier.hand_over();
        let mut outcomes = std::mem::take(&mut notifier.outcomes);
        (0..calls).for_each(|_| self.counters.system_call(SystemCall::Modify));
        let removals = || outcomes.iter().filter(|(_, due, _)| *due == Due::Remove);
        let has_failed = removals().any(|(_, _, made)| *made == Made::Nothing);
        let gives_up = removals().next().is_some() && notifier.removals_failed(has_failed);
        let mut again = false;
        for (index, due, made) in outcomes.drain(..) {
            again |= self.changed(index, due, made);
        }
        if let Some(notifier) = &mut self.notifier {
            notifier.outcomes = outcomes;
        }
        if gives_up {
            self.give_up();
        }
        again || gives_up
    }

    /// Leaves all sockets to requests, for good. What the port still has is to be removed; where
    /// that fails too, its notifications are taken and name nothing.
    fn give_up(&mut self) {
        for index in 0..self.slots.len() {
            if let Some(registered) = &mut self.slots[index].registered {
                registered.by_requests = true;
                self.enqueue(index);
            }
        }
    }

    /// A change was handed over; whether the slot has to be looked at for what became of it.
    fn changed(&mut self, index: usize, due: Due, made: Made) -> bool {
        match due {
            Due::Enable(armed) => self.enabled(index, armed, made),
            Due::Remove => self.removed(index, made),
        }
    }

    fn enabled(&mut self, index: usize, armed: u32, made: Made) -> bool {
        let slot = &mut self.slots[index];
        let registered = slot.registered.as_mut();
        if made == Made::Yes {
            let serial = registered.map_or(NOBODY, |registered| registered.serial);
            slot.held = Held::For { serial, armed };
            if serial != slot.asked_for || !slot.has_ended() {
                return false;
            }
            // Closed before the call: what it has registered is whose number it is now.
            slot.held = Held::For { serial: NOBODY, armed };
            self.enqueue(index);
            return true;
        }
        // Requests have it all from here on. What the port has already it still has, and is to
        // give up.
        if let Some(registered) = registered {
            registered.by_requests = true;
        }
        if slot.held == Held::Not {
            slot.key = 0;
        }
        self.enqueue(index);
        true
    }

    fn removed(&mut self, index: usize, made: Made) -> bool {
        let Some(notifier) = &mut self.notifier else { return false };
        let slot = &mut self.slots[index];
        match made {
            Made::Yes => {
                notifier.leaving += 1;
                let serial = slot.held.serial().unwrap_or_default();
                slot.held = Held::Leaving { serial };
                return false;
            }
            // Tried again with the next look.
            Made::Nothing if notifier.is_usable() => {
                self.enqueue(index);
                return false;
            }
            // Closed, and its number somebody else's maybe: not registered with this port. Or given
            // up: nothing is registered any more, and the key names nothing.
            Made::No | Made::Nothing => {}
        }
        self.let_go(index);
        if self.release_if_done(index) {
            return false;
        }
        self.enqueue(index);
        true
    }

    /// The port has the socket of a slot no longer, and its key names nothing any more.
    pub(super) fn let_go(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let held = std::mem::replace(&mut slot.held, Held::Not);
        slot.key = 0;
        if let (Held::Leaving { .. }, Some(notifier)) = (held, &mut self.notifier) {
            notifier.leaving -= 1;
        }
    }

    /// The packet of a notification with this key was taken.
    pub(in crate::backend::iocp) fn notified(
        &mut self,
        key: usize,
        told: u32,
        events: &mut Events,
    ) {
        let index = Notifier::index_of(key);
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.key == key) else {
            // Queued before its registration ended.
            return;
        };
        match slot.held {
            Held::For { serial, .. } => {
                slot.held = Held::For { serial, armed: 0 };
                let registered = slot.registered.as_mut();
                // Who has requests for everything is told by them.
                let is_told = |one: &&mut Registered| one.serial == serial && !one.by_requests;
                if let Some(registered) = registered.filter(is_told) {
                    if told & !(notifications::IN | notifications::OUT) != 0 {
                        // Armed again, it might say the same for ever: the driver tells what it is.
                        registered.by_requests = true;
                    }
                    events.list.extend(registered.report(answer_of(told)));
                }
            }
            // What was queued before the removal is nobody's.
            Held::Leaving { .. } if told & notifications::REMOVED == 0 => return,
            Held::Leaving { .. } => {}
            Held::Not => return,
        }
        if told & notifications::REMOVED != 0 {
            self.let_go(index);
            if self.release_if_done(index) {
                return;
            }
        }
        // Of whom nothing is wanted, nothing is asked: the driver could not tell.
        let registered = self.slots[index].registered.as_ref();
        if !self.ended && registered.is_none_or(|registered| registered.wanted != 0) {
            self.enqueue(index);
        }
    }
}

impl Slot {
    /// What notifications are wanted, and for which registration: not what a request in flight
    /// still asks for, or it would be told twice (clause C3).
    fn wanted(&self) -> Option<(u64, u32)> {
        let registered = self.registered.as_ref().filter(|registered| !registered.by_requests)?;
        let is_asked = self.phase == Phase::Pending && self.asked_for == registered.serial;
        let asked = if is_asked { self.asked } else { 0 };
        Some((registered.serial, filter_of(registered.wanted & !asked)))
    }
}

/// What a socket is armed for if these of the driver's events are wanted.
fn filter_of(wanted: u32) -> u32 {
    let mut filter = 0;
    if wanted & INCOMING != 0 {
        filter |= notifications::IN;
    }
    if wanted & afd::SEND != 0 {
        filter |= notifications::OUT;
    }
    filter
}

/// A notification, as if the driver had answered.
fn answer_of(told: u32) -> u32 {
    let mut answer = 0;
    if told & notifications::IN != 0 {
        answer |= INCOMING;
    }
    if told & notifications::OUT != 0 {
        answer |= afd::SEND;
    }
    answer & NOTIFIED
}
