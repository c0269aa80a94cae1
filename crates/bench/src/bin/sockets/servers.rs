//! The same echo loop, on Mainspring's poller and on mio's.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use mainspring::{Events, Interest, Poller, SystemCall, Token, Trigger};

/// Bytes a read may bring.
const BUFFER: usize = 4096;

/// Which loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Mio,
    Mainspring,
}

impl Contender {
    pub(crate) const BOTH: [Contender; 2] = [Contender::Mio, Contender::Mainspring];
}

/// A server on a thread of its own, until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Requests to the kernel about readiness, of Mainspring's alone.
    pub(crate) requests: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Starts one for a number of connections, whose waits are for both directions if `both`.
    pub(crate) fn start(
        contender: Contender,
        connections: usize,
        both: bool,
    ) -> io::Result<Server> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (requests, ends) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (counted, ended) = (Arc::clone(&requests), Arc::clone(&ends));
        let thread = thread::spawn(move || match contender {
            Contender::Mio => on_mio(&listener, connections, both, &ended),
            Contender::Mainspring => on_mainspring(&listener, connections, both, &ended, &counted),
        });
        Ok(Server { address, requests, ends, thread: Some(thread) })
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
    connections: usize,
    both: bool,
    ends: &AtomicBool,
    requests: &AtomicU64,
) -> io::Result<()> {
    let mut poller = Poller::new()?;
    let interest = if both { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
    let mut streams = Vec::new();
    for index in 0..connections {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        poller.registry().add(&stream, Token(index as u64), interest, Trigger::Edge)?;
        streams.push(stream);
    }
    let registry = poller.registry().clone();
    let mut events = Events::with_capacity(1024);
    let mut left = connections;
    while left > 0 && !ends.load(Ordering::Relaxed) {
        poller.wait(&mut events, Some(std::time::Duration::from_millis(500)))?;
        for event in &events {
            let stream = &mut streams[event.token.0 as usize];
            if !event.ready.is_readable() {
                continue;
            }
            match echo(stream)? {
                Echoed::Over => left -= 1,
                Echoed::Dry => registry.rearm(stream, Interest::READABLE)?,
            }
        }
        let metrics = registry.metrics();
        let calls = [SystemCall::Add, SystemCall::Modify, SystemCall::Remove];
        let count = calls.iter().map(|call| metrics.system_calls(*call)).sum();
        requests.store(count, Ordering::Relaxed);
    }
    Ok(())
}

fn on_mio(
    listener: &TcpListener,
    connections: usize,
    both: bool,
    ends: &AtomicBool,
) -> io::Result<()> {
    let mut poll = mio::Poll::new()?;
    let interest = match both {
        true => mio::Interest::READABLE | mio::Interest::WRITABLE,
        false => mio::Interest::READABLE,
    };
    let mut streams = Vec::new();
    for index in 0..connections {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        poll.registry().register(&mut stream, mio::Token(index), interest)?;
        streams.push(stream);
    }
    let mut events = mio::Events::with_capacity(1024);
    let mut left = connections;
    while left > 0 && !ends.load(Ordering::Relaxed) {
        poll.poll(&mut events, Some(std::time::Duration::from_millis(500)))?;
        for event in &events {
            if !event.is_readable() {
                continue;
            }
            if matches!(echo(&mut streams[event.token().0])?, Echoed::Over) {
                left -= 1;
            }
        }
    }
    Ok(())
}

enum Echoed {
    /// Nothing more is there.
    Dry,
    /// The client is gone.
    Over,
}

/// Sends back what is there. The messages are so short that the socket takes each.
fn echo(stream: &mut (impl Read + Write)) -> io::Result<Echoed> {
    let mut buffer = [0; BUFFER];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(Echoed::Over),
            Ok(count) => stream.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Echoed::Dry),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Ok(Echoed::Over);
            }
            Err(error) => return Err(error),
        }
    }
}
