use std::net::UdpSocket;

use super::*;
use crate::sys::inspect::identity;
use crate::sys::poll::{ERR, HUP, NVAL};
use crate::sys::raw_source;

const TRIGGERS: [Trigger; 3] = [Trigger::Edge, Trigger::Level, Trigger::OneShot];

fn watching(interest: Interest, trigger: Trigger) -> (Table, UdpSocket) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let source = raw_source(&socket);
    let mut table = Table::default();
    table.add(source, identity(source).unwrap(), Token(1), interest, trigger).unwrap();
    (table, socket)
}

/// Some mechanisms tell of the peer's end whatever is asked. Who waits for room to write is not
/// told of it, and it does not end a sleep.
#[test]
fn c8_what_nobody_asked_about_is_left_out_of_a_sleep_and_looked_at() {
    for trigger in TRIGGERS {
        let (mut table, _socket) = watching(Interest::WRITABLE, trigger);
        let entry = &mut table.entries[0];
        assert_eq!(entry.question(Question::News), Some(OUT));
        assert_eq!(entry.relevant(IN), 0);
        assert!(entry.is_told(), "only a look finds what else comes");
        assert_eq!(entry.question(Question::News), None);
        assert_eq!(entry.question(Question::Everything), Some(OUT));
        assert_eq!(entry.relevant(IN | OUT), OUT);
        for unasked in [ERR, HUP, NVAL] {
            assert_eq!(entry.relevant(unasked), unasked, "everybody wants to know");
            assert!(!entry.is_told());
        }
        assert_eq!(entry.relevant(IN), 0);
        let source = entry.source;
        table.modify(source, identity(source), Token(1), Interest::READABLE, trigger).unwrap();
        assert!(!table.entries[0].is_told(), "who asks is told");
        assert_eq!(table.entries[0].relevant(IN), IN);
    }
}

#[test]
fn c3_a_rearm_is_for_its_owner_and_for_edges() {
    for trigger in TRIGGERS {
        let (mut table, socket) = watching(Interest::READABLE, trigger);
        let source = raw_source(&socket);
        let error = table.rearm(source, Token(2), Interest::READABLE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let serial = table.entries[0].serial;
        assert!(!table.rearm(source, Token(1), Interest::READABLE).unwrap(), "nothing was told");
        assert_eq!(table.entries[0].serial, serial);
    }
}
