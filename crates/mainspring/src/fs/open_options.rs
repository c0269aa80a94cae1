//! How a file is to be opened.

use std::io;
use std::path::Path;

use crate::driver::{DirectDescriptors, Prepared};
use crate::op::{DirectFile, OpenAt, OpenDirect};
use crate::sys::access::Access;

use super::File;

/// The permission bits of a new file: all may read and write it, as far as the process's mask
/// lets them.
const MODE: u32 = 0o666;

/// How a file is to be opened, and what is to be done if it is not there.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-options-{}", std::process::id()));
/// use mainspring::fs::OpenOptions;
/// mainspring::block_on(async {
///     let file = OpenOptions::new().write(true).create_new(true).open(&path).await?;
///     file.write_at("new", 0).await.0
/// })??;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    pub(super) access: Access,
    pub(super) mode: u32,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}

impl OpenOptions {
    /// Nothing yet: set what the file is opened for.
    #[must_use]
    pub fn new() -> OpenOptions {
        OpenOptions { access: Access::default(), mode: MODE }
    }

    /// For reading.
    pub fn read(&mut self, yes: bool) -> &mut OpenOptions {
        self.access.read = yes;
        self
    }

    /// For writing; what is there stays, unless it is written over.
    pub fn write(&mut self, yes: bool) -> &mut OpenOptions {
        self.access.write = yes;
        self
    }

    /// For writing at the end, wherever that is by then: each write finds the end itself.
    pub fn append(&mut self, yes: bool) -> &mut OpenOptions {
        self.access.append = yes;
        self
    }

    /// Without what was there.
    pub fn truncate(&mut self, yes: bool) -> &mut OpenOptions {
        self.access.truncate = yes;
        self
    }

    /// Makes the file if it is not there.
    pub fn create(&mut self, yes: bool) -> &mut OpenOptions {
        self.access.create = yes;
        self
    }

    /// Makes the file, and fails if it is there: nobody can come in between.
    pub fn create_new(&mut self, yes: bool) -> &mut OpenOptions {
        self.access.create_new = yes;
        self
    }

    /// For direct I/O: bytes go between the disk and the program's memory, past the system's cache.
    /// Memory, offsets and lengths then have to be [aligned](crate::AlignedBuf); a transfer that is
    /// not is refused, and the error says what is wanted.
    ///
    /// # Platforms
    ///
    /// Linux, Android, FreeBSD, DragonFly and NetBSD: `O_DIRECT`; the file system may refuse it.
    /// On Apple's systems `F_NOCACHE`, which asks for no alignment. On Windows
    /// `FILE_FLAG_NO_BUFFERING`, which does not go with appending. Elsewhere opening is
    /// `Unsupported`.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("mainspring-direct-{}", std::process::id()));
    /// use mainspring::AlignedBuf;
    /// use mainspring::fs::OpenOptions;
    /// mainspring::block_on(async {
    ///     let opened = OpenOptions::new().write(true).create(true).direct(true).open(&path).await;
    ///     let Ok(file) = opened else { return Ok(()) };
    ///     let mut buffer = AlignedBuf::new(4096, 4096)?;
    ///     buffer.resize(4096);
    ///     file.write_at(buffer, 0).await.0.map(drop)
    /// })??;
    /// # let _ = std::fs::remove_file(&path);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn direct(&mut self, yes: bool) -> &mut OpenOptions {
        self.access.direct = yes;
        self
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for options that contradict each other and for a path with a byte of value
    /// zero; `Unsupported` if the file system offers no direct I/O; the system's: `NotFound`,
    /// `PermissionDenied`, `AlreadyExists`, `IsADirectory` and others.
    ///
    /// # Cancel safety
    ///
    /// A file that was opened although the future was dropped is closed again. One that was made
    /// stays.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let access = self.access.for_operations();
        loop {
            match OpenAt::path(path.as_ref(), access, self.mode).await {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                opened => return opened.map(File::from_std),
            }
        }
    }

    /// Opens a file into a table of direct descriptors, on the table's driver.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open); `QuotaExceeded` if no place of the table is free.
    ///
    /// # Cancel safety
    ///
    /// That of [`open`](Self::open).
    pub async fn open_direct(
        &self,
        table: &DirectDescriptors,
        path: impl AsRef<Path>,
    ) -> io::Result<DirectFile> {
        loop {
            match self.prepare_direct(table, path.as_ref()).await {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                opened => return opened,
            }
        }
    }

    /// That opening as an operation; see [`OpenDirect`].
    pub fn prepare_direct(
        &self,
        table: &DirectDescriptors,
        path: impl AsRef<Path>,
    ) -> Prepared<'static, OpenDirect> {
        OpenDirect::path(table, path.as_ref(), self.access.for_operations(), self.mode)
    }

    /// The opening as an operation, to be [submitted](crate::Handle::submit) to a driver of one's
    /// choice or cancelled; see [`OpenAt`].
    ///
    /// # Platforms
    ///
    /// On Windows it opens for calls that wait, as the standard library's [`File`](std::fs::File)
    /// needs it: a [`File`] made of that is read and written on the pool of threads. What
    /// [`open`](Self::open) opens is for overlapped calls, and read and written by the kernel.
    pub fn prepare(&self, path: impl AsRef<Path>) -> Prepared<'static, OpenAt> {
        OpenAt::path(path.as_ref(), self.access, self.mode)
    }
}
