//! The tests: what the README says, then the library without and with all of its features.

use super::LIBRARY;
use crate::process::{Failure, Program, Result};

const OTHER_FEATURE_SETS: &[&str] = &["--no-default-features", "--all-features"];

pub fn run(args: &[String]) -> Result<()> {
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => as_the_readme_says()?,
        ["--others"] => {}
        _ => return Err(Failure::new("test takes only `--others`")),
    }
    for features in OTHER_FEATURE_SETS {
        Program::cargo().args(["test", "--locked", "--package", LIBRARY, features]).run()?;
    }
    Ok(())
}

fn as_the_readme_says() -> Result<()> {
    Program::cargo().args(["test"]).run()
}
