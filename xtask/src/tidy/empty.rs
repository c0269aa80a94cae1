//! No empty rooms: a module that holds only comments is a promise, not code.

use super::Report;
use super::syntax::Syntax;
use super::tree::Tree;

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    for (file, module) in tree.library() {
        // The root may be no more than the crate's documentation.
        let Some(syntax) = &file.syntax else { continue };
        if !module.is_empty() && is_empty(syntax) {
            let message = "this room holds only comments: build it with its first use, not before";
            report.add(&file.path, 1, message);
        }
    }
}

fn is_empty(syntax: &Syntax) -> bool {
    syntax.tree.items.is_empty()
}
