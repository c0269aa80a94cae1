//! The checks check themselves: a planted violation of each rule must be found, and what makes
//! io_uring disappear must do so.

use super::no_arguments;
use crate::process::{Program, Result};

pub fn run(args: &[String]) -> Result<()> {
    no_arguments("self-test", args)?;
    let tools = ["--package", "xtask", "--package", "without-uring"];
    Program::cargo().args(["test", "--locked"]).args(tools).run()
}
