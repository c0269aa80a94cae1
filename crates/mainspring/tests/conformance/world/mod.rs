//! The world a test lives in: how a kind makes sockets, and what time it is there.
//!
//! A test body sees no kernel and no simulator, only a [`World`] with the verbs both have. So it
//! is the same body on each, and a difference between two kinds is a failure of one of them.

#[cfg(unix)]
mod machine;
#[cfg(feature = "sim")]
mod simulated;
#[cfg(windows)]
mod windows;

use std::io;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mainspring::{AsSource, Builder, Choice, Driver, Kind, Poller};

use crate::counts::counted;

#[cfg(windows)]
use windows as machine;

/// How long a test waits for what has to come, on the clock of its world.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What a world is to be like.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    kind: Kind,
    pinned: bool,
}

impl Plan {
    pub(crate) const fn new(kind: Kind) -> Plan {
        Plan { kind, pinned: false }
    }

    /// With drivers that belong to the thread that turns them.
    #[allow(dead_code, reason = "not every system has a kind that such drivers are different on")]
    pub(crate) const fn pinned(mut self) -> Plan {
        self.pinned = true;
        self
    }

    pub(crate) const fn kind(self) -> Kind {
        self.kind
    }
}

/// Sockets, queues and time of one kind.
pub(crate) struct World {
    kind: Kind,
    pinned: bool,
    base: Instant,
    #[cfg(feature = "sim")]
    simulation: Option<mainspring::Simulation>,
}

/// A socket of a world, in non-blocking mode.
#[derive(Debug)]
pub(crate) enum Socket {
    Machine(machine::Socket),
    #[cfg(feature = "sim")]
    Simulated(mainspring::SimSocket),
}

/// Where a listener is.
pub(crate) enum Address {
    Machine(machine::Address),
    #[cfg(feature = "sim")]
    Simulated(mainspring::SimAddress),
}

/// The number of a source, without the source: what is left when it was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(u64);

impl AsSource for Number {
    fn raw_source_number(&self) -> u64 {
        self.0
    }
}

impl World {
    pub(crate) fn open(Plan { kind, pinned }: Plan) -> World {
        World {
            kind,
            pinned,
            base: Instant::now(),
            #[cfg(feature = "sim")]
            simulation: (kind == Kind::Sim).then(|| mainspring::Simulation::new(SEED)),
        }
    }

    /// Whether time is the machine's, and other threads and tests use it up too.
    pub(crate) fn is_real(&self) -> bool {
        self.kind != Kind::Sim
    }

    /// Whether the mechanism remembers the sources from one wait to the next. `poll` is told anew
    /// each time, and so is Windows, one source at a time: what was closed leaves nothing behind,
    /// and an edge is made from levels.
    pub(crate) fn remembers(&self) -> bool {
        !matches!(self.kind, Kind::Poll | Kind::Iocp | Kind::WsaPoll)
    }

    /// Whether a source that was closed in the set is told as an error, once.
    pub(crate) fn tells_of_the_closed(&self) -> bool {
        matches!(self.kind, Kind::Poll | Kind::WsaPoll)
    }

    /// Whether a source is told that its own end was shut down by its own side.
    pub(crate) fn hears_itself(&self) -> bool {
        !matches!(self.kind, Kind::Iocp | Kind::WsaPoll)
    }

    /// Whether the end of a stream is told although there is data before it that nobody has read.
    pub(crate) fn looks_behind_data(&self) -> bool {
        // Windows itself does; Wine, under which the suite is run, does not.
        !matches!(self.kind, Kind::Iocp | Kind::WsaPoll)
    }

    /// Whether a number is known to name another file than before, although the former file lives
    /// on in a duplicate. Windows tells of a socket's end with its last handle only.
    pub(crate) fn knows_files(&self) -> bool {
        self.kind != Kind::Iocp
    }

    /// Whether an edge is silent until the source is rearmed.
    pub(crate) fn rearms(&self) -> bool {
        matches!(self.kind, Kind::Iocp | Kind::WsaPoll)
    }

    /// So often was a source reported that had been closed and lived on in a duplicate: once where
    /// the kernel cannot be told of its end, never where nothing is remembered, and on a ring once
    /// if the report was faster than the end.
    #[track_caller]
    pub(crate) fn left_over(&self, stale: u64) {
        let expected = match self.kind {
            Kind::Uring => stale.min(1),
            _ => u64::from(self.remembers()),
        };
        counted(stale, expected);
    }

    /// Whether a removed source is let go of before the removal returns, also while another thread
    /// waits; a ring is only asked to, and does so a moment later.
    pub(crate) fn lets_go_at_once(&self) -> bool {
        self.kind != Kind::Uring
    }

    /// So many changes of a source cost this many system calls of their own: one each, or none
    /// where they go with the next turn, on a kernel that has all that takes.
    #[track_caller]
    pub(crate) fn change_cost(&self, calls: u64, changes: u64) {
        let leaves_it = self.pinned && self.kind == Kind::Uring && calls == 0;
        counted(calls, if leaves_it { 0 } else { changes });
    }

    /// A poller of this kind.
    pub(crate) fn poller(&self) -> Poller {
        #[cfg(feature = "sim")]
        if let Some(simulation) = &self.simulation {
            return Poller::simulated(simulation).expect("a poller in the simulation");
        }
        Poller::open(&Choice::Exactly(self.kind)).expect("a poller of a kind that is available")
    }

    /// A driver of this kind.
    pub(crate) fn driver(&self) -> Driver {
        self.driver_with(Builder::new())
    }

    /// A driver of this kind with further settings.
    pub(crate) fn driver_with(&self, builder: Builder) -> Driver {
        #[cfg(feature = "sim")]
        if let Some(simulation) = &self.simulation {
            return builder.simulation(simulation).build().expect("a driver in the simulation");
        }
        let builder = builder.choice(Choice::Exactly(self.kind));
        let builder = if self.pinned { builder.pinned() } else { builder };
        builder.build().expect("a driver of a kind that is available")
    }

    /// The time on the clock of this world.
    pub(crate) fn now(&self) -> Duration {
        #[cfg(feature = "sim")]
        if let Some(simulation) = &self.simulation {
            return simulation.now();
        }
        self.base.elapsed()
    }

    /// The time after which what was going to happen has happened: the journey of a packet. Only
    /// the absence of an event is ever shown by waiting this long.
    pub(crate) fn moment(&self) -> Duration {
        let real = Duration::from_millis(if cfg!(windows) { 30 } else { 10 });
        if self.is_real() { real } else { Duration::from_secs(1) }
    }

    /// Two connected Unix sockets.
    pub(crate) fn pair(&self) -> (Socket, Socket) {
        #[cfg(feature = "sim")]
        if let Some(simulation) = &self.simulation {
            let (a, b) = simulation.unix_pair().expect("a simulated pair");
            return (Socket::Simulated(a), Socket::Simulated(b));
        }
        let (a, b) = machine::pair();
        (Socket::Machine(a), Socket::Machine(b))
    }

    /// Two connected TCP sockets, the connecting one first.
    pub(crate) fn tcp_pair(&self) -> (Socket, Socket) {
        let (listener, address) = self.tcp_listener();
        let client = self.tcp_connect(&address);
        let deadline = self.now() + PATIENCE;
        loop {
            match listener.accept() {
                Ok(server) => return (client, server),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            assert!(self.now() < deadline, "no connection came");
            self.let_pass(Duration::from_micros(100));
        }
    }

    /// A TCP socket that listens on a port of its own.
    pub(crate) fn tcp_listener(&self) -> (Socket, Address) {
        #[cfg(feature = "sim")]
        if let Some(simulation) = &self.simulation {
            let (listener, address) = simulated::tcp_listener(simulation);
            return (Socket::Simulated(listener), Address::Simulated(address));
        }
        let (listener, address) = machine::tcp_listener();
        (Socket::Machine(listener), Address::Machine(address))
    }

    /// Begins to connect.
    pub(crate) fn tcp_connect(&self, address: &Address) -> Socket {
        match address {
            Address::Machine(address) => Socket::Machine(machine::tcp_connect(address)),
            #[cfg(feature = "sim")]
            Address::Simulated(address) => {
                let simulation = self.simulation.as_ref().expect("the world of the address");
                Socket::Simulated(simulated::tcp_connect(simulation, address))
            }
        }
    }

    /// Gives the socket a number that no other test of this process gets in the meantime, so that
    /// a test may close it and say what the number means afterwards.
    pub(crate) fn apart(&self, socket: Socket) -> Socket {
        match socket {
            Socket::Machine(socket) => Socket::Machine(socket.apart()),
            // Numbers are the simulation's, and a test has one of its own.
            #[cfg(feature = "sim")]
            simulated => simulated,
        }
    }

    /// Lets time pass without looking at a queue.
    pub(crate) fn let_pass(&self, step: Duration) {
        #[cfg(feature = "sim")]
        if let Some(simulation) = &self.simulation {
            return simulation.advance(step);
        }
        std::thread::sleep(step);
    }
}

#[cfg(feature = "sim")]
const SEED: u64 = 0x6d61_696e;

/// Calls the method of whichever socket it is.
macro_rules! each {
    ($on:expr, $socket:ident => $call:expr) => {
        match $on {
            Socket::Machine($socket) => $call,
            #[cfg(feature = "sim")]
            Socket::Simulated($socket) => $call,
        }
    };
}

impl AsSource for Socket {
    fn raw_source_number(&self) -> u64 {
        each!(self, socket => socket.raw_source_number())
    }
}

impl Socket {
    /// The number the queue knows the socket by.
    pub(crate) fn number(&self) -> Number {
        Number(self.raw_source_number())
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Machine(socket) => socket.read(buffer),
            #[cfg(feature = "sim")]
            Socket::Simulated(socket) => socket.recv(buffer, false),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Machine(socket) => socket.write(bytes),
            #[cfg(feature = "sim")]
            Socket::Simulated(socket) => socket.send(bytes),
        }
    }

    /// Writes all of `bytes`, for which there is room.
    #[track_caller]
    pub(crate) fn put(&self, bytes: &[u8]) {
        assert_eq!(self.write(bytes).expect("room to write"), bytes.len());
    }

    /// Reads until the call says that it would block, or the stream ends.
    #[track_caller]
    pub(crate) fn drain(&self) -> usize {
        let mut total = 0;
        loop {
            match self.read(&mut [0; 4096]) {
                Ok(0) => return total,
                Ok(count) => total += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return total,
                Err(error) => panic!("reading: {error}"),
            }
        }
    }

    /// Writes until the call says that it would block.
    #[track_caller]
    pub(crate) fn fill(&self) -> usize {
        let mut total = 0;
        loop {
            match self.write(&[0x55; 4096]) {
                Ok(count) => total += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return total,
                Err(error) => panic!("writing: {error}"),
            }
        }
    }

    pub(crate) fn shut(&self, how: Shutdown) {
        match self {
            Socket::Machine(socket) => socket.shut(how),
            #[cfg(feature = "sim")]
            Socket::Simulated(socket) => socket.shutdown(how).expect("a connected socket"),
        }
    }

    /// Ends a TCP connection with a reset.
    pub(crate) fn reset(self) {
        match self {
            Socket::Machine(socket) => socket.reset(),
            #[cfg(feature = "sim")]
            Socket::Simulated(socket) => socket.reset().expect("a connected socket"),
        }
    }

    /// Sends one byte of urgent data, which only the machine's kernel has.
    pub(crate) fn put_urgent(&self, byte: u8) {
        match self {
            Socket::Machine(socket) => socket.put_urgent(byte),
            #[cfg(feature = "sim")]
            Socket::Simulated(_) => panic!("the simulated network has no urgent data"),
        }
    }

    /// Takes the byte of urgent data, if there is one.
    pub(crate) fn receive_urgent(&self) -> Option<u8> {
        match self {
            Socket::Machine(socket) => socket.receive_urgent(),
            #[cfg(feature = "sim")]
            Socket::Simulated(_) => None,
        }
    }

    pub(crate) fn accept(&self) -> io::Result<Socket> {
        match self {
            Socket::Machine(socket) => socket.accept().map(Socket::Machine),
            #[cfg(feature = "sim")]
            Socket::Simulated(socket) => {
                socket.accept().map(|(socket, _)| Socket::Simulated(socket))
            }
        }
    }

    /// Another number for the same open file.
    pub(crate) fn duplicate(&self) -> Socket {
        match self {
            Socket::Machine(socket) => Socket::Machine(socket.duplicate()),
            #[cfg(feature = "sim")]
            Socket::Simulated(socket) => {
                Socket::Simulated(socket.duplicate().expect("a free number"))
            }
        }
    }

    /// Another number for the same open file: this one, which is free.
    #[track_caller]
    pub(crate) fn duplicate_at(&self, number: Number) -> Socket {
        let duplicate = match self {
            Socket::Machine(socket) => Socket::Machine(socket.duplicate_at(number.0)),
            #[cfg(feature = "sim")]
            Socket::Simulated(_) => self.duplicate(),
        };
        assert_eq!(duplicate.number(), number, "the number was free");
        duplicate
    }

    /// Makes the number of `onto` name this socket's file, and closes what it named before.
    pub(crate) fn duplicate_onto(&self, onto: &mut Socket) {
        match (self, onto) {
            (Socket::Machine(socket), Socket::Machine(onto)) => socket.duplicate_onto(onto),
            #[cfg(feature = "sim")]
            (Socket::Simulated(socket), Socket::Simulated(onto)) => {
                socket.duplicate_onto(onto).expect("two open numbers");
            }
            #[cfg(feature = "sim")]
            _ => panic!("two sockets of one world"),
        }
    }
}
