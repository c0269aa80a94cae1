//! The bytes of a connection: what a read finds, what a write may add, and what `poll` says.
//!
//! A sender is charged for every byte until the receiver has *read* it, so one number bounds what
//! is under way and unread together. A send that finds less room than it wants is a short write,
//! or `WouldBlock`; then the socket is starved, and the next time a third of the buffer (a TCP
//! socket) or three quarters (a Unix one) are free, that is an edge. These are the thresholds of
//! Linux: a writer is not woken for every byte of room.
//!
//! A transfer that is cut short by the fault switch leaves more to be done. Programs take a short
//! transfer as "the rest would block" (clause C2), and on a real kernel they may, since it means
//! that the buffer was empty, or full, at that moment. So here the rest counts as having come a
//! moment later: it makes an edge.
//!
//! What a call on a dead connection returns, and in which order data, end and error come, follows
//! Linux: `tcp_recvmsg`, `tcp_poll`, `unix_stream_read_generic` and `unix_poll`.

use std::io;
use std::net::Shutdown;

use super::Address;
use super::kernel::{Family, FileId, Kernel, NO_FIGURE, Packet, Phase, Role, Stream};
use super::queue::Mask;
use super::trace::Actor;

impl Kernel {
    /// The state of a socket. If it has no room and `heard` asks for room, the next room is an
    /// edge.
    pub(super) fn poll(&mut self, id: FileId, heard: Mask) -> Mask {
        let capacity = self.knobs.send_buffer;
        let Some(file) = self.files.get_mut(&id) else { return Mask::EMPTY };
        let error = Mask::when(file.error.is_some(), Mask::ERROR);
        let stream = match &mut file.role {
            Role::Idle => return error | Mask::OUT | Mask::HANG_UP,
            Role::Listening(listener) => {
                return error
                    | Mask::when(!listener.queue.is_empty() || listener.shut, Mask::IN)
                    | Mask::when(listener.shut, Mask::PEER_SHUT);
            }
            Role::Stream(stream) => stream,
        };
        if matches!(stream.phase, Phase::Opening | Phase::Arriving { .. }) {
            return error;
        }
        let room = stream.write_shut || has_room(file.family, stream, capacity);
        if !room && heard.intersects(Mask::OUT) {
            stream.starved = true;
        }
        error
            | Mask::when(!stream.arrived.is_empty() || stream.read_shut, Mask::IN)
            | Mask::when(room, Mask::OUT)
            | Mask::when(stream.read_shut, Mask::PEER_SHUT)
            | Mask::when(stream.read_shut && stream.write_shut, Mask::HANG_UP)
    }

    /// Takes up to `limit` bytes that have come; with `peek` they stay.
    pub(super) fn receive(&mut self, id: FileId, limit: usize, peek: bool) -> io::Result<Vec<u8>> {
        let file = self.files.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        let stream = match &mut file.role {
            Role::Stream(stream) => stream,
            _ if file.family == Family::Unix => return Err(io::ErrorKind::InvalidInput.into()),
            _ => return Err(io::ErrorKind::NotConnected.into()),
        };
        if stream.arrived.is_empty() {
            if stream.finished {
                return Ok(Vec::new());
            }
            if let Some(kind) = file.error.take() {
                return Err(kind.into());
            }
            if stream.read_shut {
                return Ok(Vec::new());
            }
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let possible = limit.min(stream.arrived.len());
        let count = self.shorten(possible);
        let Some(stream) = self.stream_mut(id) else { return Ok(Vec::new()) };
        let bytes: Vec<u8> = stream.arrived.iter().take(count).copied().collect();
        if !peek {
            stream.arrived.drain(..count);
        }
        let more = !stream.arrived.is_empty();
        let figures = (("bytes", count as u64), ("of", limit as u64));
        self.note(Actor::File(id.0), if peek { "peeks" } else { "receives" }, figures.0, figures.1);
        if count < limit && more {
            self.notify(id, Mask::IN);
        }
        if !peek && count != 0 {
            self.acknowledge(id, count);
        }
        Ok(bytes)
    }

    /// Gives the peer its room back: at once, or with a packet.
    fn acknowledge(&mut self, id: FileId, count: usize) {
        let unix = self.files.get(&id).is_some_and(|file| file.family == Family::Unix);
        let Some(peer) = self.stream_mut(id).and_then(|stream| stream.peer) else { return };
        if unix {
            self.credit(peer, count);
        } else {
            self.transmit(id, peer, Packet::Window(count));
        }
    }

    /// The peer has read `count` bytes.
    pub(super) fn credit(&mut self, id: FileId, count: usize) {
        let Some(stream) = self.stream_mut(id) else { return };
        stream.charged = stream.charged.saturating_sub(count);
        self.feed(id);
    }

    /// Tells a starved socket that there is room, if there is.
    fn feed(&mut self, id: FileId) {
        let capacity = self.knobs.send_buffer;
        let Some(file) = self.files.get_mut(&id) else { return };
        let Role::Stream(stream) = &mut file.role else { return };
        if stream.starved && has_room(file.family, stream, capacity) {
            stream.starved = false;
            self.notify(id, Mask::OUT);
        }
    }

    /// How many of `wanted` bytes a send takes now; [`carry`](Self::carry) them then.
    pub(super) fn admit(&mut self, id: FileId, wanted: usize) -> io::Result<usize> {
        let capacity = self.knobs.send_buffer;
        let file = self.files.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        let tcp = file.family != Family::Unix;
        let stream = match &mut file.role {
            Role::Stream(stream) => stream,
            _ if tcp => return Err(io::ErrorKind::BrokenPipe.into()),
            _ => return Err(io::ErrorKind::NotConnected.into()),
        };
        if matches!(stream.phase, Phase::Opening | Phase::Arriving { .. }) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if let (true, Some(kind)) = (tcp, file.error) {
            file.error = None;
            return Err(kind.into());
        }
        if stream.write_shut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if wanted == 0 {
            return Ok(0);
        }
        let room = capacity.saturating_sub(stream.charged);
        if room == 0 {
            stream.starved = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(self.shorten(room.min(wanted)))
    }

    /// Takes the bytes that [`admit`](Self::admit) let in, out of `wanted`.
    pub(super) fn carry(&mut self, id: FileId, bytes: Vec<u8>, wanted: usize) {
        let unix = self.files.get(&id).is_some_and(|file| file.family == Family::Unix);
        let count = bytes.len();
        let figures = (("bytes", count as u64), ("of", wanted as u64));
        self.note(Actor::File(id.0), "sends", figures.0, figures.1);
        let Some(stream) = self.stream_mut(id) else { return };
        stream.charged += count;
        let peer = stream.peer;
        if count < wanted {
            stream.starved = true;
        }
        if let (Some(peer), true) = (peer, count != 0) {
            if unix {
                self.data_arrives(id, peer, &bytes);
            } else {
                self.transmit(id, peer, Packet::Data(bytes));
            }
        }
        self.feed(id);
    }

    pub(super) fn data_arrives(&mut self, from: FileId, to: FileId, bytes: &[u8]) {
        match self.stream_mut(to) {
            Some(stream) if stream.phase == Phase::Open && !stream.finished => {
                stream.arrived.extend(bytes);
                self.notify(to, Mask::IN);
            }
            // Ended here already: the sender is to hear of it.
            _ => self.transmit(to, from, Packet::Reset),
        }
    }

    pub(super) fn finish_arrives(&mut self, id: FileId) {
        let Some(stream) = self.stream_mut(id) else { return };
        if stream.phase == Phase::Open {
            (stream.finished, stream.read_shut) = (true, true);
            self.notify(id, Mask::EMPTY);
        }
    }

    pub(super) fn shut_down(&mut self, id: FileId, how: Shutdown) -> io::Result<()> {
        let reads = how != Shutdown::Write;
        let writes = how != Shutdown::Read;
        let file = self.files.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        let unix = file.family == Family::Unix;
        let stream = match &mut file.role {
            Role::Stream(stream) => stream,
            Role::Listening(listener) if reads && unix => {
                listener.shut = true;
                self.notify(id, Mask::EMPTY);
                return Ok(());
            }
            Role::Listening(listener) if reads => {
                let listener = std::mem::take(listener);
                file.role = Role::Idle;
                self.turn_away(listener);
                self.notify(id, Mask::EMPTY);
                return Ok(());
            }
            Role::Listening(_) => return Ok(()),
            Role::Idle if unix => return Ok(()),
            Role::Idle => return Err(io::ErrorKind::NotConnected.into()),
        };
        match stream.phase {
            Phase::Open if !stream.is_over() => {}
            Phase::Opening => {
                file.role = Role::Idle;
                self.notify(id, Mask::EMPTY);
                return Ok(());
            }
            _ => return Err(io::ErrorKind::NotConnected.into()),
        }
        let says_so = writes && !stream.write_shut;
        stream.read_shut |= reads;
        stream.write_shut |= writes;
        let peer = stream.peer;
        self.note_file(id, "shuts down", ("directions", u64::from(reads) + 2 * u64::from(writes)));
        self.notify(id, Mask::EMPTY);
        match peer {
            Some(peer) if unix => self.shut_peer(peer, reads, writes),
            Some(peer) if says_so => self.transmit(id, peer, Packet::Finish),
            _ => {}
        }
        Ok(())
    }

    /// The other end of a Unix socket learns of a shutdown at once, in both directions.
    fn shut_peer(&mut self, peer: FileId, reads: bool, writes: bool) {
        let Some(stream) = self.stream_mut(peer) else { return };
        stream.read_shut |= writes;
        stream.write_shut |= reads;
        self.notify(peer, Mask::EMPTY);
    }

    /// Tears a connection: this end at once, the other when the reset has travelled.
    pub(super) fn tear(&mut self, id: FileId) -> io::Result<()> {
        let unix = self.file(id)?.family == Family::Unix;
        let peer = match self.stream_mut(id) {
            Some(stream) if stream.phase == Phase::Open => stream.peer,
            _ => return Err(io::ErrorKind::NotConnected.into()),
        };
        self.note_file(id, "torn", NO_FIGURE);
        if let Some(peer) = peer {
            if unix {
                self.fail(peer, io::ErrorKind::ConnectionReset);
            } else {
                self.transmit(id, peer, Packet::Reset);
            }
        }
        self.fail(id, io::ErrorKind::ConnectionReset);
        Ok(())
    }

    pub(super) fn take_error(&mut self, id: FileId) -> io::Result<Option<io::Error>> {
        let file = self.files.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        Ok(file.error.take().map(io::Error::from))
    }

    pub(super) fn peer_address(&self, id: FileId) -> io::Result<Address> {
        match &self.file(id)?.role {
            Role::Stream(stream) if stream.phase == Phase::Open && !stream.is_over() => {
                Ok(stream.remote.clone())
            }
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Whether a writer is told that there is room.
fn has_room(family: Family, stream: &Stream, capacity: usize) -> bool {
    let free = capacity.saturating_sub(stream.charged);
    let enough = match family {
        Family::Unix => stream.charged.saturating_mul(4) <= capacity,
        _ => free.saturating_mul(3) >= capacity,
    };
    enough && free > 0
}
