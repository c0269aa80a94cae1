//! Operations on files and paths.
//!
//! They belong to no driver: each goes to the one that is [current](crate::Handle::current) where
//! it is awaited. They keep their file open to their end.

mod close;
mod make_directory;
mod offset;
mod on;
mod open;
mod pathname;
mod read;
mod rename;
mod stat;
mod sync;
mod unlink;
mod vectored;
mod write;

pub use close::{Close, close};
pub use make_directory::{MakeDirectory, make_directory};
pub use open::OpenAt;
pub(in crate::op) use pathname::pathname;
pub use read::ReadAt;
pub use rename::{Rename, rename};
pub use stat::{Stat, stat, symlink_stat};
pub use sync::Fsync;
pub use unlink::{Unlink, remove_directory, unlink};
pub use vectored::{ReadVectoredAt, WriteVectoredAt};
pub use write::WriteAt;
