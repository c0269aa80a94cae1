//! A chat for the people of one machine, over a Unix socket.
//!
//! ```text
//! cargo run --release --example chat -- PATH [IDLE_SECONDS]
//! ```
//!
//! Then `nc -U PATH` in several terminals. What one guest writes, all others read; who is silent
//! for IDLE_SECONDS (300) is sent home. Ctrl-C ends the chat and removes PATH.
//!
//! The library has Unix sockets on Unix alone, and so there is a chat.

#[cfg(unix)]
mod room;

#[cfg(unix)]
fn main() {
    room::main();
}

#[cfg(not(unix))]
fn main() {
    eprintln!("chat: it needs Unix sockets, which are there for Unix alone");
    std::process::exit(1);
}
