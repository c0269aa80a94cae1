//! Time: the clock a driver lives by and the wheel its timers wait in.
//!
//! Both are plain state. The wheel takes "now" as an argument and the clock can be virtual, so
//! everything above them can be tested without sleeping, and a simulated driver never touches the
//! clock of the machine.

#[cfg(test)]
#[allow(unsafe_code)]
pub(crate) mod allocations;
pub(crate) mod clock;
pub(crate) mod wheel;

pub(crate) use clock::Clock;
