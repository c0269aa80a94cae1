//! Operations with the kernel: what each is, where its memory lies, and how it ends.
//!
//! ```text
//!   submit ─▶ record and memory ─▶ call ─┬─ begun ──▶ packet ─▶ completion, record free again
//!                                        └─ failed ─▶ error, record free again
//! ```
//!
//! # Memory
//!
//! The memory of operations lies in pages that are never moved, and freed when the kernel has none
//! of it. A packet brings the address of one; which page that is in is found by looking at ten
//! pages at most, because each is twice the one before. An address that is in none is somebody
//! else's: an operation that was begun by hand on a handle of ours. It is never followed.
//!
//! Beside each stands a record: whose it is and what is to be done at its end. A record becomes
//! free in two places, with the packet or with the call that has failed, and both look under the
//! lock whether it is still the same operation's. So it is given back once.
//!
//! # Packets
//!
//! Every operation that is begun ends in a packet, also if the call succeeds at once: handles keep
//! `FILE_SKIP_COMPLETION_PORT_ON_SUCCESS` off. With it, a success at once would be nobody's packet,
//! and whoever submitted would have to hand the completion to the thread that turns, which a posted
//! packet is the means for; one that turns itself saves a packet in thirty-two bytes of a batch.
//! The mode cannot be taken back from a handle and is known to lose packets under layered
//! providers. A handle that has it already is left to readiness.
//!
//! # Cancels
//!
//! A cancel is made under the lock, so that the address cannot have become another operation's. It
//! may come too late: then the packet tells of a success, and so does the completion (clause C11).
//! What ends as cancelled without having been asked to (the thread that began it has ended, a
//! filter driver) is left to readiness, which begins anew.
//!
//! # Objects that are signalled
//!
//! A wait for one has no call that would write to our memory: a packet of its own is associated
//! with the object and the port (`sys/windows/wait_packet.rs`) and comes under the address of the
//! record's memory, like all others. A cancel in time leaves no packet, so that one is posted; one
//! too late leaves it to the packet that is queued, which is a success: the signal was taken, and
//! the operation gives it back if nobody wants it. Where the system has no such packets, or does
//! not associate one with this object, the wait is left to a thread.
//!
//! # The end
//!
//! A drain asks for the end of everything and takes packets until none is missing (clause C12). It
//! asks again when no packet comes: another thread may have been in the middle of a call.

use std::io;
use std::ptr::NonNull;

use socket2::Socket;
use windows_sys::Win32::Foundation as codes;
use windows_sys::Win32::Networking::WinSock::{WSAEMSGSIZE, WSAEOPNOTSUPP};

use crate::backend::contract::Cancel;
use crate::completion::operation::{AT_END, MORE_DATA, OWN_POSITION, RawMemory, RawOperation};
use crate::error;
use crate::event::Completion;
use crate::source::RawSource;
use crate::sync::Mutex;
use crate::sys::overlapped::{self as calls, End, Lent};
use crate::sys::socket::{AcceptFailure, accept_failure, broken};
use crate::sys::wait_packet::{Calls, WaitPacket};
use crate::token::Token;

use super::Queue;

/// Operations with the kernel at most (clause C13). Each pins pages of the program's in the
/// kernel's memory, of which a process has a quota.
const OPERATIONS_MAX: usize = 1 << 16;
/// Records in the first page; each page is twice the one before.
const FIRST_PAGE: usize = 64;
/// No record.
const NONE: u32 = u32::MAX;

/// The names of what is always carried out here, for reports.
const CARRIED_OUT: &[&str] = &[
    "nop",
    "accept",
    "connect",
    "recv",
    "recv_message",
    "send",
    "send_message",
    "read",
    "write",
    "listen_pipe",
];

/// The operations of one queue.
pub(in crate::backend) struct Operations {
    table: Mutex<Table>,
    /// How waits for objects become packets, if they may.
    packets: Option<Calls>,
}

struct Table {
    pages: Vec<NonNull<[Lent]>>,
    records: Vec<Record>,
    /// The first free record.
    free: u32,
    /// The first record of those tokens that are equal in their low bits: a slot's index, so that
    /// there is seldom more than one.
    rows: Vec<u32>,
    with_kernel: usize,
    /// Nothing new is begun.
    ended: bool,
}

// SAFETY: the pages are this table's alone, or the kernel's, and belong to no thread.
unsafe impl Send for Table {}

struct Record {
    token: Token,
    source: RawSource,
    kind: Kind,
    /// Asked to end early.
    cancelled: bool,
    /// The next record of the row, or the next free one.
    next: u32,
}

/// What an operation is, and what its end needs.
#[derive(Debug)]
enum Kind {
    Free,
    Nop,
    /// Bytes of room.
    Recv(usize),
    RecvFrom(RawMemory),
    Send,
    /// The socket of the connection to come.
    Accept(Socket),
    Connect,
    Read,
    Write,
    Listen,
    /// A read that has found the end.
    Ended,
    /// The packet that comes when the object is signalled.
    Wait(WaitPacket),
    /// A wait that was cancelled in time.
    WaitCancelled {
        is_posted: bool,
    },
}

// SAFETY: the pointer in it is followed at the end of its operation alone, whose memory it is.
unsafe impl Send for Kind {}

impl Kind {
    /// What of the operations is carried out here.
    fn of(operation: &RawOperation) -> io::Result<(RawSource, Kind)> {
        Ok(match *operation {
            RawOperation::Nop => (RawSource(u64::MAX), Kind::Nop),
            // Nothing to receive into: elsewhere that is over at once, here when something comes.
            RawOperation::Recv { source, memory, flags: 0 } if memory.len != 0 => {
                (source, Kind::Recv(memory.len))
            }
            RawOperation::RecvMessage { source, header, flags: 0 } if header.len != 0 => {
                (source, Kind::RecvFrom(header))
            }
            RawOperation::Send { source, flags: 0, .. } => (source, Kind::Send),
            RawOperation::SendMessage { source, flags: 0, .. } => (source, Kind::Send),
            RawOperation::Accept { source } => (source, Kind::Accept(connection_of(source)?)),
            RawOperation::Connect { source, .. } => (source, Kind::Connect),
            RawOperation::Read { source, .. } => (source, Kind::Read),
            RawOperation::Write { source, .. } => (source, Kind::Write),
            RawOperation::Listen { source } => (source, Kind::Listen),
            _ => return Err(io::ErrorKind::Unsupported.into()),
        })
    }
}

impl Operations {
    pub(in crate::backend) fn new(packets: Option<Calls>) -> Operations {
        Operations {
            packets,
            table: Mutex::new(Table {
                pages: Vec::new(),
                records: Vec::new(),
                free: NONE,
                rows: Vec::new(),
                with_kernel: 0,
                ended: false,
            }),
        }
    }

    /// Hands an operation to the kernel.
    ///
    /// # Errors
    ///
    /// Those of [`Completer::submit`](crate::backend::contract::Completer::submit).
    ///
    /// # Safety
    ///
    /// The same.
    pub(in crate::backend) unsafe fn submit(
        &self,
        queue: &Queue,
        token: Token,
        operation: RawOperation,
    ) -> io::Result<()> {
        if let RawOperation::WaitObject { source } = operation {
            return self.submit_wait(queue, token, source);
        }
        let (source, kind) = Kind::of(&operation)?;
        let connection = match &kind {
            Kind::Accept(socket) => Some(calls::Connection::of(socket)),
            _ => None,
        };
        let (index, lent) = self.table.lock().occupy(token, source, kind)?;
        // SAFETY: the memory is this operation's since the line above, and until its packet or
        // `fail`; that of its buffers the caller keeps.
        let begun = unsafe { begin(queue, lent, &operation, connection) };
        match begun {
            Ok(()) => Ok(()),
            Err(error) => self.fail(queue, index, token, error),
        }
    }

    /// The names of what is carried out.
    pub(in crate::backend) fn names(&self) -> Vec<&'static str> {
        let waits = self.has_wait_packets().then_some("wait_object");
        CARRIED_OUT.iter().copied().chain(waits).collect()
    }

    /// Whether waits for objects are packets.
    pub(in crate::backend) fn has_wait_packets(&self) -> bool {
        self.packets.is_some()
    }

    /// Waits for an object. Whatever is in the way, an attempt finds it again, or another way.
    fn submit_wait(&self, queue: &Queue, token: Token, object: RawSource) -> io::Result<()> {
        let unsupported = || io::Error::from(io::ErrorKind::Unsupported);
        let calls = self.packets.ok_or_else(unsupported)?;
        let packet = WaitPacket::new(calls).map_err(|_| unsupported())?;
        // Under the lock: a cancel finds an association, or no record.
        let mut table = self.table.lock();
        let (index, lent) = table.occupy(token, object, Kind::Wait(packet))?;
        let associated = match &table.records[index].kind {
            Kind::Wait(packet) => queue.associate(packet, object, calls::name(lent) as usize),
            _ => Ok(()),
        };
        associated.map_err(|_| {
            table.release(index);
            unsupported()
        })
    }

    /// A call has said that it failed.
    fn fail(&self, queue: &Queue, index: usize, token: Token, error: io::Error) -> io::Result<()> {
        let mut table = self.table.lock();
        if !table.is(index, token) {
            // It was carried out after all, and has ended meanwhile.
            return Ok(());
        }
        // SAFETY: the record says that the memory is this operation's.
        let End { status, .. } = unsafe { calls::end(table.lent(index)) };
        if is_warning(&error) && calls::is_warning(status) {
            // It was carried out, and its packet comes.
            return Ok(());
        }
        let kind = std::mem::replace(&mut table.records[index].kind, Kind::Nop);
        let end = is_end_of_data(&kind, &error);
        if end || is_connected(&kind, &error) {
            if end {
                table.records[index].kind = Kind::Ended;
            }
            // A result like any other, which no packet of the kernel tells.
            let lent = table.lent(index);
            // SAFETY: the call has failed, so that the kernel has nothing of the memory any more.
            unsafe { calls::prepare(lent, 0) };
            if queue.post(calls::name(lent) as usize).is_ok() {
                return Ok(());
            }
        }
        table.release(index);
        drop(table);
        Err(match kind {
            // Nothing was taken; an attempt says what is wrong with the listener.
            Kind::Accept(_) => left_to_an_attempt(error),
            _ if error.raw_os_error() == Some(WSAEOPNOTSUPP) => io::ErrorKind::Unsupported.into(),
            Kind::Send => broken(error),
            _ => error,
        })
    }

    /// Asks for the end of an operation. One that is not here has ended, and its completion is on
    /// its way.
    pub(in crate::backend) fn cancel(&self, queue: &Queue, token: Token) -> Cancel {
        let mut table = self.table.lock();
        if let Some(index) = table.find(token) {
            table.cancel(queue, index);
        }
        Cancel::Requested
    }

    /// The packet with this tag was taken: what it says, if it is one of ours.
    pub(in crate::backend) fn ended(&self, tag: usize) -> Option<Completion> {
        let mut table = self.table.lock();
        let index = table.at(tag)?;
        let lent = table.lent(index);
        // SAFETY: the record is in use, so that the memory is there, and its packet was taken.
        let end = unsafe { calls::end(lent) };
        let draining = table.ended;
        let Record { token, source, cancelled, .. } = table.records[index];
        let kind = table.release(index);
        drop(table);
        let result = kind.result(source, end, cancelled || draining);
        Some(Completion { token, result, more: false, buffer: None })
    }

    /// Asks for the end of everything, and begins nothing more.
    pub(in crate::backend) fn end(&self, queue: &Queue) {
        let mut table = self.table.lock();
        table.ended = true;
        for index in 0..table.records.len() {
            if !matches!(table.records[index].kind, Kind::Free) {
                table.cancel(queue, index);
            }
        }
    }

    /// How many have not ended.
    pub(in crate::backend) fn missing(&self) -> usize {
        self.table.lock().with_kernel
    }
}

/// Makes the call.
///
/// # Safety
///
/// Nobody else uses `lent` until the packet was taken or the call has failed; what the operation
/// names is valid for as long.
unsafe fn begin(
    queue: &Queue,
    lent: NonNull<Lent>,
    operation: &RawOperation,
    connection: Option<calls::Connection>,
) -> io::Result<()> {
    let offset = match *operation {
        RawOperation::Read { offset, .. } | RawOperation::Write { offset, .. } => offset,
        _ => 0,
    };
    // What has no positions is told none; what has some is told where.
    let offset = if offset == OWN_POSITION { 0 } else { offset };
    // SAFETY: nobody else's, by the caller.
    unsafe { calls::prepare(lent, offset) };
    match *operation {
        RawOperation::Nop => queue.post(calls::name(lent) as usize),
        // SAFETY: the caller's, here and below.
        RawOperation::Recv { source, memory, .. } => unsafe {
            calls::recv(source, lent, piece(memory))
        },
        // SAFETY: as above; the operation has shown the header that the call takes.
        RawOperation::RecvMessage { source, header, .. } => unsafe {
            calls::recv_from(source, lent, piece(header))
        },
        // SAFETY: as above.
        RawOperation::Send { source, memory, .. } => unsafe {
            calls::send(source, lent, piece(memory))
        },
        // SAFETY: as for a receive.
        RawOperation::SendMessage { source, header, .. } => unsafe {
            calls::send_to(source, lent, piece(header))
        },
        RawOperation::Accept { source } => match connection {
            // SAFETY: as above; the record keeps the socket.
            Some(connection) => unsafe { calls::accept(source, lent, connection) },
            None => Err(io::ErrorKind::Unsupported.into()),
        },
        // SAFETY: as above; the operation names an address.
        RawOperation::Connect { source, address } => unsafe {
            calls::connect(source, lent, piece(address))
        },
        // SAFETY: as above.
        RawOperation::Read { source, memory, .. } => unsafe {
            calls::read(source, lent, piece(memory))
        },
        // SAFETY: as above.
        RawOperation::Write { source, memory, .. } => unsafe {
            calls::write(source, lent, piece(memory))
        },
        // SAFETY: as above.
        RawOperation::Listen { source } => unsafe { calls::listen(source, lent) },
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Memory as the calls take it.
fn piece(memory: RawMemory) -> calls::Piece {
    (memory.start, memory.len)
}

impl Kind {
    /// What an end is to the program.
    fn result(self, source: RawSource, end: End, asked: bool) -> io::Result<u64> {
        let End { status, bytes } = end;
        let bytes = bytes as u64;
        match (self, status) {
            (Kind::Nop | Kind::Free, _) => Ok(0),
            (Kind::Ended, _) => Ok(AT_END),
            (Kind::Wait(_), _) => Ok(0),
            (Kind::WaitCancelled { .. }, _) => Err(error::cancelled()),
            // A part that was moved cannot be taken back.
            (Kind::Send | Kind::Write, codes::STATUS_CANCELLED) if bytes != 0 => Ok(bytes),
            (_, codes::STATUS_CANCELLED) if asked => Err(error::cancelled()),
            (Kind::Read | Kind::Write | Kind::Listen, codes::STATUS_CANCELLED) => {
                Err(calls::handle_error(status))
            }
            (_, codes::STATUS_CANCELLED) => Err(io::ErrorKind::WouldBlock.into()),
            (Kind::Accept(socket), status) if status >= 0 => calls::taken(source, socket),
            (Kind::Connect, status) if status >= 0 => calls::connected(source).map(|()| 0),
            (Kind::Listen, status) if status >= 0 => Ok(0),
            (_, status) if status >= 0 => Ok(bytes),
            // Of a datagram that is too long the rest is gone, and the room was filled.
            (Kind::Recv(room), codes::STATUS_BUFFER_OVERFLOW) => Ok(room as u64),
            (Kind::RecvFrom(header), codes::STATUS_BUFFER_OVERFLOW) => {
                // SAFETY: the operation has ended, and nobody is told yet.
                Ok(u64::from(unsafe { calls::note_truncated(piece(header)) }))
            }
            // Of a message in a pipe the rest is still there.
            (Kind::Read, codes::STATUS_BUFFER_OVERFLOW) => Ok(bytes | MORE_DATA),
            (Kind::Read, codes::STATUS_END_OF_FILE | codes::STATUS_PIPE_BROKEN) => Ok(AT_END),
            (Kind::Listen, codes::STATUS_PIPE_CONNECTED) => Ok(0),
            (Kind::Read | Kind::Write | Kind::Listen, status) => Err(calls::handle_error(status)),
            (Kind::Send, status) => Err(broken(calls::socket_error(status))),
            (_, status) => Err(calls::socket_error(status)),
        }
    }
}

/// A socket for the next connection of a listener.
fn connection_of(listener: RawSource) -> io::Result<Socket> {
    calls::socket_for(listener).map_err(left_to_an_attempt)
}

/// Nothing was taken. An attempt says what is wrong with the listener; a shortage it would wait
/// out.
fn left_to_an_attempt(error: io::Error) -> io::Error {
    match accept_failure(&error) {
        AcceptFailure::Shortage => error,
        _ => io::ErrorKind::Unsupported.into(),
    }
}

/// The call was carried out, and has something to say.
fn is_warning(error: &io::Error) -> bool {
    const MORE: i32 = codes::ERROR_MORE_DATA as i32;
    matches!(error.raw_os_error(), Some(MORE | WSAEMSGSIZE))
}

/// A read that finds the end at once: of a file, or of a pipe whose other end is closed.
fn is_end_of_data(kind: &Kind, error: &io::Error) -> bool {
    const END: i32 = codes::ERROR_HANDLE_EOF as i32;
    const BROKEN: i32 = codes::ERROR_BROKEN_PIPE as i32;
    matches!(kind, Kind::Read) && matches!(error.raw_os_error(), Some(END | BROKEN))
}

/// A client was there before it was waited for.
fn is_connected(kind: &Kind, error: &io::Error) -> bool {
    const CONNECTED: i32 = codes::ERROR_PIPE_CONNECTED as i32;
    matches!(kind, Kind::Listen) && error.raw_os_error() == Some(CONNECTED)
}

impl Table {
    /// Takes a record and its memory.
    fn occupy(
        &mut self,
        token: Token,
        source: RawSource,
        kind: Kind,
    ) -> io::Result<(usize, NonNull<Lent>)> {
        if self.ended {
            return Err(error::shut_down());
        }
        if self.free == NONE {
            self.grow()?;
        }
        let index = self.free as usize;
        let row = self.row(token);
        let record = &mut self.records[index];
        self.free = record.next;
        *record = Record { token, source, kind, cancelled: false, next: self.rows[row] };
        self.rows[row] = index as u32;
        self.with_kernel += 1;
        Ok((index, self.lent(index)))
    }

    /// Gives a record back.
    fn release(&mut self, index: usize) -> Kind {
        let row = self.row(self.records[index].token);
        let next = self.records[index].next;
        if self.rows[row] == index as u32 {
            self.rows[row] = next;
        } else {
            let mut at = self.rows[row];
            while self.records[at as usize].next != index as u32 {
                at = self.records[at as usize].next;
            }
            self.records[at as usize].next = next;
        }
        self.records[index].next = self.free;
        self.free = index as u32;
        self.with_kernel -= 1;
        std::mem::replace(&mut self.records[index].kind, Kind::Free)
    }

    /// Makes the next page, and as many rows as there are records.
    fn grow(&mut self) -> io::Result<()> {
        let first = self.records.len();
        let length = FIRST_PAGE << self.pages.len();
        if first + length > OPERATIONS_MAX {
            return Err(error::too_many_operations());
        }
        let page: Box<[Lent]> = (0..length).map(|_| Lent::new()).collect();
        self.pages.push(NonNull::from(Box::leak(page)));
        for index in first..first + length {
            let next = if index + 1 < first + length { index as u32 + 1 } else { NONE };
            let (token, source) = (Token(0), RawSource(u64::MAX));
            self.records.push(Record { token, source, kind: Kind::Free, cancelled: false, next });
        }
        self.free = first as u32;
        self.rows = vec![NONE; self.records.len().next_power_of_two()];
        for index in 0..first {
            let row = self.row(self.records[index].token);
            self.records[index].next = self.rows[row];
            self.rows[row] = index as u32;
        }
        Ok(())
    }

    fn row(&self, token: Token) -> usize {
        token.0 as usize & (self.rows.len() - 1)
    }

    fn find(&self, token: Token) -> Option<usize> {
        if self.rows.is_empty() {
            return None;
        }
        let mut at = self.rows[self.row(token)];
        while at != NONE && self.records[at as usize].token != token {
            at = self.records[at as usize].next;
        }
        (at != NONE).then_some(at as usize)
    }

    /// Whether a record is still the same operation's.
    fn is(&self, index: usize, token: Token) -> bool {
        let record = &self.records[index];
        record.token == token && !matches!(record.kind, Kind::Free)
    }

    fn lent(&self, index: usize) -> NonNull<Lent> {
        let page = (index / FIRST_PAGE + 1).ilog2() as usize;
        let place = index - FIRST_PAGE * ((1 << page) - 1);
        let start = self.pages[page];
        assert!(place < start.len(), "a record has memory");
        // SAFETY: inside the page, by the line above.
        unsafe { start.cast::<Lent>().add(place) }
    }

    /// The record in use whose memory begins at an address.
    fn at(&self, address: usize) -> Option<usize> {
        let mut first = 0;
        for page in &self.pages {
            let offset = address.wrapping_sub(page.cast::<Lent>().addr().get());
            let place = offset / size_of::<Lent>();
            if place < page.len() && offset % size_of::<Lent>() == 0 {
                let index = first + place;
                return (!matches!(self.records[index].kind, Kind::Free)).then_some(index);
            }
            first += page.len();
        }
        None
    }

    fn cancel(&mut self, queue: &Queue, index: usize) {
        let lent = self.lent(index);
        let record = &mut self.records[index];
        record.cancelled = true;
        let post = || queue.post(calls::name(lent) as usize).is_ok();
        match &mut record.kind {
            Kind::Nop | Kind::Ended | Kind::WaitCancelled { is_posted: true } => {}
            Kind::Wait(packet) => {
                if packet.cancel() {
                    record.kind = Kind::WaitCancelled { is_posted: post() };
                }
            }
            // There was no memory for the packet.
            Kind::WaitCancelled { is_posted } => *is_posted = post(),
            _ => calls::cancel(record.source, lent),
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if self.with_kernel != 0 {
            // What the kernel may still write to is never given back, nor closed.
            std::mem::take(&mut self.records).into_iter().for_each(std::mem::forget);
            return;
        }
        for page in self.pages.drain(..) {
            // SAFETY: made from a box by `grow`, the kernel has none of it, and dropped once.
            drop(unsafe { Box::from_raw(page.as_ptr()) });
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wait_tests;
