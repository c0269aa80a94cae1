//! Operations that own their buffers: one file each.
//!
//! Each is prepared on the object it concerns, awaited or given to
//! [`Handle::submit`](crate::Handle::submit), and gives the buffer back with the result. Where the
//! backend carries operations out, the kernel has the buffer meanwhile; elsewhere the same calls
//! work through readiness, or on the pool of blocking threads.

mod accept;
pub(crate) mod accept_multi;
mod chain;
pub(crate) mod connect;
#[cfg(unix)]
mod descriptor;
mod direct;
pub(crate) mod file;
#[cfg(windows)]
pub(crate) mod handle;
#[cfg(unix)]
mod message;
mod nop;
mod poll;
mod recv;
mod recv_from;
pub(crate) mod recv_multi;
mod send;
mod send_to;
pub(crate) mod send_zero_copy;
mod shutdown;
mod source;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod splice;
mod timeout;
#[cfg(unix)]
mod wait_child;
#[cfg(windows)]
pub(crate) mod wait_object;
#[cfg(windows)]
mod wait_process;

pub(crate) use accept::Taken;
pub use accept::{Accept, Listener, accept};
pub use chain::chain;
pub use connect::{Connect, Unconnected, connect};
#[cfg(unix)]
pub use descriptor::{Read, Write};
pub use direct::{AcceptDirect, AcceptDirectMulti, CloseDirect, DirectStream};
pub use direct::{CloseDirectFile, DirectFile, OpenDirect};
pub use file::{
    Close, Fsync, MakeDirectory, OpenAt, ReadAt, ReadVectoredAt, Rename, Stat, Unlink, WriteAt,
    WriteVectoredAt, close, make_directory, remove_directory, rename, stat, symlink_stat, unlink,
};
#[cfg(unix)]
pub(crate) use message::Received;
#[cfg(unix)]
pub use message::{Carrier, RecvMessage, SendMessage, recv_message, send_message};
pub use nop::{Nop, nop};
pub use poll::{Poll, poll};
pub use recv::{Recv, recv};
pub use recv_from::{RecvFrom, recv_from};
pub use send::{Send, send};
pub use send_to::{SendTo, send_to};
pub use send_zero_copy::SendZeroCopy;
pub use shutdown::{Shutdown, shutdown};
pub(crate) use source::{Arrived, Target};
pub use source::{Datagrams, Endpoint, Source, Stream};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use splice::{Splice, splice};
pub use timeout::{Timeout, timeout};
#[cfg(unix)]
pub use wait_child::{WaitChild, child_exited, wait_child};
#[cfg(windows)]
pub use wait_process::{WaitChild, child_exited, wait_child};
