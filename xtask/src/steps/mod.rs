//! The steps that run cargo, one file each.

pub mod ci;
pub mod clippy;
pub mod conformance;
pub mod deny;
pub mod doc;
pub mod features;
pub mod fmt;
pub mod kinds;
pub mod loom;
pub mod msrv;
pub mod repeat;
pub mod self_test;
pub mod test;
pub mod windows;

use crate::process::{Failure, Result};
use crate::workspace;

/// The library.
pub const LIBRARY: &str = "mainspring";

/// Refuses arguments that a step does not know.
pub fn no_arguments(step: &str, args: &[String]) -> Result<()> {
    match args.first() {
        None => Ok(()),
        Some(arg) => Err(Failure::new(format!("{step} takes no argument `{arg}`"))),
    }
}

/// A check that cannot be done here: said aloud, and a failure where everything must be proven.
pub fn left_out(step: &str, reason: &str) -> Result<()> {
    if workspace::in_ci() {
        return Err(Failure::new(format!("{step} must run in CI: {reason}")));
    }
    println!("{step}: LEFT OUT, nothing was checked: {reason}");
    Ok(())
}
