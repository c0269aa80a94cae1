//! The contenders: the same echo server, one thread, on different floors.

mod mainspring_echo;
mod raw_epoll;
mod tokio_echo;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// An echo server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Contender {
    /// A hand-written edge-triggered loop on epoll: the ceiling.
    RawEpoll,
    /// Mainspring's driver, net types and local tasks.
    Mainspring,
    /// tokio's current-thread runtime.
    Tokio,
}

impl Contender {
    /// Those that are compared unless others are asked for.
    pub(crate) const DEFAULT: [Contender; 3] =
        [Contender::RawEpoll, Contender::Mainspring, Contender::Tokio];
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Contender::RawEpoll => "raw-epoll",
            Contender::Mainspring => "mainspring",
            Contender::Tokio => "tokio",
        })
    }
}

/// Bytes a read may bring.
pub(crate) const BUFFER: usize = 4096;

/// Binds, says where, and serves for ever.
pub(crate) fn serve(contender: Contender, address: SocketAddr) -> io::Result<()> {
    crate::server::pin(0)?;
    let listener = TcpListener::bind(address)?;
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    match contender {
        Contender::RawEpoll => raw_epoll::serve(listener),
        Contender::Mainspring => mainspring_echo::serve(listener),
        Contender::Tokio => tokio_echo::serve(listener),
    }
}
