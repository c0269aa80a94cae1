//! Only `sys/` and the backends speak to the OS through its own crates.

use super::Report;
use super::syntax::{Kind, Syntax};
use super::tree::Tree;

const OS_CRATES: &[&str] = &["libc", "rustix", "io_uring", "windows_sys"];

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    for (file, module) in tree.library() {
        let Some(syntax) = &file.syntax else { continue };
        if is_os_room(module) {
            continue;
        }
        for (at, token) in syntax.tokens.iter().enumerate() {
            let Some(word) = syntax.word(at) else { continue };
            let line = token.line;
            if !OS_CRATES.contains(&word) || !is_crate_name(syntax, at) || file.in_test(line) {
                continue;
            }
            report.add(
                &file.path,
                line,
                format!(
                    "`{word}` is named outside sys/ and backend/: give the call a safe function \
                     in sys/ and use that"
                ),
            );
        }
    }
}

fn is_os_room(module: &str) -> bool {
    ["sys", "backend"].iter().any(|room| {
        module.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The word starts a path or is imported; `sys::io_uring` and a field `libc` are other things.
fn is_crate_name(syntax: &Syntax, at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back);
    let after_sep = before(1).is_some_and(|at| syntax.is(at, &Kind::PathSep));
    let leading_sep = before(2).is_none_or(|at| {
        !matches!(syntax.tokens[at].kind, Kind::Word(_) | Kind::Punct('>'))
            || syntax.word(at) == Some("use")
    });
    let imported = before(1).is_some_and(|at| matches!(syntax.word(at), Some("use" | "crate")));
    let path = syntax.is(at + 1, &Kind::PathSep) || imported;
    if after_sep { leading_sep } else { path }
}
