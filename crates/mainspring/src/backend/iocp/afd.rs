//! The sockets of one queue: what is wanted of each, and what the driver was asked.
//!
//! ```text
//!            submit                     packet
//!   Idle ─────────────▶ Pending ─────────────────────▶ Idle
//!                          │ cancel (more is wanted,      ▲
//!                          ▼         or removed)          │
//!                      Cancelled ─────────────────────────┘
//!                                       packet
//! ```
//!
//! A socket has a slot from its addition until its registration is gone, no request of it is in
//! flight *and* the port has it no longer (`notified.rs`). The slot's number is the tag of its
//! requests, and nothing is looked up by the value of a handle when a packet comes: a handle that
//! is closed may name something else by then.
//! Whether an answer is for the present registration is told by its serial number (clause C5).
//!
//! A new socket is asked about at once. What is to be asked anew, or to be cancelled, stands in
//! `updates`, each slot at most once, and is done before the next wait; while somebody waits, at
//! once. So a socket that is removed and closed in one turn costs no cancellation: its closing ends
//! the request. One that is added again has its old request cancelled, whatever that asks for: the
//! number may have changed hands.

use std::collections::HashMap;
use std::io;
use std::num::NonZeroUsize;

use windows_sys::Win32::Foundation::ERROR_INVALID_HANDLE;
use windows_sys::Win32::Networking::WinSock::WSAENOTSOCK;

use crate::error;
use crate::event::{Event, Events};
use crate::interest::Interest;
use crate::metrics::{Counters, SystemCall};
use crate::ready::Ready;
use crate::source::RawSource;
use crate::sync::Arc;
use crate::sys::afd::{self, Afd, Answer, BaseSocket, Request};
use crate::token::Token;
use crate::trigger::Trigger;

use super::groups::{Group, Groups};
use super::notified::{Held, Notifier};
use crate::backend::port::Queue;

/// Data, or connections.
const INCOMING: u32 = afd::RECEIVE | afd::ACCEPT;
/// What notifications tell of, where there are any.
const NOTIFIED: u32 = INCOMING | afd::SEND;
/// What the driver is asked of reading.
const READING: u32 = INCOMING | afd::DISCONNECT;
/// The ends of a connection that concern both directions.
const ENDING: u32 = afd::ABORT | afd::CONNECT_FAIL;

/// The sockets.
pub(super) struct Sockets {
    slots: Vec<Slot>,
    free: Vec<usize>,
    by_source: HashMap<RawSource, usize>,
    groups: Groups,
    /// Tells of what can be read and written, if anything but requests does.
    notifier: Option<Notifier>,
    updates: Vec<usize>,
    /// Requests whose packets are to come.
    in_flight: usize,
    /// Somebody waits on the port.
    parked: bool,
    /// Nobody takes packets any more.
    ended: bool,
    serial: u64,
    counters: Arc<Counters>,
}

struct Slot {
    request: Request,
    phase: Phase,
    /// What the request in flight asks for, and for which registration.
    asked: u32,
    asked_for: u64,
    /// Whether the slot stands in `updates`.
    queued: bool,
    source: RawSource,
    base: BaseSocket,
    group: Group,
    /// How the port has the socket, and under which key.
    held: Held,
    key: usize,
    registered: Option<Registered>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Pending,
    Cancelled,
}

struct Registered {
    serial: u64,
    token: Token,
    trigger: Trigger,
    /// The events that are to be reported, without [`afd::LOCAL_CLOSE`].
    wanted: u32,
    /// No notifications: there are none, or none of this socket. Who wants to be told once wants
    /// all of it in one report, and only requests tell all.
    by_requests: bool,
}

impl Sockets {
    pub(super) fn new(counters: Arc<Counters>, notifier: Option<Notifier>) -> Sockets {
        Sockets {
            slots: Vec::new(),
            free: Vec::new(),
            by_source: HashMap::new(),
            groups: Groups::default(),
            notifier,
            updates: Vec::new(),
            in_flight: 0,
            parked: false,
            ended: false,
            serial: 0,
            counters,
        }
    }

    /// Notes whether somebody waits on the port: then what changes is asked for at once.
    pub(super) fn park(&mut self, parked: bool) {
        self.parked = parked;
    }

    pub(super) fn add(
        &mut self,
        queue: &Queue,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        if self.ended {
            return Err(error::shut_down());
        }
        if u32::try_from(source.0).is_err() {
            return Err(of_another_world());
        }
        let orphan = self.by_source.get(&source).copied();
        if let Some(index) = orphan {
            if self.slots[index].is_alive() {
                return Err(taken(source));
            }
        }
        self.serial += 1;
        let wanted = events_of(interest);
        let is_notified = self.notifier.as_ref().is_some_and(Notifier::is_usable);
        let by_requests = !is_notified || trigger == Trigger::OneShot;
        let registered = Registered { serial: self.serial, token, trigger, wanted, by_requests };
        let index = match orphan {
            // Removed a moment ago, or closed: its request has to come to its end before the
            // number is asked about again.
            Some(index) => {
                let slot = &mut self.slots[index];
                slot.base = BaseSocket::presumed(source);
                slot.registered = Some(registered);
                index
            }
            None => self.occupy(queue, source, registered)?,
        };
        // At once, and not before the next wait: from here on its closing is noticed, and what
        // comes under its number afterwards is not taken for it (clause C5).
        let serial = self.serial;
        let asked = self.ask(index);
        let asked = asked.and_then(|()| if by_requests { Ok(()) } else { self.touch(index) });
        asked.map_err(|error| {
            // What its owner is told of as refused is not registered.
            if self.slots[index].registered.as_ref().is_some_and(|one| one.serial == serial) {
                self.forget(index);
            }
            explain(error)
        })
    }

    fn occupy(
        &mut self,
        queue: &Queue,
        source: RawSource,
        registered: Registered,
    ) -> io::Result<usize> {
        let group = self.groups.join(queue)?;
        let base = BaseSocket::presumed(source);
        let registered = Some(registered);
        let index = match self.free.pop() {
            Some(index) => {
                let slot = &mut self.slots[index];
                (slot.source, slot.base, slot.group) = (source, base, group);
                slot.registered = registered;
                index
            }
            None => {
                self.slots.push(Slot {
                    request: Request::new(),
                    phase: Phase::Idle,
                    asked: 0,
                    asked_for: 0,
                    queued: false,
                    source,
                    base,
                    group,
                    held: Held::Not,
                    key: 0,
                    registered,
                });
                self.slots.len() - 1
            }
        };
        self.by_source.insert(source, index);
        Ok(index)
    }

    pub(super) fn modify(
        &mut self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        let index = self.find(source, token)?;
        if let Some(registered) = &mut self.slots[index].registered {
            registered.trigger = trigger;
            registered.by_requests |= trigger == Trigger::OneShot;
            registered.wanted = events_of(interest);
        }
        self.touch(index).map_err(explain)
    }

    /// A call has said that it would block: its direction is reported again.
    pub(super) fn rearm(
        &mut self,
        source: RawSource,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let index = self.find(source, token)?;
        if let Some(registered) = &mut self.slots[index].registered {
            registered.wanted |= events_of(interest);
        }
        self.touch(index).map_err(explain)
    }

    pub(super) fn remove(&mut self, source: RawSource, token: Token) -> io::Result<()> {
        let Ok(index) = self.find(source, token) else {
            // Closed, and forgotten with its last request; or somebody else's number by now.
            return Ok(());
        };
        self.slots[index].registered = None;
        self.release_if_done(index);
        let slot = &self.slots[index];
        if slot.request.is_lent() || slot.held != Held::Not { self.touch(index) } else { Ok(()) }
    }

    fn find(&mut self, source: RawSource, token: Token) -> io::Result<usize> {
        let index = self.by_source.get(&source).copied();
        let index = index.filter(|&index| self.slots[index].token() == Some(token));
        let index = index.ok_or_else(|| not_owned(source))?;
        if self.slots[index].is_alive() {
            return Ok(index);
        }
        // Closed; the packet that says so was not taken yet, and then finds nobody to tell.
        self.slots[index].registered = None;
        Err(not_owned(source))
    }

    /// Something about a slot has changed: it is looked at before the next wait, or now, if
    /// somebody waits already.
    fn touch(&mut self, index: usize) -> io::Result<()> {
        if !self.parked {
            self.enqueue(index);
            return Ok(());
        }
        let mut asked = self.ask(index);
        self.note(index);
        // Refused, it is the driver's to be asked about.
        while self.hand_over() {
            let again = self.ask(index);
            asked = asked.and(again);
            self.note(index);
        }
        asked
    }

    fn enqueue(&mut self, index: usize) {
        if !std::mem::replace(&mut self.slots[index].queued, true) {
            self.updates.push(index);
        }
    }

    /// Asks for all that has changed. A socket that cannot be watched becomes an event, and
    /// disturbs no other (clause C8).
    pub(super) fn update(&mut self, events: &mut Events) {
        self.update_each(events);
        // All changes of notifications in one call, and once more for what it has refused.
        while self.hand_over() {
            self.update_each(events);
        }
    }

    fn update_each(&mut self, events: &mut Events) {
        let mut updates = std::mem::take(&mut self.updates);
        for index in updates.drain(..) {
            self.slots[index].queued = false;
            let token = self.slots[index].token();
            match (self.ask(index), token) {
                // Nobody is to be told of a socket that its owner has closed.
                (Err(error), Some(token)) if !is_closed(&error) => {
                    events.list.push(Event { token, ready: BROKEN });
                }
                _ => {}
            }
            self.note(index);
        }
        // The room is used again.
        updates.append(&mut self.updates);
        self.updates = updates;
    }

    /// Makes the request of a slot what its registration wants.
    fn ask(&mut self, index: usize) -> io::Result<()> {
        let slot = &self.slots[index];
        let Some(registered) = &slot.registered else { return self.cancel(index) };
        let (serial, events) = (registered.serial, slot.asks(registered) | afd::LOCAL_CLOSE);
        match slot.phase {
            // The answer is on its way, and the slot is looked at again when it comes.
            Phase::Cancelled => Ok(()),
            // Not if it was made for a registration that is gone: the number may have changed
            // hands, and while a duplicate of the closed socket lives nothing ends that request.
            Phase::Pending if events & !slot.asked == 0 && serial == slot.asked_for => Ok(()),
            Phase::Pending => self.cancel(index),
            Phase::Idle => self.submit(index, events, serial),
        }
    }

    fn submit(&mut self, index: usize, events: u32, serial: u64) -> io::Result<()> {
        let slot = &mut self.slots[index];
        let first = slot.asked_for != serial;
        self.counters.system_call(if first { SystemCall::Add } else { SystemCall::Modify });
        let tag = NonZeroUsize::new(index + 1).unwrap_or(NonZeroUsize::MAX);
        let afd = self.groups.afd(slot.group);
        match afd.and_then(|afd| slot.submit(afd, events, tag, first)) {
            Ok(()) => {
                (slot.asked, slot.asked_for, slot.phase) = (events, serial, Phase::Pending);
                self.in_flight += 1;
                Ok(())
            }
            Err(error) => {
                // Most likely closed. It is not asked again until somebody says so, and the
                // number is anybody's.
                if is_closed(&error) && matches!(self.slots[index].held, Held::Leaving { .. }) {
                    // Over with the socket; the word for it may never come.
                    self.let_go(index);
                }
                self.forget(index);
                Err(error)
            }
        }
    }

    fn cancel(&mut self, index: usize) -> io::Result<()> {
        let slot = &mut self.slots[index];
        if slot.phase != Phase::Pending {
            return Ok(());
        }
        // What has ended is not cancelled; its packet is on its way.
        if slot.request.glance().is_none() {
            self.counters.system_call(SystemCall::Remove);
            self.groups.afd(slot.group).and_then(|afd| slot.request.cancel(afd))?;
        }
        slot.phase = Phase::Cancelled;
        Ok(())
    }

    /// The packet of the request with this tag was taken, and has this status in it.
    pub(super) fn answered(&mut self, tag: usize, status: i32, events: &mut Events) {
        let Some(index) = tag.checked_sub(1) else { return };
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.request.is_lent()) else {
            return;
        };
        slot.phase = Phase::Idle;
        self.in_flight -= 1;
        // SAFETY: the tag is this slot's, a slot has one request in flight, and its packet was
        // taken just now.
        let answer = unsafe { slot.request.reclaim(status) };
        let asked_for = slot.asked_for;
        if is_end(&answer) && slot.held.ends_with(asked_for) {
            // With the socket its registration with the port has ended, and nothing says so.
            self.let_go(index);
        }
        let slot = &mut self.slots[index];
        match &mut slot.registered {
            None => {
                self.release_if_done(index);
                return;
            }
            // The answer to a registration that is gone: the new one asks for itself.
            Some(registered) if registered.serial != asked_for => {}
            Some(registered) => match answer {
                Answer::Cancelled => {}
                answer if is_end(&answer) => return self.forget(index),
                Answer::Ready(answer) => events.list.extend(registered.report(answer)),
                Answer::Failed => {
                    // Not asked again until somebody says so: it would fail for ever.
                    registered.wanted = 0;
                    events.list.push(Event { token: registered.token, ready: BROKEN });
                    return;
                }
            },
        }
        if !self.ended {
            self.enqueue(index);
        }
    }

    /// Ends the registration of a slot.
    fn forget(&mut self, index: usize) {
        self.slots[index].registered = None;
        self.release_if_done(index);
        if self.slots[index].held != Held::Not && !self.ended {
            // Whatever the number names, the port is to let go of it.
            self.enqueue(index);
        }
    }

    /// Gives a slot back that has no registration, no request in flight and nothing with the port;
    /// whether it was so.
    fn release_if_done(&mut self, index: usize) -> bool {
        let slot = &self.slots[index];
        if slot.registered.is_some() || slot.request.is_lent() || slot.held != Held::Not {
            return false;
        }
        if self.by_source.get(&slot.source) == Some(&index) {
            self.by_source.remove(&slot.source);
        }
        self.groups.leave(slot.group);
        self.free.push(index);
        true
    }

    /// Ends all requests; from here on nothing new is asked.
    pub(super) fn end(&mut self) {
        self.ended = true;
        for index in 0..self.slots.len() {
            // What cannot be cancelled stays lent: there is nobody to tell.
            let _ = self.cancel(index);
            self.note(index);
        }
        self.hand_over();
    }

    /// Whether the kernel has none of our memory.
    pub(super) fn is_drained(&self) -> bool {
        self.in_flight == 0
    }

    /// Sockets that the port is to say it has no longer.
    pub(super) fn leaving(&self) -> usize {
        self.notifier.as_ref().map_or(0, |notifier| notifier.leaving)
    }
}

impl Slot {
    fn token(&self) -> Option<Token> {
        self.registered.as_ref().map(|registered| registered.token)
    }

    /// Whether a registration holds the socket: one whose socket was closed does not, although
    /// the packet that says so may not have been taken yet.
    fn is_alive(&self) -> bool {
        let Some(registered) = &self.registered else { return false };
        // What the request of an earlier registration says is about a socket of that time.
        registered.serial != self.asked_for || !self.has_ended()
    }

    /// What of the wanted the driver is asked about: what notifications tell is left out, if the
    /// port is to tell it for this registration.
    fn asks(&self, registered: &Registered) -> u32 {
        let is_told = !registered.by_requests && self.held.serves(registered.serial);
        if is_told { registered.wanted & !NOTIFIED } else { registered.wanted }
    }

    /// Whether the request says that the socket was closed.
    fn has_ended(&self) -> bool {
        self.request.glance().is_some_and(|answer| is_end(&answer))
    }

    /// Asks the driver. Almost every socket is its own base; only one that the driver does not
    /// know, asked about for the first time, is looked for below the layers over it. Later its
    /// number may name something else.
    fn submit(&mut self, afd: &Afd, events: u32, tag: NonZeroUsize, first: bool) -> io::Result<()> {
        let refused = match self.request.submit(afd, self.base, events, tag) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !first {
            return Err(refused);
        }
        let base = afd::base_socket(self.source)?;
        if base == self.base {
            return Err(refused);
        }
        self.base = base;
        self.request.submit(afd, base, events, tag)
    }
}

impl Registered {
    /// The event for an answer, if it is one, and what is still wanted after it.
    fn report(&mut self, answer: u32) -> Option<Event> {
        let reported = answer & self.wanted;
        if reported == 0 {
            return None;
        }
        match self.trigger {
            // A socket has data or connections, never both: told of the one, neither is wanted.
            Trigger::Edge if reported & INCOMING != 0 => self.wanted &= !(reported | INCOMING),
            Trigger::Edge => self.wanted &= !reported,
            Trigger::OneShot => self.wanted = 0,
            Trigger::Level => {}
        }
        Some(Event { token: self.token, ready: ready_of(reported) })
    }
}

/// Whether this is the end of the socket itself.
fn is_end(answer: &Answer) -> bool {
    matches!(answer, Answer::Ready(events) if events & afd::LOCAL_CLOSE != 0)
}

/// A socket that cannot be watched: its own calls say why.
const BROKEN: Ready = Ready::ERROR.add(Ready::READ_CLOSED).add(Ready::WRITE_CLOSED);

/// What the driver is asked for an interest.
fn events_of(interest: Interest) -> u32 {
    let mut events = ENDING;
    if interest.is_readable() {
        events |= READING;
    }
    if interest.is_writable() {
        events |= afd::SEND;
    }
    if interest.is_priority() {
        events |= afd::RECEIVE_EXPEDITED;
    }
    events
}

/// The driver's events in this crate's words (clause C9). The end of a connection, or of the
/// attempt to make one, is an error of both directions.
fn ready_of(events: u32) -> Ready {
    let mut ready = Ready::EMPTY;
    let mut set = |flags: u32, bits: Ready| {
        if events & flags != 0 {
            ready |= bits;
        }
    };
    set(afd::RECEIVE | afd::ACCEPT, Ready::READABLE);
    set(afd::RECEIVE_EXPEDITED, Ready::PRIORITY);
    set(afd::SEND, Ready::WRITABLE);
    set(afd::DISCONNECT, Ready::READABLE | Ready::READ_CLOSED);
    set(ENDING, BROKEN | Ready::READABLE | Ready::WRITABLE);
    ready
}

fn taken(source: RawSource) -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!(
            "socket {} is registered with this queue already: remove that registration first, or \
             modify it",
            source.number()
        ),
    )
}

fn not_owned(source: RawSource) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "socket {} does not name what was registered: it was closed, and its number may name \
             something else; register that anew",
            source.number()
        ),
    )
}

/// The number of a handle has 32 bits, on every Windows.
fn of_another_world() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "this queue is the system's and the source is not: register a simulated socket with a \
         driver or poller of its simulation",
    )
}

/// Puts the remedy beside the errors whose bare text does not tell.
fn explain(error: io::Error) -> io::Error {
    if !is_closed(&error) {
        return error;
    }
    io::Error::new(
        error.kind(),
        format!("{error}; the number names no open socket: register a source before it is closed"),
    )
}

/// The number names no socket (any more).
fn is_closed(error: &io::Error) -> bool {
    const INVALID_HANDLE: i32 = ERROR_INVALID_HANDLE as i32;
    matches!(error.raw_os_error(), Some(INVALID_HANDLE | WSAENOTSOCK))
}

mod notices;

#[cfg(test)]
mod tests;
