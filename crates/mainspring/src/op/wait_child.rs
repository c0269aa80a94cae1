//! Waiting for a child to end.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::task::{Context, Poll, ready};

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Handle, Prepared, ReadyEvent, Registration, Subject};
use crate::interest::Interest;
use crate::sys::child::{self, Info};
use crate::sys::raw_source;
use crate::trigger::Trigger;

use super::source::memory;

/// Waits for the end of a child.
#[derive(Debug)]
pub struct WaitChild {
    child: u32,
    leave: bool,
    info: Info,
    status: Option<ExitStatus>,
    watch: Option<Watch>,
}

/// The descriptor of a process, waited for by this operation alone.
#[derive(Debug)]
struct Watch {
    // Dropped first: the kernel is told before the descriptor is closed.
    registration: Option<Registration>,
    descriptor: OwnedFd,
    seen: Option<ReadyEvent>,
}

/// Waits until the child with this number has ended, and takes it off the list of processes. The
/// number is that of a child of this process which nobody else waits for: after this, the standard
/// library's [`Child::wait`](std::process::Child::wait) fails. [`child_exited`] leaves it.
///
/// ```
/// use mainspring::op;
/// use std::process::Command;
/// mainspring::block_on(async {
///     let child = Command::new("sh").args(["-c", "exit 7"]).spawn()?;
///     assert_eq!(op::wait_child(child.id()).await?.code(), Some(7));
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Where the kernel does not wait for children by itself, a descriptor of the process is waited for
/// (Linux 5.3), and without those a thread of the pool waits, to the child's end even if the future
/// is dropped.
///
/// # Errors
///
/// The system's (`ECHILD` if there is no such child, or it was waited for already); `QuotaExceeded`
/// at the limit of operations; shutdown of the driver.
///
/// # Cancel safety
///
/// A dropped future may have taken the child off the list after all, and how it ended is lost;
/// [`Submission::cancel`](crate::Submission::cancel) loses nothing.
pub fn wait_child(child: u32) -> Prepared<'static, WaitChild> {
    WaitChild::prepare(child, false)
}

/// Waits until the child with this number has ended, and leaves it to be waited for: the standard
/// library's [`Child::wait`](std::process::Child::wait) then returns at once.
///
/// ```
/// use mainspring::op;
/// use std::process::Command;
/// mainspring::block_on(async {
///     let mut child = Command::new("true").spawn()?;
///     assert!(op::child_exited(child.id()).await?.success());
///     assert!(child.wait()?.success());
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`wait_child`].
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
pub fn child_exited(child: u32) -> Prepared<'static, WaitChild> {
    WaitChild::prepare(child, true)
}

impl WaitChild {
    fn prepare(child: u32, leave: bool) -> Prepared<'static, WaitChild> {
        let info = Info::new();
        Prepared::alone(WaitChild { child, leave, info, status: None, watch: None })
    }
}

impl Operation for WaitChild {
    type Output = io::Result<ExitStatus>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::WaitId {
            which: child::WHICH,
            id: self.child,
            options: child::options(self.leave),
            info: memory(self.info.raw()),
        }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<ExitStatus> {
        result.map(|_| self.status.unwrap_or_else(|| self.info.status()))
    }

    fn cancelled(self) {}
}

impl Emulation for WaitChild {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        match child::wait(self.child, self.leave, false) {
            Ok(None) => {}
            Ok(ended) => {
                self.status = ended;
                return Attempt::Completed(Ok(0));
            }
            Err(error) => return Attempt::Completed(Err(error)),
        }
        if self.watch.is_none() {
            let Ok(descriptor) = child::descriptor(self.child) else { return Attempt::Blocking };
            self.watch = Some(Watch { registration: None, descriptor, seen: None });
        }
        Attempt::WaitOwn
    }

    fn poll_own(&mut self, handle: &Handle, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(Watch { registration, descriptor, seen }) = &mut self.watch else {
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        };
        let interest = Interest::READABLE;
        let registration = match registration {
            Some(registration) => registration,
            none => {
                let source = raw_source(descriptor);
                none.insert(Registration::of(handle, source, interest, Trigger::Edge)?)
            }
        };
        // The child had not ended after all.
        if let Some(event) = seen.take() {
            registration.clear(event);
        }
        *seen = Some(ready!(registration.poll_ready(cx, interest))?);
        Poll::Ready(Ok(()))
    }

    fn block(&mut self) -> io::Result<u64> {
        self.status = child::wait(self.child, self.leave, true)?;
        Ok(0)
    }
}
