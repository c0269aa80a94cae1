//! The same echo loop, on Mainspring's poller and on mio's.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use clap::ValueEnum;
use mainspring::{Events, Interest, Poller, SystemCall, Token, Trigger};

/// Bytes a read may bring.
const BUFFER: usize = 4096;

/// Which loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contender {
    Mio,
    Mainspring,
}

impl Contender {
    pub(crate) const BOTH: [Contender; 2] = [Contender::Mio, Contender::Mainspring];
}

/// What a server asked of the system so far.
#[derive(Default)]
pub(crate) struct Counts {
    /// Requests about readiness, of Mainspring's alone: mio does not count.
    pub(crate) requests: AtomicU64,
    /// Waits for readiness.
    pub(crate) waits: AtomicU64,
}

impl Counts {
    /// Requests and waits.
    pub(crate) fn read(&self) -> [u64; 2] {
        [self.requests.load(Ordering::Relaxed), self.waits.load(Ordering::Relaxed)]
    }
}

/// What a server is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Whether its waits are for both directions.
    pub(crate) both: bool,
    /// Whether Mainspring's loop takes a short read for the end of what is there. mio has to be
    /// told by the call itself.
    pub(crate) short: bool,
}

/// A server on a thread of its own, until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) counts: Arc<Counts>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Starts one.
    pub(crate) fn start(contender: Contender, load: Load) -> io::Result<Server> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (counts, ends) = (Arc::<Counts>::default(), Arc::<AtomicBool>::default());
        let (counted, ended) = (Arc::clone(&counts), Arc::clone(&ends));
        let thread = thread::spawn(move || match contender {
            Contender::Mio => on_mio(&listener, load, &ended, &counted),
            Contender::Mainspring => on_mainspring(&listener, load, &ended, &counted),
        });
        Ok(Server { address, counts, ends, thread: Some(thread) })
    }

    /// Ends it, once its clients are gone.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.ends.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            _ => Err(io::Error::other("a server panicked")),
        }
    }
}

fn on_mainspring(
    listener: &TcpListener,
    load: Load,
    ends: &AtomicBool,
    counts: &Counts,
) -> io::Result<()> {
    let mut poller = Poller::new()?;
    let interest =
        if load.both { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
    let mut streams = Vec::new();
    for index in 0..load.connections {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        poller.registry().add(&stream, Token(index as u64), interest, Trigger::Edge)?;
        streams.push(stream);
    }
    let registry = poller.registry().clone();
    let mut events = Events::with_capacity(1024);
    let mut left = load.connections;
    while left > 0 && !ends.load(Ordering::Relaxed) {
        poller.wait(&mut events, Some(std::time::Duration::from_millis(500)))?;
        for event in &events {
            let stream = &mut streams[event.token.0 as usize];
            if !event.ready.is_readable() {
                continue;
            }
            match echo(stream, load.short)? {
                Echoed::Over => left -= 1,
                Echoed::Dry => registry.rearm(stream, Interest::READABLE)?,
            }
        }
        let metrics = registry.metrics();
        let calls = [SystemCall::Add, SystemCall::Modify, SystemCall::Remove];
        let count = calls.iter().map(|call| metrics.system_calls(*call)).sum();
        counts.requests.store(count, Ordering::Relaxed);
        counts.waits.store(metrics.system_calls(SystemCall::Wait), Ordering::Relaxed);
    }
    Ok(())
}

fn on_mio(
    listener: &TcpListener,
    load: Load,
    ends: &AtomicBool,
    counts: &Counts,
) -> io::Result<()> {
    let mut poll = mio::Poll::new()?;
    let interest = match load.both {
        true => mio::Interest::READABLE | mio::Interest::WRITABLE,
        false => mio::Interest::READABLE,
    };
    let mut streams = Vec::new();
    for index in 0..load.connections {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        poll.registry().register(&mut stream, mio::Token(index), interest)?;
        streams.push(stream);
    }
    let mut events = mio::Events::with_capacity(1024);
    let mut left = load.connections;
    while left > 0 && !ends.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(std::time::Duration::from_millis(500)))?;
        for event in &events {
            if !event.is_readable() {
                continue;
            }
            if matches!(echo(&mut streams[event.token().0], false)?, Echoed::Over) {
                left -= 1;
            }
        }
        counts.waits.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

enum Echoed {
    /// Nothing more is there.
    Dry,
    /// The client is gone.
    Over,
}

/// Sends back what is there, until a call says that nothing is, or, if `short`, a read does that
/// brings less than there is room for. The messages are so short that the socket takes each.
fn echo(stream: &mut (impl Read + Write), short: bool) -> io::Result<Echoed> {
    let mut buffer = [0; BUFFER];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(Echoed::Over),
            Ok(count) => {
                stream.write_all(&buffer[..count])?;
                if short && count < BUFFER {
                    return Ok(Echoed::Dry);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Echoed::Dry),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Ok(Echoed::Over);
            }
            Err(error) => return Err(error),
        }
    }
}
