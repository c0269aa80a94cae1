//! Which mechanism a queue is built on, and why one cannot be had here.

use std::fmt;
use std::io;
use std::str::FromStr;

/// A mechanism of the operating system, or the simulator.
///
/// ```
/// use mainspring::Kind;
/// assert_eq!("epoll".parse::<Kind>().unwrap(), Kind::Epoll);
/// assert_eq!(Kind::Sim.to_string(), "sim");
/// assert!("carrier-pigeon".parse::<Kind>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// Linux `epoll(7)`.
    Epoll,
    /// Linux `io_uring(7)`.
    Uring,
    /// `poll(2)`, wherever there is a Unix.
    Poll,
    /// The completion port of Windows, with readiness from the driver behind all sockets.
    Iocp,
    /// `WSAPoll`, wherever there is a Windows.
    WsaPoll,
    /// The deterministic simulator (feature `sim`); never chosen by itself.
    Sim,
}

impl Kind {
    /// Every kind this build knows by name, the preferred first.
    pub const ALL: &'static [Kind] =
        &[Kind::Epoll, Kind::Uring, Kind::Poll, Kind::Iocp, Kind::WsaPoll, Kind::Sim];

    /// The name used in `MAINSPRING_BACKEND`, on command lines and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Epoll => "epoll",
            Kind::Uring => "uring",
            Kind::Poll => "poll",
            Kind::Iocp => "iocp",
            Kind::WsaPoll => "wsapoll",
            Kind::Sim => "sim",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = io::Error;

    fn from_str(name: &str) -> io::Result<Kind> {
        let found = Kind::ALL.iter().find(|kind| kind.name() == name.trim());
        found.copied().ok_or_else(|| {
            let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("no backend is called {name:?}: choose one of {}", known.join(", ")),
            )
        })
    }
}

/// Why a [`Kind`] cannot be used here, and what would help.
///
/// ```
/// for (kind, available) in mainspring::probe() {
///     if let Err(unavailable) = available {
///         println!("{kind}: {} ({})", unavailable.reason(), unavailable.remedy());
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    reason: String,
    remedy: String,
}

impl Unavailable {
    /// The two sentences, cause first.
    pub(crate) fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Unavailable {
        Unavailable { reason: reason.into(), remedy: remedy.into() }
    }

    /// What stands in the way.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What would make the kind usable.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.reason, self.remedy)
    }
}

impl std::error::Error for Unavailable {}
