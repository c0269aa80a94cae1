//! TCP's options that not every system has, or not under one name. Where one is missing the
//! answer is `Unsupported`, so that a program can be written without asking where it runs.

use std::io;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

/// For systems without the option.
#[allow(dead_code)]
fn unsupported<T>(option: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("this system has no option {option}")))
}

/// Whole seconds, rounded up: what is meant as "half a second" must not become "never".
fn seconds(duration: Duration) -> Duration {
    let part = u64::from(duration.subsec_nanos() != 0);
    Duration::from_secs(duration.as_secs().saturating_add(part))
}

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

/// Nine hours: the BSDs keep the time in 16 bits.
const LINGER_MAX_SECONDS: u64 = i16::MAX as u64;

pub(crate) fn reuse_port(socket: &Socket) -> io::Result<bool> {
    socket.reuse_port()
}

pub(crate) fn set_reuse_port(socket: &Socket, reuse: bool) -> io::Result<()> {
    socket.set_reuse_port(reuse)
}

pub(crate) fn tos_v4(socket: &Socket) -> io::Result<u32> {
    socket.tos_v4()
}

pub(crate) fn set_tos_v4(socket: &Socket, tos: u32) -> io::Result<()> {
    socket.set_tos_v4(tos)
}

pub(crate) fn tclass_v6(socket: &Socket) -> io::Result<u32> {
    socket.tclass_v6()
}

pub(crate) fn set_tclass_v6(socket: &Socket, tclass: u32) -> io::Result<()> {
    socket.set_tclass_v6(tclass)
}

/// Defines calls that Linux alone has.
macro_rules! linux_only {
    ($($option:literal: $name:ident($($arg:ident: $type:ty),*) -> $result:ty = $call:ident;)*) => {
        $(
            #[cfg(any(target_os = "linux", target_os = "android"))]
            pub(crate) fn $name(socket: &Socket, $($arg: $type),*) -> io::Result<$result> {
                socket.$call($($arg),*)
            }

            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            pub(crate) fn $name(_socket: &Socket, $(_: $type),*) -> io::Result<$result> {
                unsupported($option)
            }
        )*
    };
}

linux_only! {
    "SO_BINDTODEVICE": device() -> Option<Vec<u8>> = device;
    "SO_BINDTODEVICE": bind_device(interface: Option<&[u8]>) -> () = bind_device;
    "TCP_QUICKACK": quickack() -> bool = tcp_quickack;
    "TCP_QUICKACK": set_quickack(quickack: bool) -> () = set_tcp_quickack;
}
