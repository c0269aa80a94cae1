//! Applies one mutant at a time to a copy of the tree, runs its tests, and puts the text back.
//!
//! "The test failed" means nothing by itself: the same tests must pass on the unchanged copy, and
//! run at least one test there, before a mutant is tried with them. A mutant that does not
//! compile proves nothing either; one that makes the test hang is caught.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Mutant;
use crate::process::{Ended, Program, Result, tests_run};

const BUILD_LIMIT: Duration = Duration::from_secs(900);
/// The tests are quick; what takes this long hangs.
const TEST_LIMIT: Duration = Duration::from_secs(120);

/// What became of a mutant. All but `Caught` are errors.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A test failed or hung; says which.
    Caught(&'static str),
    /// The tests passed: the guarantee is not defended.
    Survived,
    /// The row is not filled in.
    Unfilled,
    /// The text stands in the file this many times instead of once.
    Found(usize),
    /// The changed code does not compile; the compiler's words.
    DoesNotCompile(String),
    /// The unchanged code does not pass these tests, or they are none.
    Unusable(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught(how) => write!(f, "caught: {how}"),
            Self::Survived => f.write_str("SURVIVED: no test defends this guarantee"),
            Self::Unfilled => f.write_str("NOT FILLED IN: see xtask/src/mutants/table.rs"),
            Self::Found(count) => write!(f, "its text stands {count} times in the file, not once"),
            Self::DoesNotCompile(words) => write!(f, "DOES NOT COMPILE:\n{words}"),
            Self::Unusable(words) => write!(f, "its tests prove nothing unchanged:\n{words}"),
        }
    }
}

/// A copy of the tree, and the `cargo test` that works on it.
pub struct Bench<'a> {
    tree: PathBuf,
    cargo: Box<dyn Fn() -> Program + 'a>,
    test_limit: Duration,
    /// Arguments that pass on the unchanged copy.
    sound: BTreeSet<&'static [&'static str]>,
}

impl<'a> Bench<'a> {
    /// One that builds into a folder of its own.
    pub fn new(tree: PathBuf, target: PathBuf) -> Self {
        let copy = tree.clone();
        Self::with(tree, move || cargo_test(&copy, &target))
    }

    /// One with another `cargo test`.
    pub fn with(tree: PathBuf, cargo: impl Fn() -> Program + 'a) -> Self {
        Self { tree, cargo: Box::new(cargo), test_limit: TEST_LIMIT, sound: BTreeSet::new() }
    }

    /// Tries one mutant. The copy is unchanged again afterwards.
    pub fn run(&mut self, mutant: &Mutant) -> Result<(Outcome, Duration)> {
        let start = Instant::now();
        let outcome = self.outcome(mutant)?;
        Ok((outcome, start.elapsed()))
    }

    fn outcome(&mut self, mutant: &Mutant) -> Result<Outcome> {
        if mutant.file.is_empty() || mutant.find.is_empty() {
            return Ok(Outcome::Unfilled);
        }
        let path = self.tree.join(mutant.file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let count = text.matches(mutant.find).count();
        if count != 1 {
            return Ok(Outcome::Found(count));
        }
        if let Some(unusable) = self.baseline(mutant.test)? {
            return Ok(unusable);
        }
        fs::write(&path, text.replacen(mutant.find, mutant.replace, 1))?;
        let outcome = self.judge(mutant.test);
        // First the text back, then what went wrong.
        fs::write(&path, text)?;
        outcome
    }

    /// Runs the tests on the unchanged copy, once for each set of arguments.
    fn baseline(&mut self, test: &'static [&'static str]) -> Result<Option<Outcome>> {
        if self.sound.contains(test) {
            return Ok(None);
        }
        let build = self.build(test)?;
        if !build.succeeded() {
            return Ok(Some(Outcome::Unusable(build.text)));
        }
        let ended = self.test(test)?;
        if !ended.succeeded() {
            return Ok(Some(Outcome::Unusable(format!("{}\n{}", ended.manner(), ended.text))));
        }
        if tests_run(&ended.text) == 0 {
            return Ok(Some(Outcome::Unusable(format!("no test matches {test:?}"))));
        }
        self.sound.insert(test);
        Ok(None)
    }

    fn judge(&self, test: &[&str]) -> Result<Outcome> {
        let build = self.build(test)?;
        if !build.succeeded() {
            return Ok(Outcome::DoesNotCompile(build.text));
        }
        let ended = self.test(test)?;
        Ok(match ended.status {
            None => Outcome::Caught("the test hung"),
            Some(status) if status.success() => Outcome::Survived,
            Some(_) => Outcome::Caught("the test failed"),
        })
    }

    fn build(&self, test: &[&str]) -> Result<Ended> {
        // What follows `--` is for the test binary, which is not started here.
        let cargo = test.iter().copied().take_while(|arg| *arg != "--");
        (self.cargo)().args(cargo).args(["--no-run"]).limit(BUILD_LIMIT).capture()
    }

    fn test(&self, test: &[&str]) -> Result<Ended> {
        (self.cargo)().args(test).limit(self.test_limit).capture()
    }
}

fn cargo_test(tree: &Path, target: &Path) -> Program {
    Program::cargo()
        .args(["test"])
        .dir(tree)
        .env("CARGO_TARGET_DIR", target)
        // A variable that the change leaves unused is no reason not to try it.
        .env("RUSTFLAGS", "--cap-lints warn")
        // Each mutant changes one file, and nobody debugs it.
        .env("CARGO_INCREMENTAL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("RUST_BACKTRACE", "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = r#"
        pub fn next(step: u32) -> u32 { step + 1 }
        pub fn untested() -> u32 { 7 }
        #[test]
        fn counts_up() {
            let mut at = 0;
            while at < 3 { at = next(at); }
            assert_eq!(at, 3);
        }
    "#;

    fn mutant(find: &'static str, replace: &'static str) -> Mutant {
        let test = &["--lib", "counts_up"];
        Mutant { name: "fixture", clause: "C1", file: "src/lib.rs", find, replace, test }
    }

    #[test]
    fn each_outcome_is_told_from_the_others() {
        let folder = std::env::temp_dir().join(format!("xtask-mutants-{}", std::process::id()));
        let tree = folder.join("tree");
        let manifest = "[package]\nname = \"fixture\"\nedition = \"2024\"\n\n[workspace]\n";
        fs::create_dir_all(tree.join("src")).expect("a folder in the temporary folder");
        fs::write(tree.join("Cargo.toml"), manifest).expect("the manifest is written");
        fs::write(tree.join("src/lib.rs"), CODE).expect("the code is written");
        let mut bench = Bench::new(tree.clone(), folder.join("build"));
        bench.test_limit = Duration::from_secs(20);
        let mut outcome = |mutant: &Mutant| bench.run(mutant).expect("cargo starts").0;

        let failed = outcome(&mutant("step + 1", "step + 2"));
        assert_eq!(failed, Outcome::Caught("the test failed"));
        assert_eq!(outcome(&mutant("{ 7 }", "{ 8 }")), Outcome::Survived);
        assert_eq!(outcome(&mutant("no such text", "")), Outcome::Found(0));
        assert_eq!(outcome(&mutant("u32", "u64")), Outcome::Found(3));
        assert_eq!(outcome(&mutant("", "")), Outcome::Unfilled);
        let broken = outcome(&mutant("step + 1", "step + "));
        assert!(matches!(broken, Outcome::DoesNotCompile(_)), "{broken}");
        let nothing = Mutant { test: &["--lib", "no_such_test"], ..mutant("{ 7 }", "{ 8 }") };
        assert!(matches!(outcome(&nothing), Outcome::Unusable(_)));
        let after = fs::read_to_string(tree.join("src/lib.rs")).expect("the code is still there");
        assert_eq!(after, CODE, "the text was put back");

        bench.test_limit = Duration::from_secs(3);
        let hung = bench.run(&mutant("step + 1", "step")).expect("cargo starts").0;
        assert_eq!(hung, Outcome::Caught("the test hung"));
        fs::remove_dir_all(folder).expect("the folder is removed");
    }
}
