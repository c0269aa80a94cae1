//! Echo throughput: both servers at once, short slices in turns, ratios within a turn.
//!
//! The clients are threads with blocking sockets, a few connections each: they stand on neither
//! contender.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::ratio::{interval, median};
use crate::servers::{Contender, Load, Server};

/// Threads of the load.
const THREADS: usize = 2;
const MESSAGE: [u8; 64] = [7; 64];

/// What is measured, for each number of connections.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Plan {
    /// How often the servers are started anew.
    #[arg(long, default_value_t = 3)]
    generations: usize,
    /// Turns of one generation; in each, both are measured for one slice.
    #[arg(long, default_value_t = 15)]
    turns: usize,
    /// Milliseconds of a slice.
    #[arg(long, default_value_t = 150)]
    slice_ms: u64,
    /// One alone, for a trace of its calls.
    #[arg(long)]
    only: Option<Contender>,
    /// Mainspring's server takes a short read for the end of what is there.
    #[arg(long)]
    short: bool,
}

/// Measures with waits for reading, and with waits for both directions, and prints a line each.
pub(crate) fn run(connections: usize, plan: Plan) -> io::Result<()> {
    for both in [false, true] {
        let mut spent = Vec::new();
        for generation in 0..plan.generations {
            let load = Load { connections, both, short: plan.short };
            spent.push(measure(load, generation, plan)?);
        }
        let interest = if both { "read and write" } else { "read only     " };
        println!("{connections:>4} connections, {interest}: {}", tell(&spent, plan.only));
    }
    Ok(())
}

/// What a server did in a slice.
#[derive(Clone, Copy, Default)]
struct Slice {
    messages: u64,
    seconds: f64,
    /// Requests and waits.
    calls: [u64; 2],
}

impl Slice {
    fn rate(&self) -> f64 {
        self.messages as f64 / self.seconds
    }
}

/// Slices of a turn, one a contender; nothing of one that was left out.
type Turn = [Slice; 2];

fn tell(generations: &[Vec<Turn>], only: Option<Contender>) -> String {
    let turns = || generations.iter().flatten();
    let each = Contender::BOTH.map(|contender| {
        let which = contender as usize;
        let messages: u64 = turns().map(|turn| turn[which].messages).sum();
        let calls = [0, 1].map(|call| {
            let count: u64 = turns().map(|turn| turn[which].calls[call]).sum();
            count as f64 / messages as f64
        });
        let rate = median(&mut turns().map(|turn| turn[which].rate()).collect::<Vec<_>>());
        let asked = match contender {
            Contender::Mio => String::new(),
            Contender::Mainspring => format!("{:.2} requests and ", calls[0]),
        };
        let name = format!("{contender:?}").to_lowercase();
        format!("{name} {rate:.0} messages/s ({messages}, {asked}{:.2} waits each)", calls[1])
    });
    if let Some(only) = only {
        return each[only as usize].clone();
    }
    let ratios: Vec<Vec<f64>> = generations
        .iter()
        .map(|turns| turns.iter().map(|turn| turn[1].rate() / turn[0].rate()).collect())
        .collect();
    let (low, middle, high) = interval(&ratios);
    format!("ratio {middle:.3} ({low:.3} to {high:.3}): {}, {}", each[0], each[1])
}

fn measure(load: Load, generation: usize, plan: Plan) -> io::Result<Vec<Turn>> {
    let slice = Duration::from_millis(plan.slice_ms);
    let mut pairs = Vec::new();
    for contender in Contender::BOTH {
        if plan.only.is_some_and(|only| only != contender) {
            continue;
        }
        let server = Server::start(contender, load)?;
        let mut clients = Clients::connect(server.address, load.connections)?;
        clients.run(slice / 2)?;
        pairs.push((contender, server, clients));
    }
    let mut measured = Vec::new();
    for turn in 0..plan.turns {
        let mut this = Turn::default();
        for place in 0..pairs.len() {
            let which = (generation + turn + place) % pairs.len();
            let (contender, server, clients) = &mut pairs[which];
            clients.run(slice / 8)?;
            let (begin, before) = (Instant::now(), server.counts.read());
            let messages = clients.run(slice)?;
            let (seconds, after) = (begin.elapsed().as_secs_f64(), server.counts.read());
            let calls = [0, 1].map(|call| after[call] - before[call]);
            this[*contender as usize] = Slice { messages, seconds, calls };
        }
        measured.push(this);
    }
    for (_, server, clients) in pairs {
        drop(clients);
        server.end()?;
    }
    Ok(measured)
}

/// Connections, on a few threads.
struct Clients(Vec<Vec<TcpStream>>);

impl Clients {
    fn connect(address: SocketAddr, count: usize) -> io::Result<Clients> {
        let mut threads: Vec<Vec<TcpStream>> = Vec::new();
        threads.resize_with(THREADS.min(count), Vec::new);
        for index in 0..count {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            let threads_now = threads.len();
            threads[index % threads_now].push(stream);
        }
        Ok(Clients(threads))
    }

    /// Sends a message on each connection, takes all echoes home, and again, until the time is
    /// over; returns how many came home.
    fn run(&mut self, time: Duration) -> io::Result<u64> {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let each: Vec<_> =
                self.0.iter_mut().map(|streams| scope.spawn(|| talk(streams, &over))).collect();
            thread::sleep(time);
            over.store(true, Ordering::Relaxed);
            let joined = each.into_iter().map(|thread| thread.join());
            joined.map(|count| count.map_err(|_| io::Error::other("a client panicked"))?).sum()
        })
    }
}

fn talk(streams: &mut [TcpStream], over: &AtomicBool) -> io::Result<u64> {
    let mut messages = 0;
    while !over.load(Ordering::Relaxed) {
        for stream in &mut *streams {
            stream.write_all(&MESSAGE)?;
        }
        for stream in &mut *streams {
            let mut echo = [0; MESSAGE.len()];
            stream.read_exact(&mut echo)?;
            messages += 1;
        }
    }
    Ok(messages)
}
