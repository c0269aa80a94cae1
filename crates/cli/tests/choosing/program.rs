//! The programs that are run: the command line, and this very test to ask the kernel.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// Says where the program is, when it does not lie where it was built.
const VARIABLE: &str = "MAINSPRING_PROGRAM";

pub struct Program {
    pub mainspring: PathBuf,
    pub asker: PathBuf,
    /// Where both are copies, which go away with this.
    copies: Option<PathBuf>,
}

impl Program {
    /// Where they were built.
    pub fn new() -> Program {
        let built = || env!("CARGO_BIN_EXE_mainspring").into();
        let mainspring = env::var_os(VARIABLE).map_or_else(built, PathBuf::from);
        Program { mainspring, asker: env::current_exe().unwrap(), copies: None }
    }

    /// Where everybody may read them: a checkout often lies in a folder that is somebody's own.
    pub fn readable() -> Program {
        static COPIES: AtomicU32 = AtomicU32::new(0);
        let number = COPIES.fetch_add(1, Ordering::Relaxed);
        let name = format!("mainspring-choosing-{}-{number}", process::id());
        let copies = env::temp_dir().join(name);
        fs::create_dir_all(&copies).unwrap();
        fs::set_permissions(&copies, fs::Permissions::from_mode(0o755)).unwrap();
        let built = Program::new();
        let copy = |from: &Path, name: &str| {
            let to = copies.join(name);
            // Not by ourselves: a program that another thread starts meanwhile would inherit the
            // descriptor that is written to, and a file that is written to cannot be run.
            assert!(Command::new("cp").args([from, &to]).status().unwrap().success());
            to
        };
        let mainspring = copy(&built.mainspring, "mainspring");
        let asker = copy(&built.asker, "asker");
        Program { mainspring, asker, copies: Some(copies) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(copies) = &self.copies {
            let _ = fs::remove_dir_all(copies);
        }
    }
}
