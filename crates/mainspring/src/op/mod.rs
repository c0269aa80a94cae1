//! Operations that own their buffers: one file each.
//!
//! Each is prepared on the object it concerns, awaited or given to
//! [`Handle::submit`](crate::Handle::submit), and gives the buffer back with the result. Where the
//! backend carries operations out, the kernel has the buffer meanwhile; elsewhere the same calls
//! work through readiness, or on the pool of blocking threads.

pub(crate) mod accept_multi;
mod nop;
pub(crate) mod recv;
pub(crate) mod recv_multi;
pub(crate) mod send;
pub(crate) mod send_zero_copy;

pub use nop::{Nop, nop};
pub use recv::Recv;
pub use send::Send;
pub use send_zero_copy::SendZeroCopy;
