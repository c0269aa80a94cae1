//! Where things are: the root of the workspace, its files, the folder of build products.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::process::{Failure, Program, Result};

/// The root of the workspace that cargo runs us in.
pub fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package.parent().map_or(package.clone(), Path::to_path_buf)
}

/// Where cargo puts what it builds, as an absolute path.
pub fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().join(target)
}

/// Where lies what is large, takes long to get, and is used again: outside every checkout.
pub fn cache() -> Result<PathBuf> {
    if let Some(cache) = env::var_os("MAINSPRING_CACHE") {
        return Ok(cache.into());
    }
    let home = env::var_os("HOME").map(PathBuf::from);
    let home = home.ok_or_else(|| Failure::new("set MAINSPRING_CACHE or HOME to a folder"))?;
    Ok(home.join(".cache/mainspring"))
}

/// Whether this run must prove everything: a check that cannot run here is then a failure.
pub fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// The files that git tracks, and the new ones it does not ignore, from the root and sorted.
/// Without git (an unpacked archive) every file but build products.
pub fn files(root: &Path) -> io::Result<Vec<String>> {
    let mut files = match tracked(root) {
        Ok(files) => files,
        Err(_) => files_on_disk(root)?,
    };
    files.retain(|path| root.join(path).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

/// Every file below a folder but build products and git's own, from the folder and sorted.
pub fn files_on_disk(root: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    walk(root, root, &mut files)?;
    files.sort();
    Ok(files)
}

fn tracked(root: &Path) -> Result<Vec<String>> {
    let listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let text = Program::new("git").args(listing).dir(root).output()?;
    Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_string).collect())
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if name != "target" && name != ".git" {
                walk(root, &entry.path(), files)?;
            }
        } else if let Ok(path) = entry.path().strip_prefix(root) {
            files.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}
