//! Failures that event loops have had, each called after what happened, so that none of them
//! happens here.
//!
//! They run on the backend that is chosen by itself; `MAINSPRING_BACKEND` chooses another.

#[cfg(unix)]
mod allocations;
#[path = "../conformance/counts.rs"]
mod counts;
#[cfg(unix)]
mod descriptors;
#[cfg_attr(windows, allow(dead_code, unused_imports, reason = "some tests are for Unix alone"))]
mod fixture;
#[cfg(unix)]
mod owned;
#[cfg_attr(windows, allow(dead_code, unused_imports, reason = "some tests are for Unix alone"))]
mod readiness;
mod threads;
mod wakers;
mod wakes;
#[path = "../conformance/watchdog.rs"]
mod watchdog;
