//! Whether io_uring can be had here: tried, not guessed from a version.
//!
//! Distributions move features into older kernels, and containers take the calls away from newer
//! ones. So a ring is set up, a request goes through it, and what readiness is built on is made to
//! happen once.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use crate::kind::Unavailable;
use crate::sync::{Arc, Owner};
use crate::sys::epoll::WakeCounter;

use super::features::Features;
use super::key::Key;
use super::ring::{Entered, Ring, Wait, too_old};

/// How long a completion that is there already is waited for.
const TRIAL_MAX: Duration = Duration::from_secs(1);

/// Tries all that is needed.
pub(super) fn probe() -> Result<(), Unavailable> {
    attempt().map_err(|error| unavailable(&error))
}

fn attempt() -> io::Result<()> {
    let owner = Arc::new(Owner::new());
    owner.claim();
    let mut ring = Ring::open(Some(owner), Features::allowed()?)?;
    ring.push_nop(Key::Wake);
    if completions(&mut ring)? != [(0, false)] {
        return Err(too_old("a request that does nothing"));
    }
    has_multishot_poll()
}

/// Whether a poll request can stay after its first completion. What was found once is remembered: a
/// kernel does not lose it.
///
/// # Errors
///
/// `Unsupported` if not; those of setting up a ring.
pub(super) fn has_multishot_poll() -> io::Result<()> {
    static FOUND: OnceLock<()> = OnceLock::new();
    if FOUND.get().is_some() {
        return Ok(());
    }
    let mut ring = Ring::open(None, Features::allowed()?)?;
    let bell = WakeCounter::new()?;
    bell.raise()?;
    ring.push_poll(Key::Wake, bell.descriptor(), libc::POLLIN as u32, true);
    if completions(&mut ring)? != [(i32::from(libc::POLLIN), true)] {
        return Err(too_old("polls that stay (multishot), which Linux has from 5.13 on"));
    }
    FOUND.get_or_init(|| ());
    Ok(())
}

/// Hands over what was pushed and waits for the first completion: results, and whether more follow.
fn completions(ring: &mut Ring) -> io::Result<Vec<(i32, bool)>> {
    let mut seen = Vec::new();
    let wait = Wait::For { completions: 1, timeout: Some(TRIAL_MAX) };
    while seen.is_empty() && ring.enter(wait)? != Entered::TimedOut {
        ring.reap(|done| seen.push((done.result, done.has_more())));
    }
    Ok(seen)
}

/// Cause and remedy in words.
fn unavailable(error: &io::Error) -> Unavailable {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => Unavailable::new(
            "this kernel has no io_uring, or a sandbox hides it (ENOSYS)",
            "use Linux 5.13 or later built with CONFIG_IO_URING, and allow io_uring_setup, \
             io_uring_enter and io_uring_register in the seccomp profile of the container",
        ),
        Some(errno @ (libc::EPERM | libc::EACCES)) => Unavailable::new(
            format!("io_uring is forbidden here ({})", forbidden_by(errno)),
            "set sysctl kernel.io_uring_disabled=0 (with 1, the process has to be in the group of \
             kernel.io_uring_group, or privileged), or allow io_uring_setup, io_uring_enter and \
             io_uring_register in the seccomp profile of the container",
        ),
        Some(libc::ENOMEM) => Unavailable::new(
            "the kernel has no memory for a ring, or this process may lock none (ENOMEM)",
            "raise the limit of locked memory (ulimit -l), which kernels before 5.12 count rings \
             against",
        ),
        Some(libc::EINVAL) => Unavailable::new(
            "this kernel knows io_uring, but not the settings of any ring of ours (EINVAL)",
            "use Linux 5.13 or later",
        ),
        Some(libc::EMFILE | libc::ENFILE) => Unavailable::new(
            format!("no descriptor is left for a ring: {error}"),
            "raise the limit of open files (ulimit -n)",
        ),
        _ => Unavailable::new(
            error.to_string(),
            "use Linux 5.13 or later, or another backend: MAINSPRING_BACKEND=epoll",
        ),
    }
}

/// Who says no: the switch of the kernel, or a filter in front of it.
fn forbidden_by(errno: i32) -> String {
    if errno != libc::EPERM {
        return "EACCES: a seccomp filter or a security module".into();
    }
    let switch = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    match switch.as_deref().map(str::trim) {
        Ok(value @ ("1" | "2")) => format!("kernel.io_uring_disabled is {value}"),
        Ok(_) => "EPERM, and the kernel's own switch is off: a seccomp filter".into(),
        Err(_) => "EPERM".into(),
    }
}
