//! The program as its users meet it: the real binary, spoken to over real sockets.
#![allow(missing_docs)]

mod arguments;
mod client;
mod connections;
mod drain;
mod files;
mod place;
mod probe;
mod refusals;
mod server;
