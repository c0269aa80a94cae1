//! Files and directories, on every kind of backend that can be had.
//!
//! `MAINSPRING_REQUIRE` names the kinds a run is about, as in the conformance suite; one that is
//! named and cannot be had fails the run.

mod appending;
mod cached;
mod cancelling;
mod chains;
#[cfg(unix)]
mod child;
mod content;
mod cursor;
mod descriptors;
mod direct;
mod direct_descriptors;
mod directories;
mod draining;
mod ending;
mod errors;
#[cfg(unix)]
mod fifo;
mod held;
mod many;
mod options;
mod registered;
mod sharing;
#[cfg(unix)]
mod sockets;
mod support;
#[cfg(feature = "tokio")]
mod tokio_traits;
#[cfg(unix)]
mod unix;
mod vectored;
#[cfg(windows)]
mod windows;
