//! All steps in order; stops at the first that fails, and says how long each took.

use std::time::{Duration, Instant};

use crate::STEPS;
use crate::process::{Failure, Result};

/// The order: what is fast and fails often comes first.
const ORDER: &[(&str, &[&str])] = &[
    ("tidy", &[]),
    ("fmt", &[]),
    ("self-test", &[]),
    ("test", &[]),
    ("clippy", &[]),
    ("doc", &[]),
    ("conformance", &[]),
    ("kinds", &[]),
    ("loom", &[]),
    ("features", &[]),
    ("deny", &[]),
    ("mutants", &[]),
    ("kernels", &[]),
    ("msrv", &[]),
    ("windows", &[]),
    ("windows-mutants", &[]),
    // A whole campaign is `cargo xtask repeat`; here a few runs show what fails often.
    ("repeat", &["5"]),
];

pub fn run(args: &[String]) -> Result<()> {
    let mut tested = false;
    for arg in args {
        match arg.as_str() {
            "--list" => return list(),
            "--tested" => tested = true,
            _ => return Err(Failure::new(format!("ci takes no argument `{arg}`"))),
        }
    }
    let mut times = Vec::new();
    for &(name, args) in ORDER {
        let others = ["--others"];
        let args = if tested && name == "test" { others.as_slice() } else { args };
        let start = Instant::now();
        println!("\n=== {name} {}", args.join(" "));
        let result = step(name, args);
        times.push((name, start.elapsed()));
        if let Err(failure) = result {
            summary(&times);
            return Err(Failure::new(format!("step `{name}` FAILED: {failure}")));
        }
    }
    summary(&times);
    println!("all {} steps passed", times.len());
    Ok(())
}

fn step(name: &str, args: &[&str]) -> Result<()> {
    let args: Vec<String> = args.iter().map(|arg| arg.to_string()).collect();
    let step = STEPS.iter().find(|step| step.name == name);
    let step = step.ok_or_else(|| Failure::new(format!("no step `{name}`")))?;
    (step.run)(&args)
}

fn list() -> Result<()> {
    for (name, args) in ORDER {
        println!("cargo xtask {name} {}", args.join(" "));
    }
    Ok(())
}

fn summary(times: &[(&str, Duration)]) {
    println!("\nstep              seconds");
    for (name, time) in times {
        println!("{name:<16} {:>8.1}", time.as_secs_f64());
    }
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    println!("{:<16} {:>8.1}", "total", total.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_in_the_order_once() {
        for step in STEPS.iter().filter(|step| step.name != "ci") {
            let count = ORDER.iter().filter(|(name, _)| *name == step.name).count();
            assert_eq!(count, 1, "{}", step.name);
        }
        assert_eq!(ORDER.len() + 1, STEPS.len());
    }
}
