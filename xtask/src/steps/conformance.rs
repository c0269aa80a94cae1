//! The conformance suite: every clause of the contract on every Kind that must be here.

use super::LIBRARY;
use crate::process::{Failure, Program, Result, tests_run};

/// The Kinds that this workspace builds and every Linux machine has.
const KINDS: &[&str] = &["epoll", "poll", "sim"];

pub fn run(args: &[String]) -> Result<()> {
    let kinds = kinds(args)?.join(",");
    let mut program = Program::cargo()
        .args(["test", "--locked", "--package", LIBRARY, "--features", "sim"])
        .args(["--test", "conformance"])
        .env("MAINSPRING_REQUIRE", &kinds)
        .echo();
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

fn kinds(args: &[String]) -> Result<Vec<&str>> {
    let mut kinds = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.next()) {
            ("--kind", Some(kind)) => kinds.push(kind.as_str()),
            ("--kind", None) => return Err(Failure::new("--kind needs a name, as in `epoll`")),
            _ => return Err(Failure::new(format!("conformance takes no argument `{arg}`"))),
        }
    }
    Ok(if kinds.is_empty() { KINDS.to_vec() } else { kinds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| arg.to_string()).collect()
    }

    #[test]
    fn without_a_kind_all_that_must_be_here_are_asked_for() {
        assert_eq!(kinds(&[]).expect("no argument is fine"), ["epoll", "poll", "sim"]);
        let chosen = strings(&["--kind", "sim"]);
        assert_eq!(kinds(&chosen).expect("one Kind"), ["sim"]);
        assert!(kinds(&strings(&["--kind"])).is_err());
        assert!(kinds(&strings(&["sim"])).is_err());
    }
}
