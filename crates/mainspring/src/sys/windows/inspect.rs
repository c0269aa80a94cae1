//! What can be asked about a socket without touching what is in it: which one its number names,
//! and how much waits in it.
//!
//! Windows gives a socket no name of its own that a program could see. What there is are its
//! addresses: two that are open at the same time differ in them, with the exceptions that
//! [`identity`] tells. Addresses come with time (a socket is bound, then connected), so an identity
//! is compared by what is known of both.
//!
//! Sockets are numbers here, as in [`poll`](super::poll): the system checks them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use windows_sys::Win32::Networking::WinSock::{
    AF_INET, AF_INET6, FIONREAD, SO_ACCEPTCONN, SO_TYPE, SOCK_STREAM, SOCKADDR_STORAGE, SOCKET,
    SOCKET_ERROR, SOL_SOCKET, WSAENOTSOCK, getpeername, getsockname, getsockopt, ioctlsocket,
};

use crate::source::RawSource;

/// Which socket a number names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `SOCK_STREAM` and the like.
    kind: i32,
    local: Option<Name>,
    /// Of streams: the peer of others is changed at will.
    peer: Option<Name>,
    listens: bool,
}

/// An address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    /// The hash of all of it; nothing for one that stands for all addresses of the machine, and
    /// becomes one of them when the socket is connected.
    whole: Option<u64>,
    port: [u8; 2],
}

/// What sort of source it is: only sockets are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A socket.
    Socket,
}

impl Identity {
    pub(crate) fn sort(&self) -> Sort {
        Sort::Socket
    }

    /// Whether it is a file: these are no sockets.
    pub(crate) fn is_storage(&self) -> bool {
        false
    }

    /// Whether `now`, which the number names, can be the same socket.
    pub(crate) fn is_still(&self, now: &Identity) -> bool {
        let local = match (self.local, now.local) {
            (Some(then), Some(now)) => now.can_come_of(then),
            (then, _) => then.is_none(),
        };
        // A connection that was reset has no peer any more.
        let peer = self.peer.is_none() || now.peer.is_none() || self.peer == now.peer;
        self.kind == now.kind && local && peer
    }

    /// Whether a connection attempt may be under way: a stream without a peer that does not listen.
    pub(crate) fn is_connecting(&self) -> bool {
        self.kind == SOCK_STREAM && self.peer.is_none() && !self.listens
    }
}

impl Name {
    fn can_come_of(self, then: Name) -> bool {
        match then.whole {
            Some(_) => self == then,
            None => self.port == then.port || then.port == [0; 2],
        }
    }
}

/// Which socket a number names. Two look alike that have no address yet, and two that share one.
///
/// # Errors
///
/// `WSAENOTSOCK` if it names none; a sentence if no socket has such a number.
pub(crate) fn identity(source: RawSource) -> io::Result<Identity> {
    let Ok(number) = u32::try_from(source.0) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "this queue is the system's and the source is not: register a simulated socket with \
             a driver or poller of its simulation",
        ));
    };
    let socket = number as SOCKET;
    let kind = option(socket, SO_TYPE)?;
    let local = named(socket, End::Local)?;
    let is_stream = kind == SOCK_STREAM;
    let peer = if is_stream { named(socket, End::Peer)? } else { None };
    let listens = is_stream && peer.is_none() && option(socket, SO_ACCEPTCONN)? != 0;
    Ok(Identity { kind, local, peer, listens })
}

/// Whether a socket is connected.
pub(crate) fn has_peer(socket: SOCKET) -> bool {
    matches!(named(socket, End::Peer), Ok(Some(_)))
}

/// An option that is a number.
fn option(socket: SOCKET, name: i32) -> io::Result<i32> {
    let mut value = 0_i32;
    let mut length = size_of::<i32>() as i32;
    let start = (&raw mut value).cast();
    // SAFETY: the system writes at most `length` bytes to the number, and the length to `length`.
    let result = unsafe { getsockopt(socket, SOL_SOCKET, name, start, &raw mut length) };
    if result == SOCKET_ERROR { Err(io::Error::last_os_error()) } else { Ok(value) }
}

#[derive(Clone, Copy)]
enum End {
    Local,
    Peer,
}

/// The address of one end; `None` if it has none.
fn named(socket: SOCKET, end: End) -> io::Result<Option<Name>> {
    // SAFETY: a structure of numbers, for which all zeroes are a value.
    let mut storage: SOCKADDR_STORAGE = unsafe { std::mem::zeroed() };
    let mut length = size_of::<SOCKADDR_STORAGE>() as i32;
    let start = (&raw mut storage).cast();
    let result = match end {
        // SAFETY: the system writes at most `length` bytes to the storage, and the length.
        End::Local => unsafe { getsockname(socket, start, &raw mut length) },
        // SAFETY: the same.
        End::Peer => unsafe { getpeername(socket, start, &raw mut length) },
    };
    if result == SOCKET_ERROR {
        let error = io::Error::last_os_error();
        // Not bound, or not connected (any more), of which there are several codes.
        let closed = error.raw_os_error() == Some(WSAENOTSOCK);
        return if closed { Err(error) } else { Ok(None) };
    }
    let length = usize::try_from(length).unwrap_or(0).min(size_of::<SOCKADDR_STORAGE>());
    // SAFETY: so many bytes of the storage, all of which are initialised.
    let bytes = unsafe { std::slice::from_raw_parts((&raw const storage).cast::<u8>(), length) };
    Ok(Some(name(storage.ss_family, bytes)))
}

fn name(family: u16, bytes: &[u8]) -> Name {
    let address = match family {
        AF_INET => bytes.get(4..8),
        AF_INET6 => bytes.get(8..24),
        _ => None,
    };
    let port = match (address, bytes) {
        (Some(_), [_, _, high, low, ..]) => [*high, *low],
        _ => [0; 2],
    };
    let is_any = address.is_some_and(|address| address.iter().all(|&byte| byte == 0));
    let mut hasher = DefaultHasher::new();
    (family, address, port).hash(&mut hasher);
    if address.is_none() {
        bytes.hash(&mut hasher);
    }
    Name { whole: (!is_any).then(|| hasher.finish()), port }
}

/// How much waits in a source. Compared with an earlier answer it tells whether something happened
/// in between, for certain or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All bytes that ever came and all that were ever written: no socket of this system tells.
    #[allow(dead_code, reason = "what other systems tell of TCP")]
    Totals { received: u64, written: u64 },
    /// What waits to be read now: other numbers mean that something happened, the same mean
    /// nothing.
    Waiting { received: u64 },
}

/// How much waits in a source. Never fails: what cannot be asked counts as 0.
pub(crate) fn progress(source: RawSource, _sort: Sort) -> Progress {
    let mut bytes = 0_u32;
    let socket = u32::try_from(source.0).map_or(SOCKET::MAX, |number| number as SOCKET);
    // SAFETY: the request writes one number to the place for one, and changes nothing.
    let result = unsafe { ioctlsocket(socket, FIONREAD, &raw mut bytes) };
    Progress::Waiting { received: if result == SOCKET_ERROR { 0 } else { bytes.into() } }
}

#[cfg(test)]
mod tests;
