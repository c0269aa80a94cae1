//! A pipe or a file that was opened for overlapped calls.

use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::sync::Arc;

use crate::completion::buf::{IoBuf, IoBufMut};
use crate::completion::operation::OWN_POSITION;
use crate::driver::{Handle, Prepared, Registration, Subject};
use crate::interest::Interest;
use crate::op::handle::{FlushHandle, ReadHandle, WriteHandle, no_port};
use crate::sys::handle;
use crate::trigger::Trigger;

use super::{IoModel, SourceKind, classify};

/// A pipe or a file that was opened with `FILE_FLAG_OVERLAPPED`, in a driver for as long as it is
/// open: Windows lets a handle be one port's and never another's.
///
/// ```
/// use mainspring::os::windows::OverlappedHandle;
/// use std::os::windows::fs::OpenOptionsExt;
/// const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;
/// # let path = std::env::temp_dir().join(format!("mainspring-handle-{}", std::process::id()));
/// let mut options = std::fs::File::options();
/// options.read(true).write(true).create(true).custom_flags(FILE_FLAG_OVERLAPPED);
/// let file = options.open(&path)?;
/// mainspring::block_on(async {
///     let file = OverlappedHandle::new(file.into())?;
///     file.write_at("hello", 0).await.0?;
///     let (read, buffer) = file.read_at(Vec::with_capacity(8), 1).await;
///     assert_eq!((read?.len(), buffer.as_slice()), (4, b"ello".as_slice()));
///     file.flush().await
/// })??;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct OverlappedHandle {
    // Dropped first: what is under way names the handle.
    registration: Registration,
    kind: SourceKind,
    handle: Arc<OwnedHandle>,
}

impl OverlappedHandle {
    /// Registers the handle with the [current](Handle::current) driver.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the driver's backend carries no operations on handles out;
    /// `InvalidInput` if the handle is no pipe or file, was opened for calls that wait, or is with
    /// another completion port already; those of registering a source.
    #[track_caller]
    pub fn new(handle: OwnedHandle) -> io::Result<OverlappedHandle> {
        OverlappedHandle::with_handle(&Handle::try_current()?, handle)
    }

    /// The same with the driver of `driver`.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    #[track_caller]
    pub fn with_handle(driver: &Handle, handle: OwnedHandle) -> io::Result<OverlappedHandle> {
        if !driver.has_operations() || driver.simulation().is_some() {
            return Err(no_port());
        }
        let (kind, model) = classify(&handle)?;
        if model != IoModel::Overlapped {
            return Err(not_overlapped(kind, model));
        }
        let source = handle::source_of(&handle);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registration = Registration::of(driver, source, interest, Trigger::Edge)?;
        registration.adopt().map_err(elsewhere)?;
        Ok(OverlappedHandle { registration, kind, handle: Arc::new(handle) })
    }

    /// What the handle names.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        self.kind
    }

    pub(super) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// Reads what has come to a pipe into a buffer that the operation owns meanwhile, and that
    /// comes back with the result.
    ///
    /// # Errors
    ///
    /// The system's; `InvalidInput` for a file, which is read [at an offset](Self::read_at);
    /// `QuotaExceeded` at the limit of operations; shutdown of the driver.
    ///
    /// # Cancel safety
    ///
    /// What a dropped future read after all is lost;
    /// [`Submission::cancel`](crate::Submission::cancel) loses nothing.
    pub fn read<B: IoBufMut>(&self, buffer: B) -> Prepared<'_, ReadHandle<B>> {
        self.read_at(buffer, OWN_POSITION).unless(self.wants_an_offset())
    }

    /// Reads a file at an offset; see [`read`](Self::read). A pipe has no offsets, and ignores it.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn read_at<B: IoBufMut>(&self, buffer: B, offset: u64) -> Prepared<'_, ReadHandle<B>> {
        let operation = ReadHandle::new(self.registration.source(), buffer, offset);
        Prepared::on(&self.registration, Subject::Nothing, operation)
    }

    /// Writes to a pipe, all of the buffer, which the operation owns meanwhile and which comes back
    /// with the result.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read); `BrokenPipe` if nobody will read it.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may have written; [`Submission::cancel`](crate::Submission::cancel) tells.
    pub fn write<B: IoBuf>(&self, buffer: B) -> Prepared<'_, WriteHandle<B>> {
        self.write_at(buffer, OWN_POSITION).unless(self.wants_an_offset())
    }

    /// A file that is read and written by several operations at a time has no position.
    fn wants_an_offset(&self) -> Option<io::Error> {
        (self.kind == SourceKind::File).then(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "an overlapped file has no position of its own: use `read_at` and `write_at`",
            )
        })
    }

    /// Writes to a file at an offset; see [`write`](Self::write). A pipe has no offsets, and
    /// ignores it.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write).
    pub fn write_at<B: IoBuf>(&self, buffer: B, offset: u64) -> Prepared<'_, WriteHandle<B>> {
        let operation = WriteHandle::new(self.registration.source(), buffer, offset);
        Prepared::on(&self.registration, Subject::Nothing, operation)
    }

    /// Makes what was written last: to a file's disk, or of a pipe until the other end has read it.
    /// On a thread of the blocking pool: there is no such operation of the kernel's.
    ///
    /// # Errors
    ///
    /// The system's; shutdown of the driver.
    ///
    /// # Cancel safety
    ///
    /// A flush that has begun goes on.
    pub fn flush(&self) -> Prepared<'_, FlushHandle> {
        let operation = FlushHandle(Arc::clone(&self.handle));
        Prepared::on(&self.registration, Subject::Nothing, operation)
    }
}

impl AsHandle for OverlappedHandle {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

fn not_overlapped(kind: SourceKind, model: IoModel) -> io::Error {
    let why = match model {
        IoModel::Readiness => "register it as a socket: Async, or the types of `net`",
        IoModel::Waitable => "it is signalled, and neither read nor written",
        _ if kind == SourceKind::Console => "a console's calls block: use a pool of threads",
        _ => "it was opened for calls that wait: open it with FILE_FLAG_OVERLAPPED",
    };
    let text = format!("this handle ({kind:?}) takes no overlapped operations: {why}");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn elsewhere(error: io::Error) -> io::Error {
    let text = format!(
        "{error}; a handle is one completion port's for life, and this one is not to be had for \
         this driver: open it anew"
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
