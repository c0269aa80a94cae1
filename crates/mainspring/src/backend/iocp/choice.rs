//! Whether the sockets of a queue are told of by notifications, and why or why not.
//!
//! They are, where the system has the call and a trial, once in the process, has shown that it does
//! what is relied on ([`trial`](super::trial)); otherwise requests tell of everything. The variable
//! `MAINSPRING_SOCKET_NOTIFICATIONS` overrules that: `0` goes round them, to compare or in trouble;
//! `1` promises that the program never registers a duplicate of a socket, and the trial leaves that
//! out. What the first queue has found holds for the process, a lack of sockets for the trial too.

use std::ffi::OsStr;
use std::io;
use std::sync::OnceLock;

use crate::sys::notifications::Calls;

use super::STAND_IN;
use super::trial::{self, Duplicates};

/// The environment variable.
const VARIABLE: &str = "MAINSPRING_SOCKET_NOTIFICATIONS";

/// What was chosen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Notifications {
    /// By this call, of the system's.
    Used(Calls),
    /// By what stands in for the call, in tests.
    StandIn(Calls),
    /// Winsock does not have it.
    NotThere,
    /// The variable says so.
    NotWanted,
    /// Their keys want numbers of 64 bits, which this program has not.
    TooNarrow,
    /// The call was tried, and something was not as it has to be.
    Failed(trial::Flaw),
}

impl Notifications {
    /// The call, if it is used.
    pub(super) fn calls(self) -> Option<Calls> {
        match self {
            Notifications::Used(calls) | Notifications::StandIn(calls) => Some(calls),
            _ => None,
        }
    }

    /// What readiness is made of, for reports.
    pub(super) fn setup(self) -> &'static str {
        match self {
            Notifications::Used(_) => {
                "a completion port, told by ProcessSocketNotifications what can be read and \
                 written, and by the driver behind all sockets of everything else"
            }
            Notifications::StandIn(_) => {
                "a completion port, told by a stand-in for ProcessSocketNotifications what can be \
                 read and written, and by the driver behind all sockets of everything else"
            }
            Notifications::NotThere => {
                "a completion port and the driver behind all sockets; \
                 ProcessSocketNotifications is not there"
            }
            Notifications::NotWanted => {
                "a completion port and the driver behind all sockets; \
                 MAINSPRING_SOCKET_NOTIFICATIONS=0 goes round ProcessSocketNotifications"
            }
            Notifications::TooNarrow => {
                "a completion port and the driver behind all sockets; \
                 ProcessSocketNotifications takes a program of 64 bits"
            }
            Notifications::Failed(flaw) => flaw.setup(),
        }
    }
}

/// How a queue that is opened now is told of its sockets.
///
/// # Errors
///
/// If the variable says neither yes nor no, or what stands in for the call fails its trial.
pub(super) fn notifications() -> io::Result<Notifications> {
    #[cfg(test)]
    if let Some(calls) = OF_THIS_THREAD.get() {
        return Ok(Notifications::StandIn(calls));
    }
    let value = std::env::var_os(VARIABLE);
    let asked = asked(value.as_deref().map(OsStr::to_string_lossy).as_deref())?;
    let chosen = chosen(asked, Calls::find(), |calls| tried(calls, asked.duplicates()));
    match chosen {
        // Who asks for it is not given something else.
        Notifications::Failed(flaw) if asked == Asked::StandIn => {
            Err(io::Error::other(flaw.setup()))
        }
        chosen => Ok(chosen),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Where they are, and if they pass the trial.
    Usual,
    /// The same, for a program that registers no duplicates.
    Singles,
    Without,
    /// The stand-in, if it passes the trial.
    StandIn,
}

impl Asked {
    fn duplicates(self) -> Duplicates {
        if self == Asked::Singles { Duplicates::Never } else { Duplicates::Maybe }
    }
}

fn asked(value: Option<&str>) -> io::Result<Asked> {
    match value.unwrap_or_default().trim() {
        "" => Ok(Asked::Usual),
        "1" => Ok(Asked::Singles),
        "0" => Ok(Asked::Without),
        "stand-in" if STAND_IN.is_some() => Ok(Asked::StandIn),
        other => {
            let text = format!(
                "{VARIABLE}: {other:?} is neither 0 (never) nor 1 (where the system has them, in \
                 a program that registers no duplicates of sockets): leave it unset otherwise"
            );
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

fn chosen(
    asked: Asked,
    system: Option<Calls>,
    tried: impl Fn(Calls) -> Result<(), trial::Flaw>,
) -> Notifications {
    let (calls, chosen): (_, fn(Calls) -> Notifications) = match asked {
        Asked::Without => return Notifications::NotWanted,
        Asked::Usual | Asked::Singles => (system, Notifications::Used),
        Asked::StandIn => (STAND_IN, Notifications::StandIn),
    };
    let Some(calls) = calls else { return Notifications::NotThere };
    if usize::BITS < u64::BITS {
        return Notifications::TooNarrow;
    }
    tried(calls).map_or_else(Notifications::Failed, |()| chosen(calls))
}

/// What the trial has shown, which is made by the first queue of the process.
fn tried(calls: Calls, duplicates: Duplicates) -> Result<(), trial::Flaw> {
    static TRIED: [OnceLock<Result<(), trial::Flaw>>; 2] = [const { OnceLock::new() }; 2];
    *TRIED[usize::from(duplicates == Duplicates::Never)]
        .get_or_init(|| trial::run(calls, duplicates))
}

#[cfg(test)]
thread_local! {
    static OF_THIS_THREAD: std::cell::Cell<Option<Calls>> = const { std::cell::Cell::new(None) };
}

/// Lets the queues that this thread opens from now on be notified by this call.
#[cfg(test)]
pub(super) fn stand_in(calls: Option<Calls>) {
    OF_THIS_THREAD.set(calls);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_a_nought_or_nothing_and_nothing_else_is_guessed() {
        for (value, expected) in [
            (None, Asked::Usual),
            (Some(" "), Asked::Usual),
            (Some("1"), Asked::Singles),
            (Some(" 0 "), Asked::Without),
            (Some("stand-in"), Asked::StandIn),
        ] {
            assert_eq!(asked(value).unwrap(), expected, "{value:?}");
        }
        let refused = asked(Some("yes")).unwrap_err();
        assert!(refused.to_string().contains("yes"), "{refused}");
    }

    #[test]
    fn what_is_not_there_or_fails_its_trial_is_not_used_and_the_report_says_so() {
        let passes = |_: Calls| Ok(());
        let fails = |_: Calls| Err(trial::Flaw::NotTold);
        let setup = |asked, system, tried: &dyn Fn(Calls) -> Result<(), trial::Flaw>| {
            let chosen = chosen(asked, system, tried);
            (chosen.calls().is_some(), chosen.setup())
        };
        let (used, text) = setup(Asked::Usual, None, &passes);
        assert!(!used && text.contains("is not there"), "{text}");
        let (used, text) = setup(Asked::Without, STAND_IN, &passes);
        assert!(!used && text.contains("=0 goes round"), "{text}");
        if usize::BITS < u64::BITS {
            let (used, text) = setup(Asked::Usual, STAND_IN, &passes);
            assert!(!used && text.contains("64 bits"), "{text}");
            return;
        }
        let (used, text) = setup(Asked::Usual, STAND_IN, &fails);
        assert!(!used && text.contains("has failed its trial"), "{text}");
        let (used, text) = setup(Asked::Usual, STAND_IN, &passes);
        assert!(used && text.contains("told by ProcessSocketNotifications"), "{text}");
        let (used, text) = setup(Asked::StandIn, None, &passes);
        assert!(used && text.contains("a stand-in"), "{text}");
    }
}
