//! Mainspring: the I/O driver for async Rust.
#![deny(unsafe_code)]
#![allow(dead_code)]

mod error;
mod event;
mod interest;
mod kind;
mod ready;
mod socket;
mod source;
mod token;
mod trigger;

mod metrics;
mod readiness;
mod sim;
mod sync;
pub mod time;

#[allow(unsafe_code)]
mod backend;
mod driver;
pub mod net;
pub mod os;
mod poller;
pub mod rt;
pub mod signal;
#[allow(unsafe_code)]
mod sys;

pub use backend::choose::{Choice, Chosen};
pub use backend::probe;
pub use driver::{
    Async, Builder, Driver, Entered, Handle, ReadyEvent, ReadyFuture, Registration, SourceReport,
    Turn, Waiting,
};
pub use error::is_shutdown;
pub use event::{Event, Events};
pub use interest::Interest;
pub use kind::{Kind, Unavailable};
pub use metrics::{Histogram, Metrics, SystemCall};
pub use poller::{Poller, Registry};
pub use ready::Ready;
pub use rt::block_on;
#[cfg(feature = "sim")]
pub use sim::{Address as SimAddress, Simulation, Socket as SimSocket, TraceEntry};
pub use sys::AsSource;
pub use token::Token;
pub use trigger::Trigger;
