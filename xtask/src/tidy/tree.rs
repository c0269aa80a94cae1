//! The text that tidy reads: every tracked file, and for Rust the tokens and the syntax tree too.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use super::syntax::Syntax;

/// Where the library's rooms are.
pub const LIBRARY: &str = "crates/mainspring/src/";

/// One tracked text file.
pub struct File {
    /// Path from the root of the workspace, with forward slashes.
    pub path: String,
    pub text: String,
    /// Tokens and syntax tree of a Rust file that parses.
    pub syntax: Option<Syntax>,
    /// Line and message of the parser when a Rust file does not parse.
    pub refused: Option<(usize, String)>,
    /// The whole file is test code: it lies in `tests/`, or `#[cfg(test)] mod name;` declares it.
    pub is_test: bool,
}

impl File {
    fn new(path: String, text: String) -> Self {
        let (mut syntax, mut refused) = (None, None);
        if path.ends_with(".rs") {
            match Syntax::parse(&text) {
                Ok(parsed) => syntax = Some(parsed),
                Err(error) => refused = Some(error),
            }
        }
        let is_test = path.starts_with("tests/") || path.contains("/tests/");
        Self { path, text, syntax, refused, is_test }
    }

    /// Whether this file belongs to the library proper.
    pub fn in_library(&self) -> bool {
        self.path.starts_with(LIBRARY) && self.path.ends_with(".rs")
    }

    /// The module a library file holds: `backend/epoll`, `time` for `time/mod.rs`, and the empty
    /// name for the root.
    pub fn module(&self) -> Option<&str> {
        if !self.in_library() {
            return None;
        }
        let name = self.path.strip_prefix(LIBRARY)?.strip_suffix(".rs")?;
        let name = name.strip_suffix("/mod").unwrap_or(name);
        Some(if name == "lib" { "" } else { name })
    }

    /// Whether a line is test code.
    pub fn in_test(&self, line: usize) -> bool {
        self.is_test || self.syntax.as_ref().is_some_and(|syntax| syntax.in_test(line))
    }
}

/// Every file that tidy looks at.
pub struct Tree {
    pub files: Vec<File>,
}

impl Tree {
    /// The files that git tracks or would track, as they lie in the work tree; without git, all
    /// files but those of a build.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for path in crate::workspace::files(root)? {
            let bytes = match fs::read(root.join(&path)) {
                Ok(bytes) => bytes,
                // Removed from the work tree, not yet from the index; or a link to a folder.
                Err(_) => continue,
            };
            if let Ok(text) = String::from_utf8(bytes) {
                files.push((path, text));
            }
        }
        Ok(Self::from_texts(files))
    }

    /// A tree from paths and texts.
    pub fn from_texts(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let files = texts.into_iter().map(|(path, text)| File::new(path, text)).collect();
        let mut tree = Self { files };
        tree.mark_test_files();
        tree
    }

    /// The files of the library, with the module that each holds.
    pub fn library(&self) -> impl Iterator<Item = (&File, &str)> {
        self.files.iter().filter_map(|file| Some((file, file.module()?)))
    }

    /// The Rust files that parsed.
    pub fn rust(&self) -> impl Iterator<Item = (&File, &Syntax)> {
        self.files.iter().filter_map(|file| Some((file, file.syntax.as_ref()?)))
    }

    /// Marks the files that are modules of test code, and the modules below those.
    fn mark_test_files(&mut self) {
        let mut declared = BTreeSet::new();
        for (file, syntax) in self.rust() {
            let folder = folder_of_children(&file.path);
            for name in &syntax.test_modules {
                declared.insert(format!("{folder}/{name}"));
            }
        }
        for file in &mut self.files {
            let stem = file.path.strip_suffix(".rs").unwrap_or(&file.path);
            let stem = stem.strip_suffix("/mod").unwrap_or(stem);
            let above = |module: &String| {
                stem == module || stem.strip_prefix(module.as_str()).is_some_and(starts_below)
            };
            file.is_test |= declared.iter().any(above);
        }
    }
}

fn starts_below(rest: &str) -> bool {
    rest.starts_with('/')
}

/// The folder in which a file's `mod name;` are looked up.
pub fn folder_of_children(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_string(),
        _ => path.strip_suffix(".rs").unwrap_or(path).to_string(),
    }
}
