//! A trial of notifications: whether they do, on this system, what is relied on.
//!
//! The call is younger than most that is written about Windows, and documents are no proof. So it
//! is tried before a program's sockets depend on it: once in a process, on a port of its own, with
//! sockets of this machine that nobody else knows, in some sixty calls. Each step is something
//! that an event would be lost by, or told to the wrong one, were it otherwise. A step that fails
//! says which it was, and leaves readiness to requests.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::num::NonZeroUsize;
use std::os::windows::io::{AsHandle, OwnedHandle};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::source::RawSource;
use crate::sys::afd::{self, Afd, BaseSocket, Request};
use crate::sys::notifications::{Calls, Change, IN, OUT, REMOVED};
use crate::sys::port::{Packet, Port};
use crate::sys::raw_source;

/// How long what is due may take, in milliseconds; it is there within microseconds.
const PATIENCE_MS: u32 = 250;

/// The key of the driver's answers, and those of sockets.
const ANSWERS: usize = 1;
const FIRST: usize = 2;
const SECOND: usize = 3;
const LISTENER: usize = 4;
const STREAM: usize = 5;
const DUPLICATE: usize = 6;

/// What was otherwise than it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// There was nothing to try it with: a port, a socket.
    NothingToTry,
    /// A change was refused.
    Refused,
    /// A notification did not come.
    NotTold,
    /// One came with the key of something else.
    OtherKey,
    /// One came with something else in it.
    OtherEvent,
    /// One came that nobody had armed.
    Unasked,
    /// The driver's answer about a socket that is registered did not come.
    NoAnswer,
    /// Of a socket that is registered with two ports, not both are told.
    OnePort,
    /// Of two duplicates of a socket, not both are told.
    Shared,
}

/// Whether the program may register duplicates of one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duplicates {
    /// It may: nobody says that it does not.
    Maybe,
    /// It does not, ever.
    Never,
}

impl Flaw {
    /// What readiness is made of then, for reports.
    pub(super) fn setup(self) -> &'static str {
        match self {
            Flaw::NothingToTry => {
                "a completion port and the driver behind all sockets; \
                 ProcessSocketNotifications could not be tried: there was no socket for it"
            }
            Flaw::Refused => {
                "a completion port and the driver behind all sockets; \
                 ProcessSocketNotifications has failed its trial: it refused a change"
            }
            Flaw::NotTold => {
                "a completion port and the driver behind all sockets; \
                 ProcessSocketNotifications has failed its trial: it did not tell what was ready"
            }
            Flaw::OtherKey => {
                "a completion port and the driver behind all sockets; \
                 ProcessSocketNotifications has failed its trial: it told under another key"
            }
            Flaw::OtherEvent => {
                "a completion port and the driver behind all sockets; \
                 ProcessSocketNotifications has failed its trial: it told of something else"
            }
            Flaw::Unasked => {
                "a completion port and the driver behind all sockets; \
                 ProcessSocketNotifications has failed its trial: it told more than was asked for"
            }
            Flaw::NoAnswer => {
                "a completion port and the driver behind all sockets; \
                 ProcessSocketNotifications has failed its trial: beside it the driver is silent"
            }
            Flaw::OnePort => {
                "a completion port and the driver behind all sockets; \
                 ProcessSocketNotifications has failed its trial: with two ports, it told one"
            }
            Flaw::Shared => {
                "a completion port and the driver behind all sockets; ProcessSocketNotifications \
                 has failed its trial: of two duplicates it told one at most \
                 (MAINSPRING_SOCKET_NOTIFICATIONS=1 in a program that never registers any)"
            }
        }
    }
}

/// Tries the call.
///
/// # Errors
///
/// What was otherwise than it has to be.
pub(super) fn run(calls: Calls, duplicates: Duplicates) -> Result<(), Flaw> {
    let mut trial = Trial::open(calls).map_err(nothing)?;
    trial.datagrams()?;
    trial.connections()?;
    let other = Trial::open(calls).map_err(nothing)?;
    trial.twice(Some(&other), false)?;
    if duplicates == Duplicates::Maybe {
        trial.twice(None, true)?;
        trial.twice(Some(&other), true)?;
    }
    Ok(())
}

struct Trial {
    calls: Calls,
    port: Port,
    /// One more handle of the port's, as a queue has it for this.
    registers: OwnedHandle,
    afd: Afd,
}

impl Trial {
    fn open(calls: Calls) -> io::Result<Trial> {
        let (port, afd) = (Port::new()?, Afd::open()?);
        port.associate(&afd, ANSWERS)?;
        let registers = port.try_clone()?;
        Ok(Trial { calls, port, registers, afd })
    }

    /// Keys, levels, one answer a change, changes of what is armed, removals; the driver beside.
    fn datagrams(&mut self) -> Result<(), Flaw> {
        let open = || UdpSocket::bind(("127.0.0.1", 0));
        let (socket, peer) = (open().map_err(nothing)?, open().map_err(nothing)?);
        let address = socket.local_addr().map_err(nothing)?;
        // Nothing here waits for what may not be there.
        socket.set_nonblocking(true).map_err(nothing)?;
        let source = raw_source(&socket);
        let mut beside = Request::new();
        let closed = (BaseSocket::presumed(source), afd::LOCAL_CLOSE);
        beside.submit(&self.afd, closed.0, closed.1, NonZeroUsize::MIN).map_err(nothing)?;

        // Ready already, and told of once, of that alone.
        self.enable(source, FIRST, IN | OUT)?;
        self.tells(FIRST, OUT)?;
        self.is_silent()?;
        // Under the first key for as long as it is registered; and by level, change by change.
        peer.send_to(&[0], address).map_err(nothing)?;
        for _ in 0..2 {
            self.enable(source, SECOND, IN)?;
            self.tells(FIRST, IN)?;
        }
        self.is_silent()?;
        // Armed for more while it is armed.
        socket.recv(&mut [0]).map_err(|_| Flaw::Unasked)?;
        self.enable(source, FIRST, IN)?;
        self.is_silent()?;
        self.enable(source, FIRST, IN | OUT)?;
        self.tells(FIRST, OUT)?;
        // A removal is told; then another key may be had, and armed it can be removed as well.
        self.remove(source, FIRST)?;
        self.tells(FIRST, REMOVED)?;
        self.enable(source, SECOND, IN)?;
        self.remove(source, SECOND)?;
        self.tells(SECOND, REMOVED)?;
        self.enable(source, FIRST, OUT)?;
        self.tells(FIRST, OUT)?;
        // And all the while the driver has watched.
        drop(socket);
        let answer = self.next().filter(|packet| packet.key() == ANSWERS).ok_or(Flaw::NoAnswer)?;
        // SAFETY: the packet of the only request was taken just now.
        let answer = unsafe { beside.reclaim(answer.status()) };
        let has_ended = matches!(answer, afd::Answer::Ready(told) if told & afd::LOCAL_CLOSE != 0);
        if has_ended { Ok(()) } else { Err(Flaw::NoAnswer) }
    }

    /// A listener has somebody to accept; an attempt to connect is over when it can write.
    fn connections(&mut self) -> Result<(), Flaw> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(nothing)?;
        let address = listener.local_addr().map_err(nothing)?;
        let stream = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(nothing)?;
        stream.set_nonblocking(true).map_err(nothing)?;
        self.enable(raw_source(&listener), LISTENER, IN)?;
        self.is_silent()?;
        // It cannot be known at once: that is no error.
        let _ = stream.connect(&SockAddr::from(address));
        self.tells(LISTENER, IN)?;
        self.enable(raw_source(&stream), STREAM, IN | OUT)?;
        self.tells(STREAM, OUT)?;
        for (source, key) in [(raw_source(&listener), LISTENER), (raw_source(&stream), STREAM)] {
            self.remove(source, key)?;
            self.tells(key, REMOVED)?;
        }
        Ok(())
    }

    /// What is registered for the second time, with this port or with another, itself or as its
    /// duplicate: both are told, or the second time is refused.
    fn twice(&self, other: Option<&Trial>, is_duplicate: bool) -> Result<(), Flaw> {
        let flaw = if is_duplicate { Flaw::Shared } else { Flaw::OnePort };
        let open = || UdpSocket::bind(("127.0.0.1", 0));
        let (socket, peer) = (open().map_err(nothing)?, open().map_err(nothing)?);
        let address = socket.local_addr().map_err(nothing)?;
        let duplicate = socket.try_clone().map_err(nothing)?;
        let second = raw_source(if is_duplicate { &duplicate } else { &socket });
        self.enable(raw_source(&socket), FIRST, IN)?;
        let port = other.unwrap_or(self);
        let is_refused = port.enable(second, DUPLICATE, IN | OUT).is_err();
        if !is_refused {
            // At once; and under the first key, if both are one registration.
            port.tells(DUPLICATE, OUT).map_err(|_| flaw)?;
            port.enable(second, DUPLICATE, IN)?;
        }
        peer.send_to(&[0], address).map_err(nothing)?;
        let mut due = vec![FIRST];
        due.extend((!is_refused && other.is_none()).then_some(DUPLICATE));
        // Those of one port in any order.
        while !due.is_empty() {
            let told = self.next().filter(|packet| packet.told() == IN).ok_or(flaw)?;
            due.swap_remove(due.iter().position(|&key| key == told.key()).ok_or(flaw)?);
        }
        match other {
            Some(other) if !is_refused => other.tells(DUPLICATE, IN).map_err(|_| flaw),
            _ => Ok(()),
        }
    }

    fn enable(&self, source: RawSource, key: usize, filter: u32) -> Result<(), Flaw> {
        self.change(Change::enable(source, key, filter))
    }

    fn remove(&self, source: RawSource, key: usize) -> Result<(), Flaw> {
        self.change(Change::remove(source, key))
    }

    fn change(&self, change: Change) -> Result<(), Flaw> {
        let mut changes = [change];
        let called = self.calls.hand_over(self.registers.as_handle(), &mut changes);
        if called.is_ok() && changes[0].is_made() { Ok(()) } else { Err(Flaw::Refused) }
    }

    /// The next packet is this.
    fn tells(&self, key: usize, told: u32) -> Result<(), Flaw> {
        let packet = self.next().ok_or(Flaw::NotTold)?;
        match (packet.key() == key, packet.told() == told) {
            (false, _) => Err(Flaw::OtherKey),
            (true, false) => Err(Flaw::OtherEvent),
            (true, true) => Ok(()),
        }
    }

    /// There is none at the moment.
    fn is_silent(&self) -> Result<(), Flaw> {
        if self.taken(0).is_some() { Err(Flaw::Unasked) } else { Ok(()) }
    }

    fn next(&self) -> Option<Packet> {
        self.taken(PATIENCE_MS)
    }

    fn taken(&self, timeout_ms: u32) -> Option<Packet> {
        let mut packets = [Packet::EMPTY];
        (self.port.wait(&mut packets, timeout_ms).ok()? == 1).then_some(packets[0])
    }
}

fn nothing(_: io::Error) -> Flaw {
    Flaw::NothingToTry
}

#[cfg(test)]
mod tests;
