//! epoll(7): an interest list in the kernel, and a list of what became ready.
//!
//! These calls name a descriptor by number and not by `BorrowedFd`, because the driver has to be
//! able to name one that its owner may have closed in the meantime: the kernel checks the number
//! and answers `EBADF` or `ENOENT`. Nothing is read or written through it.
//!
//! - <https://man7.org/linux/man-pages/man7/epoll.7.html>
//! - <https://man7.org/linux/man-pages/man2/epoll_wait.2.html> (`epoll_pwait2`: Linux 5.11)

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

pub(crate) use libc::epoll_event as RawEvent;

/// An epoll instance, closed on drop.
#[derive(Debug)]
pub(crate) struct Epoll(OwnedFd);

/// What is changed about a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Add = libc::EPOLL_CTL_ADD as isize,
    Modify = libc::EPOLL_CTL_MOD as isize,
    Delete = libc::EPOLL_CTL_DEL as isize,
}

/// The kernel's 64-bit `struct __kernel_timespec`, the same on every architecture.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanoseconds: i64,
}

const _: () = assert!(size_of::<KernelTimespec>() == 16);

impl Epoll {
    pub(crate) fn new() -> io::Result<Epoll> {
        let epoll = rustix::event::epoll::create(rustix::event::epoll::CreateFlags::CLOEXEC)?;
        Ok(Epoll(epoll))
    }

    /// `epoll_ctl`.
    pub(crate) fn control(
        &self,
        change: Change,
        descriptor: RawFd,
        flags: u32,
        data: u64,
    ) -> io::Result<()> {
        let mut event = RawEvent { events: flags, u64: data };
        let epoll = self.0.as_raw_fd();
        // SAFETY: the kernel only reads `event`, which outlives the call; the numbers are checked
        // by the kernel.
        let result = unsafe { libc::epoll_ctl(epoll, change as i32, descriptor, &raw mut event) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// `epoll_pwait2`: waits with a timeout in nanoseconds, `None` without end. Returns how many
    /// events stand at the start of `buffer`.
    pub(crate) fn wait_ns(
        &self,
        buffer: &mut [RawEvent],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let timespec = timeout.map(|timeout| KernelTimespec {
            seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: i64::from(timeout.subsec_nanos()),
        });
        let timespec = timespec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let no_signal_mask = std::ptr::null::<libc::sigset_t>();
        // SAFETY: the kernel writes at most `buffer.len()` events into the exclusive borrow and
        // reads the timespec, which lives until the end of this function.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.0.as_raw_fd(),
                buffer.as_mut_ptr(),
                limit(buffer),
                timespec,
                no_signal_mask,
                0_usize,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// `epoll_wait`: the same in milliseconds, for kernels before 5.11; -1 is without end.
    pub(crate) fn wait_ms(&self, buffer: &mut [RawEvent], timeout_ms: i32) -> io::Result<usize> {
        let epoll = self.0.as_raw_fd();
        let start = buffer.as_mut_ptr();
        // SAFETY: the kernel writes at most `buffer.len()` events into the exclusive borrow.
        let count = unsafe { libc::epoll_wait(epoll, start, limit(buffer), timeout_ms) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

/// Whether the kernel can watch what `descriptor` names: an instance of its own is asked, which
/// refuses just the files that cannot be polled.
///
/// # Errors
///
/// `EBADF` if it names nothing; out of descriptors or memory.
pub(crate) fn can_watch(descriptor: RawFd) -> io::Result<bool> {
    match Epoll::new()?.control(Change::Add, descriptor, 0, 0) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(false),
        // Queues cannot be nested too deeply, or in a ring: they can be polled all the same.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EINVAL)) => Ok(true),
        Err(error) => Err(error),
    }
}

fn limit(buffer: &[RawEvent]) -> i32 {
    i32::try_from(buffer.len()).unwrap_or(i32::MAX)
}

/// An eventfd: a counter in the kernel that is readable while it is not zero.
#[derive(Debug)]
pub(crate) struct WakeCounter(OwnedFd);

impl WakeCounter {
    pub(crate) fn new() -> io::Result<WakeCounter> {
        use rustix::event::EventfdFlags;
        Ok(WakeCounter(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }

    /// Adds one. Each write is an edge of its own, so the counter is read only when it is full,
    /// after 2^64 - 2 writes.
    pub(crate) fn raise(&self) -> io::Result<()> {
        loop {
            match rustix::io::write(&self.0, &1_u64.to_ne_bytes()) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => self.empty()?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn empty(&self) -> io::Result<()> {
        match rustix::io::read(&self.0, &mut [0_u8; 8]) {
            // AGAIN: another thread was faster.
            Ok(_) | Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
impl WakeCounter {
    /// Fills the counter, so that the next `raise` finds it full.
    pub(crate) fn fill(&self) {
        let full = (u64::MAX - 1).to_ne_bytes();
        rustix::io::write(&self.0, &full).expect("a fresh counter takes its greatest value");
    }
}
