//! A small deterministic operating system for programs under test.
//!
//! The same program that runs on the machine's kernel runs on this one: sockets with numbers,
//! readiness queues, owned-buffer operations, a clock. Nothing here opens a descriptor, makes a
//! system call or reads the machine's clock. Every choice a real kernel leaves open (how long a
//! packet travels, how much a read returns, which operation ends first, whether a cancel comes in
//! time) is drawn from one seeded generator, so a run is a function of the seed and the program,
//! and a failure found once can be watched as often as one likes.
//!
//! Time is virtual. It stands still while the program runs and jumps, when the program waits, to
//! the next thing that will happen; a test of an hour's silence takes no time.
//!
//! The rooms: `kernel` holds the table of numbers, the open files and the schedule; `network` is
//! the life of a connection and `stream` its bytes; `queue` is the readiness queue, after
//! `epoll(7)`; `operation` the completion queue, `multishot` what brings many results; `simulation`
//! and `socket` are the doors.
//!
//! This file chooses between the kernel and, in a build without the feature, a twin of it that no
//! value can be made of: code that names a simulated socket compiles then to nothing.

mod address;

#[cfg(not(feature = "sim"))]
#[allow(dead_code, reason = "the twin has what the kernel has, whether or not it is used")]
mod absent;

#[cfg(feature = "sim")]
mod kernel;
#[cfg(feature = "sim")]
mod multishot;
#[cfg(feature = "sim")]
mod network;
#[cfg(feature = "sim")]
mod operation;
#[cfg(feature = "sim")]
mod queue;
#[cfg(feature = "sim")]
mod random;
#[cfg(feature = "sim")]
mod simulation;
#[cfg(feature = "sim")]
mod socket;
#[cfg(feature = "sim")]
mod stream;
#[cfg(feature = "sim")]
mod trace;

#[cfg(all(test, feature = "sim"))]
mod tests;

pub use self::address::Address;

#[cfg(not(feature = "sim"))]
pub(crate) use self::absent::{Simulation, Socket};

#[cfg(feature = "sim")]
pub(crate) use self::{
    multishot::GroupMemory,
    operation::{Memory, Request},
    queue::{QueueId, Report},
};
#[cfg(feature = "sim")]
pub use self::{simulation::Simulation, socket::Socket, trace::TraceEntry};
