//! poll(2), and Windows' WSAPoll: readiness without an object in the kernel.
//!
//! The two differ in the call, and in what is known of a source: `sys/unix` and `sys/windows` have
//! a `poll`, an `inspect` and a `notifier` each, and what stands here is the same code on both.
//!
//! # How the mechanism behaves
//!
//! Each call takes an array of descriptors and says of each what it is ready for: levels only. The
//! kernel remembers nothing from one call to the next, so the array is ours to keep, and the price
//! of a call grows with its length. Errors and hang-ups are told without being asked for, a closed
//! number is told as such. A call that waits holds on to the files in its array.
//!
//! WSAPoll tells of the half of a connection that has ended (`RDHUP`) without being asked, too, and
//! older systems do not tell of a connection attempt that has failed at all.
//!
//! # What we rely on, and what we guard against
//!
//! - **A change ends the wait of others.** The array is put together from the [`Table`] under its
//!   lock and waited on without it. Who changes the table meanwhile makes a descriptor of our own
//!   readable; the call returns, and goes on with the new array and the rest of its time (C7).
//! - **A wake is a flag.** The descriptor only interrupts: why, the flags say, one for wakes and
//!   one for changes. So neither can be taken for the other, nor eaten by it (C6).
//! - **An answer belongs to its question.** A change gives an entry a new serial number, and an
//!   answer to an older question is dropped; the next call has a new one (C4).
//! - **The kernel lets go first.** [`remove`](Registrar::remove) comes back when no call holds the
//!   file any more: what is closed then is closed at once, and its port free.
//! - **A number is not an identity.** The file's own number is remembered and compared when the
//!   source is changed and before anything is told of it. A source that was closed, or whose number
//!   names something else by now, is told as an error once and then forgotten (C5, C8).
//! - **What has hung up stays ours.** It would end every sleep, so it is left out of the array, not
//!   out of the table (C9). So is what has ended in a way that nobody asked about.
//! - **Edges are made from levels**: see [`edge`]. While something that was told lasts, a call that
//!   would sleep first looks at everything, and sleeps in pieces with a look between them. Who says
//!   that a call would block ([`rearm`](Registrar::rearm)) takes back what was told: then nothing
//!   has to be inferred.
//! - **What the call keeps to itself is looked for**: while a connection is being made whose
//!   failure would not be told, a sleep is cut into the same pieces, and the looks ask otherwise.
//! - **Regular files** are always ready here. They are refused as by the other mechanisms: a
//!   program is not to work on one and fail on the next.
//!
//! Sources: poll(2), `fs/select.c`; the documents named in `sys/windows/poll.rs`.

use std::io;
use std::time::Duration;

use crate::completion::operation::RawOperation;
use crate::event::{Event, Events};
use crate::interest::Interest;
use crate::kind::Unavailable;
use crate::metrics::{Counters, SystemCall};
use crate::ready::Ready;
use crate::source::RawSource;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Condvar, Mutex};
use crate::sys::inspect::{Identity, identity, progress};
use crate::sys::notifier::Notifier;
use crate::sys::poll::{self, ERR, IN, NVAL, Polled, ready_of, wait_ms, wait_ns};
use crate::time::Clock;
use crate::token::Token;
use crate::trigger::Trigger;

use super::contract::{Cancel, Caps, Completer, Config, InForce, Registrar, Selector, Support};

mod beside;
mod edge;
mod table;

use beside::Beside;
use table::{Entry, Question, Table, Watch};

/// The first piece of a sleep beside something that was told; each quiet piece is twice as long.
const PIECE_MIN: Duration = Duration::from_millis(1);
/// The longest: eight looks a second while nothing happens.
const PIECE_MAX: Duration = Duration::from_millis(128);
/// How long a removal waits for the call that holds its file. The call ends at once, unless the
/// thread that made it is gone: in a process that forked without it.
const LET_GO_MAX: Duration = Duration::from_secs(1);

/// The half that waits.
pub(crate) struct PollSelector {
    queue: Arc<Queue>,
    lines: Vec<Polled>,
    /// For each line after the first, the serial number of the entry it asks about.
    serials: Vec<u64>,
    clock: Clock,
    nanoseconds: bool,
    /// The call tells of every connection attempt that has failed.
    tells_failures: bool,
    /// Something has arrived beside the wait, or before it: it is a look.
    arrived: bool,
    /// Looks so far, and milliseconds asleep beside something that was told.
    age: u64,
    piece: Duration,
}

/// The half that other threads use.
pub(crate) struct PollRegistrar {
    queue: Arc<Queue>,
}

struct Queue {
    notifier: Notifier,
    /// Somebody wants the wait to end.
    woken: AtomicBool,
    state: Mutex<State>,
    /// A call has ended.
    ended: Condvar,
    /// Operations with the kernel, whose ends arrive beside the wait.
    beside: Beside,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct State {
    table: Table,
    /// What has arrived beside the wait since the last one ended.
    arrivals: Events,
    /// Nothing arrives any more, and this is why.
    broken: Option<io::Error>,
    /// Calls so far; with the next one, whether it is in the kernel now.
    calls: u64,
    calling: bool,
    /// Whether the call was interrupted already.
    interrupted: bool,
    /// Removals that wait for the end of the call.
    waiting: usize,
}

impl Selector for PollSelector {
    const CAPS: Caps = Caps { edge: Support::Emulated, completion: Beside::COMPLETION };
    type Registrar = PollRegistrar;

    fn probe() -> Result<(), Unavailable> {
        let looked = Notifier::new().and_then(|notifier| {
            let mut lines = [Polled::own(notifier.receiver(), IN)];
            wait_ms(&mut lines, Some(Duration::ZERO))
        });
        looked.map(drop).map_err(|error| {
            Unavailable::new(format!("{} failed: {error}", poll::CALLS), poll::REMEDY)
        })
    }

    fn open(config: Config) -> io::Result<(PollSelector, PollRegistrar)> {
        let queue = Arc::new(Queue {
            notifier: Notifier::new()?,
            woken: AtomicBool::new(false),
            state: Mutex::new(State::default()),
            ended: Condvar::default(),
            beside: Beside::open()?,
            counters: config.counters,
        });
        let selector = PollSelector {
            queue: queue.clone(),
            lines: Vec::new(),
            serials: Vec::new(),
            clock: config.clock,
            nanoseconds: true,
            tells_failures: poll::tells_failures(),
            arrived: false,
            age: 0,
            piece: PIECE_MIN,
        };
        Ok((selector, PollRegistrar { queue }))
    }

    fn in_force(&self) -> InForce {
        self.queue.beside.in_force()
    }

    fn select(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let deadline = match timeout {
            Some(timeout) if !timeout.is_zero() => Some(self.clock.deadline_after_ns(timeout)),
            _ => None,
        };
        let mut left = timeout;
        loop {
            let told = self.ask(Question::Everything);
            // What ended a piece of the sleep is to be told, whatever has changed since.
            let looks = told || has_news(events);
            let answered = self.call(if looks { Some(Duration::ZERO) } else { left });
            let answered = self.hang_up(answered, events)?;
            if answered {
                self.look(events);
            }
            let over = match deadline {
                Some(deadline) => self.clock.now_ns() >= deadline,
                None => timeout.is_some(),
            };
            if has_news(events) || (over && answered) {
                self.piece = if events.is_empty() { self.piece } else { PIECE_MIN };
                return Ok(());
            }
            if told {
                self.sleep_beside_told(events, self.left(deadline))?;
            }
            left = if timeout == Some(Duration::ZERO) { timeout } else { self.left(deadline) };
        }
    }

    fn drain(&mut self, events: &mut Events) -> usize {
        Beside::drain(&self.queue, events)
    }
}

impl Drop for PollSelector {
    /// Nobody is told of operations any more after this (clause C12). The driver has drained them,
    /// and told of them; whoever has a backend alone may not have.
    fn drop(&mut self) {
        Beside::drain(&self.queue, &mut Events::new());
    }
}

/// Whether there is something to return for.
fn has_news(events: &Events) -> bool {
    events.woken || !events.is_empty() || !events.completions.is_empty()
}

impl PollSelector {
    fn left(&self, deadline: Option<u64>) -> Option<Duration> {
        let now_ns = deadline.map(|_| self.clock.now_ns());
        deadline.zip(now_ns).map(|(end, now)| Duration::from_nanos(end.saturating_sub(now)))
    }

    /// Puts the array together; returns whether something that was told lasts, so that only a look
    /// can tell what changes. From here on others interrupt.
    fn ask(&mut self, question: Question) -> bool {
        self.lines.clear();
        self.serials.clear();
        self.lines.push(Polled::own(self.queue.notifier.receiver(), IN));
        let mut state = self.queue.state.lock();
        let mut told = false;
        for entry in state.table.entries() {
            let line = match entry.question(question) {
                Some(flags) => Polled::new(entry.source, flags),
                None => Polled::nothing(),
            };
            told |= entry.is_told() || (entry.connecting && !self.tells_failures);
            self.lines.push(line);
            self.serials.push(entry.serial);
        }
        self.arrived = state.has_arrivals();
        state.calling = true;
        told
    }

    /// One call; false if a signal ended it, and then there are no answers.
    fn call(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.queue.counters.system_call(SystemCall::Wait);
        let timeout = if self.arrived { Some(Duration::ZERO) } else { timeout };
        let mut result = Err(io::ErrorKind::Unsupported.into());
        if self.nanoseconds {
            result = wait_ns(&mut self.lines, timeout);
            if matches!(&result, Err(error) if poll::is_unknown_call(error)) {
                self.nanoseconds = false;
            }
        }
        if !self.nanoseconds {
            result = wait_ms(&mut self.lines, timeout);
        }
        match result {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(poll::explain(error)),
        }
    }

    /// The call has ended, well or not: nobody need interrupt it any more, and what it held is
    /// free.
    fn hang_up(&mut self, answered: io::Result<bool>, events: &mut Events) -> io::Result<bool> {
        let raised = matches!(answered, Ok(true)) && self.lines[0].answer() != 0;
        let mut state = self.queue.state.lock();
        state.calling = false;
        state.calls += 1;
        let mut lowered = Ok(());
        // Before the flags are looked at: who sets one after that raises it again.
        if raised || state.interrupted {
            lowered = self.queue.notifier.lower();
        }
        state.interrupted = false;
        if state.waiting != 0 {
            self.queue.ended.notify_all();
        }
        events.list.append(&mut state.arrivals.list);
        events.completions.append(&mut state.arrivals.completions);
        let broken = state.broken.take();
        drop(state);
        if let Some(error) = broken {
            return Err(error);
        }
        events.woken |= self.queue.woken.swap(false, Ordering::AcqRel);
        lowered.and(answered)
    }

    /// Turns the answers to [`Question::Everything`] into events.
    fn look(&mut self, events: &mut Events) {
        self.age += 1;
        if !self.tells_failures {
            poll::find_failures(&mut self.lines);
        }
        let mut state = self.queue.state.lock();
        let mut gone = Vec::new();
        for (place, (line, &serial)) in self.lines[1..].iter().zip(&self.serials).enumerate() {
            let Some(entry) = state.table.asked(place, serial) else { continue };
            let answer = entry.relevant(line.answer());
            if answer == 0 && !entry.is_told() {
                continue;
            }
            let closed = answer & NVAL != 0;
            let told = if closed { ERR } else { self.queue.tell(entry, answer, self.age) };
            if told == 0 {
                continue;
            }
            let ready = if !closed && self.queue.is_itself(entry) {
                ready_of(told as u32)
            } else {
                gone.push(entry.source);
                Ready::ERROR
            };
            events.list.push(Event { token: entry.token, ready });
        }
        for source in gone {
            state.table.forget(source);
        }
    }

    /// One piece of a sleep that is ended only by what was not told yet.
    fn sleep_beside_told(&mut self, events: &mut Events, left: Option<Duration>) -> io::Result<()> {
        let piece = left.map_or(self.piece, |left| left.min(self.piece));
        self.ask(Question::News);
        let answered = self.call(Some(piece));
        let answered = self.hang_up(answered, events)?;
        // Counted by what was asked for and not by the clock: a thread that was kept from running
        // has not been patient.
        if answered && !has_news(events) && self.lines.iter().all(|line| line.answer() == 0) {
            self.age += piece.as_millis() as u64;
            self.piece = (self.piece * 2).min(PIECE_MAX);
        }
        Ok(())
    }
}

impl Queue {
    /// What of an answer is to be told, by the trigger.
    fn tell(&self, entry: &mut Entry, answer: i16, age: u64) -> i16 {
        let (source, sort) = (entry.source, entry.identity.sort());
        match &mut entry.watch {
            Watch::Level => answer,
            Watch::OneShot { spent } => {
                // What has ended unasked is looked at with nothing to tell.
                *spent |= answer != 0;
                answer
            }
            Watch::Edge(edge) => edge.look(answer, age, || {
                self.counters.system_call(SystemCall::Inspect);
                progress(source, sort)
            }),
        }
    }

    /// Whether the number still names the file that was registered.
    fn is_itself(&self, entry: &mut Entry) -> bool {
        self.counters.system_call(SystemCall::Inspect);
        identity(entry.source).is_ok_and(|now| entry.is_still(now))
    }

    /// Ends the call that is in the kernel, if there is one; under the lock.
    fn interrupt(&self, state: &mut State, why: SystemCall) -> io::Result<()> {
        if !state.calling || state.interrupted {
            return Ok(());
        }
        state.interrupted = true;
        self.counters.system_call(why);
        self.notifier.raise()
    }
}

impl State {
    fn has_arrivals(&self) -> bool {
        has_news(&self.arrivals) || self.broken.is_some()
    }
}

impl Completer for PollRegistrar {
    fn adopt(&self, source: RawSource) -> io::Result<()> {
        self.queue.beside.adopt(source)
    }

    unsafe fn submit(&self, token: Token, operation: RawOperation) -> io::Result<()> {
        // SAFETY: the caller keeps what the trait asks for.
        unsafe { Beside::submit(&self.queue, token, operation) }
    }

    fn cancel(&self, token: Token) -> Cancel {
        self.queue.beside.cancel(token)
    }
}

impl Registrar for PollRegistrar {
    fn add(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.queue.counters.system_call(SystemCall::Add);
        let identity = watchable(source)?;
        let mut state = self.queue.state.lock();
        state.table.add(source, identity, token, interest, trigger)?;
        self.queue.interrupt(&mut state, SystemCall::Add)
    }

    fn modify(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.queue.counters.system_call(SystemCall::Modify);
        let identity = identity(source);
        let mut state = self.queue.state.lock();
        state.table.modify(source, identity, token, interest, trigger)?;
        self.queue.interrupt(&mut state, SystemCall::Modify)
    }

    fn rearm(&self, source: RawSource, token: Token, interest: Interest) -> io::Result<()> {
        let mut state = self.queue.state.lock();
        match state.table.rearm(source, token, interest)? {
            true => self.queue.interrupt(&mut state, SystemCall::Modify),
            // It was not told, so it is asked about already.
            false => Ok(()),
        }
    }

    fn remove(&self, source: RawSource, token: Token) -> io::Result<()> {
        let mut state = self.queue.state.lock();
        if !state.table.remove(source, token) || !state.calling {
            return Ok(());
        }
        self.queue.interrupt(&mut state, SystemCall::Remove)?;
        let call = state.calls;
        state.waiting += 1;
        let held = |state: &mut State| state.calling && state.calls == call;
        let mut state = self.queue.ended.wait_while(state, LET_GO_MAX, held);
        state.waiting -= 1;
        Ok(())
    }

    fn wake(&self) -> io::Result<()> {
        if self.queue.woken.swap(true, Ordering::AcqRel) {
            // Who set the flag raises the descriptor too, and both last until the wait has ended.
            return Ok(());
        }
        self.queue.counters.system_call(SystemCall::Wake);
        self.queue.notifier.raise()
    }
}

/// The identity of a source that can be watched.
fn watchable(source: RawSource) -> io::Result<Identity> {
    let identity = identity(source)?;
    if identity.is_storage() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "poll says of regular files and directories that they are always ready, so they are \
             not watched: read them on a pool of blocking threads",
        ));
    }
    Ok(identity)
}

#[cfg(all(test, unix))]
mod tests;
#[cfg(all(test, windows))]
mod tests_on_windows;
