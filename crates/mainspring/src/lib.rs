//! Mainspring: the I/O driver for async Rust.
#![deny(unsafe_code)]
#![allow(dead_code)]

mod error;
mod event;
mod interest;
mod kind;
mod ready;
mod source;
mod token;
mod trigger;

mod metrics;
mod sim;
mod sync;
mod time;

#[allow(unsafe_code)]
mod backend;

pub use error::is_shutdown;
pub use event::{Event, Events};
pub use interest::Interest;
pub use kind::{Kind, Unavailable};
pub use metrics::{Histogram, Metrics, SystemCall};
pub use ready::Ready;
#[cfg(feature = "sim")]
pub use sim::{Simulation, TraceEntry};
pub use token::Token;
pub use trigger::Trigger;
