//! epoll: readiness on Linux.
//!
//! # How the mechanism behaves
//!
//! An epoll instance holds a list of (open file, descriptor number) pairs and a list of those
//! that became ready. With `EPOLLET` a pair goes on the ready list once when it is added or
//! modified while ready, and once for each wake-up of the file after that, whether or not anybody
//! read in between; so a read that returns less than was asked may be taken for `WouldBlock`
//! (clause C2). `EPOLLONESHOT` mutes a pair, errors included, until it is modified. Errors and
//! hang-ups are reported without being asked for.
//!
//! # What we rely on, and what we guard against
//!
//! - **One system call a turn.** `epoll_pwait2` takes nanoseconds. A kernel before 5.11, or a
//!   filter that does not know the call, answers `ENOSYS` (or `EPERM`) once, and from then on it is
//!   `epoll_wait`, rounded up to milliseconds.
//! - **The wake descriptor is never read.** It is an eventfd with `EPOLLET`: every write is a new
//!   edge, and the report itself consumes it.
//! - **A pair outlives its number.** Closing one of two duplicates leaves the pair behind under a
//!   number that may name something else by now. [`Owners`] remembers, for each number, the token
//!   that was last added: a removal by anybody else leaves the newcomer alone, `EEXIST` without a
//!   living owner is a leftover and taken over, and what the leftover still reports carries a
//!   stale token, which the layer above drops (clauses C4, C5).
//! - **A full batch** means there may be more: the buffer doubles and the kernel is asked once
//!   more without waiting, and then the tasks have their turn. A caller that said how many events
//!   are enough gets no more than those.
//!
//! Sources: epoll(7), epoll_ctl(2), epoll_wait(2) and `fs/eventpoll.c`.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::event::{Event, Events};
use crate::interest::Interest;
use crate::kind::Unavailable;
use crate::metrics::{Counters, SystemCall};
use crate::ready::Ready;
use crate::source::RawSource;
use crate::sync::{Arc, Mutex};
use crate::sys::epoll::{Change, Epoll, RawEvent, WakeCounter};
use crate::time::Clock;
use crate::token::Token;
use crate::trigger::Trigger;

use super::contract::{Caps, Completer, Config, Registrar, Selector, Support};

/// The largest buffer a look uses: 12 bytes an event, so 192 KiB.
const EVENTS_MAX: usize = 16 * 1024;
/// Looks in one `select`: the first, and one more after a full batch.
const LOOKS_MAX: usize = 2;

/// The half that waits.
pub(crate) struct EpollSelector {
    queue: Arc<Queue>,
    buffer: Vec<RawEvent>,
    clock: Clock,
    counters: Arc<Counters>,
    nanoseconds: bool,
}

/// The half that other threads use.
pub(crate) struct EpollRegistrar {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    owners: Owners,
}

struct Queue {
    epoll: Epoll,
    wake: WakeCounter,
}

impl Selector for EpollSelector {
    const CAPS: Caps = Caps { edge: Support::Native, completion: Support::Emulated };
    type Registrar = EpollRegistrar;

    fn probe() -> Result<(), Unavailable> {
        Queue::open().map(drop).map_err(|error| {
            Unavailable::new(
                format!("epoll_create1 or eventfd failed: {error}"),
                "allow both calls in the sandbox, or raise the limit of open files (ulimit -n)",
            )
        })
    }

    fn open(config: Config) -> io::Result<(EpollSelector, EpollRegistrar)> {
        let queue = Arc::new(Queue::open()?);
        let capacity = config.event_capacity.clamp(1, EVENTS_MAX);
        let selector = EpollSelector {
            queue: queue.clone(),
            buffer: vec![RawEvent { events: 0, u64: 0 }; capacity],
            clock: config.clock,
            counters: config.counters.clone(),
            nanoseconds: true,
        };
        let registrar =
            EpollRegistrar { queue, counters: config.counters, owners: Owners::default() };
        Ok((selector, registrar))
    }

    fn select(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let enough = events.enough.unwrap_or(EVENTS_MAX).clamp(1, self.buffer.len());
        let mut count = self.wait(enough, timeout)?;
        for look in 1.. {
            // Not if it is only as many as was asked for: the rest is for the next call.
            let full = count == self.buffer.len();
            self.translate(count, events);
            if !full || look == LOOKS_MAX {
                break;
            }
            self.grow();
            count = self.wait(self.buffer.len(), Some(Duration::ZERO))?;
        }
        Ok(())
    }
}

impl EpollSelector {
    /// Waits for the whole of `timeout`, across interruptions by signals (clause C7), and brings at
    /// most `most` events.
    fn wait(&mut self, most: usize, timeout: Option<Duration>) -> io::Result<usize> {
        let endless = timeout.is_none_or(|timeout| timeout.is_zero());
        let deadline = if endless { None } else { self.deadline_ns(timeout) };
        let mut left = timeout;
        loop {
            self.counters.system_call(SystemCall::Wait);
            match self.wait_once(most, left) {
                Ok(0) if deadline.is_some_and(|deadline| self.clock.now_ns() < deadline) => {}
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if let Some(deadline) = deadline {
                left = Some(Duration::from_nanos(deadline.saturating_sub(self.clock.now_ns())));
            }
        }
    }

    fn deadline_ns(&self, timeout: Option<Duration>) -> Option<u64> {
        timeout.map(|timeout| self.clock.deadline_after_ns(timeout))
    }

    fn wait_once(&mut self, most: usize, timeout: Option<Duration>) -> io::Result<usize> {
        let buffer = &mut self.buffer[..most];
        if self.nanoseconds {
            match self.queue.epoll.wait_ns(buffer, timeout) {
                Err(error) if unknown_call(&error) => self.nanoseconds = false,
                result => return result,
            }
        }
        self.queue.epoll.wait_ms(buffer, milliseconds(timeout))
    }

    fn translate(&self, count: usize, events: &mut Events) {
        for raw in &self.buffer[..count] {
            let token = Token(raw.u64);
            if token == Token::WAKE {
                events.woken = true;
            } else {
                events.list.push(Event { token, ready: ready(raw.events) });
            }
        }
    }

    fn grow(&mut self) {
        let doubled = (self.buffer.len() * 2).min(EVENTS_MAX);
        self.buffer.resize(doubled, RawEvent { events: 0, u64: 0 });
    }
}

impl Queue {
    fn open() -> io::Result<Queue> {
        let queue = Queue { epoll: Epoll::new()?, wake: WakeCounter::new()? };
        let flags = (libc::EPOLLIN | libc::EPOLLET) as u32;
        queue.epoll.control(Change::Add, queue.wake.descriptor(), flags, Token::WAKE.0)?;
        Ok(queue)
    }
}

impl Registrar for EpollRegistrar {
    fn add(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.add_flags(source, token, flags(interest, trigger))
    }

    fn modify(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        let descriptor = descriptor(source)?;
        let flags = flags(interest, trigger);
        self.owners.with(descriptor, |owner| {
            if *owner != Some(token) {
                return Err(not_owned(descriptor));
            }
            match self.control(Change::Modify, descriptor, flags, token) {
                // The number names another file by now, whoever gave it away. To follow it would
                // be to report somebody else's events: who owns the number, adds it.
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                    *owner = None;
                    Err(not_owned(descriptor))
                }
                result => result,
            }
        })
    }

    fn remove(&self, source: RawSource, token: Token) -> io::Result<()> {
        let descriptor = descriptor(source)?;
        self.owners.with(descriptor, |owner| {
            if *owner != Some(token) {
                // The number belongs to somebody else by now: the kernel dropped ours when its
                // descriptor was closed, or keeps it for a duplicate nobody can name any more.
                return Ok(());
            }
            *owner = None;
            match self.control(Change::Delete, descriptor, 0, token) {
                Err(error) if forgotten(&error) => Ok(()),
                result => result,
            }
        })
    }

    fn wake(&self) -> io::Result<()> {
        self.counters.system_call(SystemCall::Wake);
        self.queue.wake.raise()
    }
}

impl Completer for EpollRegistrar {}

impl EpollRegistrar {
    /// Adds a source with the mechanism's own flags.
    pub(crate) fn add_flags(&self, source: RawSource, token: Token, flags: u32) -> io::Result<()> {
        let descriptor = descriptor(source)?;
        self.owners.with(descriptor, |owner| {
            match self.control(Change::Add, descriptor, flags, token) {
                // Nobody living owns the number, so the pair is a leftover of a descriptor that
                // was closed while a duplicate of it was open: take it over.
                Err(error) if already_there(&error) && owner.is_none() => {
                    self.control(Change::Modify, descriptor, flags, token)?;
                }
                Err(error) => return Err(explain(error)),
                Ok(()) => {}
            }
            *owner = Some(token);
            Ok(())
        })
    }

    fn control(
        &self,
        change: Change,
        descriptor: RawFd,
        flags: u32,
        token: Token,
    ) -> io::Result<()> {
        self.counters.system_call(match change {
            Change::Add => SystemCall::Add,
            Change::Modify => SystemCall::Modify,
            Change::Delete => SystemCall::Remove,
        });
        self.queue.epoll.control(change, descriptor, flags, token.0)
    }
}

/// For each descriptor number, the token that was last added under it.
///
/// The lock is held across the system call, so that a removal and an addition of the same number
/// on two threads cannot overtake each other between the look and the call. Neighbouring numbers
/// are in different shards; and the kernel has one lock for all of them anyway.
#[derive(Default)]
struct Owners {
    shards: [Mutex<Vec<u64>>; OWNER_SHARDS],
}

const OWNER_SHARDS: usize = 16;
/// No token: the wake descriptor's is never a source's.
const NOBODY: u64 = Token::WAKE.0;

impl Owners {
    fn with<R>(
        &self,
        descriptor: RawFd,
        act: impl FnOnce(&mut Option<Token>) -> io::Result<R>,
    ) -> io::Result<R> {
        let number = descriptor.unsigned_abs() as usize;
        let (shard, place) = (number % OWNER_SHARDS, number / OWNER_SHARDS);
        let mut tokens = self.shards[shard].lock();
        let stored = tokens.get(place).copied().unwrap_or(NOBODY);
        let mut owner = (stored != NOBODY).then_some(Token(stored));
        let result = act(&mut owner);
        match owner {
            // Grown only for a number the kernel has accepted, so never by a wild one.
            Some(token) => {
                let length = tokens.len();
                if place >= tokens.capacity() {
                    // By an eighth and not to the double: most of a table is to be in use.
                    tokens.reserve_exact(place + 1 + length / 8 - length);
                }
                if place >= length {
                    tokens.resize(place + 1, NOBODY);
                }
                tokens[place] = token.0;
            }
            None if stored != NOBODY => tokens[place] = NOBODY,
            None => {}
        }
        result
    }
}

fn descriptor(source: RawSource) -> io::Result<RawFd> {
    RawFd::try_from(source.0).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "this queue is the system's and the source is not: register a simulated socket with a \
             driver or poller of its simulation",
        )
    })
}

fn flags(interest: Interest, trigger: Trigger) -> u32 {
    let mut flags = match trigger {
        Trigger::Edge => libc::EPOLLET,
        Trigger::Level => 0,
        Trigger::OneShot => libc::EPOLLONESHOT,
    };
    if interest.is_readable() {
        flags |= libc::EPOLLIN | libc::EPOLLRDHUP;
    }
    if interest.is_writable() {
        flags |= libc::EPOLLOUT;
    }
    if interest.is_priority() {
        flags |= libc::EPOLLPRI;
    }
    flags as u32
}

/// The kernel's bits in this crate's words (clause C9).
///
/// `EPOLLHUP` closes both sides. An error beside a writable end, or alone, is the broken pipe of
/// a writer whose reader has gone. A reset is `IN|RDHUP|ERR|HUP`: both sides closed and an error.
fn ready(flags: u32) -> Ready {
    let has = |flag: i32| flags & flag as u32 != 0;
    let mut ready = Ready::EMPTY;
    let mut set = |condition: bool, bits: Ready| {
        if condition {
            ready |= bits;
        }
    };
    set(has(libc::EPOLLIN), Ready::READABLE);
    set(has(libc::EPOLLOUT), Ready::WRITABLE);
    set(has(libc::EPOLLPRI), Ready::PRIORITY);
    set(has(libc::EPOLLERR), Ready::ERROR);
    set(has(libc::EPOLLHUP | libc::EPOLLRDHUP), Ready::READ_CLOSED);
    let broken_pipe =
        has(libc::EPOLLERR) && (has(libc::EPOLLOUT) || flags == libc::EPOLLERR as u32);
    set(has(libc::EPOLLHUP) || broken_pipe, Ready::WRITE_CLOSED);
    ready
}

/// A timeout in whole milliseconds, rounded up so that it never ends early; `select` goes on
/// waiting if it was cut to the 24 days an `int` holds.
fn milliseconds(timeout: Option<Duration>) -> i32 {
    match timeout {
        None => -1,
        Some(timeout) => {
            let rounded_up = timeout.as_nanos().div_ceil(1_000_000);
            i32::try_from(rounded_up).unwrap_or(i32::MAX)
        }
    }
}

/// The answers to a call that the kernel, or a seccomp filter in front of it, does not know.
fn unknown_call(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

fn already_there(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EEXIST)
}

/// The kernel dropped the pair by itself, because the descriptor was closed.
fn forgotten(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EBADF))
}

fn not_owned(descriptor: RawFd) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "descriptor {descriptor} does not name what was registered: it was closed, and its \
             number given to something else; register that anew"
        ),
    )
}

/// Puts the remedy beside the errors whose bare text does not tell.
fn explain(error: io::Error) -> io::Error {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM) => {
            "epoll cannot watch regular files and directories, which are always ready: \
             read them on a pool of blocking threads"
        }
        Some(libc::ENOSPC) => {
            "the user's limit of epoll watches is reached: raise it with \
             sysctl fs.epoll.max_user_watches"
        }
        Some(libc::EEXIST) => {
            "the descriptor is already registered with this driver: drop the first registration, \
             or register a duplicate"
        }
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{remedy} ({error})"))
}

#[cfg(test)]
mod tests;
