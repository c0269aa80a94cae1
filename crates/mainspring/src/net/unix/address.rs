//! The names of Unix sockets, as programs hold them.

use std::fmt;
use std::io;
use std::path::Path;

use socket2::SockAddr;

use crate::sys::address;

/// The name of a Unix socket: a path, an abstract name, or none.
///
/// A path is a file that stays when the socket is gone: remove it before it is bound again, and
/// bind in a folder that others cannot write to. An abstract name (Linux) is no file and goes
/// with its socket, but any process of the same network namespace may take or connect to it.
///
/// ```
/// use mainspring::net::unix::SocketAddr;
/// use std::path::Path;
/// let path = SocketAddr::from_pathname("/run/app.sock")?;
/// assert_eq!(path.as_pathname(), Some(Path::new("/run/app.sock")));
/// assert!(SocketAddr::unnamed()?.is_unnamed());
/// # #[cfg(target_os = "linux")] {
/// let name = SocketAddr::from_abstract_name(b"app")?;
/// assert_eq!(name.as_abstract_name(), Some(&b"app"[..]));
/// assert_eq!(name.to_string(), "@app");
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SocketAddr(SockAddr);

impl SocketAddr {
    /// A path. One that begins with a zero byte is taken for an abstract name, as the kernel does;
    /// an empty one for no name.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is longer than the 107 bytes there is room for (103 on the BSDs and
    /// Apple's systems), is no Unicode text (on Windows) or has a zero byte elsewhere: bind a
    /// shorter path, relative to the working directory or in `/run` or `/tmp`.
    pub fn from_pathname(path: impl AsRef<Path>) -> io::Result<SocketAddr> {
        address::from_path(path.as_ref()).map(SocketAddr)
    }

    /// An abstract name: any bytes, at most 107.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is longer; `Unsupported` on other systems.
    ///
    /// # Platforms
    ///
    /// Linux and Android.
    pub fn from_abstract_name(name: impl AsRef<[u8]>) -> io::Result<SocketAddr> {
        address::from_abstract_name(name.as_ref()).map(SocketAddr)
    }

    /// No name. A socket that is bound to it gets a free abstract name on Linux.
    ///
    /// # Errors
    ///
    /// None on the systems of today.
    pub fn unnamed() -> io::Result<SocketAddr> {
        address::from_path(Path::new("")).map(SocketAddr)
    }

    /// The path, if it is one.
    #[must_use]
    pub fn as_pathname(&self) -> Option<&Path> {
        address::pathname(&self.0)
    }

    /// The abstract name, if it is one; without the zero byte that the kernel puts before it.
    #[must_use]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        address::abstract_name(&self.0)
    }

    /// Whether there is no name: the socket was never bound.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        self.as_pathname().is_none() && self.as_abstract_name().is_none()
    }

    pub(crate) fn new(address: SockAddr) -> SocketAddr {
        SocketAddr(address)
    }

    pub(crate) fn as_socket2(&self) -> &SockAddr {
        &self.0
    }
}

impl PartialEq for SocketAddr {
    fn eq(&self, other: &SocketAddr) -> bool {
        self.as_pathname() == other.as_pathname()
            && self.as_abstract_name() == other.as_abstract_name()
    }
}

impl Eq for SocketAddr {}

impl fmt::Display for SocketAddr {
    /// The path, `@` and the abstract name as `ss` and `lsof` write it, or `(unnamed)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.as_pathname() {
            return write!(f, "{}", path.as_os_str().as_encoded_bytes().escape_ascii());
        }
        match self.as_abstract_name() {
            Some(name) => write!(f, "@{}", name.escape_ascii()),
            None => f.write_str("(unnamed)"),
        }
    }
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SocketAddr({self})")
    }
}

// Windows' names are paths alone, with tests beside what makes them.
#[cfg(all(test, unix))]
mod tests;
