//! The dependency law: a room uses only the rooms that `house.rs` allows it.

use std::collections::BTreeSet;

use super::Report;
use super::house;
use super::paths::{self, Mention};
use super::tree::{File, Tree};

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    let modules: BTreeSet<&str> = tree.library().map(|(_, module)| module).collect();
    for (file, module) in tree.library() {
        // The root only re-exports; `lib.rs` may name every room.
        if file.is_test || module.is_empty() {
            continue;
        }
        match house::room_of(module) {
            Some(room) => check_file(file, module, room, &modules, report),
            None => report.add(
                &file.path,
                1,
                format!(
                    "`{module}` is no room of the house: add it to the table in \
                     xtask/src/tidy/house.rs and to ARCHITECTURE.md, or move the code to a room \
                     that is there"
                ),
            ),
        }
    }
}

fn check_file(
    file: &File,
    module: &str,
    room: &str,
    modules: &BTreeSet<&str>,
    report: &mut Report<'_>,
) {
    let Some(syntax) = &file.syntax else { return };
    for mention in paths::mentions(syntax, module) {
        if file.in_test(mention.line) {
            continue;
        }
        let Some(target) = module_of(&mention, modules) else {
            let path = mention.segments.join("::");
            report.add(
                &file.path,
                mention.line,
                format!(
                    "`crate::{path}` goes through the root and hides its room: write the path \
                     with the room, as in `crate::token::Token`"
                ),
            );
            continue;
        };
        match house::room_of(target) {
            // A room that is not in the table is reported at its own file.
            None => {}
            Some(other) if house::may_use(room, other) => {}
            Some(other) => report.add(&file.path, mention.line, refusal(room, other)),
        }
    }
}

/// The longest start of the path that is a module with a file.
fn module_of<'a>(mention: &Mention, modules: &BTreeSet<&'a str>) -> Option<&'a str> {
    (1..=mention.segments.len())
        .rev()
        .find_map(|count| modules.get(mention.segments[..count].join("/").as_str()).copied())
}

fn refusal(room: &str, other: &str) -> String {
    let mechanism = other.starts_with("backend/")
        && !matches!(other, "backend/contract" | "backend/choose" | "backend/emulate");
    let cause = if mechanism && !room.starts_with("backend") {
        format!("`{room}` names the mechanism `{other}`, which only backend/mod.rs may")
    } else {
        format!("`{room}` may not use `{other}`")
    };
    let allowed: Vec<&str> = house::allowance(room).filter(|allowed| *allowed != room).collect();
    format!(
        "{cause}: move what both need to a lower room, or pass it in; `{room}` may use {} \
         (xtask/src/tidy/house.rs)",
        if allowed.is_empty() { "std alone".to_string() } else { allowed.join(", ") }
    )
}
