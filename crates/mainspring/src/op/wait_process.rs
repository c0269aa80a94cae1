//! Waiting for a child to end.

use std::io;
use std::os::windows::io::AsHandle;
use std::process::ExitStatus;
use std::task::{Context, Poll};

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Handle, Prepared, Subject};
use crate::source::RawSource;
use crate::sync::Arc;
use crate::sys::waitable;

use super::wait_object::{Signals, WaitObject};

/// Waits for the end of a child.
#[derive(Debug)]
pub struct WaitChild {
    /// Nothing if there is no such process.
    process: Option<(Arc<Signals>, WaitObject)>,
}

/// Waits until the child with this number has ended. The number is a child's for as long as
/// somebody has a handle of it, as its [`Child`](std::process::Child) does: keep that until the
/// operation is prepared.
///
/// Windows has no list that a child would have to be taken off, so this and [`child_exited`] are
/// the same, and [`Child::wait`](std::process::Child::wait) goes on to work.
///
/// ```
/// use mainspring::op;
/// use std::process::Command;
/// mainspring::block_on(async {
///     let child = Command::new("cmd").args(["/c", "exit 7"]).spawn()?;
///     assert_eq!(op::wait_child(child.id()).await?.code(), Some(7));
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The system's: `InvalidInput` (87) if there is no such process, `PermissionDenied` if this one
/// may not wait for it; `QuotaExceeded` at the limit of operations; shutdown of the driver;
/// `Unsupported` of a simulated one.
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
pub fn wait_child(child: u32) -> Prepared<'static, WaitChild> {
    match waitable::process(child).map(Signals::of) {
        Ok(signals) => {
            let wait = WaitObject::new(&signals);
            Prepared::alone(WaitChild { process: Some((signals, wait)) })
        }
        Err(error) => Prepared::alone(WaitChild { process: None }).unless(Some(error)),
    }
}

/// Waits until the child with this number has ended; the same as [`wait_child`] here.
///
/// # Errors
///
/// Those of [`wait_child`].
///
/// # Cancel safety
///
/// Dropping the future changes nothing.
pub fn child_exited(child: u32) -> Prepared<'static, WaitChild> {
    wait_child(child)
}

impl WaitChild {
    fn wait(&mut self) -> io::Result<&mut WaitObject> {
        let process = self.process.as_mut();
        process.map(|(_, wait)| wait).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

impl Operation for WaitChild {
    type Output = io::Result<ExitStatus>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        let nobody = RawOperation::WaitObject { source: RawSource(u64::MAX) };
        self.wait().map_or(nobody, WaitObject::raw)
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<ExitStatus> {
        result?;
        match self.process {
            Some((signals, _)) => waitable::exit_status(signals.object().as_handle()),
            None => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn cancelled(self) {}
}

impl Emulation for WaitChild {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        match self.wait() {
            Ok(wait) => wait.attempt(subject),
            Err(error) => Attempt::Completed(Err(error)),
        }
    }

    fn poll_own(&mut self, handle: &Handle, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.wait() {
            Ok(wait) => wait.poll_own(handle, cx),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}
