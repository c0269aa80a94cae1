//! The loop and its handles.
//!
//! ```text
//! Builder ─build▶ Driver (one owner: `turn`) ─handle▶ Handle (shared: register, unpark, …)
//!                                                      └─register▶ Registration ─▶ waker
//! ```

pub(crate) mod budget;
mod buffer_group;
mod builder;
mod chain;
mod context;
#[cfg(unix)]
mod descriptor;
mod direct;
mod emulation;
mod handle;
mod listing;
mod multishot;
mod on_pool;
mod owned;
mod registered_buffers;
mod registration;
#[cfg(feature = "sim")]
mod simulated;
#[cfg(windows)]
mod socket;
mod submission;
mod timers;
mod turn;
mod wake;

pub use buffer_group::BufferGroup;
pub use builder::Builder;
pub use chain::{Chain, Chained};
pub use context::Entered;
pub use direct::DirectDescriptors;
pub(crate) use direct::{Place, Slot};
pub use emulation::Emulation;
pub(crate) use emulation::{Attempt, Subject, wrong_subject};
pub(crate) use handle::Flush;
pub use handle::Handle;
pub use listing::{SourceReport, Waiting};
pub(crate) use multishot::Running;
pub use owned::Async;
pub use registered_buffers::{RegisteredBuffers, Standing};
pub use registration::{ReadyEvent, ReadyFuture, Registration};
pub use submission::{Cancelling, Outcome, Prepared, Submission};
pub(crate) use timers::Timer;
pub(crate) use turn::Enough;
pub use turn::{Driver, Turn};
