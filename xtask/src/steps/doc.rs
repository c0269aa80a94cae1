//! Documentation: no broken link, no missing page. Libraries only, because the command line's
//! binary bears the library's name and rustdoc would write both to one place.

use super::no_arguments;
use crate::process::{Program, Result};

pub fn run(args: &[String]) -> Result<()> {
    no_arguments("doc", args)?;
    Program::cargo()
        .args(["doc", "--locked", "--workspace", "--lib", "--all-features", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}
