//! The core of the simulated kernel: numbers, open files, and what will happen when.
//!
//! As in Unix, a program names a *number*, the number names an *open file*, and several numbers
//! may name one file. Numbers are given lowest-free-first and used again at once, which is what
//! makes a stale registration dangerous on a real kernel and testable on this one; the identity of
//! a file is never used again. A file lives as long as a number or a running operation holds it.
//!
//! The future is a list sorted by time and, within one instant, by order of scheduling. Nothing
//! happens but by taking the first entry of that list, so there is one history for each seed.
//! Every call into the kernel first lets happen what is due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;

use super::Address;
use super::operation::{Operation, OperationId};
use super::queue::{Mask, Queue, QueueId};
use super::random::Random;
use super::trace::{Actor, Figure, Trace};
use crate::time::Clock;

/// Bytes on their way or unread in one direction of a connection, unless set otherwise. What a
/// Linux Unix socket and a fresh loopback connection hold lies between 64 KiB and 2.5 MiB; the
/// small end shows back-pressure early.
pub(super) const DEFAULT_SEND_BUFFER: usize = 64 * 1024;
/// Numbers in use at once, unless set otherwise; the usual hard limit of a Linux process is 2^20.
pub(super) const DEFAULT_MAX_SOCKETS: usize = 1 << 16;
/// The time a packet takes, unless set otherwise: that of a busy machine talking to itself.
pub(super) const DEFAULT_LATENCY_NS: (u64, u64) = (20_000, 200_000);

/// The identity of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId(pub(super) u64);

/// What the owner of a simulation may choose.
#[derive(Debug)]
pub(super) struct Knobs {
    pub(super) latency_ns: (u64, u64),
    pub(super) short_transfers: bool,
    pub(super) spurious_events: bool,
    pub(super) send_buffer: usize,
    pub(super) max_sockets: usize,
}

/// The protocol of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
    Unix,
}

/// A socket that accepts.
#[derive(Debug, Default)]
pub(super) struct Listener {
    pub(super) backlog: usize,
    /// A Unix listener that was shut down: nobody comes any more, who waits is still accepted.
    pub(super) shut: bool,
    /// Connections whose handshake is not over.
    pub(super) half_open: Vec<FileId>,
    /// Connections to be accepted.
    pub(super) queue: VecDeque<FileId>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The caller's end, before the answer.
    Opening,
    /// The answering end, before the caller has confirmed.
    Arriving { listener: FileId },
    /// Open, at least in one direction.
    Open,
    /// Refused or reset.
    Ended,
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) phase: Phase,
    pub(super) remote: Address,
    pub(super) peer: Option<FileId>,
    /// Bytes that have come and were not read.
    pub(super) arrived: VecDeque<u8>,
    /// Bytes sent that the peer has not read, as far as this end knows.
    pub(super) charged: usize,
    /// A send found no room, or a poll did: the next room is an edge.
    pub(super) starved: bool,
    pub(super) read_shut: bool,
    pub(super) write_shut: bool,
    /// The peer's end of file has come.
    pub(super) finished: bool,
    /// The caller was not told yet how its non-blocking connect ended.
    pub(super) unreported: bool,
    /// When the last packet of this direction arrives; the next is not earlier.
    pub(super) last_arrival_ns: u64,
}

/// What a socket is for.
#[derive(Debug)]
pub(super) enum Role {
    Idle,
    Listening(Listener),
    Stream(Stream),
}

/// An open file; all of them are sockets.
#[derive(Debug)]
pub(super) struct File {
    pub(super) family: Family,
    pub(super) local: Address,
    pub(super) bound: bool,
    pub(super) role: Role,
    /// The pending error, which one call takes.
    pub(super) error: Option<io::ErrorKind>,
    /// Numbers and operations that keep it open.
    pub(super) holders: usize,
    /// The registrations that watch it: the queue, and the number it was added under.
    pub(super) watchers: Vec<(QueueId, u32)>,
    /// Operations that wait for it to change.
    pub(super) waiting: Vec<OperationId>,
}

/// What one end sends the other.
#[derive(Debug)]
pub(super) enum Packet {
    Welcome,
    Confirm { listener: FileId },
    Data(Vec<u8>),
    Finish,
    Window(usize),
    Reset,
}

impl Packet {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Packet::Welcome => "welcome",
            Packet::Confirm { .. } => "confirm",
            Packet::Data(_) => "data",
            Packet::Finish => "finish",
            Packet::Window(_) => "window",
            Packet::Reset => "reset",
        }
    }
}

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// A connection request reaches the host.
    Request { from: FileId, to: SocketAddr, attempt: u32 },
    /// A packet reaches the other end.
    Arrival { from: FileId, to: FileId, packet: Packet },
    /// An operation is tried.
    Attempt(OperationId),
    /// A request to cancel reaches its operation.
    Cancel(OperationId),
}

/// The simulated kernel. All of it is behind one lock.
pub(super) struct Kernel {
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) trace: Trace,
    pub(super) knobs: Knobs,
    numbers: Vec<Option<FileId>>,
    free_numbers: BTreeSet<u32>,
    pub(super) files: BTreeMap<FileId, File>,
    next_id: u64,
    schedule: BTreeMap<(u64, u64), Happening>,
    /// Who holds a TCP port.
    pub(super) ports: BTreeMap<u16, Vec<FileId>>,
    /// Unix names; one whose socket is closed still occupies its path.
    pub(super) names: BTreeMap<Vec<u8>, Option<FileId>>,
    pub(super) queues: BTreeMap<QueueId, Queue>,
    pub(super) operations: BTreeMap<OperationId, Operation>,
}

impl Kernel {
    pub(super) fn new(seed: u64, clock: Clock) -> Kernel {
        Kernel {
            clock,
            random: Random::new(seed),
            trace: Trace::new(),
            knobs: Knobs {
                latency_ns: DEFAULT_LATENCY_NS,
                short_transfers: false,
                spurious_events: false,
                send_buffer: DEFAULT_SEND_BUFFER,
                max_sockets: DEFAULT_MAX_SOCKETS,
            },
            numbers: Vec::new(),
            free_numbers: BTreeSet::new(),
            files: BTreeMap::new(),
            next_id: 0,
            schedule: BTreeMap::new(),
            ports: BTreeMap::new(),
            names: BTreeMap::new(),
            queues: BTreeMap::new(),
            operations: BTreeMap::new(),
        }
    }

    /// A number for a file, a queue, an operation or a place in the schedule; never the same twice.
    pub(super) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn note(&mut self, actor: Actor, what: &'static str, first: Figure, second: Figure) {
        self.trace.note(self.clock.now_ns(), actor, what, [first, second]);
    }

    pub(super) fn note_file(&mut self, file: FileId, what: &'static str, figure: Figure) {
        self.note(Actor::File(file.0), what, figure, NO_FIGURE);
    }

    /// A new file that nothing holds yet.
    pub(super) fn create(&mut self, family: Family, local: Address, role: Role) -> FileId {
        let id = FileId(self.next_id());
        let file = File {
            family,
            local,
            bound: false,
            role,
            error: None,
            holders: 0,
            watchers: Vec::new(),
            waiting: Vec::new(),
        };
        self.files.insert(id, file);
        id
    }

    /// Whether another number may be given out.
    pub(super) fn check_room(&self) -> io::Result<()> {
        if self.numbers.len() - self.free_numbers.len() >= self.knobs.max_sockets {
            let limit = self.knobs.max_sockets;
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!("the simulation has its maximum of {limit} open sockets: close some"),
            ));
        }
        Ok(())
    }

    /// Gives `file` the lowest free number.
    pub(super) fn number(&mut self, file: FileId) -> io::Result<u32> {
        self.check_room()?;
        let number = match self.free_numbers.pop_first() {
            Some(number) => number,
            None => {
                self.numbers.push(None);
                self.numbers.len() as u32 - 1
            }
        };
        self.numbers[number as usize] = Some(file);
        self.hold(file);
        self.note_file(file, "opened", ("number", number.into()));
        Ok(number)
    }

    /// The file behind a number.
    pub(super) fn file_of(&self, number: u64) -> io::Result<FileId> {
        let index = usize::try_from(number).ok();
        let entry = index.and_then(|index| self.numbers.get(index).copied().flatten());
        entry.ok_or_else(|| {
            if number > u64::from(u32::MAX) {
                return io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "this queue is simulated and the source is the system's: register it with a \
                     driver or poller on one of the system's backends",
                );
            }
            io::Error::other(format!(
                "no simulated socket is open under the number {number}: it was closed"
            ))
        })
    }

    /// Makes the number `onto` name the file of `number`, closing what it named before.
    pub(super) fn duplicate_onto(&mut self, number: u32, onto: u32) -> io::Result<()> {
        let file = self.file_of(number.into())?;
        let before = self.file_of(onto.into())?;
        self.hold(file);
        self.numbers[onto as usize] = Some(file);
        self.note_file(file, "duplicated", ("number", onto.into()));
        self.let_go(before);
        Ok(())
    }

    /// Frees a number; the file goes with its last holder.
    pub(super) fn close(&mut self, number: u64) -> io::Result<()> {
        let file = self.file_of(number)?;
        self.numbers[number as usize] = None;
        self.free_numbers.insert(number as u32);
        self.note_file(file, "closed", ("number", number));
        self.let_go(file);
        Ok(())
    }

    pub(super) fn hold(&mut self, file: FileId) {
        if let Some(file) = self.files.get_mut(&file) {
            file.holders += 1;
        }
    }

    pub(super) fn let_go(&mut self, id: FileId) {
        let Some(file) = self.files.get_mut(&id) else { return };
        file.holders = file.holders.saturating_sub(1);
        if file.holders == 0 {
            self.release(id, false);
        }
    }

    /// Ends a file: its connection, its names and its registrations. With `abort` a connection
    /// ends in a reset.
    pub(super) fn release(&mut self, id: FileId, abort: bool) {
        let Some(file) = self.files.remove(&id) else { return };
        for &(queue, number) in &file.watchers {
            if let Some(queue) = self.queues.get_mut(&queue) {
                queue.forget((id, number));
            }
        }
        for &operation in &file.waiting {
            self.attempt_later(operation);
        }
        self.note_file(id, "released", NO_FIGURE);
        self.hang_up(id, file, abort);
    }

    /// Puts something in the schedule.
    pub(super) fn schedule(&mut self, at_ns: u64, happening: Happening) {
        let order = self.next_id();
        self.schedule.insert((at_ns, order), happening);
    }

    /// The time of the next thing that will happen.
    pub(super) fn next_happening_ns(&self) -> Option<u64> {
        self.schedule.first_key_value().map(|(&(at_ns, _), _)| at_ns)
    }

    /// Lets happen what is due by now.
    pub(super) fn run_due(&mut self) {
        self.run_until(self.clock.now_ns());
    }

    /// Moves the clock to `until_ns`, and lets everything up to then happen at its own time.
    pub(super) fn run_until(&mut self, until_ns: u64) {
        while let Some(entry) = self.schedule.first_entry() {
            let (at_ns, _) = *entry.key();
            if at_ns > until_ns {
                break;
            }
            let happening = entry.remove();
            self.clock.advance_to(at_ns);
            self.happen(happening);
        }
        self.clock.advance_to(until_ns);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Request { from, to, attempt } => self.request_arrives(from, to, attempt),
            Happening::Arrival { from, to, packet } => self.packet_arrives(from, to, packet),
            Happening::Attempt(operation) => self.attempt(operation),
            Happening::Cancel(operation) => self.cancel_arrives(operation),
        }
    }

    /// The travel time of the next packet.
    pub(super) fn latency_ns(&mut self) -> u64 {
        let (low, high) = self.knobs.latency_ns;
        self.random.between(low, high)
    }

    /// How much of a transfer of `whole` bytes is carried out.
    pub(super) fn shorten(&mut self, whole: usize) -> usize {
        if self.knobs.short_transfers && self.random.one_in(2) {
            self.random.part_of(whole)
        } else {
            whole
        }
    }

    /// Tells everyone who watches `id` that it has changed. An empty mask is a change of state,
    /// which concerns every watcher.
    pub(super) fn notify(&mut self, id: FileId, mask: Mask) {
        let Some(file) = self.files.get_mut(&id) else { return };
        let waiting = std::mem::take(&mut file.waiting);
        for &(queue, number) in &file.watchers {
            if let Some(queue) = self.queues.get_mut(&queue) {
                queue.report_later((id, number), mask);
            }
        }
        for operation in waiting {
            self.attempt_later(operation);
        }
    }
}

/// For an entry of the trace with fewer figures than it has room for.
pub(super) const NO_FIGURE: Figure = ("", 0);
