//! The backends, and the one enum that stands for whichever was chosen.
//!
//! This is the door: the only list of backends and of the systems they are built on. Each match
//! over them is written once, by `each!`. A mechanism is one file (or folder) beside this one that
//! implements the traits of [`contract`]; none imports another.

pub(crate) mod choose;
pub(crate) mod contract;
#[cfg(target_os = "linux")]
mod epoll;
#[cfg(windows)]
mod iocp;
#[cfg(any(unix, windows))]
mod poll;
#[cfg(windows)]
mod port;
#[cfg(feature = "sim")]
mod sim;
#[cfg(target_os = "linux")]
mod uring;

use std::io;
use std::time::Duration;

use crate::completion::buffer_group::Buffers;
use crate::completion::operation::{Operation, RawOperation};
use crate::completion::operation_set::OperationSet;
use crate::event::Events;
use crate::interest::Interest;
use crate::kind::{Kind, Unavailable};
use crate::metrics::Counters;
use crate::sim::Simulation;
use crate::source::RawSource;
use crate::sync::{Arc, Owner};
use crate::time::Clock;
use crate::token::Token;
use crate::trigger::Trigger;

use choose::{Choice, Chosen};
use contract::{Cancel, Caps, Completer, Config, InForce, Registrar, Selector};

/// Events taken in the first look, unless the builder says otherwise: three kilobytes.
pub(crate) const EVENT_CAPACITY: usize = 256;

/// The mechanisms [`Choice::Auto`] tries on this system, in this order. epoll goes before the ring:
/// it is on every Linux, nobody forbids it, and an idle one holds no memory to speak of, where a
/// ring has a hundred kilobytes. Who lives on whole operations asks for the ring.
const PREFERRED: &[Kind] = &[
    #[cfg(target_os = "linux")]
    Kind::Epoll,
    #[cfg(target_os = "linux")]
    Kind::Uring,
    #[cfg(unix)]
    Kind::Poll,
    #[cfg(windows)]
    Kind::Iocp,
    #[cfg(windows)]
    Kind::WsaPoll,
];

/// The half that waits, of whichever backend.
#[allow(clippy::large_enum_variant, reason = "one a driver, and the mechanism in use is the large")]
pub(crate) enum Backend {
    #[cfg(target_os = "linux")]
    Epoll(epoll::EpollSelector),
    #[cfg(target_os = "linux")]
    Uring(uring::UringSelector),
    #[cfg(unix)]
    Poll(poll::PollSelector),
    #[cfg(windows)]
    Iocp(iocp::IocpSelector),
    #[cfg(windows)]
    WsaPoll(poll::PollSelector),
    #[cfg(feature = "sim")]
    Sim(sim::SimSelector),
}

/// The operations of one chain at most (clause C13): as many as fit into the smallest queue that a
/// ring is set up with.
pub(crate) const BATCH_MAX: usize = 8;

/// Operations that lie in their slots and are to be handed over together.
pub struct Batch<'a> {
    operations: &'a OperationSet,
    list: [(Token, RawOperation); BATCH_MAX],
    len: usize,
}

impl<'a> Batch<'a> {
    /// None yet; their slots are in `operations`, to which the completions of the backend are
    /// dispatched.
    pub(crate) fn new(operations: &'a OperationSet) -> Batch<'a> {
        Batch { operations, list: [(Token(0), RawOperation::Nop); BATCH_MAX], len: 0 }
    }

    /// Puts one more at the end; with the error it comes back.
    pub(crate) fn add<O: Operation>(&mut self, operation: O) -> Result<Token, (io::Error, O)> {
        if self.len == BATCH_MAX {
            return Err((io::ErrorKind::Unsupported.into(), operation));
        }
        let (token, raw) = self.operations.insert(operation)?;
        self.list[self.len] = (token, raw);
        self.len += 1;
        Ok(token)
    }
}

/// The half that is shared, of whichever backend.
#[allow(clippy::large_enum_variant, reason = "one a driver, and the mechanism in use is the large")]
pub(crate) enum SharedBackend {
    #[cfg(target_os = "linux")]
    Epoll(epoll::EpollRegistrar),
    #[cfg(target_os = "linux")]
    Uring(uring::UringRegistrar),
    #[cfg(unix)]
    Poll(poll::PollRegistrar),
    #[cfg(windows)]
    Iocp(iocp::IocpRegistrar),
    #[cfg(windows)]
    WsaPoll(poll::PollRegistrar),
    #[cfg(feature = "sim")]
    Sim(sim::SimRegistrar),
}

/// Forwards to whichever variant it is.
macro_rules! each {
    ($on:expr, $variant:ident => $call:expr) => {
        match $on {
            #[cfg(target_os = "linux")]
            Self::Epoll($variant) => $call,
            #[cfg(target_os = "linux")]
            Self::Uring($variant) => $call,
            #[cfg(unix)]
            Self::Poll($variant) => $call,
            #[cfg(windows)]
            Self::Iocp($variant) => $call,
            #[cfg(windows)]
            Self::WsaPoll($variant) => $call,
            #[cfg(feature = "sim")]
            Self::Sim($variant) => $call,
        }
    };
}

/// A queue, and what the layers above need to know about it.
pub(crate) struct Opened {
    pub(crate) backend: Backend,
    pub(crate) shared: SharedBackend,
    pub(crate) caps: Caps,
    pub(crate) chosen: Chosen,
    pub(crate) clock: Clock,
    /// The world of a simulated queue, where its sockets are made.
    pub(crate) simulation: Option<Simulation>,
}

/// What a queue is opened with.
pub(crate) struct Opening<'a> {
    pub(crate) choice: &'a Choice,
    pub(crate) event_capacity: usize,
    pub(crate) counters: &'a Arc<Counters>,
    /// The world to join, for the simulated kind; a world of its own without one.
    pub(crate) simulation: Option<Simulation>,
    /// The thread the queue is pinned to, once it is turned.
    pub(crate) owner: Option<Arc<Owner>>,
}

/// Opens the first backend of the choice that can be had.
///
/// # Errors
///
/// If none can, a sentence with the reason and the remedy of each; out of descriptors or memory,
/// that error, without trying another: a fallback hides no shortage.
pub(crate) fn open(opening: &Opening<'_>) -> io::Result<Opened> {
    let variable = std::env::var(choose::VARIABLE).ok();
    let (kinds, reason) = choose::candidates(opening.choice, variable.as_deref(), PREFERRED)?;
    let mut passed_over = Vec::new();
    for kind in kinds {
        let unavailable = match open_kind(kind, opening) {
            Ok(opened) => return Ok(opened(Chosen::new(kind, reason, passed_over))),
            Err(error) if is_shortage(&error) => return Err(error),
            Err(error) => probe_kind(kind).err().unwrap_or_else(|| {
                Unavailable::new(
                    format!("it could not be opened: {error}"),
                    "see `mainspring probe` for what this machine offers",
                )
            }),
        };
        passed_over.push((kind, unavailable));
    }
    let reasons: Vec<String> =
        passed_over.iter().map(|(kind, why)| format!("{kind}: {why}")).collect();
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!("no backend can be used ({reason}): {}", reasons.join("; ")),
    ))
}

/// Opens one kind; what comes back lacks only the reason it was chosen for.
fn open_kind(kind: Kind, opening: &Opening<'_>) -> io::Result<impl FnOnce(Chosen) -> Opened> {
    let simulation = world(kind, opening.simulation.clone());
    let clock = simulation.as_ref().map_or_else(Clock::real, Simulation::clock);
    let config = Config {
        clock: clock.clone(),
        counters: opening.counters.clone(),
        event_capacity: opening.event_capacity,
        owner: opening.owner.clone(),
    };
    let (backend, shared, caps) = open_halves(kind, config, simulation.as_ref())?;
    let in_force = backend.in_force();
    Ok(move |chosen: Chosen| {
        let chosen = chosen.with(in_force);
        Opened { backend, shared, caps, chosen, clock, simulation }
    })
}

fn open_halves(
    kind: Kind,
    config: Config,
    simulation: Option<&Simulation>,
) -> io::Result<(Backend, SharedBackend, Caps)> {
    match (kind, simulation) {
        #[cfg(target_os = "linux")]
        (Kind::Epoll, _) => {
            let (selector, registrar) = epoll::EpollSelector::open(config)?;
            let caps = epoll::EpollSelector::CAPS;
            Ok((Backend::Epoll(selector), SharedBackend::Epoll(registrar), caps))
        }
        #[cfg(target_os = "linux")]
        (Kind::Uring, _) => {
            let (selector, registrar) = uring::UringSelector::open(config)?;
            let caps = uring::UringSelector::CAPS;
            Ok((Backend::Uring(selector), SharedBackend::Uring(registrar), caps))
        }
        #[cfg(unix)]
        (Kind::Poll, _) => {
            let (selector, registrar) = poll::PollSelector::open(config)?;
            let caps = poll::PollSelector::CAPS;
            Ok((Backend::Poll(selector), SharedBackend::Poll(registrar), caps))
        }
        #[cfg(windows)]
        (Kind::Iocp, _) => {
            let (selector, registrar) = iocp::IocpSelector::open(config)?;
            let caps = iocp::IocpSelector::CAPS;
            Ok((Backend::Iocp(selector), SharedBackend::Iocp(registrar), caps))
        }
        #[cfg(windows)]
        (Kind::WsaPoll, _) => {
            let (selector, registrar) = poll::PollSelector::open(config)?;
            let caps = poll::PollSelector::CAPS;
            Ok((Backend::WsaPoll(selector), SharedBackend::WsaPoll(registrar), caps))
        }
        #[cfg(feature = "sim")]
        (Kind::Sim, Some(simulation)) => {
            let (selector, registrar) = sim::SimSelector::open_on(simulation, config)?;
            let caps = sim::SimSelector::CAPS;
            Ok((Backend::Sim(selector), SharedBackend::Sim(registrar), caps))
        }
        _ => Err(io::Error::from(io::ErrorKind::Unsupported)),
    }
}

/// The world a kind lives in: only the simulated one has any.
#[cfg(feature = "sim")]
fn world(kind: Kind, given: Option<Simulation>) -> Option<Simulation> {
    (kind == Kind::Sim).then(|| given.unwrap_or_else(|| Simulation::new(0)))
}

/// The world a kind lives in: this build has none.
#[cfg(not(feature = "sim"))]
fn world(_kind: Kind, given: Option<Simulation>) -> Option<Simulation> {
    given
}

fn probe_kind(kind: Kind) -> Result<(), Unavailable> {
    match kind {
        #[cfg(target_os = "linux")]
        Kind::Epoll => epoll::EpollSelector::probe(),
        #[cfg(target_os = "linux")]
        Kind::Uring => uring::UringSelector::probe(),
        #[cfg(unix)]
        Kind::Poll => poll::PollSelector::probe(),
        #[cfg(windows)]
        Kind::Iocp => iocp::IocpSelector::probe(),
        #[cfg(windows)]
        Kind::WsaPoll => poll::PollSelector::probe(),
        #[cfg(feature = "sim")]
        Kind::Sim => sim::SimSelector::probe(),
        #[allow(unreachable_patterns, reason = "reached in builds that lack a kind")]
        kind => Err(Unavailable::new(
            format!("this build has no backend of the kind {kind}"),
            "build for a system that has it, or, for the simulator, with the feature `sim`",
        )),
    }
}

/// Every kind this build knows, and whether it can be used here: tried, not guessed from a
/// version.
///
/// ```
/// for (kind, available) in mainspring::probe() {
///     println!("{kind}: {}", available.map_or_else(|why| why.to_string(), |()| "yes".into()));
/// }
/// ```
#[must_use]
pub fn probe() -> Vec<(Kind, Result<(), Unavailable>)> {
    Kind::ALL.iter().map(|&kind| (kind, probe_kind(kind))).collect()
}

/// Out of descriptors or memory: true of every mechanism, so no reason to try another.
fn is_shortage(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM));
    #[cfg(windows)]
    return error.raw_os_error().is_some_and(|code| {
        use windows_sys::Win32::Foundation as codes;
        let shortages = [
            codes::ERROR_TOO_MANY_OPEN_FILES,
            codes::ERROR_NOT_ENOUGH_MEMORY,
            codes::ERROR_OUTOFMEMORY,
            codes::ERROR_NO_SYSTEM_RESOURCES,
            codes::ERROR_NOT_ENOUGH_QUOTA,
        ];
        shortages.contains(&(code as u32))
    });
}

impl Backend {
    pub(crate) fn select(
        &mut self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        each!(self, selector => selector.select(events, timeout))
    }

    /// Whether a look is likely to bring something; see [`contract::Selector::expects`].
    #[inline]
    pub(crate) fn expects(&self) -> bool {
        each!(self, selector => selector.expects())
    }

    fn in_force(&self) -> InForce {
        each!(self, selector => selector.in_force())
    }

    pub(crate) fn drain(&mut self, events: &mut Events) -> usize {
        each!(self, selector => selector.drain(events))
    }
}

impl SharedBackend {
    pub(crate) fn add(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        each!(self, registrar => registrar.add(source, token, interest, trigger))
    }

    pub(crate) fn modify(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        each!(self, registrar => registrar.modify(source, token, interest, trigger))
    }

    pub(crate) fn rearm(
        &self,
        source: RawSource,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        each!(self, registrar => registrar.rearm(source, token, interest))
    }

    pub(crate) fn remove(&self, source: RawSource, token: Token) -> io::Result<()> {
        each!(self, registrar => registrar.remove(source, token))
    }

    pub(crate) fn flush(&self) -> io::Result<()> {
        each!(self, registrar => registrar.flush())
    }

    pub(crate) fn wake(&self) -> io::Result<()> {
        each!(self, registrar => registrar.wake())
    }

    /// Makes a source one that operations can be on; see [`contract::Completer::adopt`].
    pub(crate) fn adopt(&self, source: RawSource) -> io::Result<()> {
        each!(self, registrar => registrar.adopt(source))
    }

    /// Puts an operation into a slot of `operations` and hands it to the kernel; with the error it
    /// comes back. The completions of this backend are to be dispatched to that set.
    #[inline]
    pub(crate) fn begin<O: Operation>(
        &self,
        operations: &OperationSet,
        operation: O,
    ) -> Result<Token, (io::Error, O)> {
        let (token, raw) = operations.insert(operation)?;
        // SAFETY: the operation lies in its slot, whose address is stable, and the set neither
        // moves, touches nor frees it before its terminal completion was dispatched or it was
        // withdrawn; should the driver go without the one and the other, the set leaks its slots.
        match unsafe { self.submit(token, raw) } {
            Ok(()) => Ok(token),
            Err(error) => Err((error, operations.withdraw(token))),
        }
    }

    /// Hands a chain of operations to the kernel; see [`contract::Completer::submit_chain`]. With
    /// the error, they are to be withdrawn.
    pub(crate) fn begin_chain(&self, batch: Batch<'_>) -> io::Result<()> {
        let batch = &batch.list[..batch.len];
        // SAFETY: each lies in a slot of the set, as in `begin`; the batch is given away with this.
        each!(self, registrar => unsafe { registrar.submit_chain(batch) })
    }

    /// Hands an operation to the kernel; see [`contract::Completer::submit`].
    ///
    /// # Safety
    ///
    /// The memory of `operation` is valid for it, and neither freed, moved nor touched until the
    /// terminal completion of `token` has come or its cancel was answered `Withdrawn`.
    #[inline]
    unsafe fn submit(&self, token: Token, operation: RawOperation) -> io::Result<()> {
        // SAFETY: the caller keeps what the trait asks for.
        each!(self, registrar => unsafe { registrar.submit(token, operation) })
    }

    /// Ends an operation early; see [`contract::Completer::cancel`].
    pub(crate) fn cancel(&self, token: Token) -> Cancel {
        each!(self, registrar => registrar.cancel(token))
    }

    pub(crate) fn add_group(&self, group: u16, buffers: &Arc<Buffers>) -> io::Result<()> {
        each!(self, registrar => registrar.add_group(group, buffers))
    }

    pub(crate) fn register_memory(&self, number: u16, buffers: &Arc<Buffers>) -> io::Result<()> {
        each!(self, registrar => registrar.register_memory(number, buffers))
    }

    pub(crate) fn unregister_memory(&self, number: u16) {
        each!(self, registrar => registrar.unregister_memory(number));
    }

    pub(crate) fn make_direct(&self, places: usize) -> io::Result<()> {
        each!(self, registrar => registrar.make_direct(places))
    }

    pub(crate) fn close_direct(&self, slot: u32) {
        each!(self, registrar => registrar.close_direct(slot));
    }

    pub(crate) fn remove_group(&self, group: u16) {
        each!(self, registrar => registrar.remove_group(group));
    }

    /// Adds a source with the mechanism's own flags.
    #[cfg(target_os = "linux")]
    pub(crate) fn add_with_flags(
        &self,
        source: RawSource,
        token: Token,
        flags: u32,
    ) -> io::Result<()> {
        match self {
            SharedBackend::Epoll(registrar) => registrar.add_flags(source, token, flags),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "epoll's own flags need an epoll queue: open it with Choice::Exactly(Kind::Epoll)",
            )),
        }
    }
}
