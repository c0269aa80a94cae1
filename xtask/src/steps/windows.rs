//! The library on Windows: built for it, and run under Wine.
//!
//! Wine carries out Windows programs on Linux, `\\Device\\Afd` and completion ports included. It
//! proves calls, structures, state machine and lifetimes; not the timing and cost of Windows'
//! own kernel. A small Debian in a folder (`xtask/src/debian.rs`) has it, and a linker.
//!
//! What is built only elsewhere is linted, with its tests: MSVC's targets, and 32 bits. That costs
//! what a type-check does, and the code of the target that is run is the same as MSVC's.
//!
//! There is no standard library for Windows in Debian: it is built, once, from the compiler's
//! sources (`-Zbuild-std`). Wine's folder and Debian stay in the cache. What is built stays with
//! the checkout: inside, every checkout has the same path, and cargo would take the one's products
//! for the other's.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{LIBRARY, left_out};
use crate::debian::{self, Debian, SUITE};
use crate::process::{Failure, Program, Result, tests_run};
use crate::workspace;

/// Beside what every step needs: the sources of std, clippy, a linker for 64 bits, `dlltool` for
/// 32, Wine.
const PACKAGES: &[&str] = &[
    "rust-src",
    "rust-clippy",
    "gcc-mingw-w64-x86-64-win32",
    "binutils-mingw-w64-i686",
    "wine",
    "wine64",
];

/// What is built and run.
const TARGET: &str = "x86_64-pc-windows-gnu";
/// What is linted and not run: the other linker, and pointers of 32 bits.
const LINTED: &[&str] = &["x86_64-pc-windows-msvc", "i686-pc-windows-gnu", "i686-pc-windows-msvc"];
/// What is let pass of what Debian's clippy, which is of 1.85, finds and later ones do not: shifts
/// beside `|`, strings collected from `format!`, and `const` that is there and that it overlooks
/// with a std that was built here.
const STRICTLY: &[&str] = &[
    "--deny",
    "warnings",
    "--allow",
    "clippy::precedence",
    "--allow",
    "clippy::format_collect",
    "--allow",
    "clippy::missing_const_for_thread_local",
];
const BUILD_STD: &str = "-Zbuild-std=std,panic_unwind,test";

/// Makes what is built of a changed library other files than those of the library as it is: cargo
/// knows them apart by their profile, not by where the sources are. All the rest is shared.
const CHANGED: &str = "profile.dev.package.mainspring.debug=false";

const PROGRAM: &str = "mainspring-cli";

/// The test binaries that are about nothing that Windows lacks.
const TESTS: &[Suite] = &[
    Suite {
        package: LIBRARY,
        features: "sim",
        binaries: &[
            "lib",
            "test=conformance",
            "test=net",
            "test=rt",
            "test=regressions",
            "test=fs",
        ],
        beside: None,
    },
    Suite {
        package: LIBRARY,
        features: "",
        binaries: &["test=examples"],
        // They are run as programs; no cargo is there to build them when a test asks for one.
        beside: Some("--examples"),
    },
    Suite { package: PROGRAM, features: "", binaries: &["bins", "test=cli"], beside: None },
];

/// Suites once more, with these variables in place of the usual ones.
const AGAIN: &[(Suite, &[&str])] = &[
    // Those that know nothing of kinds, on the kind that is not the first choice.
    (
        Suite {
            package: LIBRARY,
            features: "sim",
            binaries: &["test=net", "test=rt", "test=regressions"],
            beside: None,
        },
        &["MAINSPRING_BACKEND=wsapoll"],
    ),
    // Readiness by notifications, which Wine does not have: by what stands in for them.
    (
        Suite {
            package: LIBRARY,
            features: "sim,stand-in",
            binaries: &["test=conformance", "test=net", "test=rt", "test=regressions"],
            beside: None,
        },
        &[
            "MAINSPRING_SOCKET_NOTIFICATIONS=stand-in",
            "MAINSPRING_BACKEND=iocp",
            "MAINSPRING_REQUIRE=iocp",
        ],
    ),
];

/// One run of all tests takes a minute; Wine may hang where a test does.
const TESTS_LIMIT: Duration = Duration::from_secs(15 * 60);

const VARIABLES: &[&str] = &[
    "HOME=/windows/home",
    "CARGO_HOME=/windows/cargo",
    "CARGO_TARGET_DIR=/windows/products",
    "CARGO_TERM_COLOR=never",
    "CARGO_INCREMENTAL=0",
    // A stable compiler builds std only if it is told that it may.
    "RUSTC_BOOTSTRAP=1",
    "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc",
    "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=wine",
    "WINEPREFIX=/windows/wine",
    "WINEDEBUG=-all",
    "XDG_RUNTIME_DIR=/tmp",
    "MAINSPRING_REQUIRE=iocp,wsapoll,sim",
];

/// The two start-up objects that `-Zbuild-std` does not make.
const STARTUP: &str = r#"
set -eu
rustlib=$(rustc --print sysroot)/lib/rustlib
mkdir -p "$rustlib/$1/lib"
for object in rsbegin rsend; do
    rustc --target "$1" --emit=obj -o "$rustlib/$1/lib/$object.o" \
        "$rustlib/src/rust/library/rtstartup/$object.rs"
done
"#;

pub fn run(args: &[String]) -> Result<()> {
    let filter = match args {
        [] => None,
        [filter] => Some(filter.as_str()),
        _ => return Err(Failure::new("windows takes a filter, no more")),
    };
    if let Some(reason) = debian::obstacle() {
        return left_out("windows", &reason);
    }
    let windows = Windows::open()?;
    windows.test(filter)?;
    if filter.is_some() {
        return Ok(());
    }
    LINTED.iter().try_for_each(|target| windows.lint(target))
}

/// Test binaries that are built alike.
struct Suite {
    package: &'static str,
    features: &'static str,
    binaries: &'static [&'static str],
    /// What is built before, for the tests to run.
    beside: Option<&'static str>,
}

/// Debian with all that it takes, and the rooms that are kept.
pub struct Windows {
    debian: Debian,
    rooms: PathBuf,
    products: PathBuf,
    dependencies: PathBuf,
}

impl Windows {
    pub fn open() -> Result<Windows> {
        let cache = workspace::cache()?;
        let debian = Debian::open(&cache)?;
        debian.install(PACKAGES)?;
        let rooms = cache.join("windows");
        for room in ["home", "cargo"] {
            fs::create_dir_all(rooms.join(room))?;
        }
        let products = workspace::target().join("windows");
        fs::create_dir_all(&products)?;
        let replacement = debian::source_replacement("/windows/dependencies");
        fs::write(rooms.join("cargo/config.toml"), replacement)?;
        let dependencies = dependencies(&debian)?;
        let windows = Windows { debian, rooms, products, dependencies };
        windows.start_up()?;
        Ok(windows)
    }

    /// What is made once: the start-up objects, and Wine's own folder.
    fn start_up(&self) -> Result<()> {
        let objects = format!("usr/lib/rustlib/{TARGET}/lib/rsend.o");
        if !self.debian.path(&objects).is_file() {
            self.program(&["sh", "-c", STARTUP, "sh", TARGET], &[]).output()?;
        }
        if !self.rooms.join("wine/system.reg").is_file() {
            // It complains that it cannot run programs of 32 bits, and is complete without them.
            self.program(&["wineboot", "--init"], &[]).output()?;
        }
        Ok(())
    }

    /// A command inside, with the usual variables and these.
    fn program(&self, command: &[&str], variables: &[&str]) -> Program {
        println!("$ (Debian {SUITE}) {}", [variables, command].concat().join(" "));
        self.program_in(&workspace::root(), variables, command)
    }

    /// The same in a tree, with more variables, and without a word.
    fn program_in(&self, tree: &Path, variables: &[&str], command: &[&str]) -> Program {
        let mounts: [(&Path, &str); 4] = [
            (tree, "/checkout"),
            (&self.rooms, "/windows"),
            (&self.products, "/windows/products"),
            (&self.dependencies, "/windows/dependencies"),
        ];
        self.debian.program(&mounts, &[VARIABLES, variables].concat(), command)
    }

    /// `cargo test` of a copy of the tree whose library is changed again and again.
    pub fn test_of_mutants(&self, tree: &Path) -> Program {
        let cargo = ["cargo", "test", BUILD_STD, "--target", TARGET, "--locked", "--offline"];
        let command = [cargo.as_slice(), &["--config", CHANGED]].concat();
        self.program_in(tree, &["CARGO_INCREMENTAL=1", "RUST_BACKTRACE=0"], &command)
    }

    fn test(&self, filter: Option<&str>) -> Result<()> {
        let mut count = 0;
        for suite in TESTS {
            if let Some(beside) = suite.beside {
                self.cargo("build", suite.package, &[beside], &[]).run()?;
            }
            count += self.run_suite(suite, &[], filter)?;
        }
        for (suite, variables) in AGAIN {
            count += self.run_suite(suite, variables, filter)?;
        }
        if count == 0 {
            return Err(Failure::new("no test ran under Wine: nothing was proven"));
        }
        println!("windows: {count} tests under Wine");
        Ok(())
    }

    /// Runs the tests of a suite whose names have the filter in them, with these variables; how
    /// many there were.
    fn run_suite(&self, suite: &Suite, variables: &[&str], filter: Option<&str>) -> Result<usize> {
        let mut what = vec!["--features".to_string(), suite.features.to_string()];
        what.extend(suite.binaries.iter().map(|binary| format!("--{binary}")));
        // Numbers of sockets are given out to the whole process: tests about them want it alone.
        what.extend(["--".to_string(), "--test-threads=1".to_string()]);
        what.extend(filter.map(str::to_string));
        let what: Vec<&str> = what.iter().map(String::as_str).collect();
        let cargo = self.cargo("test", suite.package, &what, variables);
        let mut program = cargo.limit(TESTS_LIMIT).echo();
        let ended = program.capture()?;
        if !ended.succeeded() {
            return Err(Failure::new(format!("the tests under Wine: {}", ended.manner())));
        }
        match tests_run(&ended.text) {
            0 if filter.is_none() => {
                Err(Failure::new(format!("no test of {} ran under Wine", suite.package)))
            }
            count => Ok(count),
        }
    }

    /// Everything that is run here, as it would be for a target.
    fn lint(&self, target: &str) -> Result<()> {
        for Suite { package, binaries, beside, .. } in TESTS {
            let mut what = vec!["--all-features".to_string()];
            what.extend(binaries.iter().map(|binary| format!("--{binary}")));
            what.extend(beside.map(str::to_string));
            let what: Vec<&str> = what.iter().map(String::as_str).collect();
            let lint = ["cargo", "clippy", BUILD_STD, "--target", target, "--locked", "--offline"];
            let package = ["--package", package];
            let command = [lint.as_slice(), &package, &what, &["--"], STRICTLY].concat();
            self.program(&command, &[]).run()?;
        }
        Ok(())
    }

    fn cargo(&self, verb: &str, package: &str, what: &[&str], variables: &[&str]) -> Program {
        let cargo = ["cargo", verb, BUILD_STD, "--target", TARGET, "--locked", "--offline"];
        self.program(&[cargo.as_slice(), &["--package", package], what].concat(), variables)
    }
}

/// Puts the sources of all dependencies, ours and those of std, into a folder.
fn dependencies(debian: &Debian) -> Result<PathBuf> {
    let folder = workspace::target().join("windows-dependencies");
    let shown = folder.to_string_lossy().into_owned();
    let sources = fs::read_dir(debian.path("usr/src"))?.filter_map(|entry| entry.ok());
    let manifest = sources
        .map(|entry| entry.path().join("library/Cargo.toml"))
        .find(|manifest| manifest.is_file())
        .ok_or_else(|| Failure::new("Debian's rust-src has no sources of std"))?;
    Program::cargo()
        .args(["vendor", "--quiet", "--locked", "--versioned-dirs"])
        .args(["--sync", &manifest.to_string_lossy(), &shown])
        // The manifests of std use features that cargo has not made stable.
        .env("RUSTC_BOOTSTRAP", "1")
        .output()?;
    Ok(folder)
}
