//! Operations that own their buffers, on each kernel (clauses C10 to C12).

use std::pin::pin;

use futures::future::{Either, join, select};
use mainspring::{Outcome, op};

use crate::support::{on_each_kernel, pair, pattern};

#[test]
fn c10_a_buffer_comes_back_with_its_result() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        let (sent, buffer) = a.send(b"hello".to_vec()).await;
        assert_eq!((sent.unwrap(), buffer.as_slice()), (5, b"hello".as_slice()));
        let (received, buffer) = b.recv(Vec::with_capacity(64)).await;
        assert_eq!((received.unwrap(), buffer.as_slice()), (5, b"hello".as_slice()));
        op::nop().await.unwrap();
    });
}

#[test]
fn c10_a_megabyte_goes_through_buffers_of_every_size() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        let all = pattern(1 << 20, 7);
        let sends = async {
            let mut at = 0;
            while at < all.len() {
                let end = (at + 10_007).min(all.len());
                let (sent, _) = a.send(all[at..end].to_vec()).await;
                at += sent.unwrap();
            }
            drop(a);
        };
        let receives = async {
            let mut got = Vec::new();
            let mut buffer = Vec::with_capacity(4099);
            loop {
                let (received, filled) = b.recv(buffer).await;
                got.extend_from_slice(&filled);
                buffer = filled;
                if received.unwrap() == 0 {
                    break got;
                }
            }
        };
        let ((), got) = join(sends, receives).await;
        assert!(got == all);
    });
}

#[test]
fn c11_a_cancelled_receive_gives_its_buffer_back_and_takes_nothing() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        let mut receives = b.recv(vec![0; 16]).into_future();
        match select(&mut receives, pin!(op::nop().into_future())).await {
            Either::Left(_) => panic!("there was nothing to receive"),
            Either::Right((done, _)) => done.unwrap(),
        }
        match receives.cancel().await {
            Outcome::Cancelled(buffer) => assert_eq!(buffer.capacity(), 16),
            Outcome::Completed(result) => panic!("it received {result:?}"),
        }
        a.send(b"later".as_slice()).await.0.unwrap();
        let (received, buffer) = b.recv(vec![0; 16]).await;
        assert_eq!((received.unwrap(), buffer.as_slice()), (5, b"later".as_slice()));
    });
}

#[test]
fn c11_dropped_receives_leave_the_stream_usable() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        for _ in 0..50 {
            let receives = pin!(b.recv([0; 16]).into_future());
            match select(receives, pin!(op::nop().into_future())).await {
                Either::Left(_) => panic!("there was nothing to receive"),
                Either::Right((done, _)) => done.unwrap(),
            }
        }
        a.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(b.recv([0; 16]).await.0.unwrap(), 0);
    });
}
