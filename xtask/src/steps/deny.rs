//! Licences, advisories and sources of the dependencies, by cargo-deny and deny.toml.

use super::no_arguments;
use crate::process::{Program, Result};

pub fn run(args: &[String]) -> Result<()> {
    no_arguments("deny", args)?;
    let version = Program::cargo().args(["deny", "--version"]).capture()?;
    if !version.succeeded() {
        // cargo-deny is a large build of its own, so no step of CI may depend on it.
        println!("deny: LEFT OUT, nothing was checked: cargo-deny is not installed");
        return Ok(());
    }
    Program::cargo().args(["deny", "--all-features", "check"]).run()
}
