//! Who is at the other end of a Unix socket.
//!
//! The kernel notes the credentials of both ends when a stream is connected, a listener listens or
//! a pair is made; they do not change when a process later changes its own. Linux has them as
//! `SO_PEERCRED`; the BSDs and Apple's systems have `getpeereid`, without a process number.
//!
//! Linux answers even for a socket that never had a peer, with user and group "-1" and process 0,
//! and writes 0 for a process that our PID namespace cannot see. The first is an error here, the
//! second is `None`: no process is called 0, and a check against it must not succeed.
//!
//! - <https://man7.org/linux/man-pages/man7/unix.7.html> (`SO_PEERCRED`, `SO_PASSCRED`)
//! - <https://man.freebsd.org/cgi/man.cgi?query=getpeereid>

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// A process, as the kernel vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// `None` where the system does not say, or our PID namespace does not see the process.
    pub(crate) process: Option<i32>,
    pub(crate) user: u32,
    pub(crate) group: u32,
}

/// The credentials of the process that connected, listened or made the pair at the other end.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn of_peer(socket: impl AsFd) -> io::Result<Credentials> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: `peer` and `len` live here and are as large as they say; the descriptor is borrowed.
    let result = unsafe {
        libc::getsockopt(
            descriptor,
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    if peer.uid == u32::MAX && peer.pid == 0 {
        return Err(io::Error::from_raw_os_error(libc::ENOTCONN));
    }
    Ok(from_kernel(peer.pid, peer.uid, peer.gid))
}

/// The credentials of the process that connected, listened or made the pair at the other end.
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
))]
pub(crate) fn of_peer(socket: impl AsFd) -> io::Result<Credentials> {
    let (mut user, mut group) = (u32::MAX, u32::MAX);
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: both pointers are to locals that outlive the call; the descriptor is borrowed.
    let result = unsafe { libc::getpeereid(descriptor, &raw mut user, &raw mut group) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(from_kernel(0, user, group))
}

/// The credentials of the process that connected, listened or made the pair at the other end.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
pub(crate) fn of_peer(_socket: impl AsFd) -> io::Result<Credentials> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system has no call for a peer's credentials that is supported here: \
         let the peer prove who it is by other means",
    ))
}

/// As the kernel's `ucred` has them: process 0 is one that it cannot name to us.
pub(crate) fn from_kernel(process: i32, user: u32, group: u32) -> Credentials {
    Credentials { process: (process > 0).then_some(process), user, group }
}
