//! No notes to oneself: what is to do stands in the tracker, what is known in a sentence.

use super::Report;
use super::tree::Tree;

/// Put together so that this file does not find itself.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            for mark in MARKS.iter().filter(|mark| has_word(line, mark)) {
                report.add(
                    &file.path,
                    index + 1,
                    format!("`{mark}`: do it, or write down the limit as a plain sentence"),
                );
            }
        }
    }
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_wordly) && !after.is_some_and(is_wordly)
    })
}

fn is_wordly(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
