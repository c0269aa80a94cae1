//! What Windows does not have.

use std::io;

use socket2::Socket;

use super::unsupported;

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
