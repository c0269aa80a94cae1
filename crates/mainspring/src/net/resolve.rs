//! From what a program calls an address to the addresses there are.
//!
//! Numbers are taken as they are. A name is looked up with the system's resolver, which blocks
//! and has no other form, so it runs on the thread pool of the `blocking` crate. Such a thread
//! cannot be stopped: when the future is dropped, a lookup that has begun goes on to its end and
//! its answer is thrown away.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What can be bound or connected to: an address, several of them, or a name with a port.
///
/// The counterpart of [`std::net::ToSocketAddrs`] that does not block.
///
/// ```
/// use mainspring::net::ToSocketAddrs;
/// # futures::executor::block_on(async {
/// let mut addresses = ("127.0.0.1", 80).to_socket_addrs().await?;
/// assert_eq!(addresses.next(), Some("127.0.0.1:80".parse().unwrap()));
/// assert_eq!(addresses.next(), None);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub trait ToSocketAddrs {
    /// The addresses, in the order in which they are to be tried.
    fn to_socket_addrs(&self) -> Resolve;
}

/// The addresses of `host`: `"localhost:80"`, `("localhost", 80)`, or anything that is one
/// already.
///
/// # Errors
///
/// The future's: what the system's resolver says, or that `host` has no port.
///
/// # Cancel safety
///
/// Dropping the future loses nothing; a lookup that has begun ends unseen.
///
/// ```
/// # futures::executor::block_on(async {
/// for address in mainspring::net::lookup_host("localhost:80").await? {
///     assert!(address.ip().is_loopback());
/// }
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub fn lookup_host(host: impl ToSocketAddrs) -> Resolve {
    host.to_socket_addrs()
}

/// The future of [`ToSocketAddrs::to_socket_addrs`].
///
/// ```
/// use mainspring::net::{Resolve, ToSocketAddrs};
///
/// struct Frontend;
/// impl ToSocketAddrs for Frontend {
///     fn to_socket_addrs(&self) -> Resolve {
///         Resolve::known([([127, 0, 0, 1], 8080).into(), ([127, 0, 0, 1], 8081).into()])
///     }
/// }
/// let addresses = futures::executor::block_on(mainspring::net::lookup_host(Frontend)).unwrap();
/// assert_eq!(addresses.count(), 2);
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Resolve(State);

#[derive(Debug)]
enum State {
    /// The answer; `None` once it was given.
    Known(Option<io::Result<Addresses>>),
    Asking(blocking::Task<io::Result<Addresses>>),
}

impl Resolve {
    /// Addresses that need no lookup.
    pub fn known(addresses: impl IntoIterator<Item = SocketAddr>) -> Resolve {
        let mut addresses = addresses.into_iter();
        let first = addresses.next();
        let rest: Vec<SocketAddr> = addresses.collect();
        Resolve(State::Known(Some(Ok(Addresses { first, rest: rest.into_iter() }))))
    }

    /// The addresses of a name, by a lookup on a thread of the pool; a number written out is
    /// taken as it is.
    pub fn lookup(host: &str, port: u16) -> Resolve {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Resolve::known([SocketAddr::new(ip, port)]);
        }
        // The brackets belong to the way an address with a port is written, not to the name.
        let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = inside.unwrap_or(host).to_owned();
        Resolve(State::Asking(blocking::unblock(move || {
            let mut found = std::net::ToSocketAddrs::to_socket_addrs(&(host, port))?;
            let first = found.next();
            Ok(Addresses { first, rest: found })
        })))
    }

    /// No addresses but an error.
    pub fn failed(error: io::Error) -> Resolve {
        Resolve(State::Known(Some(Err(error))))
    }
}

impl Future for Resolve {
    type Output = io::Result<Addresses>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Known(answer) => Poll::Ready(answer.take().unwrap_or_else(|| {
                Err(io::Error::other("the answer of this lookup was taken already"))
            })),
            State::Asking(task) => Pin::new(task).poll(cx),
        }
    }
}

/// The addresses that a lookup found.
///
/// ```
/// use mainspring::net::lookup_host;
/// let found = futures::executor::block_on(lookup_host("[::1]:443")).unwrap();
/// assert_eq!(found.collect::<Vec<_>>(), ["[::1]:443".parse().unwrap()]);
/// ```
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Nearly always the only one; kept apart, it needs no allocation.
    first: Option<SocketAddr>,
    rest: std::vec::IntoIter<SocketAddr>,
}

impl Iterator for Addresses {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        self.first.take().or_else(|| self.rest.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = usize::from(self.first.is_some()) + self.rest.len();
        (len, Some(len))
    }
}

impl ExactSizeIterator for Addresses {}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn to_socket_addrs(&self) -> Resolve {
        (**self).to_socket_addrs()
    }
}

/// Implements the trait for types that are one address.
macro_rules! one_address {
    ($($type:ty),*) => {
        $(impl ToSocketAddrs for $type {
            fn to_socket_addrs(&self) -> Resolve {
                Resolve::known([SocketAddr::from(*self)])
            }
        })*
    };
}

one_address!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl ToSocketAddrs for [SocketAddr] {
    fn to_socket_addrs(&self) -> Resolve {
        Resolve::known(self.iter().copied())
    }
}

impl<const N: usize> ToSocketAddrs for [SocketAddr; N] {
    fn to_socket_addrs(&self) -> Resolve {
        self.as_slice().to_socket_addrs()
    }
}

impl ToSocketAddrs for Vec<SocketAddr> {
    fn to_socket_addrs(&self) -> Resolve {
        self.as_slice().to_socket_addrs()
    }
}

impl ToSocketAddrs for (&str, u16) {
    fn to_socket_addrs(&self) -> Resolve {
        Resolve::lookup(self.0, self.1)
    }
}

impl ToSocketAddrs for (String, u16) {
    fn to_socket_addrs(&self) -> Resolve {
        Resolve::lookup(&self.0, self.1)
    }
}

/// Colons stand only within brackets; without them it is not known where the port begins.
fn is_host(host: &str) -> bool {
    let bracketed = host.starts_with('[') && host.ends_with(']');
    !host.is_empty() && (bracketed || !host.contains(':'))
}

impl ToSocketAddrs for str {
    fn to_socket_addrs(&self) -> Resolve {
        if let Ok(address) = self.parse::<SocketAddr>() {
            return Resolve::known([address]);
        }
        let parts = self.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
        match parts {
            Some((host, Ok(port))) if is_host(host) => Resolve::lookup(host, port),
            _ => Resolve::failed(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{self:?} is no address: write host:port, and IPv6 as [address]:port"),
            )),
        }
    }
}

impl ToSocketAddrs for String {
    fn to_socket_addrs(&self) -> Resolve {
        self.as_str().to_socket_addrs()
    }
}

/// The error when every address was tried, of which there were none.
pub(crate) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the lookup gave no address to try")
}

#[cfg(test)]
mod tests;
