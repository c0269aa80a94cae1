//! Operations that own their buffers: one file each.
//!
//! Each is prepared on the object it concerns, awaited or given to
//! [`Handle::submit`](crate::Handle::submit), and gives the buffer back with the result. Where the
//! backend carries operations out, the kernel has the buffer meanwhile; elsewhere the same calls
//! work through readiness, or on the pool of blocking threads.
//!
//! Operations on files and paths belong to no driver: they go to the one that is
//! [current](crate::Handle::current) where they are awaited. They keep their file open to their
//! end.

#[cfg(unix)]
mod close;
#[cfg(unix)]
mod make_directory;
mod nop;
#[cfg(unix)]
mod offset;
#[cfg(unix)]
pub(crate) mod open;
#[cfg(unix)]
mod pathname;
#[cfg(unix)]
pub(crate) mod read;
pub(crate) mod recv;
#[cfg(unix)]
mod rename;
pub(crate) mod send;
#[cfg(unix)]
pub(crate) mod stat;
#[cfg(unix)]
pub(crate) mod sync;
#[cfg(unix)]
mod unlink;
#[cfg(unix)]
pub(crate) mod vectored;
#[cfg(unix)]
pub(crate) mod write;

#[cfg(unix)]
pub use close::{Close, close};
#[cfg(unix)]
pub use make_directory::{MakeDirectory, make_directory};
pub use nop::{Nop, nop};
#[cfg(unix)]
pub use open::OpenAt;
#[cfg(unix)]
pub use read::ReadAt;
pub use recv::Recv;
#[cfg(unix)]
pub use rename::{Rename, rename};
pub use send::Send;
#[cfg(unix)]
pub use stat::{Stat, stat, symlink_stat};
#[cfg(unix)]
pub use sync::Fsync;
#[cfg(unix)]
pub use unlink::{Unlink, remove_directory, unlink};
#[cfg(unix)]
pub use vectored::{ReadVectoredAt, WriteVectoredAt};
#[cfg(unix)]
pub use write::WriteAt;
