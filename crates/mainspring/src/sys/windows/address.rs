//! Names of Unix sockets: on Windows paths alone, as Unicode text of at most 107 bytes.
//!
//! - <https://devblogs.microsoft.com/commandline/af_unix-comes-to-windows/>
//! - <https://learn.microsoft.com/windows/win32/api/afunix/ns-afunix-sockaddr_un>

use std::io;
use std::path::Path;

use socket2::{SockAddr, SockAddrStorage};

/// Bytes of a name before the path: its family.
const FAMILY: usize = size_of::<u16>();

/// A path, or none if it is empty.
pub(crate) fn from_path(path: &Path) -> io::Result<SockAddr> {
    let invalid = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    match path.to_str() {
        None => invalid("the path of a Unix socket is no Unicode text, as Windows wants it"),
        Some(text) if text.contains('\0') => {
            invalid("the path of a Unix socket has a zero in it, and Windows has no abstract names")
        }
        Some(_) => SockAddr::unix(path),
    }
}

/// An abstract name.
pub(crate) fn from_abstract_name(_name: &[u8]) -> io::Result<SockAddr> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "abstract names are Linux's own: name the socket with a path here",
    ))
}

/// The path that a name is.
pub(crate) fn pathname(address: &SockAddr) -> Option<&Path> {
    let bytes = path_bytes(address)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    (!text.is_empty()).then(|| Path::new(text))
}

/// The abstract name that a name is: never here.
pub(crate) fn abstract_name(_address: &SockAddr) -> Option<&[u8]> {
    None
}

/// The place of the path in a name, if it is one of a Unix socket.
fn path_bytes(address: &SockAddr) -> Option<&[u8]> {
    if !address.is_unix() {
        return None;
    }
    let len = (address.len() as usize).min(size_of::<SockAddrStorage>());
    // SAFETY: so many bytes of the address are there, and borrowed with it.
    let bytes = unsafe { std::slice::from_raw_parts(address.as_ptr().cast::<u8>(), len) };
    bytes.get(FAMILY..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_it_was() {
        let name = from_path(Path::new(r"C:\run\app.sock")).unwrap();
        assert_eq!(pathname(&name), Some(Path::new(r"C:\run\app.sock")));
        assert_eq!(abstract_name(&name), None);
        assert_eq!(pathname(&from_path(Path::new("")).unwrap()), None);
        let longest = "x".repeat(107);
        let name = from_path(Path::new(&longest)).unwrap();
        assert_eq!(pathname(&name), Some(Path::new(&longest)));
        let internet = SockAddr::from(std::net::SocketAddr::from(([127, 0, 0, 1], 80)));
        assert_eq!(pathname(&internet), None);
    }

    #[test]
    fn what_is_no_name_is_refused_in_words() {
        let refused = |path: &str| from_path(Path::new(path)).unwrap_err();
        assert!(refused("a\0b").to_string().contains("no abstract names"));
        assert_eq!(refused(&"x".repeat(200)).kind(), io::ErrorKind::InvalidInput);
        assert_eq!(from_abstract_name(b"x").unwrap_err().kind(), io::ErrorKind::Unsupported);
    }
}
