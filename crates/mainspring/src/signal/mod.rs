//! Signals, as something to wait for.
//!
//! [`ctrl_c`], and [`signal`] for any other that the system has. Several parts of a program, on
//! several drivers, can listen to one signal, and each is told. The system does not count signals
//! and neither is it done here: however many arrive before a listener looks, it is told once.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{Signal, SignalKind, ctrl_c, signal};
#[cfg(windows)]
pub use windows::{
    Signal, SignalKind, ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown, signal,
};
