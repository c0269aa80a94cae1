//! The measurement: servers as processes, rounds that interleave them, medians and ratios.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::load::Load;
use crate::servers::Contender;

/// What to measure.
pub(crate) struct Plan {
    pub(crate) connections: Vec<usize>,
    pub(crate) rounds: usize,
    pub(crate) load: Duration,
    pub(crate) bytes: usize,
    pub(crate) contenders: Vec<Contender>,
}

struct Server {
    process: Child,
    address: SocketAddr,
}

/// Measures and prints one table for each number of connections.
pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    pin(1)?;
    for &connections in &plan.connections {
        let rows = measure(plan, connections)?;
        print(plan, connections, &rows);
    }
    Ok(())
}

/// For each contender, nanoseconds of server time for each message, a value a round.
fn measure(plan: &Plan, connections: usize) -> io::Result<Vec<Vec<f64>>> {
    let mut rows = vec![Vec::new(); plan.contenders.len()];
    for round in 0..=plan.rounds {
        for (contender, row) in plan.contenders.iter().zip(&mut rows) {
            let server = Server::start(*contender)?;
            let mut load = Load::connect(server.address, connections, plan.bytes)?;
            load.run(Duration::from_millis(100))?;
            let before = server.on_processor_ns()?;
            let messages = load.run(plan.load)?;
            let spent = server.on_processor_ns()? - before;
            // The first round warms the machine.
            if round > 0 {
                row.push(spent as f64 / messages as f64);
            }
        }
    }
    Ok(rows)
}

fn print(plan: &Plan, connections: usize, rows: &[Vec<f64>]) {
    println!("{connections} connections, {} bytes, {} rounds", plan.bytes, plan.rounds);
    for (contender, row) in plan.contenders.iter().zip(rows) {
        let mut ratios: Vec<f64> =
            row.iter().zip(&rows[0]).map(|(own, first)| own / first).collect();
        let mut times = row.clone();
        println!(
            "  {contender:<12} {:>8.0} ns a message   ratio to {}: median {:.3} ({:.3} to {:.3})",
            median(&mut times),
            plan.contenders[0],
            median(&mut ratios),
            ratios.first().copied().unwrap_or_default(),
            ratios.last().copied().unwrap_or_default(),
        );
    }
}

/// The middle value; sorts on the way.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl Server {
    fn start(contender: Contender) -> io::Result<Server> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", &contender.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.as_mut() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let address = line.trim().parse().map_err(io::Error::other)?;
        Ok(Server { process, address })
    }

    /// Time its one thread has run, from the scheduler's own account.
    fn on_processor_ns(&self) -> io::Result<u64> {
        let account = fs::read_to_string(format!("/proc/{}/schedstat", self.process.id()))?;
        let first = account.split_whitespace().next().unwrap_or_default();
        first.parse().map_err(io::Error::other)
    }
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
