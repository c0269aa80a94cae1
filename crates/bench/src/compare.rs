//! The measurement: every contender's server at once, short slices in turns, ratios within a turn.
//!
//! A machine that others use too drifts within seconds, by more than what is to be told apart.
//! Two slices of some milliseconds, one right after the other, meet the same machine. So what is
//! compared is never one contender's sum to another's, but the slices of one turn, A B C, then
//! B C A; the median of many such ratios does not mind the turns that something broke into.
//!
//! A process also has a fate of its own: where its memory came to lie, in which order it
//! accepted. So the servers are started anew several times, and the interval of the median is
//! found by drawing whole generations of servers, not single turns, with replacement: it says
//! what another run of this program would find, not only what more turns of this one would.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::load::Load;
use crate::ratio::{interval, median};
use crate::server::{Server, pin};
use crate::servers::Contender;

/// What to measure.
pub(crate) struct Plan {
    pub(crate) connections: Vec<usize>,
    pub(crate) generations: usize,
    pub(crate) turns: usize,
    pub(crate) slice: Duration,
    pub(crate) bytes: usize,
    pub(crate) contenders: Vec<Contender>,
}

/// Nanoseconds for each message or read, a value a contender: the slices of one turn.
pub(crate) type Turn = Vec<f64>;

/// Measures and prints one table for each number of connections.
pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    pin(1)?;
    raise_descriptor_limit()?;
    for &connections in &plan.connections {
        let generations: Vec<Vec<Turn>> = (0..plan.generations)
            .map(|generation| measure(plan, connections, generation))
            .collect::<io::Result<_>>()?;
        print(plan, connections, &generations)?;
    }
    Ok(())
}

/// The turns of one generation of servers.
fn measure(plan: &Plan, connections: usize, generation: usize) -> io::Result<Vec<Turn>> {
    let count = plan.contenders.len();
    let mut pairs = Vec::new();
    for &contender in &plan.contenders {
        let server = Server::start(contender)?;
        let mut load = Load::connect(server.address(), connections, plan.bytes)?;
        load.run(Duration::from_millis(100))?;
        pairs.push((server, load));
    }
    let mut turns = Vec::new();
    for turn in 0..plan.turns {
        let mut slices = vec![0.0; count];
        for place in 0..count {
            let which = (generation + turn + place) % count;
            let (server, load) = &mut pairs[which];
            // The caches are the last contender's.
            load.run(plan.slice / 8)?;
            let before = server.on_processor_ns()?;
            let messages = load.run(plan.slice)?;
            let spent = server.on_processor_ns()? - before;
            slices[which] = spent as f64 / messages as f64;
        }
        turns.push(slices);
    }
    Ok(turns)
}

fn print(plan: &Plan, connections: usize, generations: &[Vec<Turn>]) -> io::Result<()> {
    let load = fs::read_to_string("/proc/loadavg")?;
    println!(
        "{connections} connections, {} bytes, {} generations of {} turns, load average {}",
        plan.bytes,
        plan.generations,
        plan.turns,
        load.split_whitespace().next().unwrap_or_default(),
    );
    let names: Vec<String> = plan.contenders.iter().map(Contender::to_string).collect();
    table(&names, "message", generations);
    Ok(())
}

/// Prints the median of each contender, and its ratios to those above it.
pub(crate) fn table(names: &[String], what: &str, generations: &[Vec<Turn>]) {
    let least = |which: usize| {
        generations.iter().flatten().map(|turn| turn[which]).fold(f64::INFINITY, f64::min)
    };
    for (which, contender) in names.iter().enumerate() {
        let mut times: Vec<f64> = generations.iter().flatten().map(|turn| turn[which]).collect();
        print!(
            "  {contender:<12} {:>7.0} ns a {what}, least {:>7.0}",
            median(&mut times),
            least(which)
        );
        for (other, name) in names.iter().enumerate().take(which) {
            let ratios = |turns: &Vec<Turn>| turns.iter().map(|t| t[which] / t[other]).collect();
            let ratios: Vec<Vec<f64>> = generations.iter().map(ratios).collect();
            let (low, middle, high) = interval(&ratios);
            let least = least(which) / least(other);
            print!("   / {name}: {middle:.3} ({low:.3} to {high:.3}), of the least {least:.3}");
        }
        println!();
    }
}

/// All contenders' connections are open at once; the servers inherit the limit.
fn raise_descriptor_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}
