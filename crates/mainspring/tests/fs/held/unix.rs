//! By the list of this process's descriptors.

use std::path::Path;

/// Descriptors of this process that lead into a directory.
pub fn open_below(directory: &Path) -> usize {
    let directory = directory.canonicalize().expect("the directory is there");
    let numbers = std::fs::read_dir("/proc/self/fd").expect("a list of descriptors");
    let paths = numbers.filter_map(|number| std::fs::read_link(number.ok()?.path()).ok());
    paths.filter(|path| path.starts_with(&directory)).count()
}
