//! Lints, with every warning an error, on the feature sets that people build.

use super::no_arguments;
use crate::process::{Program, Result};

const FEATURE_SETS: &[&[&str]] = &[&[], &["--no-default-features"], &["--all-features"]];

pub fn run(args: &[String]) -> Result<()> {
    no_arguments("clippy", args)?;
    for features in FEATURE_SETS {
        Program::cargo()
            .args(["clippy", "--locked", "--workspace", "--all-targets"])
            .args(*features)
            .args(["--", "--deny", "warnings"])
            .run()?;
    }
    Ok(())
}
