//! What of the system's newer calls is left unused.
//!
//! The variable `MAINSPRING_IOCP_WITHOUT` names some, with commas: to go round a defect, to measure
//! what one is worth, and for tests on a system that has them.

use std::io;

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

#[cfg(test)]
thread_local! {
    /// What takes the place of the system's calls in queues that this thread opens.
    static STAND_IN: std::cell::Cell<Option<Calls>> = const { std::cell::Cell::new(None) };
}

/// Lets the queues that this thread opens from now on wait by these calls.
#[cfg(test)]
pub(in crate::backend) fn stand_in(calls: Option<Calls>) {
    STAND_IN.set(calls);
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
}
