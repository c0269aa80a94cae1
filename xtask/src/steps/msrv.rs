//! The promise of `rust-version`, kept with a real compiler of that age.
//!
//! Debian 13 packages rustc 1.85, so a small Debian in a folder is a compiler that needs nothing
//! but apt. It is made once with debootstrap, lies outside the checkout and is used again. Our
//! checkout is mounted into it; the mounts live in a mount namespace of their own and end with
//! it, whatever happens to this process.
//!
//! The dependencies are fetched by our own cargo and handed over as a folder (`cargo vendor`), so
//! the old one needs neither the network nor this machine's settings.

use std::fs;
use std::path::{Path, PathBuf};

use super::{LIBRARY, left_out, no_arguments};
use crate::process::{self, Failure, Program, Result};
use crate::workspace;

const SUITE: &str = "trixie";
const PACKAGES: &str = "rustc,cargo,ca-certificates,libc6-dev,gcc";
/// What `rust-version` in Cargo.toml says, and what the suite's compiler must be.
const VERSION: &str = "1.85";

/// Runs with the arguments: system, checkout, dependencies, build products, command.
const IN_NAMESPACE: &str = r#"
set -eu
system=$1; checkout=$2; dependencies=$3; products=$4; shift 4
mkdir -p "$system/checkout" "$system/dependencies" "$system/products" "$system/cargo"
mount --bind "$checkout" "$system/checkout"
mount -o remount,bind,ro "$system/checkout"
mount --bind "$dependencies" "$system/dependencies"
mount --bind "$products" "$system/products"
mount -t proc proc "$system/proc"
mount --rbind /dev "$system/dev"
mount --rbind /sys "$system/sys"
mount -t tmpfs tmpfs "$system/tmp"
exec chroot "$system" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/cargo \
    CARGO_HOME=/cargo CARGO_TARGET_DIR=/products CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 \
    MAINSPRING_REQUIRE=epoll,sim LANG=C.UTF-8 \
    sh -c 'cd /checkout && "$@"' sh "$@"
"#;

pub fn run(args: &[String]) -> Result<()> {
    no_arguments("msrv", args)?;
    if let Some(reason) = obstacle() {
        return left_out("msrv", &reason);
    }
    let cache = workspace::cache()?;
    let system = system(&cache)?;
    // A bare Debian does not know its own name, and tests look it up.
    fs::write(system.join("etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n")?;
    let dependencies = dependencies(&system)?;
    let old = Old { system, dependencies, products: workspace::target().join("msrv") };
    fs::create_dir_all(&old.products)?;
    old.check_version()?;
    old.run(&["cargo", "check", "--workspace", "--all-targets", "--locked", "--offline"])?;
    let tests = ["cargo", "test", "--package", LIBRARY, "--locked", "--offline"];
    // The clauses and the units; everything else was compiled just now.
    let clauses = ["--features", "sim", "--lib", "--test", "conformance"];
    old.run(&[tests.as_slice(), clauses.as_slice()].concat())
}

/// Why it cannot be done on this machine.
fn obstacle() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("it needs Linux".to_string());
    }
    let root = Program::new("id").args(["-u"]).output().is_ok_and(|id| id.trim() == "0");
    if !root {
        return Some(
            "it needs root, to make a Debian in a folder and to mount into it".to_string(),
        );
    }
    let missing =
        ["debootstrap", "unshare", "chroot"].into_iter().find(|name| !process::is_installed(name));
    missing.map(|name| format!("it needs `{name}` (apt-get install debootstrap util-linux)"))
}

/// The folder with the old Debian, made if it is not there. It gets its name only when it is
/// complete, so what is found under the name is whole.
fn system(cache: &Path) -> Result<PathBuf> {
    let system = cache.join(format!("debian-{SUITE}-rust"));
    if system.is_dir() {
        return Ok(system);
    }
    fs::create_dir_all(cache)?;
    let unfinished = cache.join(format!("debian-{SUITE}-rust.{}", std::process::id()));
    let made = Program::new("debootstrap")
        .args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE])
        .args([unfinished.to_string_lossy()])
        .run()
        .and_then(|()| Ok(fs::rename(&unfinished, &system)?));
    if made.is_err() {
        // Half a Debian is of no use to anybody; the first failure is the one to tell.
        let _ = fs::remove_dir_all(&unfinished);
    }
    made.map(|()| system)
}

/// Puts the sources of all dependencies into a folder and tells the old cargo where they are.
fn dependencies(system: &Path) -> Result<PathBuf> {
    let folder = workspace::target().join("msrv-dependencies");
    let shown = folder.to_string_lossy().into_owned();
    Program::cargo()
        .args(["vendor", "--quiet", "--locked", "--versioned-dirs", &shown])
        .output()?;
    let home = system.join("cargo");
    fs::create_dir_all(&home)?;
    let source = "[source.crates-io]\nreplace-with = \"folder\"\n\n\
                  [source.folder]\ndirectory = \"/dependencies\"\n";
    fs::write(home.join("config.toml"), source)?;
    Ok(folder)
}

struct Old {
    system: PathBuf,
    dependencies: PathBuf,
    products: PathBuf,
}

impl Old {
    fn program(&self, command: &[&str]) -> Program {
        let root = workspace::root();
        let folders = [&self.system, &root, &self.dependencies, &self.products];
        println!("$ (Debian {SUITE}) {}", command.join(" "));
        Program::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", IN_NAMESPACE, "sh"])
            .args(folders.map(|folder| folder.to_string_lossy()))
            .args(command)
            .silent()
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
        Err(Failure::new(format!("{} has another compiler: {version}", self.system.display())))
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
