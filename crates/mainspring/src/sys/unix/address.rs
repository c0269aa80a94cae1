//! Names of Unix sockets.
//!
//! A name is a path, an *abstract* name of Linux (no file, gone with the socket), or there is
//! none. There is room for a path of 107 bytes and for an abstract name of as many, of any value.
//!
//! - <https://man7.org/linux/man-pages/man7/unix.7.html> ("Address format")

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::SocketAddr;
use std::path::Path;

use socket2::SockAddr;

#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;

/// A path, or none if it is empty; one that begins with a zero byte is an abstract name, which
/// no path can.
pub(crate) fn from_path(path: &Path) -> io::Result<SockAddr> {
    match path.as_os_str().as_bytes() {
        [0, name @ ..] => from_abstract_name(name),
        // Past a zero byte the kernel would not look, and another file would be meant.
        path if path.contains(&0) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path of a Unix socket has a zero byte in it: only an abstract name may",
        )),
        _ => SockAddr::unix(path),
    }
}

/// An abstract name.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn from_abstract_name(name: &[u8]) -> io::Result<SockAddr> {
    let mut bytes = Vec::with_capacity(name.len() + 1);
    bytes.push(0);
    bytes.extend_from_slice(name);
    SockAddr::unix(OsString::from_vec(bytes))
}

/// An abstract name.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn from_abstract_name(_name: &[u8]) -> io::Result<SockAddr> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "abstract names are Linux's own: name the socket with a path here",
    ))
}

/// The path that a name is.
pub(crate) fn pathname(address: &SockAddr) -> Option<&Path> {
    address.as_pathname()
}

/// The abstract name that a name is, without the zero byte before it.
pub(crate) fn abstract_name(address: &SockAddr) -> Option<&[u8]> {
    address.as_abstract_namespace()
}

/// The standard library's form of a name.
pub(crate) fn to_std(address: &SockAddr) -> io::Result<SocketAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_namespace() {
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(address.as_pathname().unwrap_or(Path::new("")))
}

/// From the standard library's form.
pub(crate) fn from_std(address: &SocketAddr) -> io::Result<SockAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_name() {
        return from_abstract_name(name);
    }
    SockAddr::unix(address.as_pathname().unwrap_or(Path::new("")))
}
