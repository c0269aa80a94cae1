//! What Unix has, and Linux alone.

use std::io;

use socket2::Socket;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use super::unsupported;

pub(crate) fn reuse_port(socket: &Socket) -> io::Result<bool> {
    socket.reuse_port()
}

pub(crate) fn set_reuse_port(socket: &Socket, reuse: bool) -> io::Result<()> {
    socket.set_reuse_port(reuse)
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
