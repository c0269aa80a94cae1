//! `cargo xtask kernels`: the contract on the kernels that people run, oldest to newest.
//!
//! A mechanism is not one thing: each release of Linux has other calls, flags and faults. So the
//! conformance suite is built with everything linked in, put into a machine's memory beside a
//! kernel that Debian ships, and run there; `mainspring probe` says what that kernel offers. The
//! machine is emulated, so nothing about the one it runs on matters, and nothing is changed there:
//! it is also where the kernel's own switch of io_uring is turned, and a filter hides the rest.

mod debian;
mod initramfs;
mod machine;

use std::path::PathBuf;
use std::time::Instant;

use self::machine::{Command, Outcome, quoted};
use crate::process::{self, Failure, Program, Result, tests_run};
use crate::steps::{LIBRARY, left_out};
use crate::workspace;

/// A kernel, and what must be found on it.
struct Kernel {
    version: &'static str,
    /// The release of Debian that ships it.
    suite: &'static str,
    /// The Kinds that must be had, and pass.
    kinds: &'static [&'static str],
    /// Whether it has the switch `kernel.io_uring_disabled` (6.6).
    switch: bool,
}

const KERNELS: &[Kernel] = &[
    // No epoll_pwait2. Its io_uring is that of 5.15, as in all later updates of 5.10.
    Kernel { version: "5.10", suite: "bullseye", kinds: ALL_KINDS, switch: false },
    // The first of the long-lived ones with SINGLE_ISSUER and DEFER_TASKRUN.
    Kernel { version: "6.1", suite: "bookworm", kinds: ALL_KINDS, switch: false },
    // With NO_SQARRAY, too.
    Kernel { version: "6.12", suite: "trixie", kinds: ALL_KINDS, switch: true },
];

const ALL_KINDS: &[&str] = &["epoll", "uring", "poll", "sim"];

/// What is left when the ring is hidden.
const OTHER_KINDS: &[&str] = &["epoll", "poll", "sim"];

const TARGET: &str = "x86_64-unknown-linux-gnu";

pub fn run(args: &[String]) -> Result<()> {
    let (kernels, filter) = parse(args)?;
    if let Some(reason) = obstacle() {
        return left_out("kernels", &reason);
    }
    let cache = workspace::cache()?;
    let programs = build()?;
    let mut tests = 0;
    let mut failures = Vec::new();
    for kernel in &kernels {
        let start = Instant::now();
        println!("\nkernels: Linux {} (Debian {})", kernel.version, kernel.suite);
        let boot = debian::boot(&cache, kernel.suite)?;
        // A machine that breaks down must not hide what the others find.
        match machine::run(&boot, &programs, &kernel.commands(filter)) {
            Ok(report) => {
                kernel.check(&report.release)?;
                for outcome in &report.outcomes {
                    show(outcome);
                    tests += tests_run(&outcome.text);
                    if outcome.status != 0 {
                        failures.push(format!("{} on {}", outcome.name, kernel.version));
                    }
                }
            }
            Err(failure) => {
                println!("  {failure}");
                failures.push(format!("Linux {}", kernel.version));
            }
        }
        println!("  {:.1} s in all", start.elapsed().as_secs_f64());
    }
    match (failures.as_slice(), tests) {
        ([], 0) => Err(Failure::new("no test matches, so nothing was proven")),
        ([], tests) => {
            println!("\nkernels: {tests} tests on {} kernels", kernels.len());
            Ok(())
        }
        (failures, _) => Err(Failure::new(format!("failed: {}", failures.join("; ")))),
    }
}

/// The kernels that were named, or all; and the filter for the tests.
fn parse(args: &[String]) -> Result<(Vec<&'static Kernel>, Option<&str>)> {
    let mut named = Vec::new();
    let mut filter = None;
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match arg {
            "--kernel" => {
                let version = args.next().unwrap_or_default();
                let kernel = KERNELS.iter().find(|kernel| kernel.version == version);
                named.push(kernel.ok_or_else(|| {
                    let known: Vec<_> = KERNELS.iter().map(|kernel| kernel.version).collect();
                    Failure::new(format!("--kernel takes one of {}", known.join(", ")))
                })?);
            }
            arg if arg.starts_with('-') || filter.is_some() => {
                return Err(Failure::new(format!("kernels takes no argument `{arg}`")));
            }
            arg => filter = Some(arg),
        }
    }
    Ok((if named.is_empty() { KERNELS.iter().collect() } else { named }, filter))
}

/// Why it cannot be done on this machine.
fn obstacle() -> Option<String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Some("it needs Linux on x86-64, to build what the kernels run".to_string());
    }
    if !debian::is_here() {
        return Some("it needs Debian, whose mirror has the kernels".to_string());
    }
    let qemu = "qemu-system-x86_64";
    let remedy = "apt-get install --no-install-recommends qemu-system-x86";
    (!process::is_installed(qemu)).then(|| format!("it needs `{qemu}` ({remedy})"))
}

/// Builds what the machines run, with the C library in it, since they have none.
fn build() -> Result<Vec<PathBuf>> {
    let folder = workspace::target().join("kernels");
    let cargo = |args: &[&str]| {
        Program::cargo()
            .args(args)
            .args(["--locked", "--target", TARGET])
            // Other flags than the other steps: their build products would push each other out.
            .env("CARGO_TARGET_DIR", &folder)
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            // A machine has to read them from nothing at each start.
            .env("CARGO_PROFILE_DEV_STRIP", "debuginfo")
    };
    let features = ["--features", "mainspring/sim"];
    let packages = ["--package", LIBRARY, "--package", "mainspring-cli"];
    let tests = ["--test", "conformance", "--test", "choosing"];
    let said = cargo(&[&["test", "--no-run"], &tests[..], &packages, &features].concat());
    let mut programs = process::executables(&said.echo().output()?);
    let bins = ["--bin", "mainspring", "--bin", "without-uring", "--package", "without-uring"];
    cargo(&[&["build"], &bins[..], &packages, &features].concat()).run()?;
    let built = folder.join(TARGET).join("debug");
    programs.extend(["mainspring", "without-uring"].map(|name| built.join(name)));
    Ok(programs)
}

impl Kernel {
    fn commands(&self, filter: Option<&str>) -> Vec<Command> {
        let filter = filter.map(quoted).unwrap_or_default();
        let (kinds, others) = (self.kinds.join(","), OTHER_KINDS.join(","));
        let command = |name: &str, line: String| Command { name: name.to_string(), line };
        let conformance = |name: &str, kinds: &str, launcher: &str| {
            let line = format!("MAINSPRING_REQUIRE={kinds} {launcher} conformance {filter}");
            command(&format!("conformance of {kinds}{name}"), line)
        };
        let choosing = format!("MAINSPRING_PROGRAM=/bin/mainspring choosing {filter}");
        let mut commands = vec![
            command(PROBE, "mainspring probe".to_string()),
            conformance("", &kinds, ""),
            conformance(", io_uring hidden", &others, "without-uring ENOSYS"),
            command("choosing", choosing.clone()),
        ];
        for value in [1, 2].into_iter().filter(|_| self.switch) {
            let name = format!("choosing with io_uring_disabled={value}");
            commands.push(command(&name, format!("echo {value} > {SWITCH} && {choosing}")));
        }
        commands
    }

    /// It is the kernel that was meant to be tried.
    fn check(&self, release: &str) -> Result<()> {
        if release.starts_with(&format!("{}.", self.version)) {
            return Ok(());
        }
        Err(Failure::new(format!(
            "Debian {} was meant to have Linux {} and has {release}: correct the table of kernels",
            self.suite, self.version
        )))
    }
}

const SWITCH: &str = "/proc/sys/kernel/io_uring_disabled";

/// The one outcome that is of interest when it is good.
const PROBE: &str = "probe";

fn show(outcome: &Outcome) {
    let Outcome { name, status, seconds, text } = outcome;
    let tests = tests_run(text);
    let tests = if tests == 0 { String::new() } else { format!(", {tests} tests") };
    let verdict = if *status == 0 { "ok".to_string() } else { format!("FAILED ({status})") };
    println!("  {name}: {verdict}{tests}, {seconds:.1} s");
    if name == PROBE || *status != 0 {
        text.lines()
            .filter(|line| !line.ends_with(" ... ok"))
            .for_each(|line| println!("    {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_and_a_filter_can_be_chosen() {
        let read = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
            let (kernels, filter) = parse(&args).ok()?;
            let versions: Vec<_> = kernels.iter().map(|kernel| kernel.version).collect();
            Some((versions.join(","), filter.map(str::to_string)))
        };
        assert_eq!(read(&[]), Some(("5.10,6.1,6.12".to_string(), None)));
        let one = Some(("6.1".to_string(), Some("c6_".to_string())));
        assert_eq!(read(&["--kernel", "6.1", "c6_"]), one);
        for wrong in [&["--kernel"][..], &["--kernel", "2.4"], &["--quick"], &["a", "b"]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_wrong_kernel_is_noticed() {
        let kernel = &KERNELS[1];
        assert!(kernel.check("6.1.0-50-cloud-amd64").is_ok());
        assert!(kernel.check("6.12.107+deb13-cloud-amd64").is_err());
    }
}
