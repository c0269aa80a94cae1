//! Formatting. `cargo fmt` mends what this finds.

use super::no_arguments;
use crate::process::{Program, Result};

pub fn run(args: &[String]) -> Result<()> {
    no_arguments("fmt", args)?;
    Program::cargo().args(["fmt", "--all", "--", "--check"]).run()
}
