//! Who waits for what: pure state, without a system call and without a clock.
//!
//! ```text
//! RegistrationSet ──slot──▶ ScheduledIo ──one a side──▶ Direction (word + first waker)
//!                                       └─under a lock─▶ Waiters (everyone after the first)
//! ```
//!
//! Everything here is exercised under loom by `tests/loom.rs` through the crate's own sources.

pub(crate) mod direction;
pub(crate) mod park;
pub(crate) mod registration_set;
pub(crate) mod scheduled_io;
pub(crate) mod waiters;

#[cfg(all(test, not(loom)))]
pub(crate) mod tests;
