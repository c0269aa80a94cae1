//! `cargo xtask mutants`: breaks the library on purpose and expects a test of ours to notice.
//!
//! A guarantee that no test defends is a wish. Each row of `table.rs` is a small change that
//! breaks one clause of the contract, with the tests that must then fail. Those of `windows.rs` are
//! tried under Wine, by a step of their own.

mod completion;
mod engine;
mod table;
mod windows;

use std::fs;
use std::path::{Path, PathBuf};

use self::engine::{Bench, Outcome};
use crate::debian;
use crate::process::{Failure, Result};
use crate::steps::left_out;
use crate::steps::windows::Windows;
use crate::workspace;

/// One way to break the library.
pub struct Mutant {
    pub name: &'static str,
    /// The clause of the contract, or the guarantee, that it breaks.
    pub clause: &'static str,
    /// The file to change, from the root of the workspace; empty while the code is not written.
    pub file: &'static str,
    /// Text that stands in the file exactly once.
    pub find: &'static str,
    pub replace: &'static str,
    /// Arguments of `cargo test` for the tests that must fail.
    pub test: &'static [&'static str],
}

/// Those that are tried on this machine.
fn here() -> Vec<&'static Mutant> {
    table::MUTANTS.iter().chain(completion::MUTANTS).collect()
}

/// Those of the code for Windows, which are tried under Wine.
fn there() -> Vec<&'static Mutant> {
    windows::MUTANTS.iter().collect()
}

pub fn run(args: &[String]) -> Result<()> {
    let Some(chosen) = choose("mutants", here(), args)? else { return Ok(()) };
    let (tree, build) = (copied_tree("mutants")?, workspace::target().join("mutants/build"));
    judge("mutants", &mut Bench::new(tree, build), &chosen)
}

/// The step `windows-mutants`.
pub fn run_on_windows(args: &[String]) -> Result<()> {
    const STEP: &str = "windows-mutants";
    let Some(chosen) = choose(STEP, there(), args)? else { return Ok(()) };
    if let Some(reason) = debian::obstacle() {
        return left_out(STEP, &reason);
    }
    let (tree, windows) = (copied_tree(STEP)?, Windows::open()?);
    judge(STEP, &mut Bench::with(tree.clone(), || windows.test_of_mutants(&tree)), &chosen)
}

/// The mutants that the arguments name, or all; none if they were to be listed.
fn choose(
    step: &str,
    all: Vec<&'static Mutant>,
    args: &[String],
) -> Result<Option<Vec<&'static Mutant>>> {
    if args.iter().any(|arg| arg == "--list") {
        for mutant in all {
            println!("{:<32} {:<4} {}", mutant.name, mutant.clause, mutant.file);
        }
        return Ok(None);
    }
    if let Some(name) = args.iter().find(|name| all.iter().all(|m| m.name != **name)) {
        return Err(Failure::new(format!("no mutant `{name}`; `{step} --list` has the names")));
    }
    let is_chosen = |m: &&Mutant| args.is_empty() || args.iter().any(|a| a == m.name);
    Ok(Some(all.into_iter().filter(is_chosen).collect()))
}

/// A copy of the work tree for a step to change.
fn copied_tree(step: &str) -> Result<PathBuf> {
    let tree = workspace::target().join(step).join("tree");
    copy_tree(&workspace::root(), &tree)?;
    Ok(tree)
}

/// Tries them one after the other.
fn judge(step: &str, bench: &mut Bench<'_>, chosen: &[&'static Mutant]) -> Result<()> {
    let mut count = 0;
    let mut wrong = Vec::new();
    for mutant in chosen {
        let (outcome, elapsed) = bench.run(mutant)?;
        println!("{:<32} {} ({:.1} s)", mutant.name, outcome, elapsed.as_secs_f64());
        count += 1;
        if !matches!(outcome, Outcome::Caught(_)) {
            wrong.push(mutant.name);
        }
    }
    if wrong.is_empty() {
        println!("{step}: all {count} were caught");
        return Ok(());
    }
    Err(Failure::new(format!("of {count} mutants these were not caught: {}", wrong.join(", "))))
}

/// Makes the copy like the work tree. A file that is the same keeps its time, so that cargo does
/// not build it again; what the work tree no longer has goes.
fn copy_tree(root: &Path, tree: &Path) -> Result<()> {
    fs::create_dir_all(tree)?;
    let files = workspace::files(root)?;
    for path in workspace::files_on_disk(tree)? {
        if files.binary_search(&path).is_err() {
            fs::remove_file(tree.join(path))?;
        }
    }
    for path in &files {
        let (from, to) = (root.join(path), tree.join(path));
        let bytes = fs::read(&from)?;
        if fs::read(&to).is_ok_and(|old| old == bytes) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&to, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> impl Iterator<Item = &'static Mutant> {
        here().into_iter().chain(there())
    }

    /// What is built of other packages is shared with the unchanged code.
    #[test]
    fn those_of_windows_change_the_library_alone() {
        for mutant in there() {
            assert!(mutant.file.starts_with("crates/mainspring/src/"), "{}", mutant.name);
            assert!(mutant.test.starts_with(&["-p", "mainspring", "--lib"]), "{}", mutant.name);
        }
    }

    #[test]
    fn the_six_that_must_be_caught_are_in_the_table() {
        let names: Vec<&str> = all().map(|mutant| mutant.name).collect();
        for name in [
            "no-edge-triggering",
            "wake-does-nothing",
            "generation-unchecked",
            "tick-not-compared",
            "closed-bits-cleared",
            "lazy-arming-forgets-the-edge",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name twice");
    }

    /// A change of the library that takes a mutant's text away is told at once, not after an hour.
    #[test]
    fn the_text_of_each_stands_in_its_file_once() {
        for mutant in all().filter(|mutant| !mutant.file.is_empty()) {
            let text = fs::read_to_string(workspace::root().join(mutant.file)).unwrap_or_default();
            assert_eq!(text.matches(mutant.find).count(), 1, "{} in {}", mutant.name, mutant.file);
        }
    }

    #[test]
    fn a_filled_row_is_whole_and_changes_something() {
        for mutant in all().filter(|mutant| !mutant.file.is_empty()) {
            assert!(!mutant.find.is_empty() && mutant.find != mutant.replace, "{}", mutant.name);
            assert!(!mutant.test.is_empty() && !mutant.clause.is_empty(), "{}", mutant.name);
            // `cargo test` alone would take long, and hide which test it was.
            assert!(mutant.test.iter().any(|arg| !arg.starts_with('-')), "{}", mutant.name);
        }
    }
}
