//! The tree speaks of itself alone: no path of somebody's machine, no host of a package registry.

use super::Report;
use super::tree::Tree;

/// Put together so that this file does not find itself.
const MACHINE_PATHS: &[&str] = &[concat!("/", "work/"), concat!("/", "root/")];
const REGISTRY_HOSTS: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("registry.yarnpkg", ".com"),
    concat!("rubygems", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
];
/// Written by cargo, which names the registry in it.
const LOCK_FILE: &str = "Cargo.lock";

pub fn check(tree: &Tree, report: &mut Report<'_>) {
    for file in tree.files.iter().filter(|file| !file.path.ends_with(LOCK_FILE)) {
        for (index, line) in file.text.lines().enumerate() {
            for path in MACHINE_PATHS.iter().filter(|path| is_path_start(line, path)) {
                let message = format!("`{path}` is a place on one machine: use a relative path");
                report.add(&file.path, index + 1, message);
            }
            for host in REGISTRY_HOSTS.iter().filter(|host| line.contains(**host)) {
                let message = format!("`{host}` is a registry's host: cargo and apt know theirs");
                report.add(&file.path, index + 1, message);
            }
        }
    }
}

/// The pattern begins a path: as the name of a folder inside ours it is none.
fn is_path_start(line: &str, pattern: &str) -> bool {
    line.match_indices(pattern).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | ')'))
    })
}
