//! Loom runs the concurrent state machines under every interleaving up to a bound.

use std::env;

use super::{LIBRARY, no_arguments};
use crate::process::{Failure, Program, Result, tests_run};
use crate::workspace;

/// The variable that loom itself reads: how often a thread may be interrupted at will. Loom's
/// guide finds that two or three show nearly every fault; each more multiplies the time.
const BOUND: &str = "LOOM_MAX_PREEMPTIONS";
const BOUND_DEFAULT: &str = "3";

pub fn run(args: &[String]) -> Result<()> {
    no_arguments("loom", args)?;
    let bound = env::var(BOUND).unwrap_or_else(|_| BOUND_DEFAULT.to_string());
    let mut program = Program::cargo()
        .args(["test", "--locked", "--package", LIBRARY, "--release", "--test", "loom"])
        .env(BOUND, bound)
        .env("RUSTFLAGS", "--cfg loom")
        // Other flags than the other steps: their build products would push each other out.
        .env("CARGO_TARGET_DIR", workspace::target().join("loom"))
        .echo();
    let ended = program.capture()?;
    if !ended.succeeded() {
        return Err(program.failure(&ended));
    }
    match tests_run(&ended.text) {
        0 => Err(Failure::new("the loom binary ran no test: nothing was proven")),
        count => {
            println!("loom: {count} models");
            Ok(())
        }
    }
}
