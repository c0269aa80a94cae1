//! The dependency law: a room uses only the rooms that `house.rs` allows it.

use std::collections::BTreeSet;

use super::Report;
use super::doorways::{self, Doorways};
use super::house;
use super::paths;
use super::tree::{File, Tree};

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    let house = Modules {
        names: tree.library().map(|(_, module)| module).collect(),
        doorways: doorways::read(tree),
    };
    for (file, module) in tree.library() {
        // The root only re-exports; `lib.rs` may name every room.
        if file.is_test || module.is_empty() {
            continue;
        }
        match house::room_of(module) {
            Some(room) => check_file(file, module, room, &house, report),
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

/// The modules of the library and what they hand on.
struct Modules<'a> {
    names: BTreeSet<&'a str>,
    doorways: Doorways,
}

impl<'a> Modules<'a> {
    /// The longest start of a path that is a module with a file.
    fn module_of(&self, path: &[String]) -> Option<&'a str> {
        let starts = (1..=path.len()).rev();
        starts.into_iter().find_map(|n| self.names.get(path[..n].join("/").as_str()).copied())
    }

    /// The module that a path leads to, and those it leads to through re-exports.
    fn ways(&self, path: &[String]) -> Vec<&'a str> {
        let mut ways = Vec::new();
        let mut path = path.to_vec();
        while let Some(module) = self.module_of(&path) {
            if ways.contains(&module) {
                break;
            }
            ways.push(module);
            let depth = module.split('/').count();
            let name = path.get(depth).cloned().unwrap_or_default();
            match self.doorways.get(&(module.to_string(), name)) {
                Some(further) => path = further.clone(),
                None => break,
            }
        }
        ways
    }
}

fn check_file(
    file: &File,
    module: &str,
    room: &str,
    modules: &Modules<'_>,
    report: &mut Report<'_>,
) {
    let Some(syntax) = &file.syntax else { return };
    for mention in paths::mentions(syntax, module) {
        if file.in_test(mention.line) {
            continue;
        }
        let ways = modules.ways(&mention.segments);
        let Some(target) = ways.first() else {
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
        // Through a door that is closed to this room one may still name what is open to it:
        // `crate::time::Clock` is `time/clock`. A room that is not in the table is reported at
        // its own file.
        let rooms = || ways.iter().filter_map(|module| house::room_of(module));
        let allowed = rooms().any(|other| house::may_use(room, other));
        if let (false, Some(other)) = (allowed, house::room_of(target)) {
            report.add(&file.path, mention.line, refusal(room, other));
        }
    }
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
