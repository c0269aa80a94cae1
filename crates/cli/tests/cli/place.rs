//! A directory of a test's own.

use std::path::{Path, PathBuf};
use std::{env, fs, process};

/// A directory that goes away with its test. `root` is what is served; beside it lies what must
/// never be.
pub struct Place {
    path: PathBuf,
}

impl Place {
    pub fn new(name: &str) -> Place {
        let path = env::temp_dir().join(format!("mainspring-cli-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("root")).unwrap();
        fs::write(path.join("secret"), "top secret").unwrap();
        Place { path }
    }

    pub fn root(&self) -> PathBuf {
        self.path.join("root")
    }

    pub fn outside(&self) -> &Path {
        &self.path
    }

    /// Writes a file below the root, with the directories above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Bytes without a pattern that a shifted or repeated piece could hide in.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
