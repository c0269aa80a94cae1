//! The contenders: the same echo server, one thread, on different floors.

mod mainspring_echo;
mod mainspring_ring;
mod raw_epoll;
mod raw_ring;
mod tokio_echo;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use mainspring::Kind;

/// An echo server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Contender {
    /// A hand-written edge-triggered loop on epoll: the ceiling.
    RawEpoll,
    /// Mainspring's driver, net types and local tasks.
    Mainspring,
    /// tokio's current-thread runtime.
    Tokio,
    /// A hand-written loop on io_uring, multishot with provided buffers: the ceiling.
    RawRing,
    /// Mainspring on the ring: `recv_multi`, and sends of the leases.
    MainspringRing,
    /// Mainspring on the ring, by readiness.
    MainspringRingReadiness,
    /// monoio, in a program of its own.
    Monoio,
    /// compio with owned buffers, in a program of its own.
    Compio,
    /// compio with its pool of buffers, in a program of its own.
    CompioMulti,
}

/// The program with the peers that are no dependency of this one, found beside it.
pub(crate) const PEERS: &str = "mainspring-peers";

impl Contender {
    /// Those that are compared unless others are asked for.
    pub(crate) const DEFAULT: [Contender; 3] =
        [Contender::RawEpoll, Contender::Mainspring, Contender::Tokio];

    /// Whether it is served by [`PEERS`].
    pub(crate) fn is_peer(self) -> bool {
        matches!(self, Contender::Monoio | Contender::Compio | Contender::CompioMulti)
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Contender::RawEpoll => "raw-epoll",
            Contender::Mainspring => "mainspring",
            Contender::Tokio => "tokio",
            Contender::RawRing => "raw-ring",
            Contender::MainspringRing => "mainspring-ring",
            Contender::MainspringRingReadiness => "mainspring-ring-readiness",
            Contender::Monoio => "monoio",
            Contender::Compio => "compio",
            Contender::CompioMulti => "compio-multi",
        })
    }
}

/// Bytes a read may bring.
pub(crate) const BUFFER: usize = 4096;
/// Buffers of the contenders that share them.
const BUFFERS: usize = 2048;

/// Binds, says where, and serves for ever.
pub(crate) fn serve(contender: Contender, address: SocketAddr) -> io::Result<()> {
    crate::server::pin(0)?;
    let listener = TcpListener::bind(address)?;
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    match contender {
        Contender::RawEpoll => raw_epoll::serve(listener),
        Contender::Mainspring => mainspring_echo::serve(listener, Kind::Epoll),
        Contender::Tokio => tokio_echo::serve(listener),
        Contender::RawRing => raw_ring::serve(listener),
        Contender::MainspringRing => mainspring_ring::serve(listener),
        Contender::MainspringRingReadiness => mainspring_echo::serve(listener, Kind::Uring),
        Contender::Monoio | Contender::Compio | Contender::CompioMulti => {
            Err(io::Error::other(format!("{contender} is served by {PEERS}")))
        }
    }
}
