//! What of the system's newer calls is left unused.
//!
//! The variable `MAINSPRING_IOCP_WITHOUT` names some, with commas: to go round a defect, to measure
//! what one is worth, and for tests on a system that has them. What nobody has seen work on a
//! system that has it is the other way round, and used if a variable of its own says so:
//! `MAINSPRING_SOCKET_NOTIFICATIONS=1`.

use std::io;

use crate::sys::notifications;
use crate::sys::wait_packet::Calls;

/// The environment variable.
const VARIABLE: &str = "MAINSPRING_IOCP_WITHOUT";
/// The names it may have in it.
const NAMES: &[&str] = &["wait-packets"];

/// The calls for waits by packets, where they are and may be used.
///
/// # Errors
///
/// If the variable has a name in it that is none.
pub(in crate::backend) fn wait_packets() -> io::Result<Option<Calls>> {
    let masked = is_masked(std::env::var(VARIABLE).ok().as_deref(), "wait-packets")?;
    #[cfg(test)]
    if let Some(calls) = STAND_IN.get() {
        return Ok(Some(calls));
    }
    Ok(if masked { None } else { Calls::find() })
}

/// The environment variable that asks for notifications of sockets.
const NOTIFICATIONS: &str = "MAINSPRING_SOCKET_NOTIFICATIONS";

/// Whether sockets are told of by notifications, and why not.
#[derive(Clone, Copy, Debug)]
pub(in crate::backend) enum Notifications {
    /// Nobody has asked for them; whether the system has them.
    NotWanted { offered: bool },
    /// They were asked for, and Winsock does not have the call.
    NotThere,
    /// They were asked for, and their keys want numbers of 64 bits, which this program has not.
    TooNarrow,
    /// By this call.
    Used(notifications::Calls),
}

/// The call for notifications of sockets, where it is and is asked for.
///
/// # Errors
///
/// If the variable says neither yes nor no.
pub(in crate::backend) fn notifications() -> io::Result<Notifications> {
    #[cfg(test)]
    if let Some(calls) = NOTIFYING_STAND_IN.get() {
        return Ok(Notifications::Used(calls));
    }
    let wanted = is_wanted(std::env::var(NOTIFICATIONS).ok().as_deref())?;
    Ok(match (wanted, notifications::Calls::find()) {
        (false, call) => Notifications::NotWanted { offered: call.is_some() },
        (true, None) => Notifications::NotThere,
        (true, Some(_)) if usize::BITS < u64::BITS => Notifications::TooNarrow,
        (true, Some(calls)) => Notifications::Used(calls),
    })
}

fn is_wanted(value: Option<&str>) -> io::Result<bool> {
    match value.unwrap_or_default().trim() {
        "" | "0" => Ok(false),
        "1" => Ok(true),
        other => {
            let text = format!("{NOTIFICATIONS}: {other:?} is neither 1 nor 0");
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

#[cfg(test)]
thread_local! {
    /// What takes the place of Winsock's call in queues that this thread opens.
    static NOTIFYING_STAND_IN: std::cell::Cell<Option<notifications::Calls>> =
        const { std::cell::Cell::new(None) };
    /// What takes the place of the system's calls in queues that this thread opens.
    static STAND_IN: std::cell::Cell<Option<Calls>> = const { std::cell::Cell::new(None) };
}

/// Lets the queues that this thread opens from now on wait by these calls.
#[cfg(test)]
pub(in crate::backend) fn stand_in(calls: Option<Calls>) {
    STAND_IN.set(calls);
}

/// Lets the queues that this thread opens from now on be notified by this call.
#[cfg(test)]
pub(in crate::backend) fn notifying_stand_in(calls: Option<notifications::Calls>) {
    NOTIFYING_STAND_IN.set(calls);
}

fn is_masked(names: Option<&str>, name: &str) -> io::Result<bool> {
    let names = names.unwrap_or_default().split(',').map(str::trim);
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    if let Some(unknown) = names.iter().find(|name| !NAMES.contains(name)) {
        let known = NAMES.join(", ");
        let text = format!("{VARIABLE}: nothing is called {unknown:?}: name {known}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_known_by_its_name_and_another_is_refused() {
        assert!(!is_masked(None, "wait-packets").unwrap());
        assert!(!is_masked(Some(" "), "wait-packets").unwrap());
        assert!(is_masked(Some("wait-packets, "), "wait-packets").unwrap());
        let refused = is_masked(Some("wait-packets,magic"), "wait-packets").unwrap_err();
        assert!(refused.to_string().contains("magic"), "{refused}");
    }
    #[test]
    fn notifications_are_asked_for_by_a_one_and_nothing_else_is_guessed() {
        assert!(!is_wanted(None).unwrap());
        assert!(!is_wanted(Some("0")).unwrap());
        assert!(is_wanted(Some(" 1 ")).unwrap());
        let refused = is_wanted(Some("yes")).unwrap_err();
        assert!(refused.to_string().contains("yes"), "{refused}");
    }
}
