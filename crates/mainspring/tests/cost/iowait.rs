//! An idle driver on the ring does not count as waiting for a disk.
//!
//! The kernel takes a thread that waits for completions for one that waits for I/O, so a processor
//! with nothing else to do would be shown as 100 % `iowait`. A flag of the wait says otherwise. How
//! many wait for I/O stands in `/proc/stat` (`procs_blocked`), for the whole machine: others may
//! come and go, but a sleeping ring without the flag is always among them.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mainspring::{Builder, Choice, Kind};

use crate::child::{PATIENCE, Running, example};

/// How many threads of the machine wait for I/O.
fn blocked() -> u64 {
    let statistics = fs::read_to_string("/proc/stat").expect("a list of figures");
    let mut lines = statistics.lines();
    let figure = lines.find_map(|line| line.strip_prefix("procs_blocked "));
    figure.and_then(|figure| figure.trim().parse().ok()).expect("a figure")
}

/// Whether a process of one thread sleeps.
fn sleeps(process: u32) -> bool {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    // The name before it may hold anything.
    line.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
}

#[test]
fn an_idle_ring_is_not_iowait() {
    let in_force = Builder::new()
        .choice(Choice::Exactly(Kind::Uring))
        .build()
        .is_ok_and(|driver| driver.handle().backend().features().contains(&"no-iowait"));
    if !in_force {
        println!("LEFT OUT: no ring here, or its kernel is older than 6.15");
        return;
    }
    let mut echo = Command::new(example("echo"));
    let mut server = Running::start(echo.args(["127.0.0.1:0", "--backend", "uring"]));
    server.line();
    let process = server.child().id();
    let begun = Instant::now();
    loop {
        let asleep = sleeps(process);
        let blocked = blocked();
        if asleep && blocked == 0 && sleeps(process) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{blocked} wait for I/O, and one of them is the ring");
        thread::sleep(Duration::from_millis(1));
    }
}
