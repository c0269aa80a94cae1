//! The readiness queue of the simulated kernel, after Linux's `epoll(7)`.
//!
//! A registration belongs to an open file *and* the number it was added under, so it outlives the
//! number if another number keeps the file open. A change of the file puts the registration in the
//! ready list if the change concerns its interest; errors and hang-ups always do. The list is read
//! when the program looks: only then is the file asked for its state, and a registration whose
//! file is not ready any more reports nothing. Edge: out of the list when reported, and in again
//! with the next change, also if nothing was read meanwhile. Level: reported, and kept in the list
//! until a look finds it not ready. One-shot: reported once, then deaf, even to hang-ups, until it
//! is modified. Adding and modifying look at the state at once.
//!
//! One thing epoll cannot do is done here: a registration whose owner removed it after its number
//! was closed (epoll answers `EBADF` and keeps reporting) goes on reporting, and yields when the
//! same number and file are added again. So a program meets the stale events, and is not refused
//! a number for ever.
//!
//! <https://man7.org/linux/man-pages/man7/epoll.7.html>

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::BitOr;

use super::kernel::{FileId, Kernel, NO_FIGURE};
use super::multishot::Group;
use super::operation::Done;
use super::trace::Actor;
use crate::interest::Interest;
use crate::ready::Ready;
use crate::token::Token;
use crate::trigger::Trigger;

/// The state of a file, in the words of `poll(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mask(u8);

impl Mask {
    pub(crate) const EMPTY: Mask = Mask(0);
    /// Data, a connection, or the end of the stream.
    pub(crate) const IN: Mask = Mask(1);
    /// Room, or a call that fails at once.
    pub(crate) const OUT: Mask = Mask(2);
    /// The peer has finished sending.
    pub(crate) const PEER_SHUT: Mask = Mask(4);
    /// Both directions are over, or there never was a connection.
    pub(crate) const HANG_UP: Mask = Mask(8);
    /// An error is pending.
    pub(crate) const ERROR: Mask = Mask(16);
    /// What is reported without being asked for.
    const ALWAYS: Mask = Mask(8 | 16);

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn intersects(self, other: Mask) -> bool {
        self.0 & other.0 != 0
    }

    const fn and(self, other: Mask) -> Mask {
        Mask(self.0 & other.0)
    }

    /// `bit` if `condition` holds.
    pub(super) const fn when(condition: bool, bit: Mask) -> Mask {
        if condition { bit } else { Mask::EMPTY }
    }

    /// What a registration with this interest hears of.
    pub(super) const fn heard_by(interest: Interest) -> Mask {
        let mut bits = Mask::ALWAYS.0;
        if interest.is_readable() {
            bits |= Mask::IN.0 | Mask::PEER_SHUT.0;
        }
        if interest.is_writable() {
            bits |= Mask::OUT.0;
        }
        Mask(bits)
    }
}

impl Mask {
    /// The bits that are in both.
    pub(super) const fn only(self, heard: Mask) -> Mask {
        Mask(self.0 & heard.0)
    }

    /// The state of a file in the contract's words (C9).
    pub(crate) fn ready(self) -> Ready {
        let bits = [
            (Mask::IN, Ready::READABLE),
            (Mask::OUT, Ready::WRITABLE),
            (Mask::PEER_SHUT | Mask::HANG_UP, Ready::READ_CLOSED),
            (Mask::HANG_UP | Mask::ERROR, Ready::WRITE_CLOSED),
            (Mask::ERROR, Ready::ERROR),
        ];
        let said = bits.into_iter().filter(|&(bit, _)| self.intersects(bit));
        said.fold(Ready::EMPTY, |ready, (_, name)| ready | name)
    }
}

impl BitOr for Mask {
    type Output = Mask;

    fn bitor(self, other: Mask) -> Mask {
        Mask(self.0 | other.0)
    }
}

/// The identity of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct QueueId(pub(super) u64);

/// What names a registration: the file, and the number it was added under.
type Key = (FileId, u32);

#[derive(Debug)]
struct Registration {
    token: Token,
    interest: Interest,
    trigger: Trigger,
    /// Not a one-shot that has fired.
    armed: bool,
    /// In the ready list.
    listed: bool,
    /// Reported next without being ready; a fault.
    spurious: bool,
    /// Removed by its owner when its number was closed already.
    abandoned: bool,
}

/// One report of readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) token: Token,
    pub(crate) mask: Mask,
}

/// A readiness and completion queue.
#[derive(Debug)]
pub(super) struct Queue {
    registrations: BTreeMap<Key, Registration>,
    ready: VecDeque<Key>,
    pub(super) woken: bool,
    /// Looks at one instant of virtual time: the instant, and how many.
    pub(super) looks: (u64, u32),
    pub(super) done: VecDeque<Done>,
    /// Operations not yet done.
    pub(super) running: usize,
    /// The groups of buffers that operations may name.
    pub(super) groups: BTreeMap<u16, Group>,
    /// The queue was drained: it takes no operation any more.
    pub(super) drained: bool,
    /// Owners of the queue: it goes with the last.
    holders: usize,
}

impl Queue {
    /// Whether so much was not collected that no more is to be added where it can be helped.
    pub(super) fn is_crowded(&self) -> bool {
        self.done.len() >= super::operation::LIMIT
    }

    /// Puts a registration in the ready list if `mask` concerns it; an empty mask always does.
    pub(super) fn report_later(&mut self, key: Key, mask: Mask) {
        let Some(entry) = self.registrations.get_mut(&key) else { return };
        let concerned = mask.is_empty() || mask.intersects(Mask::heard_by(entry.interest));
        if entry.armed && concerned && !entry.listed {
            entry.listed = true;
            self.ready.push_back(key);
        }
    }

    /// The key of the living registration of `number` under `token`: with its present `file`, or
    /// with one the number named when it was added.
    fn key_of(&self, file: Option<FileId>, number: u64, token: Token) -> Option<Key> {
        let fits = |((_, known), entry): &(&Key, &Registration)| {
            u64::from(*known) == number && entry.token == token && !entry.abandoned
        };
        let present =
            file.and_then(|file| self.registrations.get_key_value(&(file, number as u32)));
        let found = present.filter(fits).or_else(|| self.registrations.iter().find(fits));
        found.map(|(&key, _)| key)
    }

    /// Drops a registration, because it was removed or its file was released.
    pub(super) fn forget(&mut self, key: Key) {
        if self.registrations.remove(&key).is_some_and(|entry| entry.listed) {
            self.ready.retain(|&listed| listed != key);
        }
    }

    /// Makes one armed registration, chosen by `choice`, report what is not so.
    pub(super) fn haunt(&mut self, choice: u64) -> Option<Token> {
        let armed = self.registrations.values().filter(|entry| entry.armed).count() as u64;
        let index = (choice.checked_rem(armed)?) as usize;
        let mut entries = self.registrations.iter_mut().filter(|(_, entry)| entry.armed);
        let (&key, entry) = entries.nth(index)?;
        entry.spurious = true;
        if !entry.listed {
            entry.listed = true;
            self.ready.push_back(key);
        }
        Some(entry.token)
    }
}

impl Kernel {
    pub(super) fn open_queue(&mut self, holders: usize) -> QueueId {
        let id = QueueId(self.next_id());
        let queue = Queue {
            registrations: BTreeMap::new(),
            ready: VecDeque::new(),
            woken: false,
            looks: (0, 0),
            done: VecDeque::new(),
            running: 0,
            groups: BTreeMap::new(),
            drained: false,
            holders,
        };
        self.queues.insert(id, queue);
        id
    }

    /// One owner of a queue lets go of it.
    pub(super) fn close_queue(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        queue.holders = queue.holders.saturating_sub(1);
        if queue.holders != 0 {
            return;
        }
        let Some(queue) = self.queues.remove(&id) else { return };
        for (file, number) in queue.registrations.into_keys() {
            if let Some(file) = self.files.get_mut(&file) {
                file.watchers.retain(|&watcher| watcher != (id, number));
            }
        }
    }

    pub(super) fn watch(
        &mut self,
        id: QueueId,
        number: u64,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        let file = self.file_of(number)?;
        let key = (file, number as u32);
        let queue = self.queues.get_mut(&id).ok_or_else(queue_gone)?;
        if queue.registrations.get(&key).is_some_and(|entry| !entry.abandoned) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("the simulated socket {number} is in this queue already: modify it"),
            ));
        }
        queue.forget(key);
        let entry = Registration {
            token,
            interest,
            trigger,
            armed: true,
            listed: false,
            spurious: false,
            abandoned: false,
        };
        queue.registrations.insert(key, entry);
        if let Some(file) = self.files.get_mut(&file) {
            if !file.watchers.contains(&(id, key.1)) {
                file.watchers.push((id, key.1));
            }
        }
        self.note(Actor::Queue(id.0), "add", ("number", number), ("token", token.0));
        self.look_at_once(id, key, interest);
        Ok(())
    }

    pub(super) fn rewatch(
        &mut self,
        id: QueueId,
        number: u64,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        let key = self.file_of(number).map(|file| (file, number as u32));
        let queue = self.queues.get_mut(&id).ok_or_else(queue_gone)?;
        let entry = key.ok().and_then(|key| Some((key, queue.registrations.get_mut(&key)?)));
        let Some((key, entry)) = entry.filter(|(_, e)| e.token == token && !e.abandoned) else {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("the simulated socket {number} is not in this queue under this token"),
            ));
        };
        (entry.interest, entry.trigger, entry.armed) = (interest, trigger, true);
        self.note(Actor::Queue(id.0), "modify", ("number", number), ("token", token.0));
        self.look_at_once(id, key, interest);
        Ok(())
    }

    /// Removes a registration; one that the kernel forgot, or that is another's now, is no error.
    pub(super) fn unwatch(&mut self, id: QueueId, number: u64, token: Token) {
        self.note(Actor::Queue(id.0), "remove", ("number", number), ("token", token.0));
        let file = self.file_of(number).ok();
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(key) = queue.key_of(file, number, token) else { return };
        if file != Some(key.0) {
            queue.registrations.entry(key).and_modify(|entry| entry.abandoned = true);
            return;
        }
        queue.forget(key);
        if let Some(file) = self.files.get_mut(&key.0) {
            file.watchers.retain(|&watcher| watcher != (id, key.1));
        }
    }

    /// The initial edge (C1).
    fn look_at_once(&mut self, id: QueueId, key: (FileId, u32), interest: Interest) {
        let heard = Mask::heard_by(interest);
        if self.poll(key.0, heard).intersects(heard) {
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.report_later(key, Mask::EMPTY);
            }
        }
    }

    /// Reads the ready list of a queue. True if there is anything to tell its owner: a report, a
    /// completion, or a wake, which `woken` gets.
    pub(super) fn look(
        &mut self,
        id: QueueId,
        reports: &mut Vec<Report>,
        woken: &mut bool,
    ) -> bool {
        let listed = self.queues.get(&id).map_or(0, |queue| queue.ready.len());
        for _ in 0..listed {
            let Some(report) = self.report_first(id) else { continue };
            let mask = u64::from(report.mask.0);
            self.note(Actor::Queue(id.0), "reports", ("token", report.token.0), ("mask", mask));
            reports.push(report);
        }
        let Some(queue) = self.queues.get_mut(&id) else { return true };
        *woken = std::mem::take(&mut queue.woken);
        let told = *woken || !reports.is_empty() || !queue.done.is_empty();
        if *woken {
            self.note(Actor::Queue(id.0), "woken", NO_FIGURE, NO_FIGURE);
        }
        told
    }

    /// Takes the first registration out of the ready list and asks its file.
    fn report_first(&mut self, id: QueueId) -> Option<Report> {
        let queue = self.queues.get_mut(&id)?;
        let key = queue.ready.pop_front()?;
        let entry = queue.registrations.get_mut(&key)?;
        entry.listed = false;
        let heard = Mask::heard_by(entry.interest);
        let haunted = std::mem::take(&mut entry.spurious);
        let mut mask = self.poll(key.0, heard).and(heard);
        if haunted {
            mask = mask | heard.and(Mask::IN | Mask::OUT);
        }
        if mask.is_empty() {
            return None;
        }
        let queue = self.queues.get_mut(&id)?;
        let entry = queue.registrations.get_mut(&key)?;
        match entry.trigger {
            Trigger::Edge => {}
            Trigger::OneShot => entry.armed = false,
            Trigger::Level => {
                entry.listed = true;
                queue.ready.push_back(key);
            }
        }
        Some(Report { token: entry.token, mask })
    }
}

/// Both owners of the queue let go of it.
pub(super) fn queue_gone() -> io::Error {
    io::Error::other("this queue of the simulation was closed: open another")
}
