//! A small executor, for those who bring none.
//!
//! [`block_on`](crate::block_on) runs a future and, beside it, the tasks that [`spawn_local`]
//! starts, all on one thread that turns its own driver: a wake among them is a push on a queue. To
//! use more cores, [`per_core`] starts one such thread a core, and they share nothing.
//!
//! Nothing in this crate needs this executor: the I/O types work under any other.

mod block_on;
#[cfg(feature = "hyper")]
mod hyper_rt;
mod local;
mod per_core;
mod queue;
mod wakers;

pub use block_on::block_on;
#[cfg(feature = "hyper")]
pub use hyper_rt::{HyperExecutor, HyperTimer};
pub use local::{JoinError, JoinHandle, spawn_local, try_spawn_local, yield_now};
pub use per_core::{Core, PerCore, SharedPort, Stopping, available_cores, per_core, per_core_with};
