//! How a server is told to end, as each system does it.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

#[cfg(unix)]
pub use system::send;
pub use system::{prepare, tell};

/// What a server is told.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// Ctrl-C.
    Interrupt,
    /// The polite kill; on Windows Ctrl-Break, which process managers send.
    Terminate,
}

impl Ending {
    /// Each.
    pub const ALL: [Ending; 2] = [Ending::Interrupt, Ending::Terminate];
}
