//! Registering and deregistering: both in turns, ratios within a turn.
//!
//! Two ways of it. In the first, a look at the queue lies between: what was registered is watched,
//! and ended again. In the second nothing does, and a backend that puts everything off until it
//! is looked at has nothing to do at all.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use mainspring::{Events, Interest, Poller, Token, Trigger};

use crate::ratio::{interval, median};

/// Generations, each with sockets of its own.
const GENERATIONS: usize = 3;

/// Measures `turns` turns and prints a line for each way.
pub(crate) fn run(sockets: usize, turns: usize) -> io::Result<()> {
    for looks in [true, false] {
        let (mut ratios, mut times) = (Vec::new(), [vec![], vec![]]);
        for generation in 0..GENERATIONS {
            let mut both = Both::new(sockets)?;
            let mut these = Vec::new();
            for turn in 0..turns.div_ceil(GENERATIONS) {
                let mut spent = [Duration::ZERO; 2];
                for place in 0..2 {
                    let which = (generation + turn + place) % 2;
                    spent[which] =
                        if which == 0 { both.mio(looks)? } else { both.mainspring(looks)? };
                }
                // More is better, as with throughput.
                these.push(spent[0].as_secs_f64() / spent[1].as_secs_f64());
                for which in 0..2 {
                    times[which].push(spent[which].as_secs_f64() * 1e6 / sockets as f64);
                }
            }
            ratios.push(these);
        }
        let (low, middle, high) = interval(&ratios);
        // The best is what the work costs; everything above it is what else the machine does.
        let [mio, mainspring] = times.map(|mut times| {
            let middle = median(&mut times);
            format!("{middle:.1} us each ({:.1} at best)", times.first().unwrap_or(&middle))
        });
        println!(
            "{sockets} sockets registered, {} deregistered: mio {mio}, mainspring {mainspring}, \
             ratio {middle:.3} ({low:.3} to {high:.3})",
            if looks { "looked at," } else { "and" },
        );
    }
    Ok(())
}

struct Both {
    streams: Vec<TcpStream>,
    _peers: Vec<TcpStream>,
    mios: Vec<mio::net::TcpStream>,
    poller: Poller,
    poll: mio::Poll,
}

impl Both {
    fn new(sockets: usize) -> io::Result<Both> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..2 * sockets {
            let stream = TcpStream::connect(listener.local_addr()?)?;
            stream.set_nonblocking(true)?;
            ours.push(stream);
            theirs.push(listener.accept()?.0);
        }
        let mios = ours.split_off(sockets).into_iter().map(mio::net::TcpStream::from_std);
        Ok(Both {
            mios: mios.collect(),
            streams: ours,
            _peers: theirs,
            poller: Poller::new()?,
            poll: mio::Poll::new()?,
        })
    }

    fn mainspring(&mut self, looks: bool) -> io::Result<Duration> {
        let mut events = Events::with_capacity(1024);
        let registry = self.poller.registry().clone();
        let begin = Instant::now();
        for (index, stream) in self.streams.iter().enumerate() {
            registry.add(stream, Token(index as u64), Interest::READABLE, Trigger::Edge)?;
        }
        if looks {
            self.poller.wait(&mut events, Some(Duration::ZERO))?;
        }
        for stream in &self.streams {
            registry.remove(stream)?;
        }
        if looks {
            self.poller.wait(&mut events, Some(Duration::ZERO))?;
        }
        Ok(begin.elapsed())
    }

    fn mio(&mut self, looks: bool) -> io::Result<Duration> {
        let mut events = mio::Events::with_capacity(1024);
        let begin = Instant::now();
        for (index, stream) in self.mios.iter_mut().enumerate() {
            self.poll.registry().register(stream, mio::Token(index), mio::Interest::READABLE)?;
        }
        if looks {
            self.poll.poll(&mut events, Some(Duration::ZERO))?;
        }
        for stream in &mut self.mios {
            self.poll.registry().deregister(stream)?;
        }
        if looks {
            self.poll.poll(&mut events, Some(Duration::ZERO))?;
        }
        Ok(begin.elapsed())
    }
}
