//! Only `time/clock.rs` reads the clock, so that all else runs on virtual time.

use super::Report;
use super::syntax::{Kind, Syntax};
use super::tree::Tree;

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    for (file, module) in tree.library() {
        let Some(syntax) = &file.syntax else { continue };
        if module == "time/clock" {
            continue;
        }
        for (at, token) in syntax.tokens.iter().enumerate() {
            if file.in_test(token.line) {
                continue;
            }
            if let Some(call) = reads_clock(syntax, at) {
                report.add(
                    &file.path,
                    token.line,
                    format!(
                        "`{call}` reads the OS clock: ask `time::clock::Clock`, or take `now` as \
                         an argument, so that virtual time holds here too"
                    ),
                );
            }
        }
    }
}

fn reads_clock(syntax: &Syntax, at: usize) -> Option<&'static str> {
    let now = syntax.is(at + 1, &Kind::PathSep) && syntax.word(at + 2) == Some("now");
    match syntax.word(at)? {
        "Instant" if now => Some("Instant::now"),
        "SystemTime" if now => Some("SystemTime::now"),
        // `Instant::elapsed` asks for the time now; it takes no argument.
        "elapsed" => {
            let method = at > 0 && syntax.is(at - 1, &Kind::Punct('.'));
            let call = syntax.is(at + 1, &Kind::Open('(')) && syntax.is(at + 2, &Kind::Close(')'));
            (method && call).then_some(".elapsed()")
        }
        _ => None,
    }
}
