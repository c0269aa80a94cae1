//! `cargo xtask tidy`: the style as a test.
//!
//! Each rule is a small function over the tree of files and lives in a file of its own; what it
//! finds is printed as `file:line: rule: message`, and the message names the remedy. The reasons
//! for the rules are in STYLE.md, the house that `law` guards is in `house.rs`.

mod clock;
mod docs;
mod doors;
mod doorways;
mod empty;
mod house;
mod law;
mod macros;
mod names;
mod notes;
mod os_crates;
mod paths;
mod places;
mod safety;
mod size;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
mod unsafe_rooms;

use std::fmt;
use std::path::Path;

use self::tree::Tree;
use crate::process::{Failure, Result};

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub file: String,
    pub line: usize,
    pub rule: &'static str,
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule, self.message)
    }
}

/// What one rule reports into.
pub struct Report<'a> {
    rule: &'static str,
    findings: &'a mut Vec<Finding>,
}

impl Report<'_> {
    fn add(&mut self, file: &str, line: usize, message: impl Into<String>) {
        let (file, message) = (file.to_string(), message.into());
        self.findings.push(Finding { file, line, rule: self.rule, message });
    }
}

type Rule = fn(&Tree, &mut Report<'_>);

/// Every rule under the name that its findings carry.
const RULES: &[(&str, Rule)] = &[
    ("parse", parse),
    ("law", law::check),
    ("os-crates", os_crates::check),
    ("clock", clock::check),
    ("cfg-door", doors::check),
    ("unsafe-room", unsafe_rooms::check),
    ("safety", safety::check),
    ("function-length", size::functions),
    ("file-length", size::files),
    ("line-length", size::columns),
    ("macro", macros::banned),
    ("ignored-test", macros::ignored),
    ("note", notes::check),
    ("name", names::check),
    ("public-docs", docs::check),
    ("place", places::check),
    ("empty-room", empty::check),
];

/// Checks a tree by every rule; sorted by place.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for &(rule, check) in RULES {
        check(tree, &mut Report { rule, findings: &mut findings });
    }
    findings.sort();
    findings.dedup();
    findings
}

/// The step: prints what it finds and fails if that is anything.
pub fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files, {} rules, nothing found", tree.files.len(), RULES.len());
            Ok(())
        }
        count => Err(Failure::new(format!("tidy: {count} finding(s); STYLE.md has the reasons"))),
    }
}

/// A file that does not parse escapes every other rule.
fn parse(tree: &Tree, report: &mut Report<'_>) {
    for file in &tree.files {
        if let Some((line, words)) = &file.refused {
            report.add(&file.path, *line, format!("this does not parse: {words}"));
        }
    }
}
