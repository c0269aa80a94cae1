//! One safe function for each system call that rustix and socket2 do not already give.
//!
//! This is the only floor, beside the backends, that speaks to an operating system. What it
//! returns is owned or borrowed by Rust's rules; errors are `io::Error` with the system's code.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(unix)]
pub use unix::{Alignment, AsSource, FileType, Metadata};
#[cfg(windows)]
pub use windows::AsSource;
#[cfg(windows)]
pub(crate) use windows::*;
