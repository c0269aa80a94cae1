//! Runs the concurrent tests many times: a race that shows once in a hundred runs is a bug.
//!
//! Builds once and starts the test binaries directly. Without a filter these are the integration
//! tests, and of the unit tests those with `concurrent` in their path.
//! What cannot race is left out.

use std::path::PathBuf;
use std::time::Duration;

use super::conformance::KINDS;
use super::{LIBRARY, kinds};
use crate::process::{Ended, Failure, Program, Result, tests_run};
use crate::workspace;

const COUNT_DEFAULT: usize = 200;
/// One run of one binary takes seconds; a minute or two means that it hangs.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// Integration tests that count what is the same in every run, or start other programs: repeated
/// only when a filter asks for them.
const STEADY: [&str; 2] = ["tests/cost/", "tests/examples/"];

/// A test binary, and the file that it is made from.
#[derive(Debug, PartialEq, Eq)]
pub struct Binary {
    pub source: String,
    pub path: PathBuf,
}

impl Binary {
    fn has_unit_tests(&self) -> bool {
        self.source.starts_with("unittests")
    }

    fn is_steady(&self) -> bool {
        STEADY.iter().any(|folder| self.source.starts_with(folder))
    }
}

pub fn run(args: &[String]) -> Result<()> {
    let (count, filter) = parse(args)?;
    let kinds = kinds::here("repeat", KINDS)?.join(",");
    let binaries = build()?;
    let mut selected = Vec::new();
    for binary in binaries.iter().filter(|binary| filter.is_some() || !binary.is_steady()) {
        let filter = filter.or(binary.has_unit_tests().then_some("concurrent"));
        // The listing says `name: test`; a binary without such a line has nothing for us.
        let list = program(binary, filter, &kinds).args(["--list"]).output()?;
        let tests = list.lines().filter(|line| line.ends_with(": test")).count();
        if tests > 0 {
            println!("repeat: {tests} tests of {}", binary.path.display());
            selected.push((binary, filter));
        }
    }
    if selected.is_empty() {
        return Err(Failure::new("repeat: no test matches, so nothing would be proven"));
    }
    let mut failures = Vec::new();
    let mut total = 0;
    for number in 1..=count {
        for &(binary, filter) in &selected {
            let ended = program(binary, filter, &kinds).limit(RUN_LIMIT).capture()?;
            total += tests_run(&ended.text);
            if !ended.succeeded() {
                failures.push(number);
                report(number, binary, &ended);
            }
        }
    }
    match failures.len() {
        0 => {
            println!("repeat: {count} runs, {total} tests, no failure");
            Ok(())
        }
        failed => Err(Failure::new(format!("{failed} failure(s) in {count} runs: {failures:?}"))),
    }
}

fn report(number: usize, binary: &Binary, ended: &Ended) {
    println!("repeat: run {number} of {}: {}", binary.path.display(), ended.manner());
    println!("{}", ended.text);
}

/// A count, a filter, both in this order, or neither.
fn parse(args: &[String]) -> Result<(usize, Option<&str>)> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (count, filter) = match args.as_slice() {
        [] => (COUNT_DEFAULT, None),
        [one] => match one.parse() {
            Ok(count) => (count, None),
            Err(_) => (COUNT_DEFAULT, Some(*one)),
        },
        [count, filter] => match count.parse() {
            Ok(count) => (count, Some(*filter)),
            Err(_) => return Err(Failure::new(format!("`{count}` is no number of runs"))),
        },
        _ => return Err(Failure::new("repeat takes a count and a filter, no more")),
    };
    if count == 0 {
        return Err(Failure::new("repeat: no run proves nothing; ask for one or more"));
    }
    Ok((count, filter))
}

pub fn build() -> Result<Vec<Binary>> {
    let text = Program::cargo()
        .args(["test", "--locked", "--package", LIBRARY, "--features", "sim"])
        .args(["--lib", "--tests", "--no-run"])
        .echo()
        .output()?;
    Ok(binaries(&text))
}

/// Reads cargo's `Executable tests/net/main.rs (target/debug/deps/net-0123)`.
fn binaries(text: &str) -> Vec<Binary> {
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("Executable "));
    lines
        .filter_map(|line| {
            let (source, path) = line.rsplit_once(" (")?;
            let path = PathBuf::from(path.strip_suffix(')')?);
            Some(Binary { source: source.to_string(), path })
        })
        .collect()
}

fn program(binary: &Binary, filter: Option<&str>, kinds: &str) -> Program {
    let root = workspace::root();
    // Cargo starts tests in the folder of their package; so do we.
    Program::new(root.join(&binary.path))
        .args(filter)
        .env("MAINSPRING_REQUIRE", kinds)
        .dir(root.join("crates").join(LIBRARY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_binaries_in_what_cargo_says() {
        let text = "   Compiling a v0.1.0\n  Executable unittests src/lib.rs (t/deps/a-1)\n  \
                    Executable tests/net/main.rs (t/deps/net-2)\n  \
                    Executable tests/cost/main.rs (t/deps/cost-3)\n";
        let binary = |source: &str, path: &str| Binary { source: source.into(), path: path.into() };
        let expected = [
            binary("unittests src/lib.rs", "t/deps/a-1"),
            binary("tests/net/main.rs", "t/deps/net-2"),
            binary("tests/cost/main.rs", "t/deps/cost-3"),
        ];
        let found = binaries(text);
        assert_eq!(found, expected);
        assert!(found[0].has_unit_tests() && !found[1].has_unit_tests());
        assert!(found[2].is_steady() && !found[1].is_steady());
    }

    #[test]
    fn a_count_and_a_filter_in_this_order() {
        let read = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
            parse(&args).map(|(count, filter)| (count, filter.map(str::to_string))).ok()
        };
        assert_eq!(read(&[]), Some((200, None)));
        assert_eq!(read(&["20"]), Some((20, None)));
        assert_eq!(read(&["wake"]), Some((200, Some("wake".to_string()))));
        assert_eq!(read(&["3", "wake"]), Some((3, Some("wake".to_string()))));
        assert_eq!(read(&["wake", "3"]), None);
        assert_eq!(read(&["0"]), None);
    }
}
