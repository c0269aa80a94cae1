//! A small executor, for those who bring none.
//!
//! [`block_on`](crate::block_on) runs a future and, beside it, the tasks that [`spawn_local`]
//! starts, all on one thread that turns its own driver: a wake among them is a push on a queue. To
//! use more cores, [`per_core`] starts one such thread a core, and they share nothing.
//!
//! Nothing in this crate needs this executor: the I/O types work under any other.

mod block_on;
mod local;
mod queue;

pub use block_on::block_on;
pub use local::{JoinError, JoinHandle, spawn_local, try_spawn_local, yield_now};
