//! The conformance suite: every clause of the contract on every Kind that must be here.

use super::kinds;
use crate::process::{Failure, Result, tests_run};

/// The Kinds of Linux, and the simulator.
pub const KINDS: &[&str] = &["epoll", "uring", "poll", "sim"];

pub fn run(args: &[String]) -> Result<()> {
    let asked = kinds::named("conformance", args)?;
    let kinds = if asked.is_empty() { kinds::here("conformance", KINDS)? } else { asked };
    let kinds = kinds.join(",");
    let mut program = kinds::conformance(&kinds).echo();
    let ended = program.capture()?;
    if !ended.succeeded() {
        return Err(program.failure(&ended));
    }
    match tests_run(&ended.text) {
        0 => Err(Failure::new("the conformance binary ran no test: nothing was proven")),
        count => {
            println!("conformance: {count} tests with MAINSPRING_REQUIRE={kinds}");
            Ok(())
        }
    }
}
