//! One contender's server as a process of its own, and the account of its processor time.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::servers::{Contender, PEERS};

/// A server, until it is dropped.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    pub(crate) fn start(contender: Contender) -> io::Result<Server> {
        let mut command = command(contender)?;
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.map_err(|error| absent(contender, error))?;
        let mut line = String::new();
        if let Some(output) = process.stdout.as_mut() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.trim().parse().map_err(io::Error::other)?;
        Ok(Server { process, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Time its threads have run, the kernel's workers for it included, from the scheduler's own
    /// account.
    pub(crate) fn on_processor_ns(&self) -> io::Result<u64> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let account = fs::read_to_string(thread?.path().join("schedstat"))?;
            let first = account.split_whitespace().next().unwrap_or_default();
            sum += first.parse::<u64>().map_err(io::Error::other)?;
        }
        Ok(sum)
    }
}

/// The program that serves as `contender`.
fn command(contender: Contender) -> io::Result<Command> {
    let here = std::env::current_exe()?;
    let mut command = if contender.is_peer() {
        Command::new(here.with_file_name(PEERS))
    } else {
        let mut command = Command::new(here);
        command.arg("serve");
        command
    };
    command.arg(contender.to_string());
    Ok(command)
}

fn absent(contender: Contender, error: io::Error) -> io::Error {
    if !contender.is_peer() || error.kind() != io::ErrorKind::NotFound {
        return error;
    }
    io::Error::new(
        error.kind(),
        format!(
            "{contender} needs {PEERS} beside this program: cargo build --release \
             --manifest-path crates/bench/peers/Cargo.toml --target-dir target"
        ),
    )
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server is ours and has nothing to lose; it may also have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Keeps this thread on one processor; on a machine with fewer, on the last.
pub(crate) fn pin(processor: usize) -> io::Result<()> {
    let count = std::thread::available_parallelism()?.get();
    let mut set = CpuSet::new();
    set.set(processor.min(count - 1));
    Ok(sched_setaffinity(None, &set)?)
}
