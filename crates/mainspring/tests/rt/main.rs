//! Time, the executor and signals.
//!
//! The tests of time take a `World` and run in the real one and in a simulated one, where time
//! stands still until somebody waits: what is "not before" in the first is "exactly" in the second.

#[cfg(windows)]
mod console;
mod local;
#[cfg_attr(windows, allow(dead_code, unused_imports, reason = "some tests are for Unix alone"))]
mod per_core;
#[cfg(unix)]
mod signal;
mod time;
mod watchdog;
mod world;
