//! Which file a descriptor number names, and whether it can be watched.
//!
//! The numbers are taken as numbers and not borrowed: what is asked here is what has become of
//! them. The kernel answers `EBADF` for one that is closed; nothing is read or written.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use super::epoll::{Change, Epoll};

/// What tells two open files apart, as far as `fstat(2)` knows: device and inode, mixed into one
/// number that is never zero.
///
/// Equal for two opens of one file, for the two ends of a pipe, and for all files of the kernel's
/// anonymous inode (eventfd, timerfd, …), so equality alone proves nothing; a difference does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(pub(crate) u32);

/// What `fstat` says of a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) identity: Identity,
    /// A regular file, a directory or a disk: always ready, and never watched.
    pub(crate) is_stored: bool,
    /// A device, of which only the kernel knows whether it can be watched.
    pub(crate) is_device: bool,
}

/// Asks what `descriptor` names.
///
/// # Errors
///
/// `EBADF` if it is closed.
pub(crate) fn facts(descriptor: RawFd) -> io::Result<Facts> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel checks the number, and writes no more than the structure it is given.
    let result = unsafe { libc::fstat(descriptor, stat.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so the structure was filled in.
    let stat = unsafe { stat.assume_init() };
    let kind = stat.st_mode & libc::S_IFMT;
    #[allow(clippy::unnecessary_cast, reason = "the types differ between architectures")]
    let (device, inode) = (stat.st_dev as u64, stat.st_ino as u64);
    Ok(Facts {
        identity: mix(device, inode),
        is_stored: matches!(kind, libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK),
        is_device: kind == libc::S_IFCHR,
    })
}

/// Two files in four billion look alike by this, and only where a number changed hands unseen.
fn mix(device: u64, inode: u64) -> Identity {
    // The odd constant is 2^64 divided by the golden ratio: neighbours end up far apart.
    let mixed = (inode ^ device.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Identity((mixed >> 32) as u32 | 1)
}

/// Whether the kernel can watch what `descriptor` names: epoll is asked, which refuses just those
/// files that cannot be polled.
///
/// # Errors
///
/// `EBADF` if it is closed; out of descriptors or memory.
pub(crate) fn can_be_watched(descriptor: RawFd) -> io::Result<bool> {
    match Epoll::new()?.control(Change::Add, descriptor, 0, 0) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(false),
        // A queue cannot be nested too deeply, or in itself: it can be polled all the same.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EINVAL)) => Ok(true),
        Err(error) => Err(error),
    }
}
