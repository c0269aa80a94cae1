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
use crate::servers::{Contender, Server};

/// Threads of the load.
const THREADS: usize = 2;
const MESSAGE: [u8; 64] = [7; 64];

/// Measures with waits for reading, and with waits for both directions, and prints a line each.
pub(crate) fn run(
    connections: usize,
    generations: usize,
    turns: usize,
    slice_ms: u64,
) -> io::Result<()> {
    let slice = Duration::from_millis(slice_ms);
    for both in [false, true] {
        let (mut ratios, mut rates, mut requests) = (Vec::new(), [vec![], vec![]], Vec::new());
        for generation in 0..generations {
            let measured = measure(connections, both, generation, turns, slice)?;
            ratios.push(measured.iter().map(|turn| turn.rates[1] / turn.rates[0]).collect());
            for turn in measured {
                rates[0].push(turn.rates[0]);
                rates[1].push(turn.rates[1]);
                requests.push(turn.requests);
            }
        }
        let (low, middle, high) = interval(&ratios);
        println!(
            "{connections:>4} connections, {}: mio {:>8.0} messages/s, mainspring {:>8.0}, \
             ratio {middle:.3} ({low:.3} to {high:.3}); {:.2} requests a message",
            if both { "read and write" } else { "read only     " },
            median(&mut rates[0]),
            median(&mut rates[1]),
            median(&mut requests),
        );
    }
    Ok(())
}

struct Turn {
    /// Messages a second, a value a contender.
    rates: [f64; 2],
    /// What Mainspring asked the kernel for each message.
    requests: f64,
}

fn measure(
    connections: usize,
    both: bool,
    generation: usize,
    turns: usize,
    slice: Duration,
) -> io::Result<Vec<Turn>> {
    let mut pairs = Vec::new();
    for contender in Contender::BOTH {
        let server = Server::start(contender, connections, both)?;
        let mut load = Load::connect(server.address, connections)?;
        load.run(slice / 2)?;
        pairs.push((server, load));
    }
    let mut measured = Vec::new();
    for turn in 0..turns {
        let mut this = Turn { rates: [0.0; 2], requests: 0.0 };
        for place in 0..2 {
            let which = (generation + turn + place) % 2;
            let (server, load) = &mut pairs[which];
            load.run(slice / 8)?;
            let (begin, before) = (Instant::now(), server.requests.load(Ordering::Relaxed));
            let messages = load.run(slice)?;
            this.rates[which] = messages as f64 / begin.elapsed().as_secs_f64();
            let asked = server.requests.load(Ordering::Relaxed) - before;
            if Contender::BOTH[which] == Contender::Mainspring {
                this.requests = asked as f64 / messages as f64;
            }
        }
        measured.push(this);
    }
    for (server, load) in pairs {
        drop(load);
        server.end()?;
    }
    Ok(measured)
}

/// Connections, on a few threads.
struct Load(Vec<Vec<TcpStream>>);

impl Load {
    fn connect(address: SocketAddr, count: usize) -> io::Result<Load> {
        let mut threads: Vec<Vec<TcpStream>> = Vec::new();
        threads.resize_with(THREADS.min(count), Vec::new);
        for index in 0..count {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            let threads_now = threads.len();
            threads[index % threads_now].push(stream);
        }
        Ok(Load(threads))
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
