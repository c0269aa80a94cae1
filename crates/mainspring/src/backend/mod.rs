//! The backends, and the one enum that stands for whichever was chosen.
//!
//! This is the door: the only list of backends and of the systems they are built on. Each match
//! over them is written once, by `each!`. A mechanism is one file (or folder) beside this one that
//! implements the traits of [`contract`]; none imports another.

pub(crate) mod choose;
pub(crate) mod contract;
#[cfg(target_os = "linux")]
mod epoll;

use std::io;
use std::time::Duration;

use crate::event::Events;
use crate::interest::Interest;
use crate::kind::{Kind, Unavailable};
use crate::metrics::Counters;
use crate::source::RawSource;
use crate::sync::Arc;
use crate::time::Clock;
use crate::token::Token;
use crate::trigger::Trigger;

use choose::{Choice, Chosen};
use contract::{Caps, Config, Registrar, Selector};

/// Events taken in the first look, unless the builder says otherwise: three kilobytes.
pub(crate) const EVENT_CAPACITY: usize = 256;

/// The mechanisms [`Choice::Auto`] tries on this system, the best first.
const PREFERRED: &[Kind] = &[
    #[cfg(target_os = "linux")]
    Kind::Epoll,
];

/// The half that waits, of whichever backend.
pub(crate) enum Backend {
    #[cfg(target_os = "linux")]
    Epoll(epoll::EpollSelector),
}

/// The half that is shared, of whichever backend.
pub(crate) enum SharedBackend {
    #[cfg(target_os = "linux")]
    Epoll(epoll::EpollRegistrar),
}

/// Forwards to whichever variant it is.
macro_rules! each {
    ($on:expr, $variant:ident => $call:expr) => {
        match $on {
            #[cfg(target_os = "linux")]
            Self::Epoll($variant) => $call,
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
}

/// Opens the first backend of `choice` that can be had.
///
/// # Errors
///
/// If none can, a sentence with the reason and the remedy of each; out of descriptors or memory,
/// that error, without trying another (DESIGN: a fallback hides no shortage).
pub(crate) fn open(
    choice: &Choice,
    event_capacity: usize,
    counters: &Arc<Counters>,
) -> io::Result<Opened> {
    let variable = std::env::var(choose::VARIABLE).ok();
    let (kinds, reason) = choose::candidates(choice, variable.as_deref(), PREFERRED)?;
    let mut passed_over = Vec::new();
    for kind in kinds {
        let unavailable = match open_kind(kind, event_capacity, counters) {
            Ok((backend, shared, caps, clock)) => {
                let chosen = Chosen::new(kind, reason, passed_over);
                return Ok(Opened { backend, shared, caps, chosen, clock });
            }
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

type Halves = (Backend, SharedBackend, Caps, Clock);

fn open_kind(kind: Kind, event_capacity: usize, counters: &Arc<Counters>) -> io::Result<Halves> {
    let config =
        |clock: &Clock| Config { clock: clock.clone(), counters: counters.clone(), event_capacity };
    match kind {
        #[cfg(target_os = "linux")]
        Kind::Epoll => {
            let clock = Clock::real();
            let (selector, registrar) = epoll::EpollSelector::open(config(&clock))?;
            let caps = epoll::EpollSelector::CAPS;
            Ok((Backend::Epoll(selector), SharedBackend::Epoll(registrar), caps, clock))
        }
        _ => Err(io::Error::from(io::ErrorKind::Unsupported)),
    }
}

fn probe_kind(kind: Kind) -> Result<(), Unavailable> {
    match kind {
        #[cfg(target_os = "linux")]
        Kind::Epoll => epoll::EpollSelector::probe(),
        Kind::Sim => {
            Err(Unavailable::new("this build has no simulator", "build with the feature `sim`"))
        }
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
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::OutOfMemory;
}

impl Backend {
    pub(crate) fn select(
        &mut self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        each!(self, selector => selector.select(events, timeout))
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

    pub(crate) fn remove(&self, source: RawSource, token: Token) -> io::Result<()> {
        each!(self, registrar => registrar.remove(source, token))
    }

    pub(crate) fn wake(&self) -> io::Result<()> {
        each!(self, registrar => registrar.wake())
    }

    /// Adds a source with epoll's own flags.
    #[cfg(target_os = "linux")]
    pub(crate) fn add_epoll_flags(
        &self,
        source: RawSource,
        token: Token,
        flags: u32,
    ) -> io::Result<()> {
        match self {
            SharedBackend::Epoll(registrar) => registrar.add_flags(source, token, flags),
        }
    }
}
