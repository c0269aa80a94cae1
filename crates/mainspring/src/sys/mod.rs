//! One safe function for each system call that rustix and socket2 do not already give.
//!
//! This is the only floor, beside the backends, that speaks to an operating system. What it
//! returns is owned or borrowed by Rust's rules; errors are `io::Error` with the system's code.

pub(crate) mod access;
pub(crate) mod tcp;
pub(crate) mod transfer;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub use transfer::Alignment;
#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(unix)]
pub use unix::{AsSource, FileType, Metadata};
#[cfg(windows)]
pub(crate) use windows::*;
#[cfg(windows)]
pub use windows::{AsSource, FileType, Metadata};
