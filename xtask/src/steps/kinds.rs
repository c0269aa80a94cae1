//! The suites that take whatever backend there is, once on each Kind of this system.
//!
//! The conformance suite asks for its Kinds itself. Everything above the backend (net, rt, the
//! regressions, the examples) is the same on each, and here that is shown: each test binary is
//! started with `MAINSPRING_BACKEND`, which is obeyed or an error.

use std::time::Duration;

use super::repeat::{self, Binary};
use super::{LIBRARY, left_out};
use crate::process::{Failure, Program, Result, tests_run};
use crate::workspace;

/// Those of the machine, which every Linux since 5.13 has. Who forbids io_uring has two.
const MACHINE: &[&str] = &["epoll", "uring", "poll"];
/// The one among them that containers and administrators take away.
const FORBIDDABLE: &str = "uring";
/// Suites with Kinds of their own, or with figures that are a Kind's own.
const APART: &[&str] = &["tests/conformance/", "tests/cost/"];
/// One run of one suite takes seconds; some minutes mean that it hangs.
const RUN_LIMIT: Duration = Duration::from_secs(240);
/// The name under which the conformance suite says whether all of its Kinds are here.
const PRESENCE: &str = "every_required_kind_is_here";

pub fn run(args: &[String]) -> Result<()> {
    let asked = named("kinds", args)?;
    let kinds = if asked.is_empty() { here("kinds", MACHINE)? } else { asked };
    let binaries = repeat::build()?;
    let suites: Vec<&Binary> = binaries.iter().filter(|binary| is_above(binary)).collect();
    if suites.is_empty() {
        return Err(Failure::new("kinds: no suite was built, so nothing would be proven"));
    }
    let mut lines = Vec::new();
    for kind in &kinds {
        let mut total = 0;
        for suite in &suites {
            let mut program = program(suite, kind);
            let ended = program.capture()?;
            if !ended.succeeded() {
                println!("{}", ended.text);
                return Err(program.failure(&ended));
            }
            match tests_run(&ended.text) {
                0 => return Err(Failure::new(format!("{} ran no test", suite.source))),
                count => total += count,
            }
        }
        lines.push(format!("kinds: {total} tests of {} suites on {kind}", suites.len()));
    }
    println!("{}", lines.join("\n"));
    Ok(())
}

/// What of `kinds` a run is about: all, but for io_uring on a machine that forbids it, which is
/// said aloud. In CI it is required all the same, and its absence a failure in words.
pub fn here(step: &str, kinds: &[&'static str]) -> Result<Vec<&'static str>> {
    if !kinds.contains(&FORBIDDABLE) {
        return Ok(kinds.to_vec());
    }
    let mut asking = conformance(FORBIDDABLE).args(["--", PRESENCE]);
    let ended = asking.capture()?;
    if ended.succeeded() && tests_run(&ended.text) == 1 {
        return Ok(kinds.to_vec());
    }
    let Some(why) = absence(&ended.text) else {
        println!("{}", ended.text);
        return Err(asking.failure(&ended));
    };
    left_out(step, why)?;
    Ok(kinds.iter().copied().filter(|kind| *kind != FORBIDDABLE).collect())
}

/// The suite of the clauses, about these Kinds.
pub fn conformance(kinds: &str) -> Program {
    Program::cargo()
        .args(["test", "--locked", "--package", LIBRARY, "--features", "sim"])
        .args(["--test", "conformance"])
        .env("MAINSPRING_REQUIRE", kinds)
}

/// The Kinds of `--kind KIND`…
pub fn named<'a>(step: &str, args: &'a [String]) -> Result<Vec<&'a str>> {
    let mut kinds = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.next()) {
            ("--kind", Some(kind)) => kinds.push(kind.as_str()),
            ("--kind", None) => return Err(Failure::new("--kind needs a name, as in `epoll`")),
            _ => return Err(Failure::new(format!("{step} takes no argument `{arg}`"))),
        }
    }
    Ok(kinds)
}

fn program(suite: &Binary, kind: &str) -> Program {
    let root = workspace::root();
    // Cargo starts tests in the folder of their package; so do we.
    Program::new(root.join(&suite.path))
        .env("MAINSPRING_BACKEND", kind)
        .dir(root.join("crates").join(LIBRARY))
        .limit(RUN_LIMIT)
        .echo()
}

fn is_above(binary: &Binary) -> bool {
    let source = binary.source.as_str();
    source.starts_with("tests/")
        && source.ends_with("/main.rs")
        && !APART.iter().any(|folder| source.starts_with(folder))
}

/// The sentence with the reason and the remedy, if that is what the suite failed with.
fn absence(text: &str) -> Option<&str> {
    text.lines().find(|line| line.contains("is required and cannot be had"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found_in_what_the_suite_says() {
        let said =
            "thread panicked at x:1:2:\nuring is required and cannot be had: EPERM; allow it\n";
        let sentence = "uring is required and cannot be had: EPERM; allow it";
        assert_eq!(absence(said), Some(sentence));
        assert_eq!(absence("error[E0425]: cannot find value"), None);
    }

    #[test]
    fn suites_with_kinds_of_their_own_are_left_to_themselves() {
        let binary = |source: &str| Binary { source: source.into(), path: "t".into() };
        assert!(is_above(&binary("tests/net/main.rs")));
        for apart in
            ["tests/conformance/main.rs", "tests/cost/main.rs", "tests/loom.rs", "src/lib.rs"]
        {
            assert!(!is_above(&binary(apart)), "{apart}");
        }
    }

    #[test]
    fn kinds_are_named_one_by_one() {
        let strings = |args: &[&str]| args.iter().map(|arg| arg.to_string()).collect::<Vec<_>>();
        assert!(named("kinds", &[]).expect("no argument is fine").is_empty());
        let two = strings(&["--kind", "sim", "--kind", "poll"]);
        assert_eq!(named("kinds", &two).expect("two Kinds"), ["sim", "poll"]);
        assert!(named("kinds", &strings(&["--kind"])).is_err());
        assert!(named("kinds", &strings(&["sim"])).is_err());
    }
}
