//! The readiness face of the ring: who watches what, and what is to be asked of the kernel next.
//!
//! # How the mechanism behaves
//!
//! A poll request watches a file. With `IORING_POLL_ADD_MULTI` it stays and completes once when it
//! is armed while the file is ready, and once for each wake-up of the file after that, whether or
//! not anybody read in between: true edges. Without, it completes once. It names the descriptor
//! when it is submitted and holds the *file* from then on.
//!
//! # What we rely on, and what we guard against
//!
//! - **State, not commands.** Callers change what is wanted of a descriptor under a lock; the turn
//!   brings the kernel up to date. So an addition and a removal between two turns cost nothing, and
//!   what was never submitted is withdrawn by saying so.
//! - **The level** is a single request that is made anew at the next look after it fired.
//! - **A request that ended** without being asked to (`F_MORE` clear: the queue of completions had
//!   overflowed; `ECANCELED`: the thread that submitted it has ended) is made anew. It begins with
//!   a look, so nothing is lost in between.
//! - **A file that cannot be polled** is "ready" at once and for ever, and its request ends. So one
//!   that ends with its first word is asked about before it is made anew.
//! - **The word of a wake-up is what the waker said**, and a socket that wakes its readers says
//!   `POLLPRI` and `POLLRDBAND` too, urgent data or not. Who waits for urgent data therefore asks
//!   for `POLLRDBAND` as well, which no state of a socket contains: where it comes back, it is the
//!   waker's word, and poll(2) is asked, once for all such descriptors of a look.
//! - **A closed descriptor** is watched on (C5), until the removal. Whether a number has changed
//!   hands is asked in a way that a kernel from 6.6 on has: "cancel this request if it is of the
//!   file that the number names now". Where there is no request, or an older kernel, device and
//!   inode are compared: when a source is added, and again when a request is made for it. The owner
//!   of a pinned driver who adds an edge does not ask: the request is made with its next turn.
//!
//! # Refusals
//!
//! The owner of a pinned driver adds without a system call, so the kernel's objection comes with
//! the next look: as a token in `Events::refused`. Who asks again is given the error.
//!
//! Sources: io_uring_enter(2), `io_uring/poll.c`, `net/core/sock.c` (`sock_def_readable`).

use std::collections::HashMap;
use std::io;
use std::mem::take;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::event::{Event, Events};
use crate::interest::Interest;
use crate::metrics::{Counters, SystemCall};
use crate::ready::Ready;
use crate::source::RawSource;
use crate::sync::Arc;
use crate::sys::inspect::{self, Sort};
use crate::sys::{epoll, poll};
use crate::token::Token;
use crate::trigger::Trigger;

use super::key::Key;
use super::ring::{DirectCancel, Done, Found, Ring};
use super::watch::{Phase, Watch};

/// Changes of one turn for which memory is kept: four kilobytes.
const CHANGES_KEPT: usize = 1024;

/// What is wanted of every descriptor, and what the kernel is still to be told.
pub(super) struct Watches {
    /// By descriptor number.
    table: Vec<Watch>,
    /// Descriptors that are to be armed.
    changed: Vec<RawFd>,
    /// Those of them that are to be so by the next look, and not by this one: levels.
    later: Vec<RawFd>,
    /// Arms that are to be ended.
    ended: Vec<Key>,
    /// Requests of which the owner's thread is to find out whether they may be.
    contests: Vec<Contest>,
    /// Why somebody was refused, by descriptor.
    verdicts: HashMap<RawFd, Verdict>,
    /// Those of them who have not been told.
    untold: Vec<Token>,
    /// Events that claim urgent data on the waker's word: places in the list, with descriptors.
    doubts: Vec<(usize, RawFd)>,
    /// What poll(2) is asked about them.
    lines: Vec<poll::Polled>,
    cancel: DirectCancel,
    /// One thread turns the queue: removals are left to its next turn, which is soon.
    pinned: bool,
    /// And the ring can tell whether a number has changed hands: questions are left to it too.
    lazy: bool,
    counters: Arc<Counters>,
}

/// A change of a descriptor that is watched already: by its owner, or by somebody who says that the
/// number names another file by now.
#[derive(Clone, Copy)]
struct Contest {
    descriptor: RawFd,
    token: Token,
    interest: Interest,
    trigger: Trigger,
}

/// What a refused registration hears when it asks again.
#[derive(Clone, Copy)]
struct Verdict {
    token: Token,
    error: i32,
    /// Whether another attempt makes sense after that.
    heard: bool,
}

/// Whether a number names what it named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    TheSame,
    Another,
    Nothing,
}

impl Watches {
    pub(super) fn new(cancel: DirectCancel, pinned: bool, counters: Arc<Counters>) -> Watches {
        Watches {
            table: Vec::new(),
            changed: Vec::new(),
            later: Vec::new(),
            ended: Vec::new(),
            contests: Vec::new(),
            verdicts: HashMap::new(),
            untold: Vec::new(),
            doubts: Vec::new(),
            lines: Vec::new(),
            cancel,
            pinned,
            lazy: pinned && cancel.can_match_files(),
            counters,
        }
    }

    fn watch(&self, descriptor: RawFd) -> Watch {
        self.table.get(place(descriptor)).copied().unwrap_or(Watch::FREE)
    }

    /// The watch of a descriptor, for which room is made.
    fn watch_mut(&mut self, descriptor: RawFd) -> &mut Watch {
        let (place, length) = (place(descriptor), self.table.len());
        if place >= self.table.capacity() {
            // By an eighth and not to the double: most of a table is to be in use.
            self.table.reserve_exact(place + 1 + length / 8 - length);
        }
        if place >= length {
            self.table.resize(place + 1, Watch::FREE);
        }
        &mut self.table[place]
    }

    /// Begins to watch.
    pub(super) fn add(
        &mut self,
        descriptor: RawFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        let contest = Contest { descriptor, token, interest, trigger };
        if self.lazy && self.watch(descriptor).phase() == Phase::Armed {
            self.contests.push(contest);
            return Ok(());
        }
        self.add_now(contest)
    }

    fn add_now(&mut self, wanted: Contest) -> io::Result<()> {
        let descriptor = wanted.descriptor;
        let fingerprint = self.inspect(descriptor, wanted.trigger, SystemCall::Add)?;
        let phase = self.watch(descriptor).phase();
        if phase != Phase::Free {
            match self.names(descriptor, fingerprint, SystemCall::Inspect) {
                Names::TheSame => {
                    if phase == Phase::Armed {
                        self.schedule(descriptor);
                    }
                    return Err(io::Error::from_raw_os_error(libc::EEXIST));
                }
                Names::Nothing => return Err(io::Error::from_raw_os_error(libc::EBADF)),
                Names::Another => self.refuse(descriptor, libc::ENOENT),
            }
        }
        self.begin(wanted, fingerprint);
        Ok(())
    }

    fn begin(&mut self, wanted: Contest, fingerprint: Option<u32>) {
        let Contest { descriptor, token, interest, trigger } = wanted;
        if !self.verdicts.is_empty() {
            self.verdicts.remove(&descriptor);
        }
        self.watch_mut(descriptor).begin(token, interest, trigger, fingerprint);
        self.schedule(descriptor);
    }

    /// Changes what is watched, and looks again.
    pub(super) fn modify(
        &mut self,
        descriptor: RawFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        let wanted = Contest { descriptor, token, interest, trigger };
        if let Some(contest) = self.contests.iter_mut().find(|one| one.is_of(descriptor, token)) {
            *contest = wanted;
            return Ok(());
        }
        let watch = self.watch(descriptor);
        if !watch.is_of(token) {
            return self.appeal(wanted);
        }
        if self.lazy && watch.phase() == Phase::Armed {
            self.contests.push(wanted);
            return Ok(());
        }
        self.modify_now(wanted)
    }

    /// Somebody who does not hold the number asks for a change of it: the answer is why not, and
    /// for some reasons the next attempt is a new beginning.
    fn appeal(&mut self, wanted: Contest) -> io::Result<()> {
        let verdict = self.verdicts.get_mut(&wanted.descriptor);
        match verdict.filter(|verdict| verdict.token == wanted.token) {
            None => Err(io::Error::from_raw_os_error(libc::ENOENT)),
            Some(verdict) if verdict.heard && verdict.is_passing() => {
                self.verdicts.remove(&wanted.descriptor);
                self.add(wanted.descriptor, wanted.token, wanted.interest, wanted.trigger)
            }
            Some(verdict) => {
                verdict.heard = true;
                Err(io::Error::from_raw_os_error(verdict.error))
            }
        }
    }

    fn modify_now(&mut self, wanted: Contest) -> io::Result<()> {
        let descriptor = wanted.descriptor;
        let fingerprint = self.inspect(descriptor, wanted.trigger, SystemCall::Modify)?;
        match self.names(descriptor, fingerprint, SystemCall::Inspect) {
            Names::TheSame => {}
            Names::Nothing => return Err(io::Error::from_raw_os_error(libc::EBADF)),
            Names::Another => {
                // The number names another file by now, whoever gave it away. To follow it would
                // be to report somebody else's events: who owns the number, adds it.
                self.watch_mut(descriptor).end();
                return Err(io::Error::from_raw_os_error(libc::ENOENT));
            }
        }
        self.begin(wanted, fingerprint);
        Ok(())
    }

    /// Stops watching; whoever has the number by now is left alone.
    pub(super) fn remove(&mut self, descriptor: RawFd, token: Token) {
        if !self.contests.is_empty() {
            self.contests.retain(|contest| !contest.is_of(descriptor, token));
        }
        if !self.verdicts.is_empty() {
            self.forget(descriptor, token);
        }
        let watch = self.watch(descriptor);
        if !watch.is_of(token) {
            return;
        }
        if watch.phase() == Phase::Armed {
            let found = if self.pinned {
                Found::Unasked
            } else {
                self.counters.system_call(SystemCall::Remove);
                self.cancel.cancel(watch.key(descriptor))
            };
            // It may be on its way to the kernel just now, and is then found with the next turn.
            if found != Found::It {
                self.ended.push(watch.key(descriptor));
            }
        }
        self.watch_mut(descriptor).end();
    }

    fn forget(&mut self, descriptor: RawFd, token: Token) {
        let verdict = self.verdicts.get(&descriptor);
        if verdict.is_some_and(|verdict| verdict.token == token) {
            self.verdicts.remove(&descriptor);
        }
    }

    /// What `fstat` knows of the file, if it is of use.
    fn inspect(
        &self,
        descriptor: RawFd,
        trigger: Trigger,
        call: SystemCall,
    ) -> io::Result<Option<u32>> {
        if self.lazy && trigger == Trigger::Edge {
            return Ok(None);
        }
        self.counters.system_call(call);
        let identity = inspect::identity(RawSource(descriptor.unsigned_abs().into()))?;
        if identity.sort() == Sort::Storage {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        Ok(Some(identity.fingerprint()))
    }

    /// Whether the number names what is watched under it. An arm does not outlive the question.
    fn names(&mut self, descriptor: RawFd, now: Option<u32>, call: SystemCall) -> Names {
        let watch = self.watch(descriptor);
        if watch.phase() == Phase::Armed {
            let key = watch.key(descriptor);
            self.counters.system_call(call);
            match self.cancel.cancel_if_of(key, descriptor) {
                Found::It => {
                    self.watch_mut(descriptor).disarm();
                    return Names::TheSame;
                }
                Found::Closed => return Names::Nothing,
                Found::Nothing if self.cancel.cancel(key) == Found::It => {
                    self.watch_mut(descriptor).disarm();
                    return Names::Another;
                }
                // It has ended by itself, or is on its way to the kernel: the turn will end it.
                Found::Nothing | Found::Unasked | Found::AtWork => {
                    self.ended.push(key);
                    self.watch_mut(descriptor).disarm();
                }
            }
        }
        match (watch.fingerprint(), now) {
            (Some(then), Some(now)) if then != now => Names::Another,
            _ => Names::TheSame,
        }
    }

    /// The descriptor is to be armed with the next turn.
    fn schedule(&mut self, descriptor: RawFd) {
        if self.begins_to_wait(descriptor) {
            self.changed.push(descriptor);
        }
    }

    /// The same, at the kernel's word: not while this look goes on, or it would never end.
    fn schedule_later(&mut self, descriptor: RawFd) {
        if self.begins_to_wait(descriptor) {
            self.later.push(descriptor);
        }
    }

    /// Moves a watch to `Waiting`; true if it is to be put into a list.
    fn begins_to_wait(&mut self, descriptor: RawFd) -> bool {
        let watch = self.watch_mut(descriptor);
        if watch.phase() == Phase::Armed {
            return false;
        }
        watch.set_phase(Phase::Waiting);
        let listed = watch.is_listed();
        watch.set_listed(true);
        !listed
    }

    /// Ends a watch against the will of its owner, who is told.
    fn refuse(&mut self, descriptor: RawFd, error: i32) {
        let watch = self.watch(descriptor);
        if watch.phase() == Phase::Armed {
            self.ended.push(watch.key(descriptor));
        }
        self.watch_mut(descriptor).end();
        self.judge(descriptor, watch.token(), error);
    }

    fn judge(&mut self, descriptor: RawFd, token: Token, error: i32) {
        self.verdicts.insert(descriptor, Verdict { token, error, heard: false });
        self.untold.push(token);
    }

    /// Begins a look: what the last one left comes due, and what was left to the thread that turns
    /// is found out.
    pub(super) fn begin_look(&mut self) {
        self.changed.append(&mut self.later);
        for contest in take(&mut self.contests) {
            let changes = self.watch(contest.descriptor).is_of(contest.token);
            let settled = if changes { self.modify_now(contest) } else { self.add_now(contest) };
            if let Err(error) = settled {
                let error = error.raw_os_error().unwrap_or(libc::EINVAL);
                self.judge(contest.descriptor, contest.token, error);
            }
        }
    }

    /// Puts into the ring what it has room for. Returns whether all found room, and the number of
    /// requests that were asked to end.
    pub(super) fn fill(&mut self, ring: &mut Ring) -> (bool, u32) {
        let mut ends = 0;
        while let Some(key) = self.ended.last() {
            if !ring.push_cancel(*key) {
                return (false, ends);
            }
            self.ended.pop();
            ends += 1;
        }
        while let Some(&descriptor) = self.changed.last() {
            if ring.room() == 0 {
                return (false, ends);
            }
            self.changed.pop();
            self.arm(ring, descriptor);
        }
        (true, ends)
    }

    fn arm(&mut self, ring: &mut Ring, descriptor: RawFd) {
        let watch = self.watch_mut(descriptor);
        watch.set_listed(false);
        if watch.phase() != Phase::Waiting {
            return;
        }
        if let Some(then) = watch.fingerprint() {
            // It may have changed hands since it was looked at.
            self.counters.system_call(SystemCall::Inspect);
            match inspect::identity(RawSource(descriptor.unsigned_abs().into())) {
                Ok(now) if now.fingerprint() == then => {}
                Ok(_) => return self.refuse(descriptor, libc::ENOENT),
                Err(_) => return self.refuse(descriptor, libc::EBADF),
            }
        }
        let watch = self.watch_mut(descriptor);
        watch.arm();
        let (key, many) = (watch.key(descriptor), watch.trigger() == Trigger::Edge);
        let pushed = ring.push_poll(key, descriptor, events_of(watch.interest()), many);
        debug_assert!(pushed, "there was room");
    }

    /// A completion of a watch.
    pub(super) fn tell(&mut self, done: Done, descriptor: RawFd, arm: u32, events: &mut Events) {
        let watch = self.watch(descriptor);
        if watch.phase() != Phase::Armed || watch.arm_number() != arm {
            if done.result >= 0 {
                self.counters.stale_event();
            }
            return;
        }
        if done.result < 0 {
            self.watch_mut(descriptor).disarm();
            self.failed(descriptor, -done.result, events);
            return;
        }
        let once = watch.trigger() != Trigger::Edge;
        if !done.has_more() {
            self.watch_mut(descriptor).disarm();
            if !once && !watch.is_proven() && !self.prove(descriptor, events) {
                return;
            }
            if watch.trigger() != Trigger::OneShot {
                self.schedule_later(descriptor);
            }
        }
        self.watch_mut(descriptor).set_proven(true);
        self.report(descriptor, watch, done.result as u32, events);
    }

    /// Puts an event into the list.
    fn report(&mut self, descriptor: RawFd, watch: Watch, flags: u32, events: &mut Events) {
        let interest = watch.interest();
        let end_only = flags & !POLLRDHUP == 0 && watch.trigger() == Trigger::Edge;
        if end_only && !interest.is_readable() {
            // Told without being asked for, and not by the other mechanisms.
            return;
        }
        let (token, ready) = (watch.token(), ready(flags & !POLLRDBAND));
        match events.list.last_mut() {
            // Two wake-ups in a row, of which the first was not worked on before the second came.
            Some(last) if last.token == token => last.ready |= ready,
            _ => events.list.push(Event { token, ready }),
        }
        if flags & POLLRDBAND != 0 && ready.is_priority() {
            self.doubts.push((events.list.len() - 1, descriptor));
        }
    }

    /// A request that ended with its first word: whether its file can be watched at all.
    fn prove(&mut self, descriptor: RawFd, events: &mut Events) -> bool {
        self.counters.system_call(SystemCall::Inspect);
        let error = match epoll::can_watch(descriptor) {
            Ok(false) => libc::EPERM,
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => libc::EBADF,
            // Out of descriptors, for one: it is made anew, and asked about again if need be.
            Ok(true) | Err(_) => return true,
        };
        self.failed(descriptor, error, events);
        false
    }

    /// The kernel does not watch the descriptor.
    fn failed(&mut self, descriptor: RawFd, error: i32, events: &mut Events) {
        match error {
            // The thread that submitted it has ended, or the ring's own work was cut short.
            libc::ECANCELED | libc::EFAULT | libc::EAGAIN | libc::EINTR => {
                self.schedule_later(descriptor);
            }
            error => {
                let token = self.watch(descriptor).token();
                self.refuse(descriptor, error);
                // Who closed it knows; of anything else a poller hears by an event.
                if error != libc::EBADF && !self.lazy {
                    let ready = Ready::ERROR | Ready::CLOSED;
                    events.list.push(Event { token, ready });
                }
            }
        }
    }

    /// Asks poll(2) for the truth about urgent data where there is only the waker's word, and takes
    /// back what is not so.
    pub(super) fn settle_doubts(&mut self, events: &mut Events) {
        if self.doubts.is_empty() {
            return;
        }
        let (doubts, mut lines) = (take(&mut self.doubts), take(&mut self.lines));
        lines.extend(doubts.iter().map(|&(_, descriptor)| {
            poll::Polled::new(RawSource(descriptor.unsigned_abs().into()), poll::PRI)
        }));
        self.counters.system_call(SystemCall::Inspect);
        let interrupted = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
        let mut asked = poll::wait_ns(&mut lines, Some(Duration::ZERO));
        while asked.as_ref().is_err_and(interrupted) {
            asked = poll::wait_ns(&mut lines, Some(Duration::ZERO));
        }
        // If it cannot be asked, the claim stands: one that was false is met by `WouldBlock`.
        if asked.is_ok() {
            for (&(at, descriptor), line) in doubts.iter().zip(&lines) {
                if line.answer() & poll::PRI == 0 {
                    self.take_back_urgent(&mut events.list[at], descriptor);
                }
            }
            events.list.retain(|event| !event.ready.is_empty());
        }
        (self.doubts, self.lines) = (doubts, lines);
        self.doubts.clear();
        self.lines.clear();
    }

    fn take_back_urgent(&mut self, event: &mut Event, descriptor: RawFd) {
        event.ready = event.ready - Ready::PRIORITY;
        let watch = self.watch(descriptor);
        let spent = watch.phase() == Phase::Spent && watch.is_of(event.token);
        if event.ready.is_empty() && spent {
            // A shot that hit nothing.
            self.schedule_later(descriptor);
        }
    }

    /// Gives back what a burst of changes has taken.
    pub(super) fn end_look(&mut self) {
        if self.changed.is_empty() && self.changed.capacity() > CHANGES_KEPT {
            self.changed.shrink_to(CHANGES_KEPT);
        }
    }

    /// Tells the refused.
    pub(super) fn tell_refused(&mut self, events: &mut Events) {
        events.refused.append(&mut self.untold);
    }

    /// Whether the turn has something to do.
    pub(super) fn is_pending(&self) -> bool {
        !(self.changed.is_empty()
            && self.later.is_empty()
            && self.ended.is_empty()
            && self.contests.is_empty()
            && self.untold.is_empty())
    }

    /// Nothing is watched any more; if `cancels`, what is armed is to be ended.
    pub(super) fn end_all(&mut self, cancels: bool) {
        for (descriptor, watch) in self.table.iter_mut().enumerate() {
            if cancels && watch.phase() == Phase::Armed {
                self.ended.push(watch.key(descriptor as RawFd));
            }
            watch.end();
        }
        self.contests.clear();
        self.verdicts.clear();
        self.untold.clear();
    }
}

impl Contest {
    fn is_of(&self, descriptor: RawFd, token: Token) -> bool {
        self.descriptor == descriptor && self.token == token
    }
}

impl Verdict {
    /// Whether what stood in the way may be gone another time.
    fn is_passing(self) -> bool {
        matches!(self.error, libc::EEXIST | libc::ENOMEM)
    }
}

fn place(descriptor: RawFd) -> usize {
    descriptor.unsigned_abs() as usize
}

const POLLRDHUP: u32 = libc::POLLRDHUP as u32;
const POLLRDBAND: u32 = libc::POLLRDBAND as u32;

/// What poll(2) calls an interest.
pub(super) fn events_of(interest: Interest) -> u32 {
    let mut events = 0;
    if interest.is_readable() {
        events |= libc::POLLIN as u32 | POLLRDHUP;
    }
    if interest.is_writable() {
        events |= libc::POLLOUT as u32;
    }
    if interest.is_priority() {
        events |= libc::POLLPRI as u32 | POLLRDBAND;
    }
    events
}

/// The kernel's bits in this crate's words (clause C9).
///
/// `POLLHUP` closes both sides. An error beside a writable end, or alone, is the broken pipe of
/// a writer whose reader has gone. A reset is `IN|RDHUP|ERR|HUP`: both sides closed and an error.
fn ready(flags: u32) -> Ready {
    let has = |flag: i16| flags & flag as u32 != 0;
    let mut ready = Ready::EMPTY;
    let mut set = |condition: bool, bits: Ready| {
        if condition {
            ready |= bits;
        }
    };
    set(has(libc::POLLIN), Ready::READABLE);
    set(has(libc::POLLOUT), Ready::WRITABLE);
    set(has(libc::POLLPRI), Ready::PRIORITY);
    set(has(libc::POLLERR), Ready::ERROR);
    set(has(libc::POLLHUP | libc::POLLRDHUP), Ready::READ_CLOSED);
    let broken_pipe = has(libc::POLLERR) && (has(libc::POLLOUT) || flags == libc::POLLERR as u32);
    set(has(libc::POLLHUP) || broken_pipe, Ready::WRITE_CLOSED);
    ready
}
