use std::pin::pin;
use std::task::Waker;

use super::*;

/// The answer of something that needs no lookup: it is there at the first poll.
fn at_once(address: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    let resolve = pin!(address.to_socket_addrs());
    match resolve.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.map(Iterator::collect),
        Poll::Pending => panic!("an address was taken for a name"),
    }
}

#[test]
fn an_address_is_not_looked_up() {
    let v4: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let v6: SocketAddr = "[::1]:80".parse().unwrap();
    assert_eq!(at_once(v4).unwrap(), [v4]);
    assert_eq!(at_once("127.0.0.1:80").unwrap(), [v4]);
    assert_eq!(at_once("127.0.0.1:80".to_owned()).unwrap(), [v4]);
    assert_eq!(at_once("[::1]:80").unwrap(), [v6]);
    assert_eq!(at_once(("127.0.0.1", 80)).unwrap(), [v4]);
    assert_eq!(at_once(("::1".to_owned(), 80)).unwrap(), [v6]);
    assert_eq!(at_once((Ipv4Addr::LOCALHOST, 80)).unwrap(), [v4]);
    assert_eq!(at_once((IpAddr::V6(Ipv6Addr::LOCALHOST), 80)).unwrap(), [v6]);
    assert_eq!(at_once([v4, v6]).unwrap(), [v4, v6]);
    assert_eq!(at_once(&[v4, v6][..]).unwrap(), [v4, v6]);
    assert_eq!(at_once(vec![v6, v4]).unwrap(), [v6, v4]);
    assert_eq!(at_once(Vec::new()).unwrap(), []);
}

#[test]
fn what_has_no_port_is_refused_in_words() {
    for wrong in
        ["localhost", "", ":", ":80", "localhost:", "localhost:http", "localhost:65536", "::1"]
    {
        let error = at_once(wrong).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{wrong}");
        assert!(error.to_string().contains("host:port"), "{error}");
    }
}

#[test]
fn a_name_is_looked_up_off_this_thread() {
    let found = futures::executor::block_on(lookup_host("localhost:80")).unwrap();
    let found: Vec<SocketAddr> = found.collect();
    assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()));
    // In brackets a name is a name, and nothing else is.
    assert!(futures::executor::block_on(lookup_host("[localhost]:80")).is_ok());
    assert!(futures::executor::block_on(lookup_host("bad\0name:80")).is_err());
}

#[test]
fn an_answer_is_given_once_and_its_length_is_right() {
    let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let mut resolve = pin!(Resolve::known([address; 3]));
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(mut found)) = resolve.as_mut().poll(&mut cx) else { panic!("no answer") };
    for left in (0..3).rev() {
        assert_eq!(found.next(), Some(address));
        assert_eq!(found.len(), left);
    }
    let Poll::Ready(Err(_)) = resolve.poll(&mut cx) else { panic!("answered twice") };
}
