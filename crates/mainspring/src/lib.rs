//! Mainspring: the I/O driver for async Rust.
//!
//! One event loop asks the kernel what happened and wakes whom it concerns, on a mechanism chosen
//! at run time, under any executor. There are three floors to stand on:
//!
//! - **Applications and libraries** use [`net`], [`fs`], [`time`] and [`signal`] under any
//!   executor, or [`block_on`] and [`rt`] if they bring none. Without a driver of the thread's own,
//!   a process-wide one on a background thread is used.
//! - **Runtimes** own a [`Driver`], call [`Driver::turn`], and hand out [`Handle`]s. Sources are
//!   registered through [`Registration`], or owned by [`Async`].
//! - **Loops of one's own** are written on [`Poller`] and its [`Registry`].
//!
//! ```
//! use mainspring::net::{TcpListener, TcpStream};
//!
//! mainspring::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let client = TcpStream::connect(listener.local_addr()?).await?;
//!     let (server, _) = listener.accept().await?;
//!     client.write(b"hello").await?;
//!     let mut buffer = [0; 8];
//!     let n = server.read(&mut buffer).await?;
//!     assert_eq!(&buffer[..n], b"hello");
//!     Ok::<(), std::io::Error>(())
//! })??;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What is guaranteed
//!
//! Fourteen clauses, C1 to C14, which the documentation of the types refers to: a source that is
//! ready is reported when it is added (C1), no edge is lost (C2), each trigger does what it says
//! (C3), nothing is reported after a removal (C4), a number is not an identity (C5), no wake is
//! lost (C6), no wait ends early (C7), one failing source disturbs no other (C8), closing and
//! errors look the same everywhere (C9), operations end once, can be cancelled and own their
//! buffers (C10 to C12), limits are named (C13), and shutdown is permanent (C14).
//!
//! # Features
//!
//! `metrics` (default) counts what the loop does. `sim` adds the deterministic simulator. `tokio`
//! and `hyper` implement those crates' I/O traits.
#![deny(unsafe_code)]

mod error;
mod event;
mod interest;
mod kind;
mod ready;
mod socket;
mod source;
mod token;
mod trigger;

mod completion;
mod metrics;
mod readiness;
mod sim;
mod sync;
pub mod time;

#[allow(unsafe_code)]
mod backend;
mod driver;
pub mod fs;
pub mod net;
pub mod op;
pub mod os;
mod poller;
pub mod rt;
pub mod signal;
#[allow(unsafe_code)]
mod sys;

pub use backend::choose::{Choice, Chosen};
pub use backend::probe;
pub use completion::aligned_buf::AlignedBuf;
pub use completion::buf::{IoBuf, IoBufMut};
pub use completion::buffer_group::Lease;
pub use completion::operation::Operation;
pub use driver::{
    Async, BufferGroup, Builder, Cancelling, Chain, Chained, DirectDescriptors, Driver, Emulation,
    Entered, Handle, Outcome, Prepared, ReadyEvent, ReadyFuture, RegisteredBuffers, Registration,
    SourceReport, Standing, Submission, Turn, Waiting,
};
pub use error::{is_cancelled, is_chain_broken, is_shutdown};
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

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
