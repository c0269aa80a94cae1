//! io_uring: readiness and whole operations on one ring.
//!
//! # How the mechanism behaves
//!
//! Two queues are shared with the kernel. Requests go into one and are handed over by a call;
//! completions come out of the other, each with the 64 bits of its request. A request that cannot
//! be carried out at once stays with the kernel, and holds its file and its memory until it ends:
//! closing a descriptor ends no request, and neither does closing the ring, which only begins to.
//!
//! # What we rely on, and what we guard against
//!
//! - **One call a turn**: [`ring`] submits, waits and collects in one `io_uring_enter`.
//! - **The ring belongs to who turns it.** Everybody else changes [`readiness`]'s table under its
//!   lock, and rings the bell (an eventfd under a multishot poll, never read) if the turning thread
//!   sleeps: the first change finds it asleep, the others find it notified. A wake rings the same
//!   bell and leaves a flag beside, so a change never ends a wait and a wake always does.
//! - **What the owner of a pinned driver changes** waits for the next turn. So a connection that it
//!   drops is closed there, a moment later; the end of a driver, and `flush`, do not wait.
//! - **What is cancelled on a ring that any thread may turn** is cancelled beside the ring, where
//!   the kernel can (6.0): from then on it reports nothing and receives nothing, although the
//!   turning thread sleeps. Of a pinned driver no operation moves before the owner's next entry,
//!   and that begins with the cancel.
//! - **Completions of our own** (an ended poll, a change's bell) end no wait: it goes on for what
//!   is left of the time (C7). A pinned driver waits for one completion more than for those which
//!   it knows to be coming, so they cost no call.
//!
//! Sources: io_uring(7) and the manuals of its three calls.

mod buffers;
mod completion;
mod direct;
mod entries;
mod features;
mod key;
mod links;
mod memory;
mod probe;
mod prompt;
mod readiness;
mod ring;
mod watch;

use std::collections::HashSet;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use io_uring::squeue;

use crate::completion::buffer_group::Buffers;
use crate::completion::operation::RawOperation;
use crate::error;
use crate::event::{Completion, Events};
use crate::interest::Interest;
use crate::kind::Unavailable;
use crate::metrics::{Counters, SystemCall};
use crate::readiness::park::Park;
use crate::source::RawSource;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, Owner};
use crate::sys::epoll::WakeCounter;
use crate::time::Clock;
use crate::token::Token;
use crate::trigger::Trigger;

use super::contract::{Cancel, Caps, Completer, Config, InForce, Registrar, Selector, Support};
use buffers::{Change, Changes, Groups};
use completion::{Asked, Batch, Moved, Operations};
use direct::{Closing, Direct};
use entries::Known;
use features::Features;
use key::Key;
use links::Links;
use memory::Memory;
use prompt::Prompt;
use readiness::Watches;
use ring::{CHAIN_MAX, DirectCancel, Done, Entered, Found, Place, Ring, Wait};

/// Looks after the one that brought something, while the kernel keeps completions that found no
/// room: the tasks are to have their turn too.
const LOOKS_MAX: usize = 4;
/// How long a wait for memory in the kernel lasts before another attempt, if nothing completes.
const BUSY_WAIT: Duration = Duration::from_millis(1);
/// How long a driver that is dropped waits for the kernel to let go of its operations.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How often it asks again meanwhile: what had not begun when it asked cannot be ended then.
const DRAIN_STEP: Duration = Duration::from_millis(100);

/// The half that waits.
pub(crate) struct UringSelector {
    shared: Arc<Shared>,
    /// The same once more, for the turn: to count a reference in each would cost more than to move
    /// one.
    for_turn: Option<Arc<Shared>>,
    /// For reports only.
    in_force: Box<InForce>,
    clock: Clock,
    /// Whether the bell is watched.
    hears_bell: bool,
    batch: Batch,
    groups: Groups,
    closing: Closing,
    links: Box<Links>,
    prompt: Prompt,
    /// Operations that the kernel has.
    running: usize,
    /// Their tokens, where the kernel cannot be asked to end them all.
    named: Option<HashSet<Token>>,
}

/// The half that other threads use.
pub(crate) struct UringRegistrar {
    shared: Arc<Shared>,
}

struct Shared {
    ring: Place,
    watches: Mutex<Watches>,
    /// Whether the turn has something to do there: changed under the lock, looked at without.
    watches_changed: AtomicBool,
    operations: Operations,
    cancel: DirectCancel,
    known: Known,
    /// Whether the kernel fills groups of buffers.
    fills_groups: bool,
    group_changes: Changes,
    /// Whether there may be a table of direct descriptors.
    has_direct: bool,
    direct: Direct,
    memory: Memory,
    bell: WakeCounter,
    /// Whether the turning thread sleeps in the kernel and has to be rung up.
    sleep: Park,
    /// A wake was asked for, and not told yet.
    woken: AtomicBool,
    /// The thread that turns it, if it is to be one.
    owner: Option<Arc<Owner>>,
    counters: Arc<Counters>,
}

impl Selector for UringSelector {
    const CAPS: Caps = Caps { edge: Support::Native, completion: Support::Native };
    type Registrar = UringRegistrar;

    fn probe() -> Result<(), Unavailable> {
        probe::probe()
    }

    fn open(config: Config) -> io::Result<(UringSelector, UringRegistrar)> {
        let owner = config.owner;
        let ring = Ring::open(owner.clone(), Features::allowed()?)?;
        let in_force = Box::new(in_force(&ring)?);
        probe::has_multishot_poll()?;
        let counters = config.counters;
        let watches = Watches::new(ring.direct_cancel(), owner.is_some(), counters.clone());
        let (features, memory) = (ring.features(), ring.memory());
        let shared = Arc::new(Shared {
            known: ring.known()?.naming(&memory, counters.clone()),
            memory,
            cancel: ring.direct_cancel(),
            fills_groups: features.buffer_groups,
            group_changes: Changes::default(),
            has_direct: features.direct,
            direct: Direct::default(),
            operations: Operations::new(owner.clone()),
            ring: Place::of(ring, owner.clone()),
            watches: Mutex::new(watches),
            watches_changed: AtomicBool::new(false),
            bell: WakeCounter::new()?,
            sleep: Park::new(),
            woken: AtomicBool::new(false),
            owner,
            counters,
        });
        let registrar = UringRegistrar { shared: shared.clone() };
        let selector = UringSelector {
            shared,
            for_turn: None,
            in_force,
            clock: config.clock,
            hears_bell: false,
            batch: Batch::default(),
            groups: Groups::default(),
            closing: Closing::default(),
            links: Box::default(),
            prompt: Prompt::default(),
            running: 0,
            named: (!features.direct_cancel).then(HashSet::new),
        };
        Ok((selector, registrar))
    }

    fn in_force(&self) -> InForce {
        InForce::clone(&self.in_force)
    }

    fn select(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let shared = self.for_turn.take().unwrap_or_else(|| self.shared.clone());
        let turned = shared.ring.with(|ring| {
            let result = self.select_with(&shared, ring, events, timeout);
            shared.operations.end(&mut self.batch);
            shared.sleep.take_note();
            result
        });
        self.for_turn = Some(shared);
        turned.unwrap_or_else(|| Err(error::wrong_thread()))
    }

    fn expects(&self) -> bool {
        self.prompt.is_likely() && self.shared.operations.is_waiting_here()
    }

    fn drain(&mut self, events: &mut Events) -> usize {
        let shared = self.shared.clone();
        self.withdraw_all(events);
        let drained =
            shared.ring.with(|ring| ring.is_usable_here() && self.drain_with(ring, events));
        if drained != Some(true) {
            // Another thread's, or the parent's: the kernel may fill what it was lent for ever.
            self.groups.forget_all();
            shared.memory.end(false);
        }
        std::mem::take(&mut self.running)
    }
}

impl UringSelector {
    fn select_with(
        &mut self,
        shared: &Shared,
        ring: &mut Ring,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let waits = timeout != Some(Duration::ZERO);
        let deadline = timeout.filter(|_| waits).map(|left| self.clock.deadline_after_ns(left));
        let mut left = timeout;
        loop {
            // What is changed from here on leaves a note, or rings.
            shared.sleep.take_note();
            let ran = self.running;
            let coming = self.submit_changes(shared, ring, events)?;
            let begins = self.running > ran;
            // Handing over more than the ring holds may have brought the end of the bell's request,
            // or of what is watched: nobody sleeps without them.
            let armed = self.hears_bell && !shared.watches_changed.load(Ordering::Acquire);
            let nothing = !events.has_come() && armed;
            if waits && nothing && !shared.sleep.prepare() {
                continue;
            }
            let wait = match waits && nothing {
                true => Wait::For { completions: 1 + coming, timeout: left },
                false => Wait::Look,
            };
            let entered = self.enter(ring, wait, events)?;
            self.look_again(ring, events)?;
            if begins {
                self.prompt.learn(wait, events.has_come());
            }
            if events.has_come() || !waits {
                return Ok(());
            }
            if let Some(deadline) = deadline {
                let now = self.clock.now_ns();
                if now >= deadline {
                    return Ok(());
                }
                left = Some(Duration::from_nanos(deadline - now));
            }
            if entered == Entered::Busy {
                self.rest(ring, events)?;
            }
        }
    }

    /// Ends all that the kernel has, as far as it lets itself be ended in time.
    fn drain_with(&mut self, ring: &mut Ring, events: &mut Events) -> bool {
        // An error here leaves nothing to be done: what the kernel has by then is leaked.
        let _ = self.end_all(ring, events);
        self.groups.remove_all(ring);
        self.shared.memory.end(self.running == 0);
        if self.running == 0 {
            // What runs would be waited for.
            self.closing.end(ring);
        }
        events.list.clear();
        true
    }

    /// What the kernel has not seen ends here.
    fn withdraw_all(&mut self, events: &mut Events) {
        self.shared.operations.withdraw_all(&mut self.batch);
        self.tell_cancelled(events);
    }

    /// Ends every watch and every operation, and waits for the operations, so that the kernel has
    /// let go of files and memory before the ring goes: closing it only begins to.
    fn end_all(&mut self, ring: &mut Ring, events: &mut Events) -> io::Result<()> {
        if ring.pushed() != 0 {
            // What was pushed and not taken is begun by the next entry, after the end of all.
            self.enter(ring, Wait::Look, events)?;
        }
        let shared = self.shared.clone();
        let deadline = self.clock.deadline_after_ns(DRAIN_MAX);
        let mut first = true;
        loop {
            let cancelled = ring.cancel_all();
            if std::mem::take(&mut first) {
                shared.watches.lock().end_all(!cancelled);
                self.hears_bell = false;
            }
            if !cancelled {
                self.cancel_named(ring, events)?;
            }
            self.submit_ends(ring, events)?;
            if self.running == 0 || self.clock.now_ns() >= deadline {
                return Ok(());
            }
            self.enter(ring, Wait::For { completions: 1, timeout: Some(DRAIN_STEP) }, events)?;
        }
    }

    /// Asks for the end of each operation by its name.
    fn cancel_named(&mut self, ring: &mut Ring, events: &mut Events) -> io::Result<()> {
        let tokens: Vec<Token> = self.named.iter().flatten().copied().collect();
        for token in tokens {
            while !ring.push_cancel(Key::Operation(token)) {
                self.enter(ring, Wait::Look, events)?;
            }
        }
        Ok(())
    }

    /// Hands over what is left to be ended.
    fn submit_ends(&mut self, ring: &mut Ring, events: &mut Events) -> io::Result<()> {
        loop {
            let (filled, _) = self.shared.watches.lock().fill(ring);
            if self.enter(ring, Wait::Look, events)? == Entered::Busy {
                self.rest(ring, events)?;
            } else if filled {
                return Ok(());
            }
        }
    }

    /// Puts all changes into the ring, handing over what is more than it holds. Returns how many
    /// completions of our own the next entry is known to bring.
    fn submit_changes(
        &mut self,
        shared: &Shared,
        ring: &mut Ring,
        events: &mut Events,
    ) -> io::Result<u32> {
        if !self.hears_bell {
            let key = Key::Wake;
            self.hears_bell = ring.push_poll(key, shared.bell.descriptor(), POLLIN, true);
        }
        let mut changed = shared.watches_changed.load(Ordering::Acquire);
        if changed {
            shared.watches.lock().begin_look();
        }
        shared.operations.begin(&mut self.batch);
        self.tell_cancelled(events);
        // After the operations were taken over: what one of them needs was asked for before it.
        self.groups.change(ring, shared.group_changes.take());
        self.groups.lend();
        self.closing.take(&shared.direct, ring);
        shared.memory.settle();
        loop {
            let (mut filled, mut ends) = (true, 0);
            if changed {
                let mut watches = shared.watches.lock();
                (filled, ends) = watches.fill(ring);
                watches.tell_refused(events);
                watches.end_look();
                changed = watches.is_pending();
                shared.watches_changed.store(changed, Ordering::Release);
            }
            if filled && self.closing.move_into(ring) && self.move_operations(ring) {
                return Ok(if ring.is_pinned() { ends } else { 0 });
            }
            if self.enter(ring, Wait::Look, events)? == Entered::Busy {
                self.rest(ring, events)?;
            }
        }
    }

    /// Puts operations into the ring; true if all found room.
    #[inline]
    fn move_operations(&mut self, ring: &mut Ring) -> bool {
        let Self { shared, batch, links, running, named, .. } = self;
        let mut moved = Moved { count: running, named, links };
        // SAFETY: `Completer::submit` made its callers promise just that, and `drain` says of which
        // operations the kernel did not let go.
        unsafe { shared.operations.move_into(ring, batch, &mut moved) }
    }

    /// Operations that the kernel never saw, because they were cancelled on another thread than
    /// that whose queue they lay in, or because one before them in a chain was.
    #[inline]
    fn tell_cancelled(&mut self, events: &mut Events) {
        let ended = self.batch.cancelled.drain(..).map(|token| Completion {
            token,
            result: Err(error::cancelled()),
            more: false,
            buffer: None,
        });
        events.completions.extend(ended);
    }

    /// One entry, and what it brings.
    #[inline]
    fn enter(&mut self, ring: &mut Ring, wait: Wait, events: &mut Events) -> io::Result<Entered> {
        let requests = ring.pushed() as u64;
        self.shared.counters.system_call(SystemCall::Wait);
        let entered = ring.enter(wait)?;
        if self.batch.is_emptied() && ring.pushed() == 0 {
            self.shared.operations.end(&mut self.batch);
        }
        let completions = self.collect(ring, events) as u64;
        self.shared.counters.ring(requests - ring.pushed() as u64, completions);
        Ok(entered)
    }

    /// Looks after completions for which there was no room.
    #[inline]
    fn look_again(&mut self, ring: &mut Ring, events: &mut Events) -> io::Result<()> {
        for _ in 0..LOOKS_MAX {
            if !ring.has_overflowed() {
                break;
            }
            self.shared.counters.overflow();
            self.enter(ring, Wait::Look, events)?;
        }
        Ok(())
    }

    /// The kernel has no memory for more requests: what runs is to end first.
    fn rest(&mut self, ring: &mut Ring, events: &mut Events) -> io::Result<()> {
        self.shared.counters.system_call(SystemCall::Wait);
        ring.rest(BUSY_WAIT)?;
        self.collect(ring, events);
        Ok(())
    }

    /// Turns completions into events, and says how many there were.
    #[inline]
    fn collect(&mut self, ring: &mut Ring, events: &mut Events) -> usize {
        let Self { shared, hears_bell, links, running, named, .. } = self;
        let mut told = None;
        let count = ring.reap(|done| match done.key {
            Key::Watch { descriptor, arm } => {
                let watches = told.get_or_insert_with(|| shared.watches.lock());
                watches.tell(done, descriptor, arm, events);
            }
            Key::Wake => {
                *hears_bell = done.has_more();
                events.woken |= shared.woken.swap(false, Ordering::AcqRel);
            }
            Key::Operation(token) => {
                links.tell(token, !done.has_more());
                if !done.has_more() {
                    *running -= 1;
                    named.as_mut().map(|named| named.remove(&token));
                }
                events.completions.push(completion(done, token));
            }
            Key::Cancel => {}
            Key::CancelOf(token) => match -done.result {
                libc::ENOENT => {
                    shared.counters.cancel_found_nothing();
                    links.missed(token);
                }
                libc::EALREADY => shared.counters.cancel_found_it_at_work(),
                _ => {}
            },
        });
        if let Some(mut watches) = told {
            watches.settle_doubts(events);
            watches.tell_refused(events);
            if watches.is_pending() {
                shared.watches_changed.store(true, Ordering::Release);
            }
        }
        count
    }
}

/// What of the kernel is used, in words.
fn in_force(ring: &Ring) -> io::Result<InForce> {
    let features = ring.features();
    let mut operations = ring.known()?.names();
    // Without groups that the kernel fills, streams receive by readiness.
    operations.retain(|&name| name != "recv_multi" || features.buffer_groups);
    Ok(InForce { setup: ring.rung().name(), features: features.names(), operations })
}

/// The completion of an operation, in the words of the layer above.
#[inline]
fn completion(done: Done, token: Token) -> Completion {
    let result = match -done.result {
        // A timer that has run to its end.
        libc::ETIME => Ok(0),
        libc::ECANCELED => Err(error::cancelled()),
        code if code > 0 => Err(io::Error::from_raw_os_error(code)),
        _ => Ok(done.result as u64),
    };
    Completion { token, result, more: done.has_more(), buffer: done.buffer() }
}

impl Drop for UringSelector {
    fn drop(&mut self) {
        self.drain(&mut Events::new());
    }
}

const POLLIN: u32 = libc::POLLIN as u32;

impl Completer for UringRegistrar {
    #[inline]
    unsafe fn submit(&self, token: Token, operation: RawOperation) -> io::Result<()> {
        let entry = self.shared.known.entry(&operation)?;
        match self.shared.operations.submit_here(token, entry) {
            Ok(()) => Ok(()),
            Err(entry) => self.hand_over(std::iter::once((token, entry))),
        }
    }

    unsafe fn submit_chain(&self, chain: &[(Token, RawOperation)]) -> io::Result<()> {
        let [(token, operation)] = chain else { return self.submit_linked(chain) };
        let entry = self.shared.known.entry(operation)?;
        let one = std::iter::once((*token, entry));
        self.hand_over(one)
    }

    fn cancel(&self, token: Token) -> Cancel {
        self.shared.counters.cancel_requested();
        match self.shared.operations.cancel(token) {
            Asked::Withdrawn => return Cancel::Withdrawn,
            Asked::Nothing { in_transit } => {
                if in_transit {
                    self.wait_for_return();
                }
                if self.cancel_now(token) {
                    return Cancel::Requested;
                }
                self.shared.operations.push_cancel(token);
                self.rouse();
            }
            Asked::ByTheTurn { in_transit: false } => self.rouse(),
            Asked::ByTheTurn { in_transit: true } => self.wait_for_return(),
        }
        Cancel::Requested
    }

    fn add_group(&self, group: u16, buffers: &Arc<Buffers>) -> io::Result<()> {
        if !self.shared.fills_groups {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // Before the operation that names it, which is told after this and moved after that.
        self.shared.group_changes.push(Change::Add(group, buffers.clone()));
        Ok(())
    }

    fn remove_group(&self, group: u16) {
        self.shared.group_changes.push(Change::Remove(group));
    }

    fn register_memory(&self, number: u16, buffers: &Arc<Buffers>) -> io::Result<()> {
        if !self.shared.memory.is_allowed() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if self.shared.memory.register(number, buffers) {
            self.rouse();
        }
        Ok(())
    }

    fn unregister_memory(&self, number: u16) {
        if self.shared.memory.unregister(number) {
            self.rouse();
        }
    }

    fn make_direct(&self, places: usize) -> io::Result<()> {
        if !self.shared.has_direct {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.shared.direct.ask_for_table(places)
    }

    fn close_direct(&self, slot: u32) {
        self.shared.direct.close(slot);
        self.rouse();
    }
}

impl UringRegistrar {
    /// Cancels beside the ring: from here on the operation moves nothing any more. False if it was
    /// not found there, and the turn has to look.
    fn cancel_now(&self, token: Token) -> bool {
        self.shared.counters.system_call(SystemCall::Remove);
        match self.shared.cancel.cancel(Key::Operation(token)) {
            Found::It => true,
            Found::AtWork => {
                self.shared.counters.cancel_found_it_at_work();
                true
            }
            Found::Nothing | Found::Closed | Found::Unasked => false,
        }
    }

    /// Tells the turn that there is something to do.
    fn rouse(&self) {
        if self.shared.sleep.unpark() {
            // A queue that cannot be rung is unusable, and the turn says so.
            let _ = self.shared.ring_bell();
        }
    }

    /// Makes the turn come back from the kernel, with which it has operations just now.
    fn wait_for_return(&self) {
        // Whether it sleeps or is on its way to.
        self.rouse();
        let _ = self.shared.ring_bell();
        self.shared.operations.wait_for_return();
    }

    fn submit_linked(&self, chain: &[(Token, RawOperation)]) -> io::Result<()> {
        if chain.len() > CHAIN_MAX {
            return Err(chain_too_long());
        }
        let entries = chain
            .iter()
            .map(|(token, operation)| Ok((*token, self.shared.known.entry(operation)?)));
        self.hand_over(entries.collect::<io::Result<Vec<_>>>()?.into_iter())
    }

    fn hand_over(
        &self,
        chain: impl ExactSizeIterator<Item = (Token, squeue::Entry)>,
    ) -> io::Result<()> {
        let told = self.shared.operations.submit(chain)?;
        if told && self.shared.sleep.unpark() {
            self.shared.ring_bell()?;
        }
        Ok(())
    }
}

impl Registrar for UringRegistrar {
    fn add(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.change(source, |watches, descriptor| watches.add(descriptor, token, interest, trigger))
    }

    fn modify(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.change(source, |watches, descriptor| {
            watches.modify(descriptor, token, interest, trigger)
        })
    }

    fn remove(&self, source: RawSource, token: Token) -> io::Result<()> {
        self.change(source, |watches, descriptor| {
            watches.remove(descriptor, token);
            Ok(())
        })
    }

    fn flush(&self) -> io::Result<()> {
        let here = self.shared.owner.as_ref().is_some_and(|owner| owner.is_here());
        if !here || !self.shared.watches.lock().is_pending() {
            return Ok(());
        }
        // Only this thread turns, and it is not turning now.
        self.shared.ring.with(|ring| self.shared.flush(ring)).unwrap_or(Ok(()))
    }

    fn wake(&self) -> io::Result<()> {
        if self.shared.woken.swap(true, Ordering::AcqRel) {
            // Who set the flag rings the bell too, and both last until the wait has ended.
            return Ok(());
        }
        self.shared.ring_bell()
    }
}

impl UringRegistrar {
    /// Changes the table, and rings up a sleeping turn if that leaves it something to do.
    fn change(
        &self,
        source: RawSource,
        change: impl FnOnce(&mut Watches, RawFd) -> io::Result<()>,
    ) -> io::Result<()> {
        let descriptor = descriptor(source)?;
        let mut watches = self.shared.watches.lock();
        let changed = change(&mut watches, descriptor);
        let pending = watches.is_pending();
        if pending {
            self.shared.watches_changed.store(true, Ordering::Release);
        }
        drop(watches);
        if pending && self.shared.sleep.unpark() {
            self.shared.ring_bell()?;
        }
        changed.map_err(|error| explain(error, descriptor))
    }
}

impl Shared {
    /// Hands over what is to be ended; the completions lie in their queue until the next turn.
    fn flush(&self, ring: &mut Ring) -> io::Result<()> {
        loop {
            let (filled, _) = self.watches.lock().fill(ring);
            self.counters.system_call(SystemCall::Wait);
            let entered = ring.enter(Wait::Look)?;
            if filled || entered == Entered::Busy {
                return Ok(());
            }
        }
    }

    fn ring_bell(&self) -> io::Result<()> {
        self.counters.system_call(SystemCall::Wake);
        self.bell.raise()
    }
}

fn chain_too_long() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("a chain has at most {CHAIN_MAX} operations: make several, one after the other"),
    )
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

/// Puts the remedy beside the errors whose bare text does not tell.
fn explain(error: io::Error, descriptor: RawFd) -> io::Error {
    let (kind, remedy) = match error.raw_os_error() {
        Some(libc::EPERM) => (
            io::ErrorKind::PermissionDenied,
            "io_uring cannot watch regular files and directories, which are always ready: \
             read them with operations, or on a pool of blocking threads"
                .into(),
        ),
        Some(libc::EEXIST) => (
            io::ErrorKind::AlreadyExists,
            "the descriptor is already registered with this driver: drop the first registration, \
             or register a duplicate"
                .into(),
        ),
        Some(libc::ENOENT) => (
            io::ErrorKind::NotFound,
            format!(
                "descriptor {descriptor} does not name what was registered: it was closed, and its \
                 number given to something else; register that anew"
            ),
        ),
        _ => return error,
    };
    io::Error::new(kind, remedy)
}

#[cfg(test)]
mod tests;
