//! What a simulated socket needs beside the calls: addresses in the system's form, and words for
//! what it does not have.

use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;

use socket2::SockAddr;

use crate::sim::{self, Address};

use super::Connect;

/// The answer to whoever needs a descriptor.
pub(super) fn no_descriptor() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "a simulated socket has no descriptor: do this on a driver of the operating system",
    )
}

/// The answer to whoever wants a socket that the simulated network does not have.
pub(super) fn unknown_family() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the simulated network has TCP over IPv4 and IPv6, and Unix streams",
    )
}

/// An address as the simulated kernel takes it.
pub(super) fn address(address: &SockAddr) -> io::Result<Address> {
    if let Some(ip) = address.as_socket() {
        return Ok(Address::Ip(ip));
    }
    if !address.is_unix() {
        return Err(unknown_family());
    }
    let name = match (address.as_pathname(), address.as_abstract_namespace()) {
        (Some(path), _) => path.as_os_str().as_bytes().to_vec(),
        (None, Some(name)) => [&[0], name].concat(),
        (None, None) => Vec::new(),
    };
    Ok(Address::Unix(name))
}

/// The same in the operating system's form.
pub(super) fn os_address(address: &Address) -> io::Result<SockAddr> {
    match address {
        Address::Ip(ip) => Ok((*ip).into()),
        Address::Unix(name) => SockAddr::unix(OsStr::from_bytes(name)),
    }
}

/// Begins to connect. The simulated kernel says `WouldBlock` for a TCP attempt that is under way;
/// from a Unix socket that means, as everywhere, that nothing was begun.
pub(super) fn connect(socket: &sim::Socket, to: &SockAddr) -> io::Result<Connect> {
    let unix = to.is_unix();
    match socket.connect(&address(to)?) {
        Ok(()) => Ok(Connect::Done),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && !unix => Ok(Connect::InProgress),
        Err(error) => Err(error),
    }
}

/// Reads by way of initialised memory: the simulated kernel copies in any case.
pub(super) fn recv_uninit(
    socket: &sim::Socket,
    buffer: &mut [MaybeUninit<u8>],
) -> io::Result<usize> {
    let mut bytes = vec![0; buffer.len().min(RECV_MAX)];
    let len = socket.recv(&mut bytes, false)?;
    for (place, byte) in buffer.iter_mut().zip(&bytes[..len]) {
        place.write(*byte);
    }
    Ok(len)
}

/// Bytes that one such read moves; the simulated send buffers are smaller.
const RECV_MAX: usize = 1 << 20;
