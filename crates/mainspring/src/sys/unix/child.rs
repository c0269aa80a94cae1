//! Children, and how they ended.
//!
//! `waitid` tells how a child ended and, unless it is told to leave it, takes it off the list of
//! processes. A descriptor of a process becomes readable when it has ended (Linux 5.3), so that a
//! loop can wait for it among everything else; without one, a thread waits.
//!
//! - <https://man7.org/linux/man-pages/man2/waitid.2.html>
//! - <https://man7.org/linux/man-pages/man2/pidfd_open.2.html>

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// "The child of this number."
pub(crate) const WHICH: u32 = libc::P_PID;

/// What is waited for: the end of the child, which is left to be asked for again or not.
pub(crate) fn options(leave: bool) -> u32 {
    let leaving = if leave { WaitIdOptions::NOWAIT } else { WaitIdOptions::empty() };
    (WaitIdOptions::EXITED | leaving).bits()
}

/// How a child ended; `None` if it has not, and the call was not to block.
pub(crate) fn wait(child: u32, leave: bool, block: bool) -> io::Result<Option<ExitStatus>> {
    let child = pid(child)?;
    let mut options = WaitIdOptions::EXITED;
    options.set(WaitIdOptions::NOWAIT, leave);
    options.set(WaitIdOptions::NOHANG, !block);
    let ended = retry_on_intr(|| waitid(WaitId::Pid(child), options))?;
    Ok(ended.map(|ended| {
        let how = ended.exit_status().map(|code| code << 8).or_else(|| ended.terminating_signal());
        let dumped = if ended.dumped() { CORE_DUMPED } else { 0 };
        ExitStatus::from_raw(how.unwrap_or(0) | dumped)
    }))
}

/// The bit of a wait status that says "and left a core dump".
const CORE_DUMPED: i32 = 0x80;

/// A descriptor that becomes readable when the process has ended.
///
/// # Errors
///
/// If there is no such process, or no such call: then a thread has to wait.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn descriptor(child: u32) -> io::Result<OwnedFd> {
    Ok(rustix::process::pidfd_open(pid(child)?, rustix::process::PidfdFlags::empty())?)
}

/// This system has no descriptors of processes.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn descriptor(_child: u32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

fn pid(child: u32) -> io::Result<Pid> {
    let number = i32::try_from(child).ok().and_then(Pid::from_raw);
    number.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{child} is no process: name a child by the number that starting it gave"),
        )
    })
}

/// What an operation of the kernel's writes about a child.
pub(crate) struct Info(libc::siginfo_t);

// SAFETY: plain bytes; the pointers that other kinds of signals have in them are not looked at.
unsafe impl Send for Info {}

impl Info {
    pub(crate) fn new() -> Info {
        // SAFETY: all zeroes are a `siginfo_t` of no signal.
        Info(unsafe { std::mem::zeroed() })
    }

    /// Its address and length, for the kernel to write to.
    pub(crate) fn raw(&mut self) -> (*mut u8, usize) {
        ((&raw mut self.0).cast(), size_of::<libc::siginfo_t>())
    }

    /// How the child ended, after the kernel has written it.
    pub(crate) fn status(&self) -> ExitStatus {
        // SAFETY: the kernel wrote the form for a child, or nothing: then it is zero.
        let how = unsafe { self.0.si_status() };
        ExitStatus::from_raw(match self.0.si_code {
            libc::CLD_EXITED => (how & 0xff) << 8,
            libc::CLD_DUMPED => how | CORE_DUMPED,
            _ => how,
        })
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Info").field("status", &self.status()).finish()
    }
}
