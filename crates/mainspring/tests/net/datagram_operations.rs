//! Datagrams in buffers that operations own, on the machine's kernel: the simulated one has none.

use std::pin::pin;

use futures::future::{Either, select};
use mainspring::net::UdpSocket;
use mainspring::{Builder, Outcome, op};

use crate::support::{block_on, driver};

/// Runs `test` with a driver turned by hand, for any thread and pinned.
fn on_the_machine<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for mut driver in [driver(), Builder::new().pinned().build().expect("a driver")] {
        block_on(&mut driver, test());
    }
}

/// Whether an operation that was begun has to wait.
async fn waits<F: Future + Unpin>(future: &mut F) -> bool {
    matches!(select(future, pin!(op::nop().into_future())).await, Either::Right(_))
}

#[test]
fn c10_a_datagram_comes_with_its_sender_and_says_if_it_was_cut() {
    on_the_machine(|| async {
        let a = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let b = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (from, to) = (a.local_addr().unwrap(), b.local_addr().unwrap());
        let mut receives = op::recv_from(&b, vec![0; 4]).into_future();
        assert!(waits(&mut receives).await);
        for (sent, cut) in [("four", false), ("fifth", true), ("", false)] {
            let (count, _) = op::send_to(&a, sent, &to).await;
            assert_eq!(count.unwrap(), sent.len());
            let (datagram, buffer) = receives.await;
            let datagram = datagram.unwrap();
            assert_eq!(buffer, &sent.as_bytes()[..sent.len().min(4)]);
            assert_eq!((datagram.len(), datagram.is_truncated()), (buffer.len(), cut));
            assert_eq!(*datagram.sender(), from);
            receives = op::recv_from(&b, vec![0; 4]).into_future();
        }
        assert!(matches!(receives.cancel().await, Outcome::Cancelled(_)));
        op::send_to(&a, "kept", &to).await.0.unwrap();
        assert_eq!(op::recv(&b, [0; 8]).await.0.unwrap(), 4, "the cancelled one took nothing");
    });
}

#[test]
fn c10_a_datagram_that_is_there_already_says_if_it_was_cut() {
    on_the_machine(|| async {
        let a = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let b = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = b.local_addr().unwrap();
        for (sent, cut) in [("fifth", true), ("four", false), ("sixth", true)] {
            op::send_to(&a, sent, &to).await.0.unwrap();
            b.readable().await.unwrap();
            let (datagram, buffer) = op::recv_from(&b, vec![0; 4]).await;
            assert_eq!(buffer, &sent.as_bytes()[..4]);
            assert_eq!(datagram.unwrap().is_truncated(), cut);
        }
        op::send_to(&a, "fifth", &to).await.0.unwrap();
        b.readable().await.unwrap();
        let (received, buffer) = op::recv(&b, vec![0; 4]).await;
        assert_eq!((received.unwrap(), buffer.as_slice()), (4, b"fift".as_slice()));
    });
}

#[test]
fn c10_a_datagram_that_is_too_long_is_refused_and_comes_back() {
    on_the_machine(|| async {
        let a = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = a.local_addr().unwrap();
        let (sent, buffer) = op::send_to(&a, vec![0; 70_000], &to).await;
        assert!(sent.is_err());
        assert_eq!(buffer.len(), 70_000);
        op::send_to(&a, "short", &to).await.0.unwrap();
        assert_eq!(op::recv(&a, [0; 8]).await.0.unwrap(), 5);
    });
}
