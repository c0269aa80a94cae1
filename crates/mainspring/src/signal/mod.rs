//! Signals, as something to wait for.
//!
//! On Unix: [`ctrl_c`], and [`signal`] for any other. Several parts of a program, on several
//! drivers, can listen to one signal, and each is told. The system does not count signals and
//! neither is it done here: however many arrive before a listener looks, it is told once.

#[cfg(unix)]
mod unix;

#[cfg(unix)]
pub use unix::{Signal, SignalKind, ctrl_c, signal};
