use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use socket2::{Domain, Type};

use super::*;
use crate::sys::raw_source;

const NOW: Option<Duration> = Some(Duration::ZERO);
const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));
const READ: Interest = Interest::READABLE;
const WRITE: Interest = Interest::WRITABLE;

fn open() -> (PollSelector, PollRegistrar) {
    let config = Config {
        clock: Clock::real(),
        counters: Arc::new(Counters::default()),
        event_capacity: 1,
        owner: None,
    };
    PollSelector::open(config).unwrap()
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (b, _) = listener.accept().unwrap();
    for end in [&a, &b] {
        end.set_nonblocking(true).unwrap();
        end.set_nodelay(true).unwrap();
    }
    (a, b)
}

fn select(selector: &mut PollSelector, timeout: Option<Duration>) -> (Vec<Event>, bool) {
    let mut events = Events::new();
    selector.select(&mut events, timeout).unwrap();
    (events.iter().copied().collect(), events.woken())
}

fn event(token: u64, ready: Ready) -> Event {
    Event { token: Token(token), ready }
}

/// Writes until there is no room.
fn fill(mut socket: &TcpStream) {
    while socket.write(&[0; 4096]).is_ok() {}
}

/// An address that refuses connections.
fn refusing() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A socket that begins to connect.
fn attempt(address: SocketAddr) -> socket2::Socket {
    let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    // The answer may be there at once; the socket tells it again.
    let _ = socket.connect(&address.into());
    socket
}

#[test]
fn c7_milliseconds_do_not_end_a_wait_early() {
    let (mut selector, registrar) = open();
    for wait in [Duration::from_nanos(1), Duration::from_micros(20_001)] {
        let begun = Instant::now();
        assert_eq!(select(&mut selector, Some(wait)), (vec![], false));
        assert!(begun.elapsed() >= wait);
    }
    let (a, mut b) = pair();
    registrar.add(raw_source(&a), Token(1), READ, Trigger::Edge).unwrap();
    b.write_all(b"x").unwrap();
    assert_eq!(select(&mut selector, None), (vec![event(1, Ready::READABLE)], false));
}

#[test]
fn c6_an_interrupted_wait_and_a_wake_are_told_apart() {
    let (mut selector, registrar) = open();
    let (a, _b) = pair();
    let moment = Some(Duration::from_millis(30));
    // A change that thought that a call was under way: its trace is no wake.
    selector.queue.state.lock().calling = true;
    registrar.add(raw_source(&a), Token(1), READ, Trigger::Edge).unwrap();
    assert_eq!(select(&mut selector, NOW), (vec![], false));
    assert_eq!(select(&mut selector, moment), (vec![], false));
    // And with a wake beside it, there is one wake.
    selector.queue.state.lock().calling = true;
    registrar.wake().unwrap();
    registrar.modify(raw_source(&a), Token(1), READ, Trigger::Level).unwrap();
    registrar.wake().unwrap();
    assert_eq!(select(&mut selector, None), (vec![], true));
    assert_eq!(select(&mut selector, moment), (vec![], false));
}

#[test]
fn c4_an_answer_to_an_older_question_is_dropped() {
    let (mut selector, registrar) = open();
    let (a, mut b) = pair();
    let (c, mut d) = pair();
    for (socket, token) in [(&a, 1), (&c, 2)] {
        registrar.add(raw_source(socket), Token(token), READ, Trigger::Level).unwrap();
    }
    for (writer, reader) in [(&mut b, &a), (&mut d, &c)] {
        writer.write_all(b"x").unwrap();
        while reader.peek(&mut [0; 1]).is_err() {}
    }
    // The call has ended and was not looked at yet.
    selector.ask(Question::Everything);
    selector.call(NOW).unwrap();
    registrar.remove(raw_source(&a), Token(1)).unwrap();
    let mut events = Events::new();
    selector.look(&mut events);
    assert_eq!(events.len(), 0, "one is gone, and the other took its place: {events:?}");
    assert_eq!(select(&mut selector, None).0, [event(2, Ready::READABLE)], "it is not lost");
}

/// What the call says of a number that names nothing it need not say at once: looks find it.
#[test]
fn c8_a_closed_source_is_told_once_and_its_number_is_free() {
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        let (mut selector, registrar) = open();
        let (a, _b) = pair();
        let source = raw_source(&a);
        registrar.add(source, Token(1), READ, trigger).unwrap();
        drop(a);
        assert_eq!(select(&mut selector, NOW).0, [event(1, Ready::ERROR)], "{trigger:?}");
        let wait = Some(Duration::from_millis(1));
        assert_eq!(select(&mut selector, wait), (vec![], false), "{trigger:?}");
        let error = registrar.modify(source, Token(1), READ, trigger).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        registrar.remove(source, Token(1)).expect("closed before it was removed: no error");
    }
}

/// The peer has ended its half, which the call tells whatever is asked, while somebody waits for
/// room: it is not told of what it did not ask for, the wait does not spin, and room is told.
#[test]
fn c8_an_end_that_nobody_asked_about_does_not_spin() {
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        let (mut selector, registrar) = open();
        let (a, mut b) = pair();
        fill(&a);
        b.shutdown(Shutdown::Write).unwrap();
        registrar.add(raw_source(&a), Token(1), WRITE, trigger).unwrap();
        // The buffers of both ends may take more when they have settled.
        loop {
            let events = select(&mut selector, Some(Duration::from_millis(30))).0;
            if events.is_empty() {
                break;
            }
            assert_eq!(events, [event(1, Ready::WRITABLE)], "{trigger:?}");
            fill(&a);
            registrar.modify(raw_source(&a), Token(1), WRITE, trigger).unwrap();
        }
        let before = selector.queue.state.lock().calls;
        assert_eq!(select(&mut selector, Some(Duration::from_millis(300))), (vec![], false));
        let calls = selector.queue.state.lock().calls - before;
        assert!(calls < 40, "{trigger:?}: {calls} calls in 300 milliseconds");
        let begun = Instant::now();
        let mut room = Vec::new();
        while room.is_empty() {
            while b.read(&mut [0; 65536]).is_ok() {}
            assert!(begun.elapsed() < PATIENCE.unwrap(), "{trigger:?}: no room was told");
            room = select(&mut selector, NOW).0;
        }
        assert_eq!(room, [event(1, Ready::WRITABLE)], "{trigger:?}");
        // Who asks is told.
        registrar.modify(raw_source(&a), Token(1), READ, trigger).unwrap();
        let ended = Ready::READABLE | Ready::READ_CLOSED;
        assert_eq!(select(&mut selector, PATIENCE).0, [event(1, ended)], "{trigger:?}");
        if trigger == Trigger::Level {
            continue;
        }
        // And what was told does not end a sleep again.
        let before = selector.queue.state.lock().calls;
        assert_eq!(select(&mut selector, Some(Duration::from_millis(300))), (vec![], false));
        let calls = selector.queue.state.lock().calls - before;
        assert!(calls < 40, "{trigger:?}: {calls} calls in 300 milliseconds");
    }
}

/// A system that says nothing of a connection that is refused: the sleep is cut into pieces while
/// one is being made, and the looks find it.
#[test]
fn c9_a_failure_that_is_kept_back_is_told() {
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        let (mut selector, registrar) = open();
        selector.tells_failures = false;
        let socket = attempt(refusing());
        registrar.add(raw_source(&socket), Token(1), WRITE, trigger).unwrap();
        let begun = Instant::now();
        let mut events = Events::new();
        while events.is_empty() {
            assert!(selector.ask(Question::Everything), "only a look can tell");
            // The call that is not made is one that says nothing.
            selector.look(&mut events);
            selector.queue.state.lock().calling = false;
            assert!(begun.elapsed() < PATIENCE.unwrap(), "{trigger:?}: it was not told");
        }
        let told = *events.iter().next().unwrap();
        assert!(told.ready.contains(Ready::ERROR | Ready::CLOSED), "{told:?}");
        assert!(socket.take_error().unwrap().is_some(), "and the error is there to be taken");
    }
}

/// And where it is told, or is none, nothing is cut.
#[test]
fn c9_a_connection_that_is_made_needs_no_looks() {
    let (mut selector, registrar) = open();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for told in [true, false] {
        selector.tells_failures = told;
        let socket = attempt(listener.local_addr().unwrap());
        let fresh = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        registrar.add(raw_source(&socket), Token(1), WRITE, Trigger::OneShot).unwrap();
        registrar.add(raw_source(&fresh), Token(2), WRITE, Trigger::OneShot).unwrap();
        let events = select(&mut selector, PATIENCE).0;
        assert!(events.contains(&event(1, Ready::WRITABLE)), "{events:?}");
        assert_eq!(selector.ask(Question::Everything), !told, "a stream without a peer is there");
        selector.queue.state.lock().calling = false;
        registrar.remove(raw_source(&fresh), Token(2)).unwrap();
        assert!(!selector.ask(Question::Everything), "what was told is past");
        selector.queue.state.lock().calling = false;
        registrar.remove(raw_source(&socket), Token(1)).unwrap();
    }
    // And a refusal comes through the whole wait either way.
    for told in [true, false] {
        selector.tells_failures = told;
        let socket = attempt(refusing());
        registrar.add(raw_source(&socket), Token(3), WRITE, Trigger::Level).unwrap();
        let events = select(&mut selector, PATIENCE).0;
        assert!(events[0].ready.is_error(), "{events:?}");
        registrar.remove(raw_source(&socket), Token(3)).unwrap();
    }
}

/// The doubt about data that may be other data is resolved in the end, by looks alone.
#[test]
fn c2_as_much_new_data_as_was_read_is_told() {
    let (mut selector, registrar) = open();
    let (mut a, mut b) = pair();
    registrar.add(raw_source(&a), Token(1), READ, Trigger::Edge).unwrap();
    for _ in 0..3 {
        b.write_all(b"x").unwrap();
        while a.peek(&mut [0; 1]).is_err() {}
        let told = (0..=edge::PATIENCE_MAX).any(|_| !select(&mut selector, NOW).0.is_empty());
        assert!(told, "an edge was lost");
        assert_eq!(a.read(&mut [0; 16]).unwrap(), 1);
    }
}

/// Told anew at once, and to a wait that is under way.
#[test]
fn c2_what_is_rearmed_is_told_again_at_once() {
    let (mut selector, registrar) = open();
    let (a, mut b) = pair();
    let source = raw_source(&a);
    registrar.add(source, Token(1), READ, Trigger::Edge).unwrap();
    b.write_all(b"x").unwrap();
    for _ in 0..3 {
        assert_eq!(select(&mut selector, PATIENCE).0, [event(1, Ready::READABLE)]);
        assert_eq!(select(&mut selector, NOW).0, []);
        registrar.rearm(source, Token(1), READ).unwrap();
    }
    assert_eq!(select(&mut selector, PATIENCE).0, [event(1, Ready::READABLE)]);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !selector_is_calling(&registrar) {
                thread::yield_now();
            }
            registrar.rearm(source, Token(1), READ).unwrap();
        });
        assert_eq!(select(&mut selector, PATIENCE).0, [event(1, Ready::READABLE)]);
    });
}

fn selector_is_calling(registrar: &PollRegistrar) -> bool {
    registrar.queue.state.lock().calling
}

/// A call that nobody will end.
#[test]
fn c4_a_removal_does_not_wait_for_ever() {
    let (selector, registrar) = open();
    let (a, _b) = pair();
    registrar.add(raw_source(&a), Token(1), READ, Trigger::Edge).unwrap();
    selector.queue.state.lock().calling = true;
    registrar.remove(raw_source(&a), Token(1)).unwrap();
    assert_eq!(selector.queue.state.lock().waiting, 0);
}

#[test]
fn c6_concurrent_changes_of_many_threads_end_in_a_table_that_works() {
    const THREADS: u64 = 4;
    const ROUNDS: usize = 50;
    let (mut selector, registrar) = open();
    thread::scope(|scope| {
        let registrar = &registrar;
        let changers = (0..THREADS).map(|thread| {
            scope.spawn(move || {
                let (a, mut b) = pair();
                let source = raw_source(&a);
                for _ in 0..ROUNDS {
                    registrar.add(source, Token(thread), READ, Trigger::Edge).unwrap();
                    b.write_all(b"x").unwrap();
                    registrar.rearm(source, Token(thread), READ).unwrap();
                    registrar.modify(source, Token(thread), READ, Trigger::Level).unwrap();
                    registrar.remove(source, Token(thread)).unwrap();
                }
                (a, b)
            })
        });
        let changers: Vec<_> = changers.collect();
        while !changers.iter().all(thread::ScopedJoinHandle::is_finished) {
            select(&mut selector, Some(Duration::from_millis(1)));
        }
        for changer in changers {
            changer.join().unwrap();
        }
    });
    assert_eq!(select(&mut selector, NOW), (vec![], false));
    assert_eq!(selector.queue.state.lock().table.entries().len(), 0);
}

/// Neither the call nor the way failures are found has a number of sockets that it ends at.
#[test]
fn c13_a_thousand_sockets_are_watched_at_once() {
    const COUNT: u64 = 1000;
    let (mut selector, registrar) = open();
    selector.tells_failures = false;
    let sockets: Vec<_> =
        (0..COUNT).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for (token, socket) in (0..).zip(&sockets) {
        let both = READ | WRITE;
        registrar.add(raw_source(socket), Token(token), both, Trigger::OneShot).unwrap();
    }
    let mut heard = std::collections::HashSet::new();
    while heard.len() < sockets.len() {
        let events = select(&mut selector, PATIENCE).0;
        assert!(!events.is_empty(), "{} of {COUNT}", heard.len());
        heard.extend(events.iter().map(|event| event.token));
    }
}
