//! The promise of `rust-version`, kept with a real compiler of that age.
//!
//! Debian 13 packages rustc 1.85, so a small Debian in a folder (`xtask/src/debian.rs`) is a
//! compiler that needs nothing but apt.
//!
//! The dependencies are fetched by our own cargo and handed over as a folder (`cargo vendor`), so
//! the old one needs neither the network nor this machine's settings.

use std::fs;
use std::path::PathBuf;

use super::conformance::KINDS;
use super::{LIBRARY, kinds, left_out, no_arguments};
use crate::debian::{self, Debian, SUITE};
use crate::process::{Failure, Program, Result};
use crate::workspace;

/// What `rust-version` in Cargo.toml says, and what the suite's compiler must be.
const VERSION: &str = "1.85";

const VARIABLES: &[&str] = &[
    "HOME=/cargo",
    "CARGO_HOME=/cargo",
    "CARGO_TARGET_DIR=/products",
    "CARGO_TERM_COLOR=never",
    "CARGO_INCREMENTAL=0",
];

pub fn run(args: &[String]) -> Result<()> {
    no_arguments("msrv", args)?;
    if let Some(reason) = debian::obstacle() {
        return left_out("msrv", &reason);
    }
    let debian = Debian::open(&workspace::cache()?)?;
    let dependencies = dependencies(&debian)?;
    let require = format!("MAINSPRING_REQUIRE={}", kinds::here("msrv", KINDS)?.join(","));
    let old = Old { debian, dependencies, products: workspace::target().join("msrv"), require };
    fs::create_dir_all(&old.products)?;
    old.check_version()?;
    old.run(&["cargo", "check", "--workspace", "--all-targets", "--locked", "--offline"])?;
    let tests = ["cargo", "test", "--package", LIBRARY, "--locked", "--offline"];
    // The clauses and the units; everything else was compiled just now.
    let clauses = ["--features", "sim", "--lib", "--test", "conformance"];
    old.run(&[tests.as_slice(), clauses.as_slice()].concat())
}

/// Puts the sources of all dependencies into a folder and tells the old cargo where they are.
fn dependencies(debian: &Debian) -> Result<PathBuf> {
    let folder = workspace::target().join("msrv-dependencies");
    let shown = folder.to_string_lossy().into_owned();
    Program::cargo()
        .args(["vendor", "--quiet", "--locked", "--versioned-dirs", &shown])
        .output()?;
    let home = debian.path("cargo");
    fs::create_dir_all(&home)?;
    fs::write(home.join("config.toml"), debian::source_replacement("/dependencies"))?;
    Ok(folder)
}

struct Old {
    debian: Debian,
    dependencies: PathBuf,
    products: PathBuf,
    require: String,
}

impl Old {
    fn program(&self, command: &[&str]) -> Program {
        let root = workspace::root();
        let mounts = [
            (root.as_path(), "/checkout"),
            (self.dependencies.as_path(), "/dependencies"),
            (self.products.as_path(), "/products"),
        ];
        println!("$ (Debian {SUITE}) {}", command.join(" "));
        let variables = [VARIABLES, &[self.require.as_str()]].concat();
        self.debian.program(&mounts, &variables, command)
    }

    fn run(&self, command: &[&str]) -> Result<()> {
        let run = self.program(command).run();
        run.map_err(|_| Failure::new(format!("`{}` fails with rustc {VERSION}", command.join(" "))))
    }

    fn check_version(&self) -> Result<()> {
        let version = self.program(&["rustc", "--version"]).output()?;
        println!("{}", version.trim());
        if version.starts_with(&format!("rustc {VERSION}.")) {
            return Ok(());
        }
        let place = self.debian.path("").display().to_string();
        Err(Failure::new(format!("{place} has another compiler: {version}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_promises_the_version_that_is_tried() {
        let manifest = fs::read_to_string(workspace::root().join("Cargo.toml"));
        let manifest = manifest.expect("the workspace has a manifest");
        assert!(manifest.contains(&format!("rust-version = \"{VERSION}\"")));
        let clippy = fs::read_to_string(workspace::root().join("clippy.toml"));
        assert_eq!(clippy.expect("clippy has settings"), format!("msrv = \"{VERSION}\"\n"));
    }
}
