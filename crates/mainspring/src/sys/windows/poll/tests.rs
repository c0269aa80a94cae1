use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};

use socket2::{Domain, Type};

use super::*;
use crate::sys::raw_source;

const PATIENCE: Duration = Duration::from_secs(10);

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (b, _) = listener.accept().unwrap();
    (a, b)
}

/// A number that names nothing: no handle is given out up there.
const CLOSED: RawSource = RawSource(0x7fff_fffc);

#[test]
fn c9_flags_map_to_ready() {
    let ready = |flags: i16| ready_of(flags as u16 as u32);
    assert_eq!(ready(IN), Ready::READABLE);
    assert_eq!(ready(IN | RDHUP), Ready::READABLE | Ready::READ_CLOSED);
    assert_eq!(ready(RDHUP), Ready::READABLE | Ready::READ_CLOSED, "the end is something to read");
    assert_eq!(ready(OUT), Ready::WRITABLE);
    assert_eq!(ready(PRI), Ready::PRIORITY);
    let reset = Polled(WSAPOLLFD { fd: 4, events: 0, revents: POLLERR | POLLHUP }).answer();
    let refused = Polled(WSAPOLLFD { fd: 4, events: 0, revents: POLLERR }).answer();
    for broken in [reset, refused] {
        let both = Ready::READABLE | Ready::WRITABLE | Ready::CLOSED | Ready::ERROR;
        assert_eq!(ready(broken), both);
    }
}

#[test]
fn c7_timeouts_round_up_and_are_cut_to_what_the_call_takes() {
    assert_eq!(milliseconds(None), -1);
    assert_eq!(milliseconds(Some(Duration::ZERO)), 0);
    assert_eq!(milliseconds(Some(Duration::from_nanos(1))), 1);
    assert_eq!(milliseconds(Some(Duration::from_micros(1_001))), 2);
    assert_eq!(milliseconds(Some(Duration::MAX)), i32::MAX);
}

/// The flags that fail the call never reach it.
#[test]
fn c8_what_the_call_refuses_is_not_asked() {
    let (a, mut b) = pair();
    b.write_all(b"x").unwrap();
    let all = IN | PRI | RDHUP | HUP | ERR | NVAL | 0x0400;
    let mut lines = [Polled::new(raw_source(&a), all)];
    // Windows fails the call for the others; Wine lets them pass, so the answer proves nothing.
    assert_eq!(lines[0].0.events, IN | PRI);
    assert_eq!(wait_ms(&mut lines, Some(PATIENCE)).unwrap(), 1);
    assert_eq!(lines[0].answer(), IN);
}

#[test]
fn c8_an_invalid_socket_is_told_and_hides_no_other() {
    let (a, mut b) = pair();
    b.write_all(b"x").unwrap();
    let closed = Polled::new(CLOSED, IN);
    let mut lines = [Polled::nothing(), closed, Polled::new(raw_source(&a), IN)];
    wait_ms(&mut lines, Some(PATIENCE)).unwrap();
    assert_eq!(lines.map(|line| line.answer()), [0, NVAL, IN]);
    // None is valid: the call itself fails then.
    let mut lines = [Polled::nothing(), closed, closed];
    wait_ms(&mut lines, Some(Duration::ZERO)).unwrap();
    assert_eq!(lines.map(|line| line.answer()), [0, NVAL, NVAL]);
    // And what is nobody's fault stays an error.
    assert!(wait_ms(&mut [], Some(Duration::ZERO)).is_err());
}

/// As if the call had said nothing of them, like older systems: more than one set, among sockets
/// that are connected, that have urgent data, that were closed, or that never connect.
#[test]
fn c9_failures_that_are_kept_back_are_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = listener.local_addr().unwrap();
    drop(listener);
    let attempts: Vec<_> = (0..SET_MAX + 6)
        .map(|_| {
            let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            // Refused at once or later.
            let _ = socket.connect(&refusing.into());
            socket
        })
        .collect();
    let (a, b) = pair();
    socket2::SockRef::from(&b).send_out_of_band(b"!").unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let others = [raw_source(&a), raw_source(&datagrams), CLOSED];
    let sources = others.into_iter().chain(attempts.iter().map(raw_source));
    let silent: Vec<Polled> = sources.map(|source| Polled::new(source, OUT)).collect();
    let begun = std::time::Instant::now();
    loop {
        let mut lines = silent.clone();
        find_failures(&mut lines);
        assert!(lines[..3].iter().all(|line| line.answer() == 0), "these do not fail to connect");
        let found = lines[3..].iter().filter(|line| line.answer() == ERR | HUP).count();
        if found == attempts.len() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "only {found} were found");
    }
    for attempt in &attempts {
        let error = attempt.take_error().unwrap().expect("the error is still there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
    // Nothing is asked of what is not to be written to.
    let mut lines = [Polled::new(raw_source(&attempts[0]), IN)];
    find_failures(&mut lines);
    assert_eq!(lines[0].answer(), 0);
}

#[test]
fn a_system_of_today_tells_failures() {
    assert!(tells_failures(), "Wine says that it is Windows 10, version 2004 or newer");
}
