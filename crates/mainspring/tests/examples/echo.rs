//! `echo` repeats what it hears, for as long as it hears something.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread;

use mainspring::Kind;

use crate::{connect, listening};

/// On each kind that is here, by readiness and by operations.
#[test]
fn what_goes_in_comes_back_to_the_last_byte() {
    let machine = mainspring::probe().into_iter().filter(|(kind, _)| *kind != Kind::Sim);
    for (kind, _) in machine.filter(|(_, available)| available.is_ok()) {
        for option in [None, Some("--completion")] {
            let mut arguments = vec!["127.0.0.1:0", "--backend", kind.name()];
            arguments.extend(option);
            let (_echo, address) = listening("echo", &arguments);
            converse(address, &format!("{kind} {option:?}"));
        }
    }
}

fn converse(address: SocketAddr, with: &str) {
    let mut stream = connect(address);
    stream.write_all(b"one").expect("a write");
    let mut answer = [0; 3];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"one", "{with}");

    // More than all buffers on the way hold: the echo has to wait for its reader.
    let message: Vec<u8> = (0..8 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let mut writer = stream.try_clone().expect("a duplicate");
    let sent = message.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&sent).expect("a write");
        writer.shutdown(Shutdown::Write).expect("an end");
    });
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    writing.join().expect("the writer");
    assert!(answer == message, "{with}: {} of {} bytes", answer.len(), message.len());
}

#[test]
fn every_core_answers_its_connections() {
    let (_echo, address) = listening("echo", &["127.0.0.1:0", "--cores", "2"]);
    // The kernel spreads them by their ports; with so many, both cores get some.
    let mut streams: Vec<_> = (0..32).map(|_| connect(address)).collect();
    for (number, stream) in (0_u8..).zip(&mut streams) {
        stream.write_all(&[number]).expect("a write");
    }
    for (number, stream) in (0_u8..).zip(&mut streams) {
        let mut answer = [0];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, [number]);
    }
}
