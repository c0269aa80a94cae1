//! The checks check themselves: a planted violation of each rule must be found.

use super::no_arguments;
use crate::process::{Program, Result};

pub fn run(args: &[String]) -> Result<()> {
    no_arguments("self-test", args)?;
    Program::cargo().args(["test", "--locked", "--package", "xtask"]).run()
}
