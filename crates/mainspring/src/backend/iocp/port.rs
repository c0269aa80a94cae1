//! The port of one queue: its keys, its packets, and milliseconds.

use std::io;
use std::time::Duration;

use crate::source::RawSource;
use crate::sys::afd::Afd;
use crate::sys::overlapped;
use crate::sys::port::{ENDLESS, Packet as RawPacket, Port};
use crate::sys::wait_packet::WaitPacket;

/// The key of the packet that a wake posts.
const WAKE: usize = 1;
/// The key of every handle of the driver.
const AFD: usize = 2;

/// The key of every source of operations, and of operations that are nobody's.
const OPERATION: usize = 3;

/// The largest buffer a look uses: 32 bytes a packet, so 512 KiB.
const PACKETS_MAX: usize = 16 * 1024;

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

    pub(super) fn wake(&self) -> io::Result<()> {
        self.port.post(WAKE, 0)
    }

    /// Makes the operations of a source end in packets of this port, for as long as it lives.
    pub(super) fn adopt(&self, source: RawSource) -> io::Result<()> {
        // SAFETY: the number of a source that is registered, and whose owner is in a call on it.
        let handle = unsafe { overlapped::borrow(source) };
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
        let object = unsafe { overlapped::borrow(object) };
        packet.associate(self.port.as_handle(), object, OPERATION, tag)
    }

    pub(super) fn wait(&self, packets: &mut Packets, timeout_ms: u32) -> io::Result<()> {
        packets.count = 0;
        packets.count = self.port.wait(&mut packets.buffer, timeout_ms)?;
        Ok(())
    }
}

/// A packet, read.
pub(super) enum Packet {
    /// Somebody ended the wait.
    Wake,
    /// The request with this tag has ended.
    Answer(usize),
    /// The operation whose memory begins there has ended.
    Ended(usize),
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
            AFD => Some(Packet::Answer(packet.tag())),
            OPERATION => Some(Packet::Ended(packet.tag())),
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
