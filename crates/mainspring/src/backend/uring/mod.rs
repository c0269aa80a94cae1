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
//! - **What is cancelled by another thread** is cancelled beside the ring, where the kernel can
//!   (6.0): its file is let go of although the turning thread sleeps.
//! - **Completions of our own** (an ended poll, a change's bell) end no wait: it goes on for what
//!   is left of the time (C7). A pinned driver waits for one completion more than for those which
//!   it knows to be coming, so they cost no call.
//!
//! Sources: io_uring(7) and the manuals of its three calls.

mod features;
mod key;
mod probe;
mod readiness;
mod ring;
mod watch;

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::event::Events;
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

use super::contract::{Caps, Completer, Config, InForce, Registrar, Selector, Support};
use features::Features;
use key::Key;
use readiness::Watches;
use ring::{Entered, Ring, Wait};

/// Looks after the one that brought something, while the kernel keeps completions that found no
/// room: the tasks are to have their turn too.
const LOOKS_MAX: usize = 4;
/// How long a wait for memory in the kernel lasts before another attempt, if nothing completes.
const BUSY_WAIT: Duration = Duration::from_millis(1);

/// The half that waits.
pub(crate) struct UringSelector {
    shared: Arc<Shared>,
    clock: Clock,
    /// Whether the bell is watched.
    hears_bell: bool,
}

/// The half that other threads use.
pub(crate) struct UringRegistrar {
    shared: Arc<Shared>,
}

struct Shared {
    /// The lock is the turning thread's for as long as it turns, so nobody waits for it but a
    /// thread that wants to turn too.
    ring: Mutex<Ring>,
    watches: Mutex<Watches>,
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
    const CAPS: Caps = Caps { edge: Support::Native, completion: Support::Emulated };
    type Registrar = UringRegistrar;

    fn probe() -> Result<(), Unavailable> {
        probe::probe()
    }

    fn open(config: Config) -> io::Result<(UringSelector, UringRegistrar)> {
        let owner = config.owner;
        let ring = Ring::open(owner.clone(), Features::allowed()?)?;
        probe::has_multishot_poll()?;
        let counters = config.counters;
        let watches = Watches::new(ring.direct_cancel(), owner.is_some(), counters.clone());
        let shared = Arc::new(Shared {
            ring: Mutex::new(ring),
            watches: Mutex::new(watches),
            bell: WakeCounter::new()?,
            sleep: Park::new(),
            woken: AtomicBool::new(false),
            owner,
            counters,
        });
        let registrar = UringRegistrar { shared: shared.clone() };
        Ok((UringSelector { shared, clock: config.clock, hears_bell: false }, registrar))
    }

    fn in_force(&self) -> InForce {
        let ring = self.shared.ring.lock();
        let (setup, features) = (ring.rung().name(), ring.features().names());
        InForce { setup, features, operations: Vec::new() }
    }

    fn select(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let shared = self.shared.clone();
        let mut ring = shared.ring.lock();
        let result = self.select_with(&mut ring, events, timeout);
        shared.sleep.finish();
        result
    }

    fn drain(&mut self, events: &mut Events) -> usize {
        let shared = self.shared.clone();
        let mut ring = shared.ring.lock();
        if !ring.is_usable_here() {
            return 0;
        }
        // An error here leaves nothing to be done: the ring goes, and what it watched with it.
        let _ = self.end_watches(&mut ring, events);
        events.list.clear();
        0
    }
}

impl UringSelector {
    fn select_with(
        &mut self,
        ring: &mut Ring,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let shared = self.shared.clone();
        let waits = timeout != Some(Duration::ZERO);
        let deadline = timeout.filter(|_| waits).map(|left| self.clock.deadline_after_ns(left));
        let mut left = timeout;
        loop {
            // What is changed from here on leaves a note, or rings.
            shared.sleep.finish();
            let coming = self.submit_changes(ring, events)?;
            let nothing = !has_come(events);
            if waits && nothing && !shared.sleep.prepare() {
                continue;
            }
            let wait = match waits && nothing {
                true => Wait::For { completions: 1 + coming, timeout: left },
                false => Wait::Look,
            };
            let entered = self.enter(ring, wait, events)?;
            self.look_again(ring, events)?;
            if has_come(events) || !waits {
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

    /// Ends every watch, so that the files are let go of before the ring is.
    fn end_watches(&mut self, ring: &mut Ring, events: &mut Events) -> io::Result<()> {
        if ring.pushed() != 0 {
            // What was pushed and not taken is begun by the next entry, after the end of all.
            self.enter(ring, Wait::Look, events)?;
        }
        let cancelled = ring.cancel_all();
        let shared = self.shared.clone();
        shared.watches.lock().end_all(!cancelled);
        self.hears_bell = false;
        loop {
            let (filled, _) = shared.watches.lock().fill(ring);
            if self.enter(ring, Wait::Look, events)? == Entered::Busy {
                self.rest(ring, events)?;
            } else if filled {
                return Ok(());
            }
        }
    }

    /// Puts all changes into the ring, handing over what is more than it holds. Returns how many
    /// completions of our own the next entry is known to bring.
    fn submit_changes(&mut self, ring: &mut Ring, events: &mut Events) -> io::Result<u32> {
        let shared = self.shared.clone();
        if !self.hears_bell {
            let key = Key::Wake;
            self.hears_bell = ring.push_poll(key, shared.bell.descriptor(), POLLIN, true);
        }
        shared.watches.lock().begin_look();
        loop {
            let mut watches = shared.watches.lock();
            let (filled, ends) = watches.fill(ring);
            watches.tell_refused(events);
            watches.end_look();
            drop(watches);
            if filled {
                return Ok(if ring.is_pinned() { ends } else { 0 });
            }
            if self.enter(ring, Wait::Look, events)? == Entered::Busy {
                self.rest(ring, events)?;
            }
        }
    }

    /// One entry, and what it brings.
    fn enter(&mut self, ring: &mut Ring, wait: Wait, events: &mut Events) -> io::Result<Entered> {
        self.shared.counters.system_call(SystemCall::Wait);
        let entered = ring.enter(wait)?;
        self.collect(ring, events);
        Ok(entered)
    }

    /// Looks after completions for which there was no room.
    fn look_again(&mut self, ring: &mut Ring, events: &mut Events) -> io::Result<()> {
        for _ in 0..LOOKS_MAX {
            if !ring.has_overflowed() {
                break;
            }
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

    /// Turns completions into events.
    fn collect(&mut self, ring: &mut Ring, events: &mut Events) {
        let shared = &self.shared;
        let mut watches = shared.watches.lock();
        let mut hears_bell = self.hears_bell;
        ring.reap(|done| match done.key {
            Key::Watch { descriptor, arm } => watches.tell(done, descriptor, arm, events),
            Key::Wake => {
                hears_bell = done.has_more();
                events.woken |= shared.woken.swap(false, Ordering::AcqRel);
            }
            Key::Operation(_) | Key::Cancel => {}
        });
        watches.settle_doubts(events);
        watches.tell_refused(events);
        self.hears_bell = hears_bell;
    }
}

impl Drop for UringSelector {
    fn drop(&mut self) {
        self.drain(&mut Events::new());
    }
}

const POLLIN: u32 = libc::POLLIN as u32;

/// Whether there is something to end a wait for.
fn has_come(events: &Events) -> bool {
    events.woken
        || !events.list.is_empty()
        || !events.completions.is_empty()
        || !events.refused.is_empty()
}

impl Completer for UringRegistrar {}

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
        // Only this thread turns, and it is not turning now: the lock is free.
        let mut ring = self.shared.ring.lock();
        loop {
            let (filled, _) = self.shared.watches.lock().fill(&mut ring);
            self.shared.counters.system_call(SystemCall::Wait);
            // The completions lie in their queue until the next turn.
            let entered = ring.enter(Wait::Look)?;
            if filled || entered == Entered::Busy {
                return Ok(());
            }
        }
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
        drop(watches);
        if pending && self.shared.sleep.unpark() {
            self.shared.ring_bell()?;
        }
        changed.map_err(|error| explain(error, descriptor))
    }
}

impl Shared {
    fn ring_bell(&self) -> io::Result<()> {
        self.counters.system_call(SystemCall::Wake);
        self.bell.raise()
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
