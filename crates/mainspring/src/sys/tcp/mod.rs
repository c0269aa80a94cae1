//! TCP's options that not every system has, or not under one name. Where one is missing the answer
//! is `Unsupported`, so that a program can be written without asking where it runs.

#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

use std::io;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

pub(crate) use system::*;

/// For systems without the option.
#[allow(dead_code, reason = "one has them all")]
fn unsupported<T>(option: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("this system has no option {option}")))
}

/// Whole seconds, rounded up: what is meant as "half a second" must not become "never".
fn seconds(duration: Duration) -> Duration {
    let part = u64::from(duration.subsec_nanos() != 0);
    Duration::from_secs(duration.as_secs().saturating_add(part))
}

/// On Windows the number of probes can be set since Windows 10, version 1703; before that it is
/// always 10.
pub(crate) fn keepalive_probes(
    socket: &Socket,
    idle: Duration,
    interval: Duration,
    retries: u32,
) -> io::Result<()> {
    let probes = TcpKeepalive::new()
        .with_time(seconds(idle))
        .with_interval(seconds(interval))
        .with_retries(retries);
    socket.set_tcp_keepalive(&probes)
}

/// The time goes to the kernel in whole seconds, of which 0 means a reset and thus the loss of what
/// was not sent yet; so part of a second becomes a whole one, and no time is so long that it wraps
/// around to 0.
pub(crate) fn set_linger(socket: &Socket, linger: Option<Duration>) -> io::Result<()> {
    let longest = Duration::from_secs(LINGER_MAX_SECONDS);
    socket.set_linger(linger.map(|linger| seconds(linger).min(longest)))
}

/// Nine hours: the BSDs and Windows keep the time in 16 bits.
const LINGER_MAX_SECONDS: u64 = i16::MAX as u64;

pub(crate) fn tos_v4(socket: &Socket) -> io::Result<u32> {
    socket.tos_v4()
}

pub(crate) fn set_tos_v4(socket: &Socket, tos: u32) -> io::Result<()> {
    socket.set_tos_v4(tos)
}
