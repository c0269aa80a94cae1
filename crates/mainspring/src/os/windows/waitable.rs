//! Events, processes, timers: what is signalled, as something to await.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::pin::Pin;

use crate::driver::{Handle, Registration};
use crate::interest::Interest;
use crate::op::wait_object::{Place, Signals, WaitObject, of_the_system};
use crate::sync::Arc;
use crate::sys::handle;
use crate::trigger::Trigger;

use super::{IoModel, SourceKind, classify};

/// Something that is signalled, in a driver: an event, a process, a thread, a timer, a semaphore, a
/// job, a console's input.
///
/// ```
/// use mainspring::os::windows::Waitable;
/// let thread = std::thread::spawn(|| {});
/// mainspring::block_on(async {
///     let thread = Waitable::new(thread.into())?;
///     thread.wait().await
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # What a wait takes
///
/// What waits do to an object is the object's matter. A process or a thread that has ended, an
/// event that is reset by hand and a console with input stay signalled: each wait finds them so. An
/// event that resets itself, a semaphore and a timer of that sort let one wait pass a signal,
/// whoever waits: several tasks with one `Waitable`, several of them with duplicates of a handle,
/// other threads and processes. Who is first is not defined.
///
/// # Platforms
///
/// On a driver with a completion port (`Kind::Iocp`, `Kind::WsaPoll`) the kernel waits, where it
/// has the calls for that (`NtAssociateWaitCompletionPacket`, Windows 8). Elsewhere, and with
/// `MAINSPRING_IOCP_WITHOUT=wait-packets`, the system's thread pool waits for what stays signalled,
/// and for everything else a thread each while there is a wait, 1024 in a process.
pub struct Waitable {
    // Dropped first: it names the handle.
    registration: Registration,
    kind: SourceKind,
    signals: Arc<Signals>,
}

impl Waitable {
    /// Registers the handle with the [current](Handle::current) driver. It needs the right to
    /// wait (`SYNCHRONIZE`).
    ///
    /// # Errors
    ///
    /// `InvalidInput` with what to do instead for what is read and written and not signalled;
    /// `Unsupported` for what no driver can wait for, a mutex among it, and of a simulated driver;
    /// those of registering a source.
    #[track_caller]
    pub fn new(handle: OwnedHandle) -> io::Result<Waitable> {
        Waitable::with_handle(&Handle::try_current()?, handle)
    }

    /// The same with the driver of `driver`.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    #[track_caller]
    pub fn with_handle(driver: &Handle, handle: OwnedHandle) -> io::Result<Waitable> {
        if driver.simulation().is_some() {
            return Err(of_the_system());
        }
        let (kind, model) = classify(&handle)?;
        if model != IoModel::Waitable {
            return Err(never_signalled(kind, model));
        }
        let source = handle::source_of(&handle);
        let signals = Signals::of(handle);
        let registration = Registration::of(driver, source, Interest::READABLE, Trigger::OneShot)?;
        Ok(Waitable { registration, kind, signals })
    }

    /// What the handle names.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        self.kind
    }

    /// The driver's handle.
    #[must_use]
    pub fn driver(&self) -> &Handle {
        self.registration.handle()
    }

    /// Waits until the object is signalled: each wait that returns is one that Windows' own wait
    /// functions would have returned from. Any number of tasks.
    ///
    /// # Errors
    ///
    /// The system's (`PermissionDenied` if the handle may not wait); `QuotaExceeded` at the limit
    /// of operations, or of threads; shutdown of the driver.
    ///
    /// # Cancel safety
    ///
    /// A dropped future eats no signal. Either the kernel had not taken one for it, or it is given
    /// back: to the event (which is set again) or the semaphore, so that whoever waits for the
    /// object gets it. A timer's cannot be given back, nor can that of an object which the handle
    /// may wait for and not set: then it is kept, and the next wait of this `Waitable` returns at
    /// once, or one that waits already. Such a signal is lost if the `Waitable` is dropped, too.
    ///
    /// Giving back is not undoing. Between the two an event is unsignalled; if somebody sets it in
    /// that moment the two signals are one, as two are that come without a wait between them. And
    /// if its owner *resets* it in that moment, to say that the matter is settled, it is set again
    /// all the same: keep to events that waits reset, or to those that are reset by hand, of which
    /// nothing is ever taken.
    pub async fn wait(&self) -> io::Result<()> {
        let mut place = Place::of(&self.signals);
        // Submitted to the driver that it is registered with, whichever is the current one.
        let mut wait = self.driver().submit(WaitObject::prepare(&self.signals));
        poll_fn(|cx| {
            if self.signals.poll_kept(&mut place, cx.waker()).is_ready() {
                return std::task::Poll::Ready(Ok(()));
            }
            Pin::new(&mut wait).poll(cx)
        })
        .await
    }
}

impl AsHandle for Waitable {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.signals.object().as_handle()
    }
}

impl fmt::Debug for Waitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = self.signals.object();
        f.debug_struct("Waitable").field("kind", &self.kind).field("handle", object).finish()
    }
}

fn never_signalled(kind: SourceKind, model: IoModel) -> io::Error {
    let remedy = match model {
        IoModel::Readiness => "register it as a socket: Async, or the types of `net`",
        IoModel::Overlapped => "use OverlappedHandle, which reads and writes it",
        _ => "its calls block: use a pool of threads",
    };
    let text = format!("this handle ({kind:?}) is not waited for by a signal: {remedy}");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
