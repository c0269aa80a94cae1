//! The checks of this workspace: `cargo xtask STEP`.
//!
//! One file a step. A step runs a program or reads the tree, says what it does, and ends with an
//! error that names the cause; `cargo xtask ci` runs them all in order.

mod debian;
mod kernels;
mod mutants;
mod process;
mod steps;
mod tidy;
mod workspace;

use std::env;
use std::process::ExitCode;

use process::{Failure, Result};

/// A step: its name, what it does in one line, and how.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "tidy", about: "the style and the dependency law", run: tidy },
    Step { name: "self-test", about: "the tests of these checks", run: steps::self_test::run },
    Step { name: "fmt", about: "formatting, checked only", run: steps::fmt::run },
    Step { name: "clippy", about: "lints on every feature set", run: steps::clippy::run },
    Step { name: "doc", about: "documentation without a warning", run: steps::doc::run },
    Step {
        name: "test",
        about: "`cargo test` and the other feature sets [--others: only these]",
        run: steps::test::run,
    },
    Step {
        name: "conformance",
        about: "clauses C1 to C14 on each Kind [--kind KIND]…",
        run: steps::conformance::run,
    },
    Step {
        name: "kinds",
        about: "net, rt, regressions and examples on each Kind [--kind KIND]…",
        run: steps::kinds::run,
    },
    Step { name: "loom", about: "every interleaving, bounded", run: steps::loom::run },
    Step { name: "features", about: "each combination of features", run: steps::features::run },
    Step { name: "deny", about: "licences and advisories", run: steps::deny::run },
    Step {
        name: "mutants",
        about: "broken code that our tests must catch [--list] [NAME]…",
        run: mutants::run,
    },
    Step {
        name: "kernels",
        about: "the clauses on older and newer kernels [--kernel VERSION]… [FILTER]",
        run: kernels::run,
    },
    Step { name: "msrv", about: "the oldest compiler we promise", run: steps::msrv::run },
    Step {
        name: "windows",
        about: "the suite under Wine, and other Windows targets linted [FILTER]",
        run: steps::windows::run,
    },
    Step {
        name: "windows-mutants",
        about: "broken code for Windows, caught under Wine [--list] [NAME]…",
        run: mutants::run_on_windows,
    },
    Step {
        name: "repeat",
        about: "the concurrent tests over and over [COUNT] [FILTER]",
        run: steps::repeat::run,
    },
    Step {
        name: "ci",
        about: "all of these in order [--list] [--tested: `cargo test` was just run]",
        run: steps::ci::run,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        print_help();
        return ExitCode::FAILURE;
    };
    if matches!(name.as_str(), "--help" | "-h" | "help") || asks_help(rest) {
        print_help();
        return ExitCode::SUCCESS;
    }
    let result = match STEPS.iter().find(|step| step.name == name) {
        Some(step) => (step.run)(rest),
        None => Err(Failure::new(format!("no step `{name}`; `cargo xtask --help` lists them"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask {name}: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn asks_help(args: &[String]) -> bool {
    args.iter().any(|arg| matches!(arg.as_str(), "--help" | "-h"))
}

fn print_help() {
    println!("cargo xtask STEP [ARGUMENTS]\n");
    for step in STEPS {
        println!("  {:<15} {}", step.name, step.about);
    }
    println!("\nA step that cannot run on this machine says so; with CI set it fails instead.");
}

fn tidy(args: &[String]) -> Result<()> {
    steps::no_arguments("tidy", args)?;
    tidy::run(&workspace::root())
}
