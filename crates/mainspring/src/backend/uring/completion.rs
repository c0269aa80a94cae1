//! The completion face of the ring: operations on their way to the kernel, and cancels.
//!
//! # The way
//!
//! The owner of a pinned driver puts an operation into a queue of its own, without a lock; every
//! other thread, and everybody before there is an owner, into the inbox, under one. The turn moves
//! both into the ring.
//!
//! # Cancels
//!
//! An operation that is still in a queue is *withdrawn*: the kernel never sees it. So a descriptor
//! that is closed afterwards, and its number given away, is not read from by an operation that was
//! meant for another file. One that is not there any more is asked for in the ring, behind the
//! operation itself, and ends with its own completion.
//!
//! Between the two lies a moment: the turn has taken an operation out of a queue, and its entry
//! into the kernel has not returned. Then nobody can tell whether the kernel has looked the
//! descriptor up, so a cancel by another thread rings the bell and waits for the entry to return;
//! afterwards the operation holds its file. The turning thread itself is never there then.
//!
//! The owner takes a lock only if there is mail: a flag says so. It and the flag that says that
//! operations are in transit are the two sides of one handshake, and sequentially consistent. The
//! turn says "in transit" and then looks for mail; a cancel leaves its mail and then asks whether
//! operations are in transit. One of the two sees the other: the turn withdraws what it has not
//! begun, or the cancel waits.
//!
//! Cancels that find nothing (the operation has just ended: `ENOENT`) or find it at work already
//! (`EALREADY`) need no answer: the terminal completion comes in each case. Those of chains may
//! have to be asked again: see [`links`](super::links).

use std::collections::{HashSet, VecDeque};
use std::io;
use std::time::Duration;

use io_uring::squeue;

use crate::sync::atomic::Ordering::SeqCst;
use crate::sync::atomic::{AtomicBool, AtomicUsize};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, OwnedCell, Owner};
use crate::token::Token;

use super::key::Key;
use super::links::Links;
use super::ring::Ring;

/// Operations that wait in the inbox at most, four megabytes of them: at the limit a submission
/// fails with `QuotaExceeded` (clause C13).
const INBOX_MAX: usize = 1 << 16;
/// How long a cancel waits for an entry that was told to return.
const RETURN_MAX: Duration = Duration::from_secs(1);
/// Requests for which a queue keeps its memory: 36 KiB.
const KEPT: usize = 512;

/// One operation on its way.
struct Request {
    token: Token,
    entry: squeue::Entry,
    /// The next one begins when this one has succeeded.
    linked: bool,
}

/// Operations in the order they were submitted.
#[derive(Default)]
struct Queue {
    requests: VecDeque<Request>,
    /// Whether chains may be among them.
    chains: bool,
}

/// What is noted of operations that go to the kernel.
pub(super) struct Moved<'a> {
    pub(super) count: &'a mut usize,
    /// The tokens of all, where they are needed.
    pub(super) named: &'a mut Option<HashSet<Token>>,
    pub(super) links: &'a mut Links,
}

impl Queue {
    /// Looks from both ends at once: what is cancelled is often the oldest or the newest.
    fn find(&self, token: Token) -> Option<usize> {
        let length = self.requests.len();
        for at in 0..length.div_ceil(2) {
            for at in [at, length - 1 - at] {
                if self.requests[at].token == token {
                    return Some(at);
                }
            }
        }
        None
    }

    /// Takes an operation out, if it is here. What was to begin after it in a chain is taken out
    /// too, into `severed`.
    fn withdraw(&mut self, token: Token, severed: &mut Vec<Token>) -> bool {
        let Some(at) = self.find(token) else { return false };
        if let Some(before) = at.checked_sub(1) {
            self.requests[before].linked = false;
        }
        let mut links = self.requests.remove(at).is_some_and(|request| request.linked);
        while links {
            let Some(next) = self.requests.remove(at) else { break };
            severed.push(next.token);
            links = next.linked;
        }
        true
    }

    /// Puts operations at the end.
    #[inline]
    fn extend(&mut self, requests: impl ExactSizeIterator<Item = Request>) {
        self.chains |= requests.len() > 1;
        self.requests.extend(requests);
    }

    /// Puts all of another queue at the end.
    fn append(&mut self, other: &mut Queue) {
        self.chains |= other.chains;
        self.requests.append(&mut other.requests);
        other.requests.shrink_to(KEPT);
    }

    /// The length of the chain that begins the queue.
    fn chain(&self) -> usize {
        let linked = self.requests.iter().take_while(|request| request.linked).count();
        (linked + 1).min(self.requests.len())
    }

    /// Moves whole chains into the ring, as many as there is room for; true if none is left.
    ///
    /// # Safety
    ///
    /// The memory that the operations name is theirs until their terminal completions.
    #[inline]
    unsafe fn move_into(&mut self, ring: &mut Ring, moved: &mut Moved<'_>) -> bool {
        if !self.chains {
            // SAFETY: the caller vouches for the memory.
            return unsafe { self.move_each(ring, moved) };
        }
        let mut room = ring.room();
        while !self.requests.is_empty() {
            let chain = self.chain();
            if room < chain {
                return false;
            }
            room -= chain;
            if chain > 1 {
                for at in 0..chain {
                    let next = (at + 1 < chain).then(|| self.requests[at + 1].token);
                    moved.links.note(self.requests[at].token, next, at == 0);
                }
            }
            for _ in 0..chain {
                let Some(Request { token, entry, linked }) = self.requests.front_mut() else {
                    break;
                };
                if *linked {
                    *entry = entry.clone().flags(squeue::Flags::IO_LINK);
                }
                // SAFETY: the caller vouches for the memory.
                let pushed = unsafe { ring.push_operation(entry) };
                debug_assert!(pushed, "there was room");
                *moved.count += 1;
                if let Some(named) = moved.named {
                    named.insert(*token);
                }
                self.requests.pop_front();
            }
        }
        self.chains = false;
        self.shrink();
        true
    }

    /// The same where none is linked to another.
    ///
    /// # Safety
    ///
    /// The same.
    #[inline]
    unsafe fn move_each(&mut self, ring: &mut Ring, moved: &mut Moved<'_>) -> bool {
        let entries = self.requests.iter().map(|request| &request.entry);
        // SAFETY: the caller vouches for the memory.
        let count = unsafe { ring.push_operations(entries) };
        *moved.count += count;
        if let Some(named) = moved.named {
            named.extend(self.requests.iter().take(count).map(|request| request.token));
        }
        if count < self.requests.len() {
            self.requests.drain(..count);
            return false;
        }
        self.requests.clear();
        self.shrink();
        true
    }

    /// Gives back what a burst has taken.
    #[inline]
    fn shrink(&mut self) {
        if self.requests.capacity() > KEPT {
            self.requests.shrink_to(KEPT);
        }
    }
}

/// The queue that all threads share.
#[derive(Default)]
struct Inbox {
    queue: Queue,
    cancels: Vec<Token>,
    /// Operations that end because one before them in a chain was withdrawn.
    severed: Vec<Token>,
}

/// All that is on its way.
pub(super) struct Operations {
    local: Option<OwnedCell<Queue>>,
    inbox: Mutex<Inbox>,
    /// Whether there may be something in the inbox: changed under its lock, looked at without.
    mail: AtomicBool,
    /// The turn has operations that it took out of a queue, and has not come back from the kernel.
    in_transit: AtomicBool,
    /// Threads that wait for it to come back.
    waiting: AtomicUsize,
    returned: Condvar,
}

/// What became of a cancel, and what is to be done about it. In transit, the turn is to be rung up
/// and waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The kernel never saw the operation.
    Withdrawn,
    /// It is in no queue: the kernel has it, will have it in a moment, or has ended it.
    Nothing { in_transit: bool },
    /// The same on a pinned driver, whose next turn will look for it everywhere.
    ByTheTurn { in_transit: bool },
}

impl Operations {
    pub(super) fn new(owner: Option<Arc<Owner>>) -> Operations {
        Operations {
            local: owner.map(|owner| OwnedCell::new(owner, Queue::default())),
            inbox: Mutex::new(Inbox::default()),
            mail: AtomicBool::new(false),
            in_transit: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            returned: Condvar::default(),
        }
    }

    /// Shows the owner's queue to `act`, on the owner's thread.
    #[inline]
    fn with_local<R>(&self, act: impl FnOnce(&mut Queue) -> R) -> Option<R> {
        self.local.as_ref().and_then(|local| local.with(act))
    }

    /// Opens the inbox to put something in, which the next turn is to find.
    fn post(&self) -> MutexGuard<'_, Inbox> {
        let inbox = self.inbox.lock();
        self.mail.store(true, SeqCst);
        inbox
    }

    /// Whether operations of the owner's wait for its turn.
    #[inline]
    pub(super) fn is_waiting_here(&self) -> bool {
        self.with_local(|queue| !queue.requests.is_empty()) == Some(true)
    }

    /// Takes on a chain of operations, of which each begins when the one before has succeeded; true
    /// if the turn has to be told of it.
    ///
    /// # Errors
    ///
    /// `QuotaExceeded` if the inbox is full; then none was taken.
    #[inline]
    pub(super) fn submit(
        &self,
        chain: impl ExactSizeIterator<Item = (Token, squeue::Entry)>,
    ) -> io::Result<bool> {
        let last = chain.len().saturating_sub(1);
        let mut chain = Some(chain.enumerate().map(|(at, (token, entry))| Request {
            token,
            entry: entry.user_data(Key::Operation(token).pack()),
            linked: at < last,
        }));
        let here = self.with_local(|queue| chain.take().map(|chain| queue.extend(chain)));
        if here.is_some() {
            return Ok(false);
        }
        let mut inbox = self.post();
        if inbox.queue.requests.len() + last >= INBOX_MAX {
            return Err(inbox_full());
        }
        chain.into_iter().for_each(|chain| inbox.queue.extend(chain));
        Ok(true)
    }

    /// Takes on one operation, if this is the owner's thread.
    #[inline]
    pub(super) fn submit_here(
        &self,
        token: Token,
        entry: squeue::Entry,
    ) -> Result<(), squeue::Entry> {
        let mut entry = Some(entry);
        self.with_local(|queue| {
            if let Some(entry) = entry.take() {
                let entry = entry.user_data(Key::Operation(token).pack());
                queue.requests.push_back(Request { token, entry, linked: false });
            }
        });
        entry.map_or(Ok(()), Err)
    }

    /// Ends an operation early.
    pub(super) fn cancel(&self, token: Token) -> Asked {
        let mut severed = Vec::new();
        let here = self.with_local(|queue| queue.withdraw(token, &mut severed));
        let mut inbox = self.post();
        inbox.severed.append(&mut severed);
        let Inbox { queue, severed, .. } = &mut *inbox;
        if here == Some(true) || queue.withdraw(token, severed) {
            return Asked::Withdrawn;
        }
        if let Some(at) = severed.iter().position(|&one| one == token) {
            // Its end would have been told by the next turn, and there may be none.
            severed.swap_remove(at);
            return Asked::Withdrawn;
        }
        if self.local.is_some() {
            inbox.cancels.push(token);
        }
        // After the mail was announced, as the turn looks for mail after it has said this.
        let in_transit = self.in_transit.load(SeqCst);
        if self.local.is_none() {
            return Asked::Nothing { in_transit };
        }
        Asked::ByTheTurn { in_transit }
    }

    /// Leaves a cancel to the turn.
    pub(super) fn push_cancel(&self, token: Token) {
        self.post().cancels.push(token);
    }

    /// Waits until the turn has come back from the kernel.
    pub(super) fn wait_for_return(&self) {
        let inbox = self.inbox.lock();
        self.waiting.fetch_add(1, SeqCst);
        let in_transit = |_: &mut Inbox| self.in_transit.load(SeqCst);
        drop(self.returned.wait_while(inbox, RETURN_MAX, in_transit));
        self.waiting.fetch_sub(1, SeqCst);
    }

    /// The turn begins to move: takes the inbox over into `batch`.
    #[inline]
    pub(super) fn begin(&self, batch: &mut Batch) {
        // An entry on the way, while there is no room, does not take all that is in transit.
        batch.emptied = false;
        batch.in_transit |= self.is_waiting_here() || !batch.queue.requests.is_empty();
        if batch.in_transit {
            self.in_transit.store(true, SeqCst);
        }
        if self.mail.load(SeqCst) {
            self.take_mail(batch);
        }
    }

    fn take_mail(&self, batch: &mut Batch) {
        let mut inbox = self.inbox.lock();
        self.mail.store(false, SeqCst);
        batch.cancels.append(&mut inbox.cancels);
        batch.cancelled.append(&mut inbox.severed);
        batch.queue.append(&mut inbox.queue);
        let cancels = &mut batch.cancels;
        let Batch { queue, cancelled, .. } = batch;
        let waits = self.with_local(|local| {
            // What was cancelled by another thread while it lay in the owner's queue.
            cancels.retain(|&token| {
                let withdrawn = local.withdraw(token, cancelled);
                if withdrawn {
                    cancelled.push(token);
                }
                !withdrawn
            });
            !local.requests.is_empty()
        });
        batch.in_transit |= waits == Some(true) || !queue.requests.is_empty();
        // Under the lock: whoever misses an operation in the inbox learns where it is.
        self.in_transit.store(batch.in_transit, SeqCst);
    }

    /// The turn has come back from the kernel, which has all that it took out of a queue, or it
    /// goes on without the kernel.
    #[inline]
    pub(super) fn end(&self, batch: &mut Batch) {
        if !std::mem::take(&mut batch.in_transit) {
            return;
        }
        self.in_transit.store(false, SeqCst);
        if self.waiting.load(SeqCst) != 0 {
            // Who has counted itself and has seen the flag before holds the lock until it waits.
            let _inbox = self.inbox.lock();
            self.returned.notify_all();
        }
    }

    /// Moves what there is room for into the ring, operations first and cancels behind them.
    /// Returns whether all found room.
    ///
    /// # Safety
    ///
    /// The memory that the operations name is theirs until their terminal completions.
    #[inline]
    pub(super) unsafe fn move_into(
        &self,
        ring: &mut Ring,
        batch: &mut Batch,
        moved: &mut Moved<'_>,
    ) -> bool {
        // SAFETY: the caller vouches for the memory.
        let mut all = unsafe { batch.queue.move_into(ring, moved) };
        if all {
            // SAFETY: the same.
            let local = self.with_local(|queue| unsafe { queue.move_into(ring, moved) });
            all = local.unwrap_or(true);
        }
        while let (true, Some(&token)) = (all, batch.cancels.last()) {
            all = ring.push_cancel(Key::Operation(token));
            if all {
                moved.links.cancel(token);
                batch.cancels.pop();
            }
        }
        all = all && moved.links.move_into(ring);
        batch.emptied = all;
        all
    }

    /// Takes back everything that the kernel has not seen.
    pub(super) fn withdraw_all(&self, batch: &mut Batch) {
        let mut inbox = self.inbox.lock();
        inbox.cancels.clear();
        let waiting = &mut batch.cancelled;
        waiting.append(&mut inbox.severed);
        waiting.extend(inbox.queue.requests.drain(..).map(|request| request.token));
        waiting.extend(batch.queue.requests.drain(..).map(|request| request.token));
        self.with_local(|local| {
            waiting.extend(local.requests.drain(..).map(|request| request.token));
        });
        batch.cancels.clear();
    }
}

/// What the turn has taken out of the inbox.
#[derive(Default)]
pub(super) struct Batch {
    queue: Queue,
    cancels: Vec<Token>,
    /// Operations that ended without the kernel's help.
    pub(super) cancelled: Vec<Token>,
    in_transit: bool,
    /// The ring has all of it.
    emptied: bool,
}

impl Batch {
    /// Whether nothing is left to be moved into the ring.
    pub(super) fn is_emptied(&self) -> bool {
        self.emptied
    }
}

fn inbox_full() -> io::Error {
    io::Error::new(
        io::ErrorKind::QuotaExceeded,
        "65536 operations wait for the driver's next turn: await some of them first, and turn the \
         driver",
    )
}
