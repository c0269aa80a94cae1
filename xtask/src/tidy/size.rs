//! How long a function, a file and a line may be.

use super::Report;
use super::syntax::{Kind, Syntax};
use super::tree::Tree;

/// Lines between the braces of a function: what fits on one screen.
const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 800;
const COLUMNS_MAX: usize = 100;

/// Functions that may be longer: file, function, reason.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];
/// Files that may be longer: file, reason.
const LONG_FILES: &[(&str, &str)] = &[];

pub fn functions(tree: &Tree, report: &mut Report<'_>) {
    for (file, syntax) in tree.rust() {
        for at in 0..syntax.tokens.len() {
            let Some((name, length)) = function_at(syntax, at) else { continue };
            let excused = LONG_FUNCTIONS.iter().any(|(p, n, _)| *p == file.path && *n == name);
            if length > FUNCTION_LINES_MAX && !excused {
                report.add(
                    &file.path,
                    syntax.tokens[at].line,
                    format!(
                        "`{name}` has {length} lines, the limit is {FUNCTION_LINES_MAX}: give its \
                         parts names (or list it with a reason in xtask/src/tidy/size.rs)"
                    ),
                );
            }
        }
    }
}

/// The name and the lines of the body of a function that starts with this `fn`.
fn function_at(syntax: &Syntax, at: usize) -> Option<(&str, usize)> {
    if syntax.word(at)? != "fn" {
        return None;
    }
    let name = syntax.word(at + 1)?;
    let mut next = at + 2;
    loop {
        let token = syntax.tokens.get(next)?;
        match token.kind {
            Kind::Open('{') => {
                let last = syntax.tokens[token.partner].line;
                return Some((name, last.saturating_sub(token.line + 1)));
            }
            // Over the arguments and array types.
            Kind::Open(_) => next = token.partner + 1,
            // A declaration without a body, or the end of a group in a macro.
            Kind::Punct(';') | Kind::Close(_) => return None,
            _ => next += 1,
        }
    }
}

pub fn files(tree: &Tree, report: &mut Report<'_>) {
    for file in tree.files.iter().filter(|file| file.path.ends_with(".rs")) {
        let length = file.text.lines().count();
        let excused = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        if length > FILE_LINES_MAX && !excused {
            report.add(
                &file.path,
                FILE_LINES_MAX + 1,
                format!(
                    "{length} lines, the limit is {FILE_LINES_MAX}: split it by subject (or list \
                     it with a reason in xtask/src/tidy/size.rs)"
                ),
            );
        }
    }
}

pub fn columns(tree: &Tree, report: &mut Report<'_>) {
    for file in tree.files.iter().filter(|file| file.path.ends_with(".rs")) {
        for (index, line) in file.text.lines().enumerate() {
            let width = line.chars().count();
            let address = line.contains("http://") || line.contains("https://");
            if width > COLUMNS_MAX && !address {
                let message =
                    format!("{width} columns, the limit is {COLUMNS_MAX}: break the line");
                report.add(&file.path, index + 1, message);
            }
        }
    }
}
