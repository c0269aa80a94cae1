//! C10 to C13: operations end once, can be cancelled, and let go of their memory.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use super::*;

/// A buffer that lives for the whole test, so that nothing here can dangle.
struct Buffer(Vec<u8>);

impl Buffer {
    fn memory(&mut self) -> RawMemory {
        RawMemory { start: self.0.as_mut_ptr(), len: self.0.len() }
    }
}

fn submit(registrar: &SimRegistrar, token: u64, operation: RawOperation) -> io::Result<()> {
    // SAFETY: every test keeps its `Buffer`s, untouched, until the completion of their operation
    // was drained or the selector was dropped.
    unsafe { registrar.submit(Token(token), operation) }
}

fn recv(registrar: &SimRegistrar, token: u64, socket: &Socket, buffer: &mut Buffer) {
    let (source, memory) = (socket.raw_source(), buffer.memory());
    submit(registrar, token, RawOperation::Recv { source, memory, flags: 0 }).unwrap();
}

fn send(registrar: &SimRegistrar, token: u64, socket: &Socket, buffer: &mut Buffer) {
    let (source, memory) = (socket.raw_source(), buffer.memory());
    submit(registrar, token, RawOperation::Send { source, memory, flags: 0 }).unwrap();
}

fn accept(registrar: &SimRegistrar, token: u64, listener: &Socket) {
    submit(registrar, token, RawOperation::Accept { source: listener.raw_source() }).unwrap();
}

/// One wait that brings completions alone.
fn collected(selector: &mut SimSelector, timeout: Option<Duration>) -> Vec<Completion> {
    let mut events = Events::new();
    selector.select(&mut events, timeout).unwrap();
    assert!(events.is_empty() && !events.woken());
    events.completions
}

/// Turns for a second of virtual time and returns what completed, by token.
fn completed(selector: &mut SimSelector) -> BTreeMap<u64, io::Result<u64>> {
    let mut all = Vec::new();
    let end = selector.simulation.now() + Duration::from_secs(1);
    while selector.simulation.now() < end {
        let left = end - selector.simulation.now();
        all.append(&mut collected(selector, Some(left)));
    }
    once_each(all)
}

fn once_each(all: Vec<Completion>) -> BTreeMap<u64, io::Result<u64>> {
    let mut results = BTreeMap::new();
    for completion in all {
        assert!(!completion.more);
        let before = results.insert(completion.token.0, completion.result);
        assert!(before.is_none(), "a second terminal completion of {:?}", completion.token);
    }
    results
}

fn is_cancelled(result: &io::Result<u64>) -> bool {
    let cancelled = crate::error::cancelled().to_string();
    result.as_ref().is_err_and(|error| error.to_string() == cancelled)
}

#[test]
fn c10_every_operation_completes_once_at_a_later_time() {
    let (simulation, mut selector, registrar) = open();
    let (client, server) = tcp_pair(&simulation);
    let (listener, address) = listener(&simulation);
    let (mut outgoing, mut incoming) = (Buffer(b"twelve bytes".to_vec()), Buffer(vec![0; 64]));
    recv(&registrar, 1, &server, &mut incoming);
    accept(&registrar, 2, &listener);
    submit(&registrar, 3, RawOperation::Nop).unwrap();
    send(&registrar, 4, &client, &mut outgoing);
    let none = collected(&mut selector, Some(Duration::ZERO));
    assert!(none.is_empty(), "nothing completes within the submission");
    let caller = simulation.tcp_socket(false).unwrap();
    assert!(caller.connect(&address).is_err());
    let results = completed(&mut selector);
    assert_eq!(results.len(), 4, "{results:?}");
    assert_eq!(results[&1].as_ref().unwrap(), &12);
    assert_eq!(&incoming.0[..13], b"twelve bytes\0");
    assert_eq!(results[&3].as_ref().unwrap(), &0);
    assert_eq!(results[&4].as_ref().unwrap(), &12);
    simulation.close_number(*results[&2].as_ref().unwrap()).expect("an open number");
    assert!(completed(&mut selector).is_empty());
}

#[test]
fn c10_operations_end_in_the_order_of_the_seed_and_not_of_submission() {
    let order = |seed| {
        let simulation = Simulation::new(seed);
        let (mut selector, registrar) = open_on(&simulation);
        for token in 0..20 {
            submit(&registrar, token, RawOperation::Nop).unwrap();
        }
        let mut all = Vec::new();
        while all.len() < 20 {
            all.append(&mut collected(&mut selector, None));
        }
        all.iter().map(|completion| completion.token.0).collect::<Vec<_>>()
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
    assert_ne!(order(1), (0..20).collect::<Vec<_>>());
}

#[test]
fn c7_a_completion_ends_a_wait_and_comes_with_it() {
    let (_simulation, mut selector, registrar) = open();
    submit(&registrar, 1, RawOperation::Nop).unwrap();
    let all = collected(&mut selector, None);
    assert_eq!(all.len(), 1);
    assert!(collected(&mut selector, Some(A_WHILE)).is_empty(), "it comes once");
}

#[test]
fn c8_an_operation_on_nothing_fails_alone() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    let mut buffers = [Buffer(vec![0; 8]), Buffer(vec![0; 8]), Buffer(vec![0; 8])];
    let [first, second, third] = &mut buffers;
    let nowhere = RawSource(u64::MAX);
    let memory = first.memory();
    submit(&registrar, 1, RawOperation::Recv { source: nowhere, memory, flags: 0 }).unwrap();
    accept(&registrar, 2, &a);
    recv(&registrar, 3, &b, second);
    a.send(b"fine").unwrap();
    let torn = tcp_pair(&simulation);
    recv(&registrar, 4, &torn.0, third);
    torn.1.reset().unwrap();
    let results = completed(&mut selector);
    assert!(results[&1].is_err());
    assert_eq!(results[&2].as_ref().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(results[&3].as_ref().unwrap(), &4);
    assert_eq!(results[&4].as_ref().unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn an_operation_keeps_its_file_open() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    let mut buffer = Buffer(vec![0; 8]);
    recv(&registrar, 1, &b, &mut buffer);
    drop(b);
    assert!(completed(&mut selector).is_empty());
    assert_eq!(a.send(b"late").unwrap(), 4);
    assert_eq!(completed(&mut selector)[&1].as_ref().unwrap(), &4);
    assert_eq!(&buffer.0[..4], b"late");
    assert_eq!(a.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe, "now it is closed");
}

#[test]
fn an_empty_buffer_is_no_trouble() {
    let (simulation, mut selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    let (mut none, mut nothing) = (Buffer(Vec::new()), Buffer(Vec::new()));
    send(&registrar, 1, &a, &mut none);
    a.send(b"x").unwrap();
    recv(&registrar, 2, &b, &mut nothing);
    let results = completed(&mut selector);
    assert_eq!((results[&1].as_ref().unwrap(), results[&2].as_ref().unwrap()), (&0, &0));
}

#[test]
fn c11_an_operation_that_waits_is_cancelled() {
    let (simulation, mut selector, registrar) = open();
    let (_a, b) = simulation.unix_pair().unwrap();
    let mut buffer = Buffer(vec![9; 8]);
    recv(&registrar, 1, &b, &mut buffer);
    assert!(completed(&mut selector).is_empty());
    registrar.cancel(Token(7));
    registrar.cancel(Token(1));
    registrar.cancel(Token(1));
    let results = completed(&mut selector);
    assert!(is_cancelled(&results[&1]), "{results:?}");
    assert_eq!((results.len(), &buffer.0), (1, &vec![9; 8]));
    registrar.cancel(Token(1));
    assert!(completed(&mut selector).is_empty(), "nothing left to cancel");
}

/// Cancelling races with success, and over the seeds each of them wins; always exactly one.
#[test]
fn c11_a_cancel_may_come_before_with_or_after_the_success() {
    let (mut cancelled, mut successes) = (0, 0);
    for seed in 0..100 {
        let simulation = Simulation::new(seed);
        let (mut selector, registrar) = open_on(&simulation);
        let (a, b) = simulation.unix_pair().unwrap();
        let mut buffer = Buffer(vec![0; 8]);
        recv(&registrar, 1, &b, &mut buffer);
        a.send(b"x").unwrap();
        registrar.cancel(Token(1));
        let results = completed(&mut selector);
        assert_eq!(results.len(), 1);
        if is_cancelled(&results[&1]) {
            cancelled += 1;
            assert_eq!(exhaust(&b), 1, "a cancelled read has taken nothing");
        } else {
            successes += 1;
            assert_eq!((results[&1].as_ref().unwrap(), buffer.0[0]), (&1, b'x'));
            assert_eq!(exhaust(&b), 0);
        }
    }
    assert!(cancelled > 10 && successes > 10, "{cancelled} cancelled, {successes} not");
}

/// Whether an accept wins or loses against its cancel, no number is left open without an owner.
#[test]
fn c11_an_accept_that_succeeds_too_late_leaks_no_number() {
    let mut accepted_unseen = 0;
    for seed in 0..100 {
        let simulation = Simulation::new(seed);
        let (selector, registrar) = open_on(&simulation);
        let (listener, address) = listener(&simulation);
        let client = simulation.tcp_socket(false).unwrap();
        assert!(client.connect(&address).is_err());
        simulation.advance(A_WHILE);
        accept(&registrar, 1, &listener);
        registrar.cancel(Token(1));
        simulation.advance(A_WHILE);
        drop(selector);
        let seen = simulation.trace().iter().any(|entry| entry.what() == "accepted");
        accepted_unseen += u32::from(seen);
        let next = simulation.tcp_socket(false).unwrap();
        assert_eq!(next.number(), 2, "the number after the listener's and the client's");
    }
    assert!((10..90).contains(&accepted_unseen), "{accepted_unseen}");
}

#[test]
fn c12_after_a_drain_no_memory_is_touched() {
    for seed in 0..50 {
        let simulation = Simulation::new(seed);
        let (mut selector, registrar) = open_on(&simulation);
        let (a, b) = simulation.unix_pair().unwrap();
        let mut buffers = [Buffer(vec![0; 8]), Buffer(vec![0; 8])];
        for (token, buffer) in buffers.iter_mut().enumerate() {
            recv(&registrar, token as u64, &b, buffer);
        }
        submit(&registrar, 2, RawOperation::Nop).unwrap();
        simulation.advance(Duration::from_micros(seed));
        registrar.cancel(Token(0));
        let mut events = Events::new();
        assert_eq!(selector.drain(&mut events), 0, "nothing is left behind");
        let results = once_each(events.completions);
        assert_eq!(results.len(), 3, "{results:?}");
        assert!(is_cancelled(&results[&0]) && is_cancelled(&results[&1]));
        a.send(b"too late").unwrap();
        assert!(completed(&mut selector).is_empty());
        assert!(buffers.iter().all(|buffer| buffer.0 == [0; 8]));
        assert_eq!(exhaust(&b), 8, "nothing was taken for them either");
        let refused = submit(&registrar, 5, RawOperation::Nop).unwrap_err();
        assert!(crate::error::is_shutdown(&refused), "a drain is the end: {refused}");
    }
}

#[test]
fn c12_a_dropped_selector_touches_no_memory() {
    let (simulation, selector, registrar) = open();
    let (a, b) = simulation.unix_pair().unwrap();
    let mut buffer = Buffer(vec![0; 8]);
    recv(&registrar, 1, &b, &mut buffer);
    drop(selector);
    a.send(b"too late").unwrap();
    simulation.advance(A_WHILE);
    assert_eq!(buffer.0, [0; 8]);
    assert_eq!(exhaust(&b), 8);
    drop(registrar);
}

#[test]
fn c13_the_number_of_operations_is_limited_and_a_cancel_still_gets_through() {
    let (simulation, mut selector, registrar) = open();
    let (_a, b) = simulation.unix_pair().unwrap();
    let mut buffer = Buffer(vec![0; 8]);
    recv(&registrar, 0, &b, &mut buffer);
    let mut accepted = 1;
    let full = loop {
        match submit(&registrar, accepted, RawOperation::Nop) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((accepted, full.kind()), (4096, ErrorKind::QuotaExceeded));
    simulation.advance(A_WHILE);
    let full = submit(&registrar, accepted, RawOperation::Nop).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::QuotaExceeded, "done and not collected counts too");
    registrar.cancel(Token(0));
    let results = completed(&mut selector);
    assert_eq!(results.len(), 4096);
    assert!(is_cancelled(&results[&0]));
    submit(&registrar, 0, RawOperation::Nop).expect("room again");
}
