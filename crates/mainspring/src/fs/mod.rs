//! Files and directories for async programs.
//!
//! Where the driver's backend carries operations out, the kernel reads and writes for the program;
//! elsewhere a pool of threads does, and what lies in the kernel's cache is read at once. The
//! program sees no difference. A file belongs to no driver: each call goes to the one that is
//! [current](crate::Handle::current) where it is awaited.
//!
//! There are two ways to read and write a [`File`]. [`read_at`](File::read_at) and its like take
//! a buffer, name an offset and give the buffer back: any number of them may be under way at once.
//! The traits of `futures-io`, and with the feature `tokio` tokio's, read and write borrowed slices
//! at the file's own position, one call after the other.
//!
//! ```
//! use mainspring::fs;
//! # let path = std::env::temp_dir().join(format!("mainspring-fs-{}", std::process::id()));
//! mainspring::block_on(async {
//!     fs::write(&path, "hello").await?;
//!     assert_eq!(fs::read_to_string(&path).await?, "hello");
//!     fs::remove_file(&path).await
//! })??;
//! # Ok::<(), std::io::Error>(())
//! ```

mod copy;
mod cursor;
mod directory;
mod file;
mod futures_io;
mod open_options;
mod paths;
mod read_dir;
#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;
#[cfg(feature = "tokio")]
mod tokio_io;
mod whole;

pub use copy::copy;
pub use directory::{DirBuilder, create_dir, create_dir_all, remove_dir, remove_dir_all};
pub use file::File;
pub use open_options::OpenOptions;
pub use paths::{
    canonicalize, hard_link, metadata, read_link, remove_file, rename, set_permissions,
    symlink_metadata, try_exists,
};
pub use read_dir::{DirEntry, ReadDir, read_dir};
#[cfg(unix)]
pub use system::symlink;
#[cfg(windows)]
pub use system::{symlink_dir, symlink_file};
pub use whole::{read, read_to_string, write};

pub use crate::sys::{Alignment, FileType, Metadata};
pub use std::fs::Permissions;
