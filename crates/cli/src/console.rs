//! What the program says.
//!
//! A reader that goes away (`mainspring probe | head -1`) is no error of ours, and there would be
//! nowhere to tell it; so what cannot be written is not written.

use std::io::{Write, stderr, stdout};

/// A line for whoever asked.
pub fn say(line: &str) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line about something that is not as it should be.
pub fn complain(line: &str) {
    let _ = writeln!(stderr().lock(), "mainspring: {line}");
}
