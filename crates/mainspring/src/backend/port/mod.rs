//! The port of one queue, for every kind that has one: its keys, its packets, its end, and the
//! operations whose ends come to it.
//!
//! `iocp` waits on the port itself. `wsapoll` cannot: beside its own wait a thread takes the
//! packets (`backend/poll/beside`). What a packet means is the same for both, so it stands here.

pub(super) mod masks;
pub(super) mod overlapped;

use std::io;
use std::os::windows::io::OwnedHandle;
use std::time::Duration;

use crate::source::RawSource;
use crate::sys;
use crate::sys::afd::Afd;
use crate::sys::port::{ENDLESS, Packet as RawPacket, Port};
use crate::sys::wait_packet::WaitPacket;

use overlapped::Operations;

/// The key of the packet that a wake posts.
const WAKE: usize = 1;
/// The key of every handle of the driver.
const AFD: usize = 2;
/// The key of every source of operations, and of operations that are nobody's.
const OPERATION: usize = 3;

/// The keys of notifications are above these: a number with a generation.
const NOTIFICATIONS: u64 = 1 << 32;

/// The largest buffer a look uses: 32 bytes a packet, so 512 KiB.
const PACKETS_MAX: usize = 16 * 1024;

/// How long a drain waits for the packet of an operation that was cancelled, in milliseconds; it is
/// there within microseconds.
const DRAIN_WAIT_MS: u32 = 100;
/// And how often in vain: after five seconds the kernel keeps the memory.
const DRAIN_WAITS_MAX: u32 = 50;

/// The port.
pub(super) struct Queue {
    port: Port,
}

impl Queue {
    pub(super) fn open() -> io::Result<Queue> {
        Ok(Queue { port: Port::new()? })
    }

    /// A handle of the driver whose packets come to this port.
    pub(super) fn open_afd(&self) -> io::Result<Afd> {
        let afd = Afd::open()?;
        self.port.associate(&afd, AFD)?;
        Ok(afd)
    }

    /// One more handle of the port's, for who registers sockets with it.
    pub(super) fn try_clone_handle(&self) -> io::Result<OwnedHandle> {
        self.port.try_clone()
    }

    pub(super) fn wake(&self) -> io::Result<()> {
        self.port.post(WAKE, 0)
    }

    /// Makes the operations of a source end in packets of this port, for as long as it lives.
    ///
    /// # Errors
    ///
    /// `Unsupported` if packets of its operations might not come; the system's, if it is another
    /// port's already.
    pub(super) fn adopt(&self, source: RawSource) -> io::Result<()> {
        if !sys::overlapped::packets_come(source) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // SAFETY: the number of a source that is registered, and whose owner is in a call on it.
        let handle = unsafe { sys::overlapped::borrow(source) };
        self.port.associate(&handle, OPERATION)
    }

    /// Posts the packet of an operation.
    pub(super) fn post(&self, tag: usize) -> io::Result<()> {
        self.port.post(OPERATION, tag)
    }

    /// Makes a packet come when an object is signalled.
    pub(super) fn associate(
        &self,
        packet: &WaitPacket,
        object: RawSource,
        tag: usize,
    ) -> io::Result<()> {
        // SAFETY: the number of a handle that the operation keeps open.
        let object = unsafe { sys::overlapped::borrow(object) };
        packet.associate(self.port.as_handle(), object, OPERATION, tag)
    }

    pub(super) fn wait(&self, packets: &mut Packets, timeout_ms: u32) -> io::Result<()> {
        packets.count = 0;
        packets.count = self.port.wait(&mut packets.buffer, timeout_ms)?;
        Ok(())
    }
}

/// What tests look at, of whatever kind has a port.
#[cfg(test)]
pub(super) trait OnAPort {
    fn on_port(&self) -> (&Queue, &Operations);
}

/// A packet, read.
pub(super) enum Packet {
    /// Somebody ended the wait.
    Wake,
    /// The request with this tag has ended, and how.
    Answer { tag: usize, status: i32 },
    /// The operation whose memory begins there has ended.
    Ended(usize),
    /// The socket that is registered under this key is ready for something.
    Notified { key: usize, told: u32 },
}

/// Room for packets, and those of the last wait.
pub(super) struct Packets {
    buffer: Vec<RawPacket>,
    count: usize,
}

impl Packets {
    pub(super) fn new(capacity: usize) -> Packets {
        Packets { buffer: vec![RawPacket::EMPTY; capacity.clamp(1, PACKETS_MAX)], count: 0 }
    }

    /// What the last wait brought.
    pub(super) fn taken(&self) -> impl Iterator<Item = Packet> + '_ {
        self.buffer[..self.count].iter().filter_map(|packet| match packet.key() {
            WAKE => Some(Packet::Wake),
            AFD => Some(Packet::Answer { tag: packet.tag(), status: packet.status() }),
            OPERATION => Some(Packet::Ended(packet.tag())),
            key if key as u64 >= NOTIFICATIONS => {
                Some(Packet::Notified { key, told: packet.told() })
            }
            // Nobody else knows the port.
            _ => None,
        })
    }

    /// Doubles the room if the last wait filled it; whether it did.
    pub(super) fn grow_if_full(&mut self) -> bool {
        let full = self.count == self.buffer.len();
        if full {
            let doubled = (self.buffer.len() * 2).min(PACKETS_MAX);
            self.buffer.resize(doubled, RawPacket::EMPTY);
        }
        full
    }
}

/// Ends the operations, and hands packets to `take` until `is_drained` or none has come for a long
/// time (clause C12). It asks again when no packet comes: another thread may have been in the
/// middle of a call.
pub(super) fn drain(
    (queue, operations): (&Queue, &Operations),
    packets: &mut Packets,
    mut take: impl FnMut(Packet),
    is_drained: impl Fn() -> bool,
) {
    let mut patience = DRAIN_WAITS_MAX;
    operations.end(queue);
    while patience > 0 && !is_drained() {
        if queue.wait(packets, DRAIN_WAIT_MS).is_err() {
            break;
        }
        patience -= 1;
        if packets.taken().next().is_none() {
            operations.end(queue);
        }
        for packet in packets.taken().filter(|packet| !matches!(packet, Packet::Wake)) {
            take(packet);
            patience = DRAIN_WAITS_MAX;
        }
    }
}

/// A timeout in whole milliseconds, rounded up so that it never ends early. One beyond 49 days is
/// cut to that; the caller goes on waiting.
pub(super) fn milliseconds(timeout: Option<Duration>) -> u32 {
    match timeout {
        None => ENDLESS,
        Some(timeout) => {
            let rounded_up = timeout.as_nanos().div_ceil(1_000_000);
            u32::try_from(rounded_up).unwrap_or(ENDLESS).min(ENDLESS - 1)
        }
    }
}

#[cfg(test)]
mod tests;
