//! Kept-alive, pipelined, slow, half-closed: connections that are not just one request.

use std::time::{Duration, Instant};

use crate::place::{Place, noise};
use crate::server::{PATIENCE, Server};

#[test]
fn pipelined_requests_are_answered_in_order() {
    let place = Place::new("pipeline");
    for n in 0..40 {
        place.write(&n.to_string(), noise(n * 5000));
    }
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    let requests: Vec<String> =
        (0..40).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: test\r\n\r\n")).collect();
    client.send(requests.concat().as_bytes());
    for n in 0..40 {
        assert!(client.response(true).body == noise(n * 5000), "answer {n}");
    }
    assert_eq!(server.stop().number("connections"), 1);
}

#[test]
fn a_client_that_has_asked_may_shut_its_side() {
    let place = Place::new("half");
    place.write("file", noise(2_000_000));
    let server = Server::start(&place.root(), &[]);
    let mut client = server.connect();
    client.ask("GET", "/file", "");
    client.shut();
    assert!(client.response(true).body == noise(2_000_000));
    assert!(client.rest().unwrap().is_empty());
}

/// Bytes that nobody reads turn a plain close into a reset, which throws away the response's end.
#[test]
fn what_a_client_sends_too_much_costs_it_no_byte_of_its_response() {
    let place = Place::new("too-much");
    // It fits in the server's buffer: the server is done before the client has read any of it.
    let size = 1_000_000;
    place.write("file", noise(size));
    let server = Server::start(&place.root(), &[]);
    let mut other = server.connect();
    for _ in 0..5 {
        let mut client = server.connect();
        client.ask("GET", "/file", "Connection: close\r\n");
        client.send(&noise(300_000));
        // By the time that these are answered, the first one is as good as surely done too.
        for _ in 0..3 {
            assert!(other.get("/file").body.len() == size);
        }
        assert!(client.response(true).body == noise(size));
        assert!(client.rest().unwrap().is_empty());
    }
}

#[test]
fn a_request_that_does_not_end_is_timed_out() {
    let place = Place::new("slow-head");
    let server = Server::start(&place.root(), &["--header-timeout", "200ms"]);
    let start = Instant::now();
    let mut client = server.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: ");
    let response = client.response(true);
    assert_eq!(response.status, 408);
    assert!(client.rest().unwrap().is_empty());
    assert!(start.elapsed() >= Duration::from_millis(200), "not before its time");
    // Nothing at all is no request, and gets no answer.
    assert!(server.connect().rest().unwrap().is_empty());
    assert_eq!(server.stop().number("timeouts"), 1);
}

#[test]
fn bytes_that_trickle_in_buy_no_time() {
    let place = Place::new("trickle");
    let server = Server::start(&place.root(), &["--header-timeout", "300ms"]);
    let mut client = server.connect();
    client.send(b"GET / HTTP/1.1\r\n");
    let start = Instant::now();
    // Until the server has closed and says so.
    while client.try_send(b"X: y\r\n").is_ok() {
        assert!(start.elapsed() < PATIENCE, "it waits for ever");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_connection_that_rests_too_long_is_closed() {
    let place = Place::new("idle");
    place.write("file", "x");
    let server = Server::start(&place.root(), &["--idle-timeout", "200ms"]);
    let mut client = server.connect();
    assert_eq!(client.get("/file").text(), "x");
    assert_eq!(client.get("/file").text(), "x");
    assert!(client.rest().unwrap().is_empty());
    let farewell = server.stop();
    assert_eq!((farewell.number("errors"), farewell.number("timeouts")), (0, 0));
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let place = Place::new("stall");
    // More than the buffers of both sides hold.
    let size = 24_000_000;
    place.write("file", noise(size));
    let server =
        Server::start(&place.root(), &["--write-timeout", "300ms", "--idle-timeout", "1h"]);
    let mut client = server.connect();
    client.ask("GET", "/file", "");
    // The other client's answer is due; the stalled one must not stand in its way.
    assert!(server.connect().get("/file").body.len() == size);
    // The socket of the stalled one says so with an error as soon as it is cut off. Not under Wine,
    // which keeps a closed socket for as long as a part of a message waits in it; there the
    // server's own account has to do.
    let (mut other, start) = (server.connect(), Instant::now());
    while cfg!(unix) && client.try_send(b"x").is_ok() {
        assert!(start.elapsed() < PATIENCE, "the stalled client is never cut off");
        assert!(other.get("/file").body.len() == size);
    }
    let farewell = server.stop();
    assert_eq!((farewell.number("timeouts"), farewell.number("cut off")), (1, 1));
}

/// Windows has no such limit.
#[cfg(unix)]
#[test]
fn without_descriptors_the_server_waits_and_recovers() {
    let place = Place::new("shortage");
    place.write("file", "x");
    let server = Server::start_limited(&place.root(), "ulimit -n 32");
    let mut crowd: Vec<_> = (0..64).map(|_| server.connect()).collect();
    let complaint = server.complaint();
    assert!(complaint.contains("no room") && complaint.contains("ulimit -n"), "{complaint}");
    // Those that could not be taken are still waiting, and get in when others go. A file needs a
    // descriptor too: until the server has closed enough, the answer is to try again.
    let mut last = crowd.pop().unwrap();
    crowd.clear();
    loop {
        let response = last.get("/file");
        if response.status == 200 {
            break;
        }
        assert_eq!((response.status, response.field("retry-after")), (503, Some("1")));
    }
    assert_eq!(server.connect().get("/file").text(), "x");
    drop(last);
    let farewell = server.stop();
    assert!(farewell.status.success());
    assert_eq!(farewell.err, Vec::<String>::new(), "it is said once");
    assert_eq!(farewell.number("connections"), 65);
}
