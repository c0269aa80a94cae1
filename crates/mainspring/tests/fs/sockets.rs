//! Sockets in a `File`: what one says without bytes it says once, and so it is told (clause C10).

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use mainspring::fs::File;

use crate::support::{give_up, on_each_kind};

/// A datagram without bytes is told as what it is, and neither skipped nor waited behind.
#[test]
fn c10_an_empty_datagram_is_read_once() {
    on_each_kind(|kind, _| async move {
        let (peer, socket) = UnixDatagram::pair().unwrap();
        let mut file = File::from(OwnedFd::from(socket));
        for round in 0..3 {
            for datagram in [&b"one"[..], b"", b"two", b"", b""] {
                peer.send(datagram).unwrap();
            }
            let mut buffer = [0; 64];
            for expected in [&b"one"[..], b"", b"two", b"", b""] {
                let count = file.read(&mut buffer).await.unwrap();
                assert_eq!(&buffer[..count], expected, "{kind}, round {round}");
            }
        }
    });
}

/// A socket's error is told to whoever reads next, and to nobody after that.
#[test]
fn c9_the_error_of_a_socket_is_told_to_its_reader() {
    on_each_kind(|kind, _| async move {
        let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(nobody.local_addr().unwrap()).unwrap();
        drop(nobody);
        let mut file = File::from(OwnedFd::from(socket));
        for _ in 0..3 {
            file.write(b"to nobody").await.unwrap();
            let error = file.read(&mut [0; 64]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{kind}");
        }
    });
}

/// What a read brought that was given up is for the next one, though a write comes between.
#[test]
fn c10_an_empty_datagram_of_a_read_that_was_given_up_is_for_the_next() {
    on_each_kind(|kind, _| async move {
        let (peer, socket) = UnixDatagram::pair().unwrap();
        let mut file = File::from(OwnedFd::from(socket));
        let mut buffer = [0; 64];
        assert!(give_up(file.read(&mut buffer)).await.is_pending(), "{kind}");
        peer.send(b"").unwrap();
        assert_eq!(file.write(b"a question").await.unwrap(), 10);
        peer.send(b"later").unwrap();
        assert_eq!(file.read(&mut []).await.unwrap(), 0, "{kind}: no room, and nothing is taken");
        assert_eq!(file.read(&mut buffer).await.unwrap(), 0, "{kind}");
        assert_eq!(file.read(&mut buffer).await.unwrap(), 5, "{kind}");
    });
}
