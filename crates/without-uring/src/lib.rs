//! Makes io_uring answer with an error, for a thread and for all it starts from then on.
//!
//! Sandboxes and hardened machines refuse io_uring in a few ways: a kernel built without it says
//! `ENOSYS`, a seccomp filter most often `EPERM`. Programs must notice, choose another mechanism
//! and say why. Here the same thing is done on purpose, by a filter of the kind that sandboxes
//! use: the kernel runs a small program on the number of every system call, and this one lets all
//! pass but the three of io_uring. It needs no privilege, since it first gives up the right to
//! gain any (`PR_SET_NO_NEW_PRIVS`); it is inherited by every thread and process started later,
//! survives `exec` and cannot be taken off. Other threads of the process are left alone, so a
//! test puts it on a thread of its own.
//!
//! See `seccomp(2)`, and `Documentation/userspace-api/seccomp_filter.rst` in the kernel's tree.

#[cfg(target_os = "linux")]
mod filter;
#[cfg(not(target_os = "linux"))]
mod no_filter;
#[cfg(not(target_os = "linux"))]
use no_filter as filter;

use std::fmt;
use std::io;
use std::str::FromStr;

/// The error that io_uring answers with.
///
/// ```
/// use without_uring::Errno;
/// assert_eq!("ENOSYS".parse::<Errno>().unwrap(), Errno::ENOSYS);
/// assert_eq!("1".parse::<Errno>().unwrap(), Errno::EPERM);
/// assert!("0".parse::<Errno>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(u16);

/// The largest number that the kernel takes for an error (`MAX_ERRNO` in its `err.h`).
const ERRNO_MAX: u16 = 4095;

impl Errno {
    /// The call is forbidden: what most sandboxes answer.
    pub const EPERM: Errno = Errno(1);
    /// There is no such call: a kernel without io_uring.
    pub const ENOSYS: Errno = Errno(38);

    /// The number, as `io::Error::raw_os_error` gives it.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0 as i32
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Errno::EPERM => f.write_str("EPERM"),
            Errno::ENOSYS => f.write_str("ENOSYS"),
            Errno(number) => write!(f, "errno {number}"),
        }
    }
}

impl FromStr for Errno {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Errno> {
        match (text, text.parse()) {
            ("EPERM", _) => Ok(Errno::EPERM),
            ("ENOSYS", _) => Ok(Errno::ENOSYS),
            (_, Ok(number @ 1..=ERRNO_MAX)) => Ok(Errno(number)),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{text:?} is no error: give ENOSYS, EPERM or a number up to {ERRNO_MAX}"),
            )),
        }
    }
}

/// From now on io_uring answers this thread, and all it starts, with `errno`. It cannot be undone.
///
/// # Errors
///
/// If the kernel has no seccomp filters, or the filter cannot be made for this architecture.
///
/// # Platforms
///
/// Linux on x86-64, AArch64 and 64-bit RISC-V.
///
/// ```no_run
/// std::thread::spawn(|| {
///     without_uring::hide(without_uring::Errno::EPERM)?;
///     std::process::Command::new("true").status()
/// });
/// ```
pub fn hide(errno: Errno) -> io::Result<()> {
    filter::install(errno)
}
