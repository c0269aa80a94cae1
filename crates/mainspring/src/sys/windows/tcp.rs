//! TCP's options that not every system has, or not under one name. Where one is missing the
//! answer is `Unsupported`, so that a program can be written without asking where it runs.

use std::io;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

fn unsupported<T>(option: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("Windows has no option {option}")))
}

/// Whole seconds, rounded up: what is meant as "half a second" must not become "never".
fn seconds(duration: Duration) -> Duration {
    let part = u64::from(duration.subsec_nanos() != 0);
    Duration::from_secs(duration.as_secs().saturating_add(part))
}

/// The number of probes can be set since Windows 10, version 1703; before that it is always 10.
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

/// The time goes to the system in whole seconds, in 16 bits, and 0 means a reset; so part of a
/// second becomes a whole one, and no time is so long that it wraps around to 0.
pub(crate) fn set_linger(socket: &Socket, linger: Option<Duration>) -> io::Result<()> {
    let longest = Duration::from_secs(LINGER_MAX_SECONDS);
    socket.set_linger(linger.map(|linger| seconds(linger).min(longest)))
}

/// Nine hours: the fewest bits that any system keeps the time in, the same as elsewhere.
const LINGER_MAX_SECONDS: u64 = i16::MAX as u64;

pub(crate) fn tos_v4(socket: &Socket) -> io::Result<u32> {
    socket.tos_v4()
}

pub(crate) fn set_tos_v4(socket: &Socket, tos: u32) -> io::Result<()> {
    socket.set_tos_v4(tos)
}

/// Defines calls that Windows does not have.
macro_rules! absent {
    ($($option:literal: $name:ident($($arg:ty),*) -> $result:ty;)*) => {
        $(
            pub(crate) fn $name(_socket: &Socket, $(_: $arg),*) -> io::Result<$result> {
                unsupported($option)
            }
        )*
    };
}

absent! {
    "SO_REUSEPORT": reuse_port() -> bool;
    "SO_REUSEPORT": set_reuse_port(bool) -> ();
    "IPV6_TCLASS": tclass_v6() -> u32;
    "IPV6_TCLASS": set_tclass_v6(u32) -> ();
    "SO_BINDTODEVICE": device() -> Option<Vec<u8>>;
    "SO_BINDTODEVICE": bind_device(Option<&[u8]>) -> ();
    "TCP_QUICKACK": quickack() -> bool;
    "TCP_QUICKACK": set_quickack(bool) -> ();
}
