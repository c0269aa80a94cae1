//! Where a simulated socket is to be found.

use std::net::SocketAddr;

/// The address of a simulated socket, of either family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A TCP endpoint of the simulated host, which has the loopback addresses and no others.
    Ip(SocketAddr),
    /// A Unix name: a path, an abstract name if the first byte is 0, no name if it is empty.
    Unix(Vec<u8>),
}

impl Address {
    /// The address of a Unix socket that was never bound.
    #[allow(dead_code, reason = "only the simulated kernel binds nothing")]
    pub(crate) const fn unnamed() -> Address {
        Address::Unix(Vec::new())
    }
}
