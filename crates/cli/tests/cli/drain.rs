//! The end: nothing that was begun is lost, and nothing goes on for ever.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::client::{Client, Outcome};
use crate::ending::Ending;
use crate::place::{Place, noise};
use crate::server::{PATIENCE, Server};

/// More than the buffers of both sides hold, so that the response is under way until it is read.
const LARGE: usize = 24_000_000;

#[test]
fn a_response_under_way_is_sent_to_its_end() {
    let place = Place::new("drain");
    place.write("large", noise(LARGE));
    // Wine's Ctrl-Break is not heard reliably; on Windows a console says both in one way.
    let endings = if cfg!(windows) { &[Ending::Interrupt][..] } else { &Ending::ALL };
    for &ending in endings {
        let server = Server::start(&place.root(), &["--drain", "1h"]);
        let mut resting = server.connect();
        assert_eq!(resting.get("/").status, 200);
        let mut client = server.connect();
        client.ask("GET", "/large", "");
        client.wait_for_some();
        server.tell(ending);
        // The idle connection is closed although the other one goes on.
        assert!(resting.rest().unwrap().is_empty());
        assert!(client.response(true).body == noise(LARGE), "all of it after {ending:?}");
        let farewell = server.wait();
        assert!(farewell.status.success(), "{:?}", farewell.status);
        assert_eq!(farewell.number("requests"), 2);
        assert_eq!(farewell.number("cut off"), 0);
    }
}

/// Cores listen to signals one after the other; the one that says hello must not be ahead of the
/// rest, which would not hear of a signal sent at once.
#[test]
fn a_signal_at_the_first_moment_ends_every_core() {
    let place = Place::new("early");
    for _ in 0..8 {
        let farewell = Server::start(&place.root(), &["--cores", "8"]).stop();
        assert!(farewell.status.success(), "{:?}", farewell.status);
    }
}

/// A request that was read with the one before it is answered, and told to be the last.
#[test]
fn the_last_answer_says_so() {
    let place = Place::new("last");
    place.write("large", noise(LARGE));
    place.write("small", "x");
    let server = Server::start(&place.root(), &["--drain", "1h"]);
    let mut resting = server.connect();
    assert_eq!(resting.get("/small").text(), "x");
    let mut client = server.connect();
    let requests =
        ["large", "small", "small"].map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.send(requests.concat().as_bytes());
    client.wait_for_some();
    server.tell(Ending::Interrupt);
    assert!(resting.rest().unwrap().is_empty(), "the server drains");
    assert!(client.response(true).body == noise(LARGE));
    match client.outcome(true) {
        Outcome::Complete(last) => {
            assert_eq!((last.text().as_str(), last.field("connection")), ("x", Some("close")));
        }
        // Read, but not begun.
        Outcome::Closed => {}
        Outcome::Broken(how) => panic!("{how}"),
    }
    assert!(client.rest().unwrap().is_empty(), "nothing after the last answer");
    assert_eq!(server.wait().number("cut off"), 0);
}

/// Whoever has connected and asked before the signal is answered, also if the server had no time
/// to take the connection yet. Only Unix can hold a process up for so long.
#[cfg(unix)]
#[test]
fn connections_that_wait_to_be_taken_are_served() {
    let place = Place::new("queue");
    place.write("file", "x");
    let server = Server::start(&place.root(), &[]);
    assert_eq!(server.connect().get("/file").text(), "x");
    server.signal(rustix::process::Signal::STOP);
    let mut queue: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for client in &mut queue {
        client.ask("GET", "/file", "");
    }
    server.tell(Ending::Interrupt);
    server.signal(rustix::process::Signal::CONT);
    for client in &mut queue {
        assert_eq!(client.response(true).text(), "x");
    }
    drop(queue);
    assert_eq!(server.wait().number("requests"), 201);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let place = Place::new("twice");
    place.write("large", noise(LARGE));
    let server = Server::start(&place.root(), &["--drain", "1h"]);
    let mut client = server.connect();
    client.ask("GET", "/large", "");
    client.wait_for_some();
    server.tell(Ending::Interrupt);
    assert!(server.complaint().contains("under way"));
    let farewell = server.stop();
    assert!(farewell.status.success());
    assert_eq!(farewell.number("cut off"), 1);
    assert!(matches!(client.outcome(true), Outcome::Broken(_)), "it is not passed off as whole");
}

#[test]
fn the_drain_has_an_end() {
    let place = Place::new("drain-limit");
    place.write("large", noise(LARGE));
    let server = Server::start(&place.root(), &["--drain", "100ms"]);
    let mut client = server.connect();
    client.ask("GET", "/large", "");
    client.wait_for_some();
    let farewell = server.stop();
    assert_eq!(farewell.number("cut off"), 1);
    drop(client);
}

/// A hundred clients ask and ask; in the midst of it the server is told to stop. Each must get
/// whole answers and then a clean end, before the first byte of the answer that it will not get.
/// How long the clients take to close is the machine's matter: the server waits until they have.
#[test]
fn ctrl_c_under_load_loses_no_response() {
    for cores in ["1", "2"] {
        let place = Place::new(&format!("load-{cores}"));
        let sizes = [100, 20_000, 300_000];
        for size in sizes {
            place.write(&size.to_string(), noise(size));
        }
        let patient = ["--cores", cores, "--close-timeout", "1h", "--drain", "1h"];
        let server = Server::start(&place.root(), &patient);
        let (address, answers) = (server.address, AtomicUsize::new(0));
        let connected = AtomicUsize::new(0);
        let farewell = thread::scope(|scope| {
            for n in 0..100 {
                let (answers, connected) = (&answers, &connected);
                scope.spawn(move || {
                    let mut client = Client::connect(address);
                    connected.fetch_add(1, Ordering::Relaxed);
                    for round in n.. {
                        if !ask(&mut client, sizes[round % sizes.len()]) {
                            return;
                        }
                        answers.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let start = Instant::now();
            while answers.load(Ordering::Relaxed) < 500 || connected.load(Ordering::Relaxed) < 100 {
                assert!(start.elapsed() < PATIENCE, "the load does not get going");
                thread::yield_now();
            }
            server.stop()
        });
        assert!(farewell.status.success());
        assert_eq!((farewell.number("cut off"), farewell.number("errors")), (0, 0));
        assert_eq!(farewell.number("requests"), answers.into_inner() as u64);
    }
}

/// Whether there was an answer; everything but a whole one or a clean end is a failure.
fn ask(client: &mut Client, size: usize) -> bool {
    let request = format!("GET /{size} HTTP/1.1\r\nHost: test\r\n\r\n");
    if client.try_send(request.as_bytes()).is_err() {
        // The server's end came before the request.
        return false;
    }
    match client.outcome(true) {
        Outcome::Complete(response) => {
            assert_eq!(response.status, 200);
            assert!(response.body == noise(size));
            true
        }
        Outcome::Closed => false,
        Outcome::Broken(how) => panic!("a response was lost: {how}"),
    }
}
