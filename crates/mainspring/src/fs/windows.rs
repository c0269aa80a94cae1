//! What files and directories have on Windows alone.

use std::fs::File as StdFile;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
use std::path::Path;
use std::sync::Arc;

use blocking::unblock;

use crate::sys::file::{self, OpenFile};

use super::paths::with_both;
use super::{File, OpenOptions};

/// Makes a symbolic link that leads to a file, which need not be there.
///
/// # Errors
///
/// `AlreadyExists`; `PermissionDenied` without the privilege to make links, which users have in
/// Windows' developer mode; the system's.
///
/// # Cancel safety
///
/// A dropped future may still do it.
///
/// # Platforms
///
/// Windows.
pub async fn symlink_file(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    with_both(original, link, std::os::windows::fs::symlink_file).await
}

/// Makes a symbolic link that leads to a directory, which need not be there.
///
/// # Errors
///
/// Those of [`symlink_file`].
///
/// # Cancel safety
///
/// A dropped future may still do it.
///
/// # Platforms
///
/// Windows.
pub async fn symlink_dir(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    with_both(original, link, std::os::windows::fs::symlink_dir).await
}

/// The file for the standard library, at its position, which may have to be opened once more.
pub(super) async fn into_std(open: Arc<OpenFile>) -> io::Result<StdFile> {
    unblock(move || file::into_std(open)).await
}

impl OpenOptions {
    /// The access to ask for, in place of what [`read`](Self::read), [`write`](Self::write) and
    /// [`append`](Self::append) say: `GENERIC_READ` and its like.
    ///
    /// # Platforms
    ///
    /// Windows.
    pub fn access_mode(&mut self, access: u32) -> &mut OpenOptions {
        self.access.extra.access_mode = Some(access);
        self
    }

    /// What others may do with the file while it is open: `FILE_SHARE_READ`, `FILE_SHARE_WRITE`,
    /// `FILE_SHARE_DELETE`; all of it, unless this says otherwise.
    ///
    /// # Platforms
    ///
    /// Windows.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("mainspring-share-{}", std::process::id()));
    /// use mainspring::fs::File;
    /// mainspring::block_on(async {
    ///     let mut options = File::options();
    ///     let alone = options.write(true).create_new(true).share_mode(0).open(&path).await?;
    ///     assert!(File::open(&path).await.is_err());
    ///     alone.close().await
    /// })??;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn share_mode(&mut self, share: u32) -> &mut OpenOptions {
        self.access.extra.share_mode = Some(share);
        self
    }

    /// Further flags of `CreateFileW`, like `FILE_FLAG_DELETE_ON_CLOSE`.
    ///
    /// # Platforms
    ///
    /// Windows.
    pub fn custom_flags(&mut self, flags: u32) -> &mut OpenOptions {
        self.access.extra.custom_flags = flags;
        self
    }

    /// The attributes of a file that is made, like `FILE_ATTRIBUTE_HIDDEN`.
    ///
    /// # Platforms
    ///
    /// Windows.
    pub fn attributes(&mut self, attributes: u32) -> &mut OpenOptions {
        self.access.extra.attributes = attributes;
        self
    }

    /// What the server of a named pipe may do in the name of this program:
    /// `SECURITY_IDENTIFICATION` and its like. To a path that others say, this is to be set.
    ///
    /// # Platforms
    ///
    /// Windows.
    pub fn security_qos_flags(&mut self, flags: u32) -> &mut OpenOptions {
        self.access.extra.security_qos_flags = Some(flags);
        self
    }
}

impl AsHandle for File {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.open.as_handle()
    }
}

impl AsRawHandle for File {
    fn as_raw_handle(&self) -> RawHandle {
        self.open.as_handle().as_raw_handle()
    }
}

impl From<OwnedHandle> for File {
    fn from(handle: OwnedHandle) -> File {
        File::from_std(handle.into())
    }
}
