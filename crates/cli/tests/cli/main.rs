//! The program as its users meet it: the real binary, spoken to over real sockets.
#![allow(missing_docs)]

mod arguments;
mod client;
mod connections;
mod drain;
mod ending;
mod files;
mod place;
mod probe;
mod refusals;
#[cfg(windows)]
mod refusals_on_windows;
#[cfg_attr(windows, allow(dead_code, reason = "some tests are for Unix alone"))]
mod server;
