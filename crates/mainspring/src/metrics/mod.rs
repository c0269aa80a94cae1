//! What the loop did: counters, kept by the driver and read through its handle.
//!
//! Two twin files hold the same type. With the feature `metrics` it counts; without it every
//! method is empty and the type has no size, so a counted path costs nothing.

#[cfg(not(feature = "metrics"))]
mod disabled;
#[cfg(feature = "metrics")]
mod enabled;
mod snapshot;

#[cfg(not(feature = "metrics"))]
pub(crate) use disabled::Counters;
#[cfg(feature = "metrics")]
pub(crate) use enabled::Counters;
pub use snapshot::{Histogram, Metrics, SystemCall};

/// Whether anything is counted.
#[cfg(test)]
pub(crate) const COUNTED: bool = cfg!(feature = "metrics");
