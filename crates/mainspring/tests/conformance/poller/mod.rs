//! The clauses through [`Poller`](mainspring::Poller): the backend, with next to nothing above it.

pub(crate) mod batches;
pub(crate) mod closing;
pub(crate) mod edges;
pub(crate) mod identity;
pub(crate) mod isolation;
pub(crate) mod removal;
pub(crate) mod timeouts;
pub(crate) mod triggers;
pub(crate) mod wakes;
