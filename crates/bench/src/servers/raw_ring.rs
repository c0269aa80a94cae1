//! A hand-written loop: io_uring, one multishot receive a connection into a ring of provided
//! buffers, one send a message from the buffer that was filled, one entry a batch.

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, Fd};
use io_uring::{IoUring, cqueue, opcode, squeue};

const ENTRIES: u32 = 512;
const GROUP: u16 = 0;
const MASK: u16 = super::BUFFERS as u16 - 1;

/// What a request is for: in the lowest bits of its data.
const ACCEPT: u64 = 0;
const RECEIVE: u64 = 1;
const SEND: u64 = 2;

/// The buffers, and the array that lends them to the kernel.
struct Buffers {
    memory: Vec<u8>,
    array: Vec<BufRingEntry>,
    start: usize,
    tail: u16,
}

impl Buffers {
    fn new() -> Buffers {
        // Aligned to a page by hand: one page of entries more than needed.
        const PAGE: usize = 4096;
        let size = size_of::<BufRingEntry>();
        // SAFETY: all zeros is an entry of no bytes.
        let entry = || unsafe { std::mem::zeroed::<BufRingEntry>() };
        let array: Vec<BufRingEntry> = (0..super::BUFFERS + PAGE / size).map(|_| entry()).collect();
        let start = array.as_ptr().align_offset(PAGE);
        Buffers { memory: vec![0; super::BUFFERS * super::BUFFER], array, start, tail: 0 }
    }

    fn address(&self) -> *const BufRingEntry {
        &raw const self.array[self.start]
    }

    fn at(&mut self, number: u16) -> *mut u8 {
        &raw mut self.memory[usize::from(number) * super::BUFFER]
    }

    fn lend(&mut self, number: u16) {
        let address = self.at(number) as u64;
        let entry = &mut self.array[self.start + usize::from(self.tail & MASK)];
        entry.set_addr(address);
        entry.set_len(super::BUFFER as u32);
        entry.set_bid(number);
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&self) {
        // SAFETY: the address is that of the whole array.
        let tail = unsafe { BufRingEntry::tail(self.address()) };
        // SAFETY: aligned, ours to write, and read by the kernel as one value of two bytes.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}

struct Server {
    ring: IoUring,
    buffers: Buffers,
    /// By descriptor.
    connections: Vec<Option<OwnedFd>>,
    /// Requests that found no room.
    backlog: VecDeque<squeue::Entry>,
    /// Connections that found no buffer.
    starved: Vec<RawFd>,
}

pub(super) fn serve(listener: TcpListener) -> io::Result<()> {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all().setup_no_sqarray();
    let ring = builder.setup_cqsize(ENTRIES * 8).build(ENTRIES)?;
    ring.submitter().register_ring_fd()?;
    let mut buffers = Buffers::new();
    let (address, count) = (buffers.address() as u64, super::BUFFERS as u16);
    // SAFETY: the array has that many places and lives as long as the ring, as the buffers do.
    unsafe { ring.submitter().register_buf_ring_with_flags(address, count, GROUP, 0)? };
    (0..count).for_each(|number| buffers.lend(number));
    buffers.publish();
    let (connections, backlog, starved) = (Vec::new(), VecDeque::new(), Vec::new());
    let mut server = Server { ring, buffers, connections, backlog, starved };
    let accept = opcode::AcceptMulti::new(Fd(listener.as_raw_fd())).build().user_data(ACCEPT);
    server.push(accept);
    let mut done = Vec::new();
    loop {
        server.submit_and_wait()?;
        done.extend(server.ring.completion());
        for entry in done.drain(..) {
            server.tell(&entry)?;
        }
        server.buffers.publish();
        for descriptor in std::mem::take(&mut server.starved) {
            server.receive(descriptor);
        }
    }
}

impl Server {
    fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: what a request names is the server's, which lives as long as the ring.
        if unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.backlog.push_back(entry);
        }
    }

    fn submit_and_wait(&mut self) -> io::Result<()> {
        while !self.backlog.is_empty() {
            self.ring.submit()?;
            while let Some(entry) = self.backlog.front() {
                // SAFETY: as in `push`.
                if unsafe { self.ring.submission().push(entry) }.is_err() {
                    break;
                }
                self.backlog.pop_front();
            }
        }
        self.ring.submit_and_wait(1)?;
        Ok(())
    }

    fn receive(&mut self, descriptor: RawFd) {
        let receive = opcode::RecvMulti::new(Fd(descriptor), GROUP);
        self.push(receive.build().user_data(RECEIVE | (descriptor as u64) << 2));
    }

    fn send(&mut self, descriptor: RawFd, number: u16, from: usize, len: usize) {
        // SAFETY: inside the buffer, for so much was received into it.
        let start = unsafe { self.buffers.at(number).add(from) };
        let send = opcode::Send::new(Fd(descriptor), start, (len - from) as u32);
        self.push(
            send.flags(libc::MSG_NOSIGNAL).build().user_data(pack(descriptor, number, from, len)),
        );
    }

    fn tell(&mut self, entry: &cqueue::Entry) -> io::Result<()> {
        let (data, result, flags) = (entry.user_data(), entry.result(), entry.flags());
        match data & 3 {
            ACCEPT => {
                if result < 0 {
                    return Err(io::Error::from_raw_os_error(-result));
                }
                // SAFETY: the kernel has just made it for us.
                let stream = unsafe { OwnedFd::from_raw_fd(result) };
                rustix::net::sockopt::set_tcp_nodelay(&stream, true)?;
                let place = result as usize;
                if self.connections.len() <= place {
                    self.connections.resize_with(place + 1, || None);
                }
                self.connections[place] = Some(stream);
                self.receive(result);
            }
            RECEIVE => {
                let descriptor = (data >> 2) as RawFd;
                match (result, cqueue::buffer_select(flags)) {
                    (1.., Some(number)) => self.send(descriptor, number, 0, result as usize),
                    (code, _) if code == -libc::ENOBUFS => {}
                    _ => {
                        self.connections[descriptor as usize] = None;
                        return Ok(());
                    }
                }
                if !cqueue::more(flags) {
                    self.starved.push(descriptor);
                }
            }
            _ => {
                let (descriptor, number, from, len) = unpack(data);
                let sent = from + result.max(0) as usize;
                if result > 0 && sent < len {
                    self.send(descriptor, number, sent, len);
                } else {
                    self.buffers.lend(number);
                }
            }
        }
        Ok(())
    }
}

/// A send's data: 18 bits of the descriptor, 16 of the buffer, 14 each of its start and its end.
fn pack(descriptor: RawFd, number: u16, from: usize, len: usize) -> u64 {
    let descriptor = descriptor as u64;
    SEND | descriptor << 2 | u64::from(number) << 20 | (from as u64) << 36 | (len as u64) << 50
}

fn unpack(data: u64) -> (RawFd, u16, usize, usize) {
    let part = |shift: u32, bits: u32| data >> shift & ((1 << bits) - 1);
    (part(2, 18) as RawFd, part(20, 16) as u16, part(36, 14) as usize, part(50, 14) as usize)
}
