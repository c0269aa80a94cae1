//! `cfg` only in doors: elsewhere every line is compiled on every platform.

use super::Report;
use super::syntax::{Kind, Syntax};
use super::tree::{File, LIBRARY, Tree};

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    for (file, _) in tree.library() {
        let Some(syntax) = &file.syntax else { continue };
        if is_door(file) {
            continue;
        }
        for at in 0..syntax.tokens.len() {
            let Some((form, predicate)) = cfg_at(syntax, at) else { continue };
            if is_free(syntax, form, predicate) {
                continue;
            }
            report.add(
                &file.path,
                syntax.tokens[at].line,
                format!(
                    "`{form}` outside a door: choose between twin files in a mod.rs, or hide the \
                     difference in sys/ (`cfg(test)` and `cfg_attr(docsrs, …)` may stand anywhere)"
                ),
            );
        }
    }
}

fn is_door(file: &File) -> bool {
    let path = file.path.strip_prefix(LIBRARY).unwrap_or(&file.path);
    let room = path.split('/').next().unwrap_or(path);
    path == "lib.rs" || path.ends_with("/mod.rs") || matches!(room, "sys" | "os" | "sync")
}

/// A cfg form at this token, and where its predicate starts.
fn cfg_at(syntax: &Syntax, at: usize) -> Option<(&'static str, usize)> {
    let form = match syntax.word(at)? {
        "cfg" => "cfg",
        "cfg_attr" => "cfg_attr",
        "cfg_if" => "cfg_if!",
        "cfg_select" => "cfg_select!",
        _ => return None,
    };
    let called = syntax.is(at + 1, &Kind::Punct('!'));
    let open = if called { at + 2 } else { at + 1 };
    let grouped = matches!(syntax.tokens.get(open)?.kind, Kind::Open(_));
    // As a part of another attribute (`doc(cfg(unix))`) it chooses nothing.
    (grouped && (called || syntax.starts_attribute(at))).then_some((form, open + 1))
}

fn is_free(syntax: &Syntax, form: &str, predicate: usize) -> bool {
    let word = syntax.word(predicate);
    let all_tests = word == Some("all") && syntax.word(predicate + 2) == Some("test");
    match form {
        "cfg" => all_tests || (word == Some("test") && is_end(syntax, predicate + 1)),
        "cfg_attr" => matches!(word, Some("docsrs" | "test")),
        _ => false,
    }
}

fn is_end(syntax: &Syntax, at: usize) -> bool {
    matches!(syntax.tokens.get(at).map(|token| &token.kind), Some(Kind::Close(_)))
}
