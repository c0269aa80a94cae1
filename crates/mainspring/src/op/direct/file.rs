//! A file in a table of direct descriptors.

use std::fmt;
use std::sync::Arc;

use crate::completion::buf::{IoBuf, IoBufMut};
use crate::driver::{Place, Prepared, Slot};
use crate::op::file::{Close, Fsync, ReadAt, ReadVectoredAt, WriteAt, WriteVectoredAt};
use crate::sys::file::OpenFile;

use super::close_file::Closing;
use super::{CloseDirect, CloseDirectFile};

/// A file without a number in the process; [`OpenOptions::open_direct`] opens it.
///
/// Its operations may be under way in any number, and go to its own driver. Dropping it closes it,
/// when they have ended and with the driver's next turn at the latest, and so does the end of the
/// driver.
///
/// [`OpenOptions::open_direct`]: crate::fs::OpenOptions::open_direct
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-op-direct-{}", std::process::id()));
/// # std::fs::write(&path, "hello")?;
/// use mainspring::fs::OpenOptions;
/// mainspring::block_on(async {
///     let table = mainspring::Handle::current().direct_descriptors(4)?;
///     let file = OpenOptions::new().read(true).open_direct(&table, &path).await?;
///     let (read, buffer) = file.read_at(Vec::with_capacity(64), 1).await;
///     assert_eq!((read?, buffer.as_slice()), (4, b"ello".as_slice()));
///     file.close().await
/// })??;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct DirectFile(Held);

enum Held {
    Slot(Arc<Slot>),
    /// Where the kernel has no table. The file is dropped before its place.
    Ordinary(Arc<OpenFile>, Place),
}

impl DirectFile {
    pub(super) fn in_table(slot: Slot) -> DirectFile {
        DirectFile(Held::Slot(Arc::new(slot)))
    }

    pub(super) fn ordinary(file: OpenFile, place: Place) -> DirectFile {
        DirectFile(Held::Ordinary(Arc::new(file), place))
    }

    /// Whether it is in the kernel's table, and not an ordinary descriptor that stands for it.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        matches!(self.0, Held::Slot(_))
    }

    /// Reads at an offset into a buffer that comes back with the result; see
    /// [`File::read_at`](crate::fs::File::read_at).
    ///
    /// # Errors
    ///
    /// Those of [`File::read_at`](crate::fs::File::read_at).
    ///
    /// # Cancel safety
    ///
    /// What a dropped future read is lost; nothing else changes.
    pub fn read_at<B: IoBufMut>(&self, buffer: B, offset: u64) -> Prepared<'static, ReadAt<B>> {
        match &self.0 {
            Held::Slot(slot) => ReadAt::direct(slot, buffer, offset),
            Held::Ordinary(file, _) => ReadAt::at(file, buffer, offset),
        }
    }

    /// Writes at an offset from a buffer that comes back with the result; see
    /// [`File::write_at`](crate::fs::File::write_at).
    ///
    /// # Errors
    ///
    /// Those of [`File::write_at`](crate::fs::File::write_at).
    ///
    /// # Cancel safety
    ///
    /// A dropped future may have written; [`Submission::cancel`](crate::Submission::cancel) tells.
    pub fn write_at<B: IoBuf>(&self, buffer: B, offset: u64) -> Prepared<'static, WriteAt<B>> {
        match &self.0 {
            Held::Slot(slot) => WriteAt::direct(slot, buffer, offset),
            Held::Ordinary(file, _) => WriteAt::at(file, buffer, offset),
        }
    }

    /// Reads at an offset into several buffers, one after the other; see
    /// [`File::read_vectored_at`](crate::fs::File::read_vectored_at).
    ///
    /// # Errors
    ///
    /// Those of [`File::read_at`](crate::fs::File::read_at).
    ///
    /// # Cancel safety
    ///
    /// That of [`read_at`](Self::read_at).
    pub fn read_vectored_at<B: IoBufMut>(
        &self,
        buffers: Vec<B>,
        offset: u64,
    ) -> Prepared<'static, ReadVectoredAt<B>> {
        match &self.0 {
            Held::Slot(slot) => ReadVectoredAt::direct(slot, buffers, offset),
            Held::Ordinary(file, _) => ReadVectoredAt::at(file, buffers, offset),
        }
    }

    /// Writes at an offset from several buffers, one after the other; see
    /// [`File::write_vectored_at`](crate::fs::File::write_vectored_at).
    ///
    /// # Errors
    ///
    /// Those of [`File::write_at`](crate::fs::File::write_at).
    ///
    /// # Cancel safety
    ///
    /// That of [`write_at`](Self::write_at).
    pub fn write_vectored_at<B: IoBuf>(
        &self,
        buffers: Vec<B>,
        offset: u64,
    ) -> Prepared<'static, WriteVectoredAt<B>> {
        match &self.0 {
            Held::Slot(slot) => WriteVectoredAt::direct(slot, buffers, offset),
            Held::Ordinary(file, _) => WriteVectoredAt::at(file, buffers, offset),
        }
    }

    /// Waits until what was written is on the disk, content and times; see [`Fsync`].
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn sync_all(&self) -> Prepared<'static, Fsync> {
        self.sync(false)
    }

    /// Waits until what was written is on the disk, without the times; see [`Fsync`].
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn sync_data(&self) -> Prepared<'static, Fsync> {
        self.sync(true)
    }

    fn sync(&self, data_only: bool) -> Prepared<'static, Fsync> {
        match &self.0 {
            Held::Slot(slot) => Fsync::direct(slot, data_only),
            Held::Ordinary(file, _) => Fsync::of(file, data_only),
        }
    }

    /// Closes it, and is ready when that is done, or at once if operations on it are still to end:
    /// then the last of them closes it. Whatever becomes of it, it is closed: also when it is
    /// dropped or cancelled.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn close(self) -> Prepared<'static, CloseDirectFile> {
        let (closing, home) = match self.0 {
            Held::Slot(slot) => {
                let home = slot.handle().clone();
                (Closing::Direct(CloseDirect::of(Some(slot))), Some(home))
            }
            Held::Ordinary(file, place) => match Arc::into_inner(file) {
                Some(file) => (Closing::Ordinary(Close::of(file.into_file().into()), place), None),
                None => (Closing::Direct(CloseDirect::of(None)), None),
            },
        };
        let prepared = Prepared::alone(CloseDirectFile(closing));
        match home {
            Some(home) => prepared.at_home(home),
            None => prepared,
        }
    }
}

impl fmt::Debug for DirectFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectFile").field("is_direct", &self.is_direct()).finish_non_exhaustive()
    }
}
