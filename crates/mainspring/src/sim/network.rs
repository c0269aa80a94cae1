//! The life of a connection: names, handshakes, refusals, and how it ends.
//!
//! One host, with the loopback addresses (127.0.0.0/8 and ::1). A TCP handshake takes three
//! packets: the request reaches a listener or is refused with a reset; the welcome opens the
//! caller's end; the confirmation puts the other end in the accept queue. A full accept queue
//! drops the request, and the caller repeats it after 1, 2, 4… seconds until it gives up with
//! `TimedOut`, as Linux does. Packets of one direction arrive in the order they were sent.
//!
//! Unix sockets have no network: a connection is there, and a byte has arrived, when the call
//! returns. A bound path stays occupied after its socket is closed, until it is unlinked; an
//! abstract name goes with its socket.
//!
//! A socket that is closed with unread data, or that gets data after it was closed, answers with a
//! reset; the peer finds `ConnectionReset`, and whatever had arrived before can still be read.
//!
//! <https://man7.org/linux/man-pages/man7/tcp.7.html>,
//! <https://man7.org/linux/man-pages/man7/unix.7.html>, RFC 9293.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Address;
use super::kernel::{
    Family, File, FileId, Happening, Kernel, Listener, NO_FIGURE, Packet, Phase, Role, Stream,
};
use super::queue::Mask;
use super::trace::Actor;

/// The largest accept queue, that of Linux since 5.4 (`net.core.somaxconn`).
pub(super) const MAX_BACKLOG: usize = 4096;
/// How often a connection request is repeated before it fails (`tcp_syn_retries` of Linux).
const REQUEST_RETRIES: u32 = 6;
/// The wait before the first repetition, which doubles each time (RFC 6298: one second).
const FIRST_RETRY_NS: u64 = 1_000_000_000;
/// The longest Unix name, one less than the array that holds it on Linux (108 bytes).
const MAX_UNIX_NAME: usize = 107;
/// The ports given out for port 0, those of Linux (`net.ipv4.ip_local_port_range`).
const EPHEMERAL_PORTS: (u16, u16) = (32_768, 60_999);

impl Stream {
    pub(super) fn new(phase: Phase, remote: Address, peer: Option<FileId>) -> Stream {
        Stream {
            phase,
            remote,
            peer,
            arrived: VecDeque::new(),
            charged: 0,
            starved: false,
            read_shut: false,
            write_shut: false,
            finished: false,
            unreported: false,
            last_arrival_ns: 0,
        }
    }

    /// Whether a TCP connection has ended in both directions, and both ends know.
    pub(super) const fn is_over(&self) -> bool {
        self.finished && self.write_shut
    }
}

impl Kernel {
    /// Two connected Unix sockets, not numbered yet.
    pub(super) fn create_pair(&mut self) -> (FileId, FileId) {
        let stream = || Role::Stream(Stream::new(Phase::Open, Address::unnamed(), None));
        let first = self.create(Family::Unix, Address::unnamed(), stream());
        let second = self.create(Family::Unix, Address::unnamed(), stream());
        self.join(first, second);
        (first, second)
    }

    fn join(&mut self, one: FileId, other: FileId) {
        for (this, that) in [(one, other), (other, one)] {
            if let Some(stream) = self.stream_mut(this) {
                stream.peer = Some(that);
            }
        }
    }

    pub(super) fn stream_mut(&mut self, id: FileId) -> Option<&mut Stream> {
        match &mut self.files.get_mut(&id)?.role {
            Role::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    pub(super) fn listener_mut(&mut self, id: FileId) -> Option<&mut Listener> {
        match &mut self.files.get_mut(&id)?.role {
            Role::Listening(listener) => Some(listener),
            _ => None,
        }
    }

    pub(super) fn file(&self, id: FileId) -> io::Result<&File> {
        self.files.get(&id).ok_or_else(|| io::Error::other("the simulated socket was released"))
    }

    pub(super) fn bind(&mut self, id: FileId, address: &Address) -> io::Result<()> {
        let file = self.file(id)?;
        if file.bound || !matches!(file.role, Role::Idle) {
            return Err(invalid("the simulated socket has an address already"));
        }
        let local = match (file.family, address) {
            (Family::Unix, Address::Unix(name)) => Address::Unix(self.take_name(id, name)?),
            (Family::V4, Address::Ip(ip @ SocketAddr::V4(_)))
            | (Family::V6, Address::Ip(ip @ SocketAddr::V6(_))) => {
                if !is_local(ip.ip()) {
                    return Err(io::ErrorKind::AddrNotAvailable.into());
                }
                Address::Ip(self.take_port(id, *ip)?)
            }
            _ => return Err(invalid("the address is of another family than the socket")),
        };
        let port = port_of(&local);
        if let Some(file) = self.files.get_mut(&id) {
            (file.local, file.bound) = (local, true);
        }
        self.note_file(id, "bound", ("port", port.into()));
        Ok(())
    }

    fn take_name(&mut self, id: FileId, name: &[u8]) -> io::Result<Vec<u8>> {
        if name.len() > MAX_UNIX_NAME {
            return Err(invalid("a Unix name has at most 107 bytes"));
        }
        if name.is_empty() {
            return self.take_free_name(id);
        }
        if self.names.contains_key(name) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.names.insert(name.to_vec(), Some(id));
        Ok(name.to_vec())
    }

    /// A name for a socket that asked for any: 0 and five hexadecimal digits, as on Linux.
    fn take_free_name(&mut self, id: FileId) -> io::Result<Vec<u8>> {
        const NAMES: u64 = 1 << 20;
        let first = self.random.below(NAMES);
        let mut names = (0..NAMES).map(|step| format!("\0{:05x}", (first + step) % NAMES));
        let free = names.find(|name| !self.names.contains_key(name.as_bytes()));
        let name = free.ok_or(io::ErrorKind::AddrInUse)?.into_bytes();
        self.names.insert(name.clone(), Some(id));
        Ok(name)
    }

    /// Removes a path from the simulated file system.
    pub(super) fn unlink(&mut self, path: &[u8]) -> io::Result<()> {
        match path.first() {
            Some(&first) if first != 0 && self.names.remove(path).is_some() => Ok(()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn take_port(&mut self, id: FileId, mut address: SocketAddr) -> io::Result<SocketAddr> {
        if address.port() == 0 {
            let (low, high) = EPHEMERAL_PORTS;
            let count = u64::from(high - low) + 1;
            let first = self.random.below(count);
            let mut ports = (0..count).map(|step| low + ((first + step) % count) as u16);
            let free = ports.find(|&port| self.is_free(address.ip(), port));
            address.set_port(free.ok_or(io::ErrorKind::AddrInUse)?);
        } else if !self.is_free(address.ip(), address.port()) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.ports.entry(address.port()).or_default().push(id);
        Ok(address)
    }

    fn is_free(&self, ip: IpAddr, port: u16) -> bool {
        let mut holders = self.ports.get(&port).into_iter().flatten();
        !holders.any(|holder| match self.files.get(holder).map(|file| &file.local) {
            Some(Address::Ip(held)) => covers(held.ip(), ip) || covers(ip, held.ip()),
            _ => false,
        })
    }

    pub(super) fn listen(&mut self, id: FileId, backlog: u32) -> io::Result<()> {
        let backlog = usize::try_from(backlog).unwrap_or(MAX_BACKLOG).min(MAX_BACKLOG);
        let file = self.file(id)?;
        let (bound, family) = (file.bound, file.family);
        match &file.role {
            Role::Stream(_) => return Err(invalid("a connected socket cannot listen")),
            Role::Idle if family == Family::Unix && !bound => {
                return Err(invalid("a Unix socket needs a name before it can listen"));
            }
            Role::Idle if !bound => self.bind(id, &any_address(family))?,
            _ => {}
        }
        let Some(file) = self.files.get_mut(&id) else { return Ok(()) };
        match &mut file.role {
            Role::Listening(listener) => listener.backlog = backlog,
            role => *role = Role::Listening(Listener { backlog, ..Listener::default() }),
        }
        self.note_file(id, "listens", ("backlog", backlog as u64));
        Ok(())
    }

    /// Takes a connection off the accept queue and numbers it.
    pub(super) fn accept(&mut self, id: FileId) -> io::Result<(u32, Address)> {
        let Role::Listening(listener) = &self.file(id)?.role else {
            return Err(invalid("the simulated socket does not listen"));
        };
        let Some(&accepted) = listener.queue.front() else {
            let shut = listener.shut;
            return Err(
                if shut { io::ErrorKind::InvalidInput } else { io::ErrorKind::WouldBlock }.into()
            );
        };
        let number = self.number(accepted)?;
        if let Some(listener) = self.listener_mut(id) {
            listener.queue.pop_front();
        }
        self.note_file(id, "accepted", ("socket", accepted.0));
        let remote = self.stream_mut(accepted).map(|stream| stream.remote.clone());
        Ok((number, remote.unwrap_or_else(Address::unnamed)))
    }

    pub(super) fn connect(&mut self, id: FileId, to: &Address) -> io::Result<()> {
        let file = self.files.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        match &mut file.role {
            Role::Idle => {}
            Role::Listening(_) => return Err(io::Error::other("the socket listens")),
            Role::Stream(stream) => {
                let reported = !std::mem::take(&mut stream.unreported);
                match stream.phase {
                    Phase::Opening => {
                        stream.unreported = true;
                        return Err(io::Error::other("the socket is being connected already"));
                    }
                    Phase::Open if !reported => return Ok(()),
                    Phase::Ended if !reported => {
                        file.role = Role::Idle;
                        let error = file.error.take();
                        return Err(error.unwrap_or(io::ErrorKind::ConnectionAborted).into());
                    }
                    _ => return Err(io::Error::other("the socket is connected already")),
                }
            }
        }
        match (file.family, to) {
            (Family::Unix, Address::Unix(name)) => self.connect_unix(id, name),
            (Family::V4, Address::Ip(SocketAddr::V4(_)))
            | (Family::V6, Address::Ip(SocketAddr::V6(_))) => self.connect_tcp(id, to),
            _ => Err(invalid("the address is of another family than the socket")),
        }
    }

    fn connect_unix(&mut self, id: FileId, name: &[u8]) -> io::Result<()> {
        let listener = match self.names.get(name) {
            _ if name.is_empty() => return Err(invalid("the address has no name")),
            Some(&Some(holder)) => holder,
            None if name.first().is_some_and(|&first| first != 0) => {
                return Err(io::ErrorKind::NotFound.into());
            }
            _ => return Err(io::ErrorKind::ConnectionRefused.into()),
        };
        let Some(queue) = self.listener_mut(listener).filter(|listener| !listener.shut) else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        if queue.queue.len() > queue.backlog {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let client = self.file(id)?.local.clone();
        let server = Role::Stream(Stream::new(Phase::Open, client, None));
        let remote = Address::Unix(name.to_vec());
        let accepted = self.create(Family::Unix, remote.clone(), server);
        if let Some(file) = self.files.get_mut(&id) {
            file.role = Role::Stream(Stream::new(Phase::Open, remote, None));
        }
        self.join(id, accepted);
        if let Some(queue) = self.listener_mut(listener) {
            queue.queue.push_back(accepted);
        }
        self.note_file(id, "connected", ("to", accepted.0));
        self.notify(listener, Mask::IN);
        Ok(())
    }

    fn connect_tcp(&mut self, id: FileId, to: &Address) -> io::Result<()> {
        let Address::Ip(mut remote) = *to else { return Err(invalid("not an IP address")) };
        if remote.ip().is_unspecified() {
            remote.set_ip(loopback(remote.is_ipv4()));
        }
        if !is_local(remote.ip()) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        let source = match remote.ip() {
            IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => mapped(Ipv4Addr::LOCALHOST),
            ip => loopback(ip.is_ipv4()),
        };
        self.take_source(id, source)?;
        if let Some(file) = self.files.get_mut(&id) {
            let mut stream = Stream::new(Phase::Opening, Address::Ip(remote), None);
            stream.unreported = true;
            file.role = Role::Stream(stream);
        }
        self.note_file(id, "connects", ("port", remote.port().into()));
        self.request(id, remote, 0, 0);
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Gives a socket that is to be connected its own end's address.
    fn take_source(&mut self, id: FileId, source: IpAddr) -> io::Result<()> {
        let file = self.file(id)?;
        let local = match &file.local {
            Address::Ip(local) if file.bound => {
                let ip = if local.ip().is_unspecified() { source } else { local.ip() };
                SocketAddr::new(ip, local.port())
            }
            _ => match self.take_port(id, SocketAddr::new(source, 0)) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(io::ErrorKind::AddrNotAvailable.into());
                }
                taken => taken?,
            },
        };
        if let Some(file) = self.files.get_mut(&id) {
            (file.local, file.bound) = (Address::Ip(local), true);
        }
        Ok(())
    }

    /// Sends a connection request `wait_ns` from now.
    fn request(&mut self, from: FileId, to: SocketAddr, attempt: u32, wait_ns: u64) {
        let travel_ns = self.latency_ns();
        let at_ns = self.clock.now_ns().saturating_add(wait_ns).saturating_add(travel_ns);
        self.note_file(from, "request sent", ("arrives_ns", at_ns));
        self.schedule(at_ns, Happening::Request { from, to, attempt });
    }

    pub(super) fn request_arrives(&mut self, from: FileId, to: SocketAddr, attempt: u32) {
        let waits = self.stream_mut(from).is_some_and(|stream| {
            stream.phase == Phase::Opening && stream.remote == Address::Ip(to)
        });
        if !waits {
            return;
        }
        let found = self.listener_at(to);
        let Some((id, family)) = found else {
            self.note_file(from, "request refused", ("port", to.port().into()));
            return self.transmit(from, from, Packet::Reset);
        };
        let full = self.listener_mut(id).is_some_and(|listener| {
            listener.queue.len() + listener.half_open.len() > listener.backlog
        });
        if full {
            return self.repeat_request(from, to, attempt);
        }
        let remote = match self.files.get(&from).map(|file| file.local.clone()) {
            Some(Address::Ip(local)) => Address::Ip(as_seen_by(family, local)),
            _ => return,
        };
        let phase = Phase::Arriving { listener: id };
        let server = Role::Stream(Stream::new(phase, remote, None));
        let arriving = self.create(family, Address::Ip(as_seen_by(family, to)), server);
        self.join(from, arriving);
        if let Some(listener) = self.listener_mut(id) {
            listener.half_open.push(arriving);
        }
        self.transmit(arriving, from, Packet::Welcome);
    }

    fn repeat_request(&mut self, from: FileId, to: SocketAddr, attempt: u32) {
        if attempt < REQUEST_RETRIES {
            self.note_file(from, "request dropped", ("attempt", attempt.into()));
            return self.request(from, to, attempt + 1, FIRST_RETRY_NS << attempt);
        }
        self.fail(from, io::ErrorKind::TimedOut);
    }

    /// The socket that listens at `to`: at this address, at any of its family, or at any at all.
    fn listener_at(&self, to: SocketAddr) -> Option<(FileId, Family)> {
        let to_ip = to.ip().to_canonical();
        let holders = self.ports.get(&to.port())?.iter();
        let listening = holders.filter_map(|&id| {
            let file = self.files.get(&id)?;
            let Address::Ip(local) = file.local else { return None };
            let rank = match (local.ip().to_canonical(), file.family) {
                (ip, _) if ip == to_ip => 0,
                (ip, _) if ip.is_unspecified() && ip.is_ipv4() == to_ip.is_ipv4() => 1,
                (ip, Family::V6) if ip.is_unspecified() => 2,
                _ => return None,
            };
            matches!(file.role, Role::Listening(_)).then_some((rank, id, file.family))
        });
        listening.min_by_key(|&(rank, id, _)| (rank, id)).map(|(_, id, family)| (id, family))
    }

    /// Sends a packet, which arrives after those sent before it.
    pub(super) fn transmit(&mut self, from: FileId, to: FileId, packet: Packet) {
        let mut at_ns = self.clock.now_ns().saturating_add(self.latency_ns());
        if let Some(stream) = self.stream_mut(from) {
            at_ns = at_ns.max(stream.last_arrival_ns);
            stream.last_arrival_ns = at_ns;
        }
        self.post(from, to, packet, at_ns);
    }

    /// Sends a packet that arrives at `at_ns`.
    fn post(&mut self, from: FileId, to: FileId, packet: Packet, at_ns: u64) {
        let figures = (("to", to.0), ("arrives_ns", at_ns));
        let what = match packet {
            Packet::Data(_) => "data sent",
            Packet::Reset => "reset sent",
            Packet::Finish => "finish sent",
            _ => "control sent",
        };
        self.note(Actor::File(from.0), what, figures.0, figures.1);
        self.schedule(at_ns, Happening::Arrival { from, to, packet });
    }

    pub(super) fn packet_arrives(&mut self, from: FileId, to: FileId, packet: Packet) {
        self.note(Actor::File(to.0), packet.name(), ("from", from.0), NO_FIGURE);
        if !self.files.contains_key(&to) {
            if matches!(packet, Packet::Data(_) | Packet::Welcome) {
                self.transmit(to, from, Packet::Reset);
            }
            return;
        }
        match packet {
            Packet::Welcome => self.welcome_arrives(from, to),
            Packet::Confirm { listener } => self.confirm_arrives(to, listener),
            Packet::Data(bytes) => self.data_arrives(from, to, &bytes),
            Packet::Finish => self.finish_arrives(to),
            Packet::Window(bytes) => self.credit(to, bytes),
            Packet::Reset => self.reset_arrives(to),
        }
    }

    fn welcome_arrives(&mut self, from: FileId, to: FileId) {
        let Some(Phase::Arriving { listener }) = self.stream_mut(from).map(|stream| stream.phase)
        else {
            return;
        };
        match self.stream_mut(to) {
            // Not the answer to an earlier attempt of the same socket.
            Some(stream) if stream.phase == Phase::Opening && stream.peer == Some(from) => {
                stream.phase = Phase::Open;
            }
            _ => return self.transmit(to, from, Packet::Reset),
        }
        self.transmit(to, from, Packet::Confirm { listener });
        self.notify(to, Mask::EMPTY);
    }

    fn confirm_arrives(&mut self, id: FileId, listener: FileId) {
        let Some(stream) = self.stream_mut(id) else { return };
        stream.phase = Phase::Open;
        let Some(listening) = self.listener_mut(listener) else { return };
        listening.half_open.retain(|&half_open| half_open != id);
        listening.queue.push_back(id);
        self.notify(listener, Mask::IN);
    }

    fn reset_arrives(&mut self, id: FileId) {
        let Some(stream) = self.stream_mut(id) else { return };
        let kind = match stream.phase {
            Phase::Ended => return,
            Phase::Open if stream.is_over() => return,
            Phase::Opening => io::ErrorKind::ConnectionRefused,
            Phase::Arriving { listener } => {
                if let Some(listening) = self.listener_mut(listener) {
                    listening.half_open.retain(|&half_open| half_open != id);
                }
                return self.release(id, false);
            }
            Phase::Open if stream.finished => io::ErrorKind::BrokenPipe,
            Phase::Open => io::ErrorKind::ConnectionReset,
        };
        self.fail(id, kind);
    }

    /// Ends a connection with an error.
    pub(super) fn fail(&mut self, id: FileId, kind: io::ErrorKind) {
        let Some(stream) = self.stream_mut(id) else { return };
        stream.phase = Phase::Ended;
        (stream.read_shut, stream.write_shut) = (true, true);
        (stream.peer, stream.charged) = (None, 0);
        if let Some(file) = self.files.get_mut(&id) {
            file.error = Some(kind);
        }
        self.note_file(id, "failed", NO_FIGURE);
        self.notify(id, Mask::EMPTY);
    }

    /// What the rest of the world sees when a file is released. The file is out of the table.
    pub(super) fn hang_up(&mut self, id: FileId, file: File, abort: bool) {
        self.free_address(id, &file.local);
        match file.role {
            Role::Idle => {}
            Role::Listening(listener) => self.turn_away(listener),
            Role::Stream(stream) => self.leave(id, file.family, &stream, abort),
        }
    }

    fn free_address(&mut self, id: FileId, local: &Address) {
        match local {
            Address::Ip(local) => {
                if let Some(holders) = self.ports.get_mut(&local.port()) {
                    holders.retain(|&holder| holder != id);
                    if holders.is_empty() {
                        self.ports.remove(&local.port());
                    }
                }
            }
            Address::Unix(name) => match self.names.get_mut(name) {
                Some(holder) if *holder == Some(id) => {
                    *holder = None;
                    if name.first() == Some(&0) {
                        self.names.remove(name);
                    }
                }
                _ => {}
            },
        }
    }

    /// Resets every connection that a listener had not given out.
    pub(super) fn turn_away(&mut self, listener: Listener) {
        for waiting in listener.half_open.into_iter().chain(listener.queue) {
            self.release(waiting, true);
        }
    }

    /// Says farewell to the peer of a closed socket.
    fn leave(&mut self, id: FileId, family: Family, stream: &Stream, abort: bool) {
        let Some(peer) = stream.peer else { return };
        let reset = abort || !stream.arrived.is_empty();
        if family == Family::Unix {
            let Some(file) = self.files.get_mut(&peer) else { return };
            if reset {
                file.error = Some(io::ErrorKind::ConnectionReset);
            }
            if let Role::Stream(stream) = &mut file.role {
                (stream.read_shut, stream.write_shut) = (true, true);
                (stream.peer, stream.charged) = (None, 0);
            }
            return self.notify(peer, Mask::EMPTY);
        }
        let packet = match stream.phase {
            Phase::Opening | Phase::Ended => return,
            Phase::Arriving { .. } => Packet::Reset,
            Phase::Open if reset => Packet::Reset,
            Phase::Open if stream.write_shut => return,
            Phase::Open => Packet::Finish,
        };
        let at_ns = self.clock.now_ns().saturating_add(self.latency_ns());
        self.post(id, peer, packet, at_ns.max(stream.last_arrival_ns));
    }
}

fn invalid(words: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, words)
}

/// Whether the simulated host has this address; "any" is one it may be asked for.
fn is_local(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}

/// Whether a socket bound to `wide` would get what is sent to `narrow`.
fn covers(wide: IpAddr, narrow: IpAddr) -> bool {
    let (wide, narrow) = (wide.to_canonical(), narrow.to_canonical());
    wide == narrow || (wide.is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4()))
}

fn loopback(ipv4: bool) -> IpAddr {
    if ipv4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

fn mapped(ip: Ipv4Addr) -> IpAddr {
    ip.to_ipv6_mapped().into()
}

/// The address that a socket of this family has before it is bound.
pub(super) fn any_address(family: Family) -> Address {
    match family {
        Family::V4 => Address::Ip((Ipv4Addr::UNSPECIFIED, 0).into()),
        Family::V6 => Address::Ip((Ipv6Addr::UNSPECIFIED, 0).into()),
        Family::Unix => Address::unnamed(),
    }
}

/// An address as a socket of `family` writes it: IPv4 inside IPv6, or plain.
fn as_seen_by(family: Family, address: SocketAddr) -> SocketAddr {
    let ip = match (family, address.ip().to_canonical()) {
        (Family::V6, IpAddr::V4(ip)) => mapped(ip),
        (_, ip) => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn port_of(address: &Address) -> u16 {
    match address {
        Address::Ip(address) => address.port(),
        Address::Unix(_) => 0,
    }
}
