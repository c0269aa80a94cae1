//! What is particular to requests for readiness, on the backend alone; what every backend has to do
//! is in the conformance suite.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

mod notices;

use super::*;
use crate::backend::contract::{Config, Registrar, Selector};
use crate::backend::iocp::{IocpRegistrar, IocpSelector};
use crate::backend::port::{Packet, Packets};
use crate::metrics::COUNTED;
use crate::sys::{AsSource, raw_source};
use crate::time::Clock;

/// How long a test waits for what has to come.
const SOON: Duration = Duration::from_secs(10);
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

struct Watch {
    selector: IocpSelector,
    registrar: IocpRegistrar,
    counters: Arc<Counters>,
}

impl Watch {
    fn new() -> Watch {
        let counters = Arc::new(Counters::default());
        let config = Config {
            clock: Clock::real(),
            counters: counters.clone(),
            event_capacity: 16,
            owner: None,
        };
        let (selector, registrar) = IocpSelector::open(config).expect("a port");
        Watch { selector, registrar, counters }
    }

    fn add(&self, socket: &TcpStream, token: u64, interest: Interest) {
        let added = self.registrar.add(of(socket), Token(token), interest, Trigger::Edge);
        added.expect("a socket that is watched");
    }

    fn rearm(&self, socket: &TcpStream, token: u64) {
        let rearmed = self.registrar.rearm(of(socket), Token(token), Interest::READABLE);
        rearmed.expect("a socket that is watched");
    }

    fn remove(&self, source: RawSource, token: u64) {
        self.registrar.remove(source, Token(token)).expect("removal");
    }

    /// The next event, which has to come.
    fn one(&mut self) -> (u64, Ready) {
        let mut events = Events::new();
        self.selector.select(&mut events, Some(SOON)).expect("a port that works");
        assert_eq!(events.list.len(), 1, "one event: {:?}", events.list);
        (events.list[0].token.0, events.list[0].ready)
    }

    /// A look that brings nothing.
    fn nothing(&mut self) {
        let mut events = Events::new();
        self.selector.select(&mut events, Some(Duration::ZERO)).expect("a port that works");
        assert!(events.list.is_empty(), "nobody asked for it: {:?}", events.list);
    }

    /// What the driver is asked about the only socket.
    fn asked(&self) -> u32 {
        self.registrar.shared.sockets.lock().slots[0].asked
    }

    /// Looks until the kernel has no more than so many requests, and says nothing on the way.
    fn until_in_flight(&mut self, count: usize) {
        let begin = Instant::now();
        while self.in_flight() != count {
            assert!(begin.elapsed() < SOON, "{} requests are in flight", self.in_flight());
            self.nothing();
        }
    }

    fn in_flight(&self) -> usize {
        self.registrar.shared.sockets.lock().in_flight
    }

    /// Requests for what is new, those that renew, and cancellations, so far.
    fn calls(&self) -> [u64; 3] {
        let metrics = self.counters.snapshot();
        [SystemCall::Add, SystemCall::Modify, SystemCall::Remove]
            .map(|call| metrics.system_calls(call))
    }

    /// What was called since, if anything is counted.
    fn called(&self, before: [u64; 3], expected: [u64; 3]) {
        let now = self.calls();
        let since = [0, 1, 2].map(|call| now[call] - before[call]);
        assert!(!COUNTED || since == expected, "{since:?} instead of {expected:?}");
    }

    /// No socket is known any more, and nobody sits anywhere.
    fn empty(&self) {
        let sockets = self.registrar.shared.sockets.lock();
        assert_eq!((sockets.in_flight, sockets.by_source.len()), (0, 0));
        assert_eq!(sockets.free.len(), sockets.slots.len());
    }
}

fn of(socket: &impl AsSource) -> RawSource {
    raw_source(socket)
}

/// Two ends; the first does not block.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_nonblocking(true).unwrap();
    (client, listener.accept().unwrap().0)
}

/// A pair whose first end has this number, which was closed a moment ago.
fn pair_at(number: RawSource, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let mut others = Vec::new();
    for _ in 0..1000 {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        let both = if of(&server) == number { (server, client) } else { (client, server) };
        if of(&both.0) == number {
            both.0.set_nonblocking(true).unwrap();
            return both;
        }
        others.push(both);
    }
    panic!("{number:?} is not given out again");
}

/// Waits until what the peer has written can be read, and reads nothing.
fn until_readable(socket: &TcpStream) {
    let begin = Instant::now();
    while let Err(error) = socket.peek(&mut [0]) {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(begin.elapsed() < SOON);
        std::thread::yield_now();
    }
}

fn read_dry(mut socket: &TcpStream) -> usize {
    let (mut buffer, mut count) = ([0; 16], 0);
    loop {
        match socket.read(&mut buffer) {
            Ok(read) => count += read,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return count;
            }
        }
    }
}

#[test]
fn a_message_costs_one_request_for_waits_of_one_direction_and_of_both() {
    const MESSAGES: u64 = 100;
    for interest in [Interest::READABLE, BOTH] {
        let (mut watch, (socket, mut peer)) = (Watch::new(), pair());
        watch.add(&socket, 1, interest);
        if interest == BOTH {
            assert_eq!(watch.one(), (1, Ready::WRITABLE));
        } else {
            watch.nothing();
        }
        // What is left of the interest is asked for before the count.
        watch.nothing();
        let before = watch.calls();
        for message in 0..MESSAGES {
            peer.write_all(b"message").unwrap();
            assert_eq!(watch.one(), (1, Ready::READABLE));
            assert_eq!(read_dry(&socket), 7);
            watch.rearm(&socket, 1);
            assert!(watch.in_flight() <= 1, "message {message}");
        }
        watch.nothing();
        watch.called(before, [0, MESSAGES, 0]);
    }
}

#[test]
fn c4_a_socket_that_is_removed_and_added_again_is_asked_about_anew() {
    let (mut watch, (socket, mut peer)) = (Watch::new(), pair());
    for token in 0..100 {
        watch.add(&socket, token, Interest::READABLE);
        watch.remove(of(&socket), token);
        assert_eq!(watch.in_flight(), 1);
    }
    watch.add(&socket, 100, Interest::READABLE);
    watch.called([0; 3], [1, 0, 1]);
    watch.nothing();
    peer.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (100, Ready::READABLE));
    watch.called([0; 3], [2, 0, 1]);
    watch.nothing();
    assert_eq!(watch.in_flight(), 1);
}

#[test]
fn c4_a_removed_socket_is_let_go_of_by_the_next_look() {
    let (mut watch, (socket, mut peer)) = (Watch::new(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    watch.remove(of(&socket), 1);
    peer.write_all(b"nobody is to hear of this").unwrap();
    until_readable(&socket);
    watch.until_in_flight(0);
    watch.empty();
}

#[test]
fn c4_a_removed_socket_that_nothing_happens_to_is_cancelled_once() {
    let (mut watch, (socket, _peer)) = (Watch::new(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    watch.remove(of(&socket), 1);
    watch.until_in_flight(0);
    watch.called([0; 3], [1, 0, 1]);
    watch.empty();
}

#[test]
fn c4_a_socket_that_is_removed_and_closed_in_one_turn_costs_no_cancellation() {
    let (mut watch, (socket, _peer)) = (Watch::new(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    watch.remove(of(&socket), 1);
    drop(socket);
    watch.until_in_flight(0);
    watch.called([0; 3], [1, 0, 0]);
    watch.empty();
}

#[test]
fn c5_a_socket_that_is_closed_and_not_removed_leaves_nothing() {
    let (mut watch, (socket, _peer)) = (Watch::new(), pair());
    watch.add(&socket, 1, Interest::WRITABLE);
    // Wine tells of the end of a socket unasked, Windows does not.
    assert_eq!(watch.asked(), afd::SEND | ENDING | afd::LOCAL_CLOSE);
    assert_eq!(watch.one(), (1, Ready::WRITABLE));
    watch.nothing();
    assert_eq!(watch.asked(), ENDING | afd::LOCAL_CLOSE);
    let source = of(&socket);
    drop(socket);
    watch.until_in_flight(0);
    watch.empty();
    watch.remove(source, 1);
}

#[test]
fn c5_a_number_that_is_used_again_before_the_next_look_is_its_new_owners() {
    for is_removed in [false, true] {
        let (mut watch, (closed, peer_of_closed)) = (Watch::new(), pair());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = of(&closed);
        watch.add(&closed, 1, Interest::READABLE);
        watch.nothing();
        if is_removed {
            watch.remove(number, 1);
        }
        drop(closed);
        let (socket, mut peer) = pair_at(number, &listener);
        watch.add(&socket, 2, Interest::READABLE);
        // The packet that tells of the closed one was not taken yet, and is not about this one.
        watch.rearm(&socket, 2);
        watch.nothing();
        drop(peer_of_closed);
        peer.write_all(b"x").unwrap();
        assert_eq!(watch.one(), (2, Ready::READABLE), "removed: {is_removed}");
        watch.nothing();
        assert_eq!(watch.in_flight(), 1);
        watch.remove(number, 2);
        watch.until_in_flight(0);
        watch.empty();
    }
}

#[test]
fn c5_a_number_that_is_used_again_while_a_duplicate_lives_is_its_new_owners() {
    let (mut watch, (closed, _peer_of_closed)) = (Watch::new(), pair());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = of(&closed);
    watch.add(&closed, 1, Interest::READABLE);
    watch.nothing();
    // Nothing ends the request of the first: this keeps its socket open.
    let duplicate = closed.try_clone().unwrap();
    watch.remove(number, 1);
    drop(closed);
    let (socket, mut peer) = pair_at(number, &listener);
    watch.add(&socket, 2, Interest::READABLE);
    peer.write_all(b"x").unwrap();
    assert_eq!(watch.one(), (2, Ready::READABLE));
    watch.remove(number, 2);
    watch.until_in_flight(0);
    watch.empty();
    drop(duplicate);
}

#[test]
fn c1_more_than_was_asked_for_takes_a_cancellation_and_less_takes_nothing() {
    let (mut watch, (socket, _peer)) = (Watch::new(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    let before = watch.calls();
    let modify = |watch: &Watch, interest| {
        watch.registrar.modify(of(&socket), Token(1), interest, Trigger::Edge).expect("modify");
    };
    modify(&watch, BOTH);
    // The cancelled packet does not end the wait; what it made room for does.
    assert_eq!(watch.one(), (1, Ready::WRITABLE));
    watch.called(before, [0, 1, 1]);
    watch.nothing();
    let before = watch.calls();
    for _ in 0..10 {
        modify(&watch, Interest::READABLE);
        watch.nothing();
    }
    watch.called(before, [0, 0, 0]);
    assert_eq!(watch.in_flight(), 1);
}

#[test]
fn c2_a_cancellation_that_comes_too_late_brings_the_success() {
    let (mut watch, (socket, mut peer)) = (Watch::new(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    peer.write_all(b"x").unwrap();
    until_readable(&socket);
    let modified = watch.registrar.modify(of(&socket), Token(1), BOTH, Trigger::Edge);
    modified.expect("modify");
    assert_eq!(watch.one(), (1, Ready::READABLE));
    assert_eq!(watch.one(), (1, Ready::WRITABLE));
    watch.nothing();
}

#[test]
fn c3_the_end_of_a_connection_is_told_once_and_not_asked_for_again() {
    let (mut watch, (socket, peer)) = (Watch::new(), pair());
    watch.add(&socket, 1, Interest::READABLE);
    watch.nothing();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    let mut told = Ready::EMPTY;
    let begin = Instant::now();
    while !told.contains(Ready::ERROR) {
        assert!(begin.elapsed() < SOON);
        let mut events = Events::new();
        watch.selector.select(&mut events, Some(SOON)).expect("a port that works");
        events.list.iter().for_each(|event| told |= event.ready);
    }
    // Who looks at the usual bits only has to see it too.
    assert!(told.contains(BROKEN | Ready::READABLE | Ready::WRITABLE), "{told:?}");
    watch.nothing();
    let before = watch.calls();
    for _ in 0..10 {
        watch.nothing();
    }
    watch.called(before, [0, 0, 0]);
}

#[test]
fn c12_the_end_takes_every_packet_and_nothing_is_asked_after_it() {
    let (watch, pairs) = (Watch::new(), [(); 150].map(|()| pair()));
    for (token, (socket, _)) in pairs.iter().enumerate() {
        watch.add(socket, token as u64, Interest::READABLE);
    }
    assert_eq!(watch.in_flight(), pairs.len());
    // Some are removed and not let go of yet, and some are ready.
    for (token, (socket, peer)) in pairs.iter().enumerate() {
        let mut peer = peer;
        match token % 3 {
            0 => watch.remove(of(socket), token as u64),
            1 => peer.write_all(b"x").unwrap(),
            _ => {}
        }
    }
    let Watch { selector, registrar, .. } = watch;
    drop(selector);
    assert_eq!(registrar.shared.sockets.lock().in_flight, 0);
    let added = registrar.add(of(&pairs[0].0), Token(0), Interest::READABLE, Trigger::Edge);
    assert!(added.is_err());
}

#[test]
fn a_socket_that_the_driver_does_not_know_is_looked_for_below_its_layers_once() {
    let queue = Queue::open().expect("a port");
    let mut groups = Groups::default();
    let group = groups.join(&queue).expect("a seat");
    let (socket, _peer) = pair();
    let own = BaseSocket::presumed(of(&socket));
    assert_eq!(afd::base_socket(of(&socket)).expect("a base"), own);
    // The number above a layer is none of the driver's: here one that is nobody's.
    let above = BaseSocket::presumed(RawSource(u64::from(u32::MAX - 3)));
    let mut slot = Slot {
        request: Request::new(),
        phase: Phase::Idle,
        asked: 0,
        asked_for: 0,
        queued: false,
        source: of(&socket),
        base: above,
        group,
        held: Held::Not,
        key: 0,
        registered: None,
    };
    let tag = NonZeroUsize::MIN;
    let afd = groups.afd(group).expect("a handle");
    // Later the number may be somebody else's.
    assert!(is_closed(&slot.submit(afd, afd::SEND, tag, false).unwrap_err()));
    slot.submit(afd, afd::SEND, tag, true).expect("a request to the socket below");
    assert_eq!(slot.base, own);
    let mut packets = Packets::new(1);
    queue.wait(&mut packets, SOON.as_millis() as u32).expect("a port that works");
    let answer = reclaimed(&mut slot.request, &packets);
    assert!(matches!(answer, Answer::Ready(afd::SEND)), "{answer:?}");
}

/// The answer to the only request that packets were waited for.
fn reclaimed(request: &mut Request, packets: &Packets) -> Answer {
    let mut taken = packets.taken();
    let Some(Packet::Answer { status, .. }) = taken.next() else { panic!("no answer") };
    assert!(taken.next().is_none());
    // SAFETY: the packet of the only request was taken just now.
    unsafe { request.reclaim(status) }
}

#[test]
fn c12_a_request_whose_thread_has_ended_ends_too() {
    const ASKED: u32 = afd::RECEIVE | afd::LOCAL_CLOSE;
    let (queue, mut groups) = (Queue::open().expect("a port"), Groups::default());
    let group = groups.join(&queue).expect("a seat");
    let afd = groups.afd(group).expect("a handle");
    for is_cancelled in [true, false] {
        let ((socket, mut peer), mut request) = (pair(), Request::new());
        let base = BaseSocket::presumed(of(&socket));
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| request.submit(afd, base, ASKED, NonZeroUsize::MIN));
            thread.join().expect("no panic").expect("a request");
        });
        // Windows has ended it with the thread; with Wine it goes on.
        match is_cancelled {
            true => request.cancel(afd).expect("a request that can be cancelled"),
            false => peer.write_all(b"x").unwrap(),
        }
        let mut packets = Packets::new(1);
        queue.wait(&mut packets, SOON.as_millis() as u32).expect("a port that works");
        let answer = reclaimed(&mut request, &packets);
        let is_told = matches!(answer, Answer::Ready(afd::RECEIVE)) && !is_cancelled;
        assert!(is_told || matches!(answer, Answer::Cancelled), "{answer:?}");
    }
}

#[test]
fn c3_an_answer_to_somebody_elses_question_is_no_event() {
    // Two requests for one socket, which a duplicate may make, may get each other's answers.
    let mut registered = Registered {
        serial: 1,
        token: Token(1),
        trigger: Trigger::Edge,
        wanted: events_of(Interest::READABLE),
        by_requests: true,
    };
    let wanted = registered.wanted;
    assert_eq!(registered.report(afd::SEND), None);
    assert_eq!(registered.wanted, wanted, "and what was asked for is asked for again");
    let event = registered.report(afd::SEND | afd::RECEIVE).expect("an event");
    assert_eq!(event.ready, Ready::READABLE);
    // The end that follows is still asked for, once.
    assert_eq!(registered.wanted, wanted & !(afd::RECEIVE | afd::ACCEPT));
    let end = registered.report(afd::RECEIVE | afd::DISCONNECT).expect("an event");
    assert_eq!(end.ready, Ready::READABLE | Ready::READ_CLOSED);
    assert_eq!(registered.report(afd::RECEIVE | afd::DISCONNECT), None);
}

#[test]
fn c9_each_answer_of_the_driver_has_one_meaning() {
    let broken = BROKEN | Ready::READABLE | Ready::WRITABLE;
    for (answer, ready) in [
        (afd::RECEIVE, Ready::READABLE),
        (afd::ACCEPT, Ready::READABLE),
        (afd::RECEIVE_EXPEDITED, Ready::PRIORITY),
        (afd::SEND, Ready::WRITABLE),
        (afd::DISCONNECT, Ready::READABLE | Ready::READ_CLOSED),
        (afd::ABORT, broken),
        (afd::CONNECT_FAIL, broken),
        (afd::LOCAL_CLOSE, Ready::EMPTY),
        (afd::SEND | afd::DISCONNECT, Ready::WRITABLE | Ready::READABLE | Ready::READ_CLOSED),
    ] {
        assert_eq!(ready_of(answer), ready, "{answer:#x}");
    }
    assert!(broken.contains(Ready::ERROR | Ready::READ_CLOSED | Ready::WRITE_CLOSED));
    // Of these nobody has to ask.
    for interest in [Interest::READABLE, Interest::WRITABLE, Interest::PRIORITY] {
        let asked = events_of(interest) & (afd::ABORT | afd::CONNECT_FAIL | afd::LOCAL_CLOSE);
        assert_eq!(asked, afd::ABORT | afd::CONNECT_FAIL, "{interest:?}");
    }
}

#[test]
fn what_is_no_socket_is_refused_in_words() {
    let (watch, (socket, _peer)) = (Watch::new(), pair());
    let closed = of(&socket);
    drop(socket);
    let added = watch.registrar.add(closed, Token(1), Interest::READABLE, Trigger::Edge);
    let error = added.unwrap_err();
    assert!(error.to_string().contains("register a source before it is closed"), "{error}");
    watch.empty();
}
