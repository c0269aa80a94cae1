//! Macros that have no place in finished code, and tests that nobody runs.

use super::Report;
use super::syntax::Kind;
use super::tree::Tree;

/// Unfinished or left over; nowhere, not even in tests.
const NOWHERE: &[&str] = &["todo", "unimplemented", "dbg"];
/// A library has no terminal; its tests may print.
const NOT_IN_LIBRARY: &[&str] = &["println", "print", "eprintln", "eprint"];

pub fn banned(tree: &Tree, report: &mut Report<'_>) {
    for (file, syntax) in tree.rust() {
        for (at, token) in syntax.tokens.iter().enumerate() {
            let Some(word) = syntax.word(at) else { continue };
            let called = syntax.is(at + 1, &Kind::Punct('!'))
                && matches!(syntax.tokens.get(at + 2).map(|t| &t.kind), Some(Kind::Open(_)));
            if !called {
                continue;
            }
            if NOWHERE.contains(&word) {
                let message =
                    format!("`{word}!` is unfinished work: write the code or return an error");
                report.add(&file.path, token.line, message);
            }
            let prints = NOT_IN_LIBRARY.contains(&word) && file.in_library();
            if prints && !file.in_test(token.line) {
                let message = format!(
                    "`{word}!` in the library: return it, count it in the metrics or trace it"
                );
                report.add(&file.path, token.line, message);
            }
        }
    }
}

pub fn ignored(tree: &Tree, report: &mut Report<'_>) {
    for (file, syntax) in tree.rust() {
        let words = 0..syntax.tokens.len();
        for at in words.filter(|&at| syntax.starts_attribute(at)) {
            let close = syntax.tokens[at - 1].partner;
            let nested = syntax.word(at) == Some("cfg_attr")
                && (at..close).any(|at| syntax.word(at) == Some("ignore"));
            if syntax.word(at) == Some("ignore") || nested {
                report.add(
                    &file.path,
                    syntax.tokens[at].line,
                    "an ignored test proves nothing: make it run, or delete it with the claim",
                );
            }
        }
        for (index, line) in file.text.lines().enumerate() {
            let comment = line.trim_start();
            let doc = comment.strip_prefix("///").or_else(|| comment.strip_prefix("//!"));
            let fence = doc.and_then(|doc| doc.trim().strip_prefix("```"));
            if fence.is_some_and(|words| words.split(',').any(|word| word.trim() == "ignore")) {
                report.add(
                    &file.path,
                    index + 1,
                    "an ignored example is never compiled: make it run, or `no_run`, or `text`",
                );
            }
        }
    }
}
