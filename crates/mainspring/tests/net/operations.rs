//! Operations that own their buffers, on each kernel (clauses C10 to C12).

use std::net::Shutdown;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join, select};
use mainspring::time::Sleep;
use mainspring::{Outcome, Standing, is_chain_broken, op};

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
        a.shutdown(Shutdown::Write).unwrap();
        assert_eq!(b.recv([0; 16]).await.0.unwrap(), 0);
    });
}

#[test]
fn c10_a_buffer_that_was_sent_without_copying_comes_back_and_everything_arrives() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        let all = pattern(1 << 18, 13);
        let sends = async {
            let mut at = 0;
            while at < all.len() {
                let end = (at + 30_011).min(all.len());
                let (sent, buffer) = a.send_zero_copy(all[at..end].to_vec()).await;
                assert!(buffer == all[at..end], "the buffer that was sent");
                at += sent.unwrap();
            }
            drop(a);
        };
        let receives = async {
            let mut got = Vec::new();
            let mut buffer = [0; 8192];
            loop {
                match b.read(&mut buffer).await.unwrap() {
                    0 => break got,
                    count => got.extend_from_slice(&buffer[..count]),
                }
            }
        };
        let ((), got) = join(sends, receives).await;
        assert!(got == all);
    });
}

/// In a chain a send goes on until all was sent, also one without a copy: what follows would stand
/// in the middle of it.
#[test]
fn c10_a_send_without_a_copy_in_a_chain_sends_all() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        let large = pattern(1 << 20, 3);
        let sends = async {
            let all = op::chain((a.send_zero_copy(large.clone()), a.send(b"the end".to_vec())));
            let ((sent, _), (last, _)) = all.await;
            let sent = sent.unwrap();
            if sent < large.len() {
                // The kernel's own send, which Wine cuts short: then the chain ends with it.
                assert!(cfg!(windows) && is_chain_broken(&last.unwrap_err()));
            } else {
                assert_eq!(last.unwrap(), 7);
            }
            a.shutdown(Shutdown::Write).unwrap();
            sent
        };
        let mut got = Vec::new();
        let receives = async {
            loop {
                let (count, buffer) = b.recv(vec![0; 1 << 16]).await;
                let count = count.unwrap();
                if count == 0 {
                    return;
                }
                got.extend_from_slice(&buffer[..count]);
            }
        };
        let (sent, ()) = join(sends, receives).await;
        let end: &[u8] = if sent < large.len() { b"" } else { b"the end" };
        assert!(got == [&large[..sent], end].concat());
    });
}

#[test]
fn c11_a_cancelled_send_without_copying_gives_its_buffer_back() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        let mut sent = 0;
        for _ in 0..20 {
            let mut sends = a.send_zero_copy(b"hello".to_vec()).into_future();
            let nop = pin!(op::nop().into_future());
            let first = select(&mut sends, nop).await;
            if let Either::Left(((done, buffer), _)) = first {
                assert_eq!(buffer, b"hello");
                sent += done.unwrap();
                continue;
            }
            match sends.cancel().await {
                Outcome::Cancelled(buffer) => assert_eq!(buffer, b"hello"),
                Outcome::Completed((done, buffer)) => {
                    assert_eq!(buffer, b"hello");
                    sent += done.unwrap();
                }
            }
        }
        a.shutdown(Shutdown::Write).unwrap();
        let mut got = Vec::new();
        loop {
            let mut some = [0; 64];
            match b.read(&mut some).await.unwrap() {
                0 => break,
                count => got.extend_from_slice(&some[..count]),
            }
        }
        assert_eq!(got.len(), sent, "what was said to be sent, and no more");
    });
}

#[test]
fn c9_sending_without_copying_to_nobody_is_an_error_with_the_buffer() {
    on_each_kernel(|_| async {
        let (a, _b) = pair().await;
        a.shutdown(Shutdown::Write).unwrap();
        let (sent, buffer) = a.send_zero_copy(b"hello".to_vec()).await;
        assert_eq!(sent.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
        assert_eq!(buffer, b"hello");
    });
}

#[test]
fn c10_a_lease_is_sent_as_it_came() {
    use futures::StreamExt;
    on_each_kernel(|handle| async move {
        let group = handle.buffer_group(2, 64).unwrap();
        let (a, b) = pair().await;
        let (c, d) = pair().await;
        a.write(b"hand to hand").await.unwrap();
        let mut incoming = b.recv_multi(&group);
        let mut at = 0;
        while at < 12 {
            let lease = incoming.next().await.unwrap().unwrap();
            let (sent, lease) = c.send(lease).await;
            assert_eq!(sent.unwrap(), lease.len());
            at += lease.len();
        }
        let mut got = [0; 12];
        let mut filled = 0;
        while filled < 12 {
            filled += d.read(&mut got[filled..]).await.unwrap();
        }
        assert_eq!(&got, b"hand to hand");
    });
}

/// A time that has passed is a success: what stands behind it in a chain is begun, and not before.
#[test]
fn c7_a_chain_goes_on_when_a_time_has_passed() {
    const WAIT: Duration = Duration::from_millis(2);
    on_each_kernel(|handle| async move {
        let (a, b) = pair().await;
        let now = || Sleep::on(&handle, Duration::ZERO).deadline();
        let begun = now();
        let all = op::chain((
            op::timeout(WAIT),
            a.send("one "),
            op::timeout(WAIT),
            op::timeout(Duration::ZERO),
            a.send("two"),
            op::shutdown(&a, Shutdown::Write),
        ));
        let (first, (one, _), second, none, (two, buffer), shut) = all.await;
        assert!(now() - begun >= 2 * WAIT, "one after the other");
        assert_eq!(
            (first.unwrap(), second.unwrap(), none.unwrap(), shut.unwrap()),
            ((), (), (), ())
        );
        assert_eq!((one.unwrap(), two.unwrap(), buffer), (4, 3, "two"));
        let mut got = Vec::new();
        loop {
            let (count, buffer) = b.recv(Vec::with_capacity(64)).await;
            match count.unwrap() {
                0 => break,
                _ => got.extend(buffer),
            }
        }
        assert_eq!(got, b"one two");
    });
}

#[test]
fn c7_a_timeout_may_be_as_long_as_there_are_durations() {
    on_each_kernel(|_| async {
        for wait in [Duration::MAX, Duration::from_secs(1 << 40)] {
            let mut timeout = op::timeout(wait).into_future();
            assert!(futures::poll!(&mut timeout).is_pending());
            op::nop().await.unwrap();
            assert!(matches!(timeout.cancel().await, Outcome::Cancelled(())));
        }
    });
}

#[test]
fn c13_registered_buffers_are_had_in_turn_and_carry_bytes_both_ways() {
    on_each_kernel(|handle| async move {
        let buffers = handle.register_buffers(1, 4096).unwrap();
        let (a, b) = pair().await;
        let mut buffer = buffers.get().await.unwrap();
        buffer.extend_from_slice(b"hello");
        let (sent, buffer) = a.send_zero_copy(buffer).await;
        assert_eq!(sent.unwrap(), 5);
        let native = handle.backend().native_operations().any(|name| name == "send_zero_copy");
        let known = native && buffers.standing() == Standing::Registered;
        let named = handle.metrics().registered_operations;
        assert_eq!(named, u64::from(known && cfg!(feature = "metrics")));
        assert!(buffers.take().is_none());
        let gets = async {
            let buffer = buffers.get().await.unwrap();
            let (received, buffer) = b.recv(buffer).await;
            assert_eq!((received.unwrap(), &buffer[..]), (5, b"hello".as_slice()));
        };
        join(gets, async { drop(buffer) }).await;
        assert_eq!((buffers.in_use(), buffers.count(), buffers.buffer_bytes()), (0, 1, 4096));
    });
}
