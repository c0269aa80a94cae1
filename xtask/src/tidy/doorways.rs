//! What a module hands on from other rooms: `pub(crate) use self::clock::Clock` in `time/mod.rs`
//! makes `crate::time::Clock` another way to say `crate::time::clock::Clock`.

use std::collections::BTreeMap;

use syn::{Item, UseTree, Visibility};

use super::tree::Tree;

/// For a module and a name in it, the path that the name stands for.
pub type Doorways = BTreeMap<(String, String), Vec<String>>;

/// Reads the re-exports of every library module.
pub fn read(tree: &Tree) -> Doorways {
    let mut doorways = Doorways::new();
    for (file, module) in tree.library() {
        let Some(syntax) = &file.syntax else { continue };
        let base: Vec<String> =
            module.split('/').filter(|name| !name.is_empty()).map(str::to_string).collect();
        for item in &syntax.tree.items {
            let Item::Use(item) = item else { continue };
            if !matches!(item.vis, Visibility::Inherited) {
                hand_on(&item.tree, &base, None, module, &mut doorways);
            }
        }
    }
    doorways
}

/// Walks one import. `path` is what has been read so far; before the first word there is none.
fn hand_on(
    tree: &UseTree,
    base: &[String],
    path: Option<Vec<String>>,
    module: &str,
    doorways: &mut Doorways,
) {
    match tree {
        UseTree::Path(step) => {
            let path = extend(base, path, &step.ident.to_string());
            hand_on(&step.tree, base, Some(path), module, doorways);
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                hand_on(tree, base, path.clone(), module, doorways);
            }
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            let target = extend(base, path, &name);
            doorways.insert((module.to_string(), name), target);
        }
        UseTree::Rename(rename) => {
            let target = extend(base, path, &rename.ident.to_string());
            doorways.insert((module.to_string(), rename.rename.to_string()), target);
        }
        UseTree::Glob(_) => {}
    }
}

/// The path one word further; a first word that is a name is looked up from here.
fn extend(base: &[String], path: Option<Vec<String>>, word: &str) -> Vec<String> {
    match (path, word) {
        (None, "crate") => Vec::new(),
        (None, "self") => base.to_vec(),
        (None, "super") => base[..base.len().saturating_sub(1)].to_vec(),
        (Some(mut path), "super") => {
            path.pop();
            path
        }
        (path, word) => {
            let mut path = path.unwrap_or_else(|| base.to_vec());
            path.push(word.to_string());
            path
        }
    }
}
