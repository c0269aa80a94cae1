use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::backend::choose::Choice;
use crate::event::Events;
use crate::interest::Interest;
use crate::kind::Kind;
use crate::poller::Poller;
use crate::ready::Ready;
use crate::token::Token;
use crate::trigger::Trigger;

use super::*;

fn poller() -> Poller {
    Poller::open(&Choice::Exactly(Kind::Epoll)).unwrap()
}

fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

#[test]
fn an_exclusive_listener_is_reported_and_removed() {
    let (listener, mut poller) = (listener(), poller());
    let flags = EpollFlags::IN | EpollFlags::EXCLUSIVE;
    poller.registry().add_with_epoll_flags(&listener, Token(9), flags).unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut events = Events::new();
    poller.wait(&mut events, Some(Duration::from_secs(10))).unwrap();
    let event = events.iter().next().expect("a connection waits");
    assert_eq!((event.token, event.ready), (Token(9), Ready::READABLE));
    poller.registry().remove(&listener).unwrap();
    poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(events.is_empty());
}

#[test]
fn what_the_kernel_forbids_beside_exclusive_is_refused_in_words() {
    let (listener, poller) = (listener(), poller());
    for beside in [EpollFlags::PRI, EpollFlags::RDHUP, EpollFlags::ONESHOT] {
        let flags = EpollFlags::IN | EpollFlags::EXCLUSIVE | beside;
        let refused = poller.registry().add_with_epoll_flags(&listener, Token(1), flags);
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("leave out"), "{error}");
    }
    // Nothing was left behind by the refusals.
    poller.registry().add(&listener, Token(1), Interest::READABLE, Trigger::Level).unwrap();
}

#[test]
fn an_exclusive_source_cannot_be_modified_but_added_again() {
    let (listener, poller) = (listener(), poller());
    let registry = poller.registry();
    let flags = EpollFlags::IN | EpollFlags::EXCLUSIVE;
    registry.add_with_epoll_flags(&listener, Token(1), flags).unwrap();
    assert!(registry.modify(&listener, Token(1), Interest::READABLE, Trigger::Edge).is_err());
    registry.remove(&listener).unwrap();
    registry.add(&listener, Token(1), Interest::READABLE, Trigger::Edge).unwrap();
}

#[test]
fn bits_of_a_later_kernel_reach_it() {
    let (listener, poller) = (listener(), poller());
    let flags = EpollFlags::IN | EpollFlags::from_bits(EpollFlags::ET.bits());
    poller.registry().add_with_epoll_flags(&listener, Token(1), flags).unwrap();
}
