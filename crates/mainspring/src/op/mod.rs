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

mod accept;
pub(crate) mod accept_multi;
mod chain;
#[cfg(unix)]
mod close;
pub(crate) mod connect;
#[cfg(unix)]
mod descriptor;
#[cfg(unix)]
mod make_directory;
#[cfg(unix)]
mod message;
mod nop;
#[cfg(unix)]
mod offset;
#[cfg(unix)]
pub(crate) mod open;
#[cfg(unix)]
mod pathname;
mod poll;
#[cfg(unix)]
pub(crate) mod read;
mod recv;
mod recv_from;
pub(crate) mod recv_multi;
#[cfg(unix)]
mod rename;
mod send;
mod send_to;
pub(crate) mod send_zero_copy;
mod shutdown;
mod source;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod splice;
#[cfg(unix)]
pub(crate) mod stat;
#[cfg(unix)]
pub(crate) mod sync;
mod timeout;
#[cfg(unix)]
mod unlink;
#[cfg(unix)]
pub(crate) mod vectored;
#[cfg(unix)]
mod wait_child;
#[cfg(unix)]
pub(crate) mod write;

pub(crate) use accept::Taken;
pub use accept::{Accept, Listener, accept};
pub use chain::chain;
#[cfg(unix)]
pub use close::{Close, close};
pub use connect::{Connect, Unconnected, connect};
#[cfg(unix)]
pub use descriptor::{Read, Write};
#[cfg(unix)]
pub use make_directory::{MakeDirectory, make_directory};
#[cfg(unix)]
pub(crate) use message::Received;
#[cfg(unix)]
pub use message::{Carrier, RecvMessage, SendMessage, recv_message, send_message};
pub use nop::{Nop, nop};
#[cfg(unix)]
pub use open::OpenAt;
pub use poll::{Poll, poll};
#[cfg(unix)]
pub use read::ReadAt;
pub use recv::{Recv, recv};
pub use recv_from::{RecvFrom, recv_from};
#[cfg(unix)]
pub use rename::{Rename, rename};
pub use send::{Send, send};
pub use send_to::{SendTo, send_to};
pub use send_zero_copy::SendZeroCopy;
pub use shutdown::{Shutdown, shutdown};
pub(crate) use source::{Arrived, Target};
pub use source::{Datagrams, Endpoint, Source, Stream};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use splice::{Splice, splice};
#[cfg(unix)]
pub use stat::{Stat, stat, symlink_stat};
#[cfg(unix)]
pub use sync::Fsync;
pub use timeout::{Timeout, timeout};
#[cfg(unix)]
pub use unlink::{Unlink, remove_directory, unlink};
#[cfg(unix)]
pub use vectored::{ReadVectoredAt, WriteVectoredAt};
#[cfg(unix)]
pub use wait_child::{WaitChild, child_exited, wait_child};
#[cfg(unix)]
pub use write::WriteAt;
