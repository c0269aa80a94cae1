//! What each operation does, on each kernel, with the errors it meets.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join, select};
use mainspring::net::{TcpListener, TcpSocket, TcpStream};
use mainspring::time::Sleep;
use mainspring::{Interest, Outcome, op};

use crate::support::{on_each_kernel, pair, poll_once, reset_has_come};

#[test]
fn c10_a_peer_that_is_gone_is_an_error_and_the_buffer_comes_back() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        a.send(vec![1; 8]).await.0.unwrap();
        b.readable().await.unwrap();
        // Unread data makes the end a reset.
        drop(b);
        reset_has_come(&a).await;
        let (received, buffer) = a.recv(Vec::with_capacity(8)).await;
        assert_eq!(received.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!((buffer.len(), buffer.capacity()), (0, 8));
        let (sent, buffer) = a.send(vec![7; 8]).await;
        // Winsock goes on calling it a reset.
        let gone =
            [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted];
        assert!(gone.contains(&sent.unwrap_err().kind()));
        assert_eq!(buffer, [7; 8]);
    });
}

#[test]
fn c9_the_end_of_a_stream_is_zero_bytes_each_time() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        a.send("last").await.0.unwrap();
        op::shutdown(&a, Shutdown::Write).await.unwrap();
        assert_eq!(b.recv([0; 8]).await.0.unwrap(), 4);
        for _ in 0..3 {
            assert_eq!(b.recv([0; 8]).await.0.unwrap(), 0);
        }
        assert_eq!(a.send("more").await.0.unwrap_err().kind(), ErrorKind::BrokenPipe);
        b.send("answer").await.0.unwrap();
        assert_eq!(a.recv([0; 8]).await.0.unwrap(), 6, "the other direction goes on");
    });
}

#[test]
fn c10_a_buffer_without_memory_moves_nothing() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        let (sent, buffer) = a.send(Vec::new()).await;
        assert_eq!((sent.unwrap(), buffer.len()), (0, 0));
        a.send("x").await.0.unwrap();
        b.readable().await.unwrap();
        assert_eq!(b.recv(Vec::new()).await.0.unwrap(), 0);
        assert_eq!(b.recv([0; 8]).await.0.unwrap(), 1);
    });
}

#[test]
fn c10_connecting_gives_the_stream_or_the_reason() {
    on_each_kernel(|_| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connected, accepted) = join(
            op::connect(TcpSocket::new_v4().unwrap(), &address).into_future(),
            listener.accept(),
        )
        .await;
        let (connected, (accepted, peer)) = (connected.unwrap(), accepted.unwrap());
        assert_eq!(peer, connected.local_addr().unwrap());
        connected.send("hello").await.0.unwrap();
        assert_eq!(accepted.recv([0; 8]).await.0.unwrap(), 5);
        drop(listener);
        let refused = op::connect(TcpSocket::new_v4().unwrap(), &address).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn c10_connections_are_taken_one_an_operation() {
    on_each_kernel(|_| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for _ in 0..10 {
            let (taken, client) =
                join(op::accept(&listener).into_future(), TcpStream::connect(address)).await;
            let (taken, client) = (taken.unwrap(), client.unwrap());
            assert_eq!(taken.peer_addr().unwrap(), client.local_addr().unwrap());
            client.send("hello").await.0.unwrap();
            assert_eq!(taken.recv([0; 8]).await.0.unwrap(), 5);
        }
    });
}

#[test]
fn c11_a_connection_that_is_taken_too_late_is_closed() {
    on_each_kernel(|_| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for _ in 0..10 {
            let mut accepts = op::accept(&listener).into_future();
            assert!(poll_once(&mut accepts).is_pending());
            let client = TcpStream::connect(address).await.unwrap();
            drop(accepts);
            // Either the dropped one had taken the connection, and has closed it, or the next does.
            let taken = op::accept(&listener).into_future();
            match select(pin!(client.recv([0; 8]).into_future()), taken).await {
                Either::Left(((ended, _), _)) => assert!(!matches!(ended, Ok(1..))),
                Either::Right((taken, _)) => drop(taken.unwrap()),
            }
        }
    });
}

#[test]
fn c11_an_attempt_to_connect_is_given_up_with_its_future() {
    on_each_kernel(|_| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for _ in 0..10 {
            let connecting = op::connect(TcpSocket::new_v4().unwrap(), &address).into_future();
            let mut connecting = pin!(connecting);
            let _ = poll_once(connecting.as_mut());
        }
        assert!(TcpStream::connect(address).await.is_ok());
    });
}

#[test]
fn readiness_is_told_as_it_is_and_not_as_it_was() {
    on_each_kernel(|_| async {
        let (a, b) = pair().await;
        let ready = op::poll(&a, Interest::WRITABLE).await.unwrap();
        assert!(ready.is_writable() && !ready.is_readable());
        b.send("x").await.0.unwrap();
        assert!(op::poll(&a, Interest::READABLE).await.unwrap().is_readable());
        // Read without the driver's knowing, so that what it remembers is out of date.
        a.readable().await.unwrap();
        assert_eq!(a.recv([0; 8]).await.0.unwrap(), 1);
        let mut waits = pin!(op::poll(&a, Interest::READABLE).into_future());
        match select(waits.as_mut(), pin!(op::timeout(Duration::from_millis(5)).into_future()))
            .await
        {
            Either::Left((ready, _)) => panic!("there was nothing: {ready:?}"),
            Either::Right((done, _)) => done.unwrap(),
        }
        b.send("y").await.0.unwrap();
        assert!(waits.await.unwrap().is_readable());
        drop(b);
        a.recv([0; 8]).await.0.unwrap();
        let ended = op::poll(&a, Interest::READABLE).await.unwrap();
        assert!(ended.is_read_closed(), "{ended:?}");
    });
}

#[test]
fn c7_a_time_as_an_operation_is_never_early() {
    on_each_kernel(|handle| async move {
        let now = || Sleep::on(&handle, Duration::ZERO).deadline();
        let begin = now();
        handle.submit(op::timeout(Duration::from_millis(3))).await.unwrap();
        let elapsed = now() - begin;
        assert!(elapsed >= Duration::from_millis(3), "{elapsed:?}");
        op::timeout(Duration::ZERO).await.unwrap();
        let forever = op::timeout(Duration::MAX).into_future();
        let mut forever = pin!(forever);
        assert!(poll_once(forever.as_mut()).is_pending());
    });
}

#[test]
fn c11_a_time_that_is_cancelled_says_so() {
    on_each_kernel(|_| async {
        let mut long = op::timeout(Duration::from_secs(3600)).into_future();
        assert!(poll_once(&mut long).is_pending());
        assert!(matches!(long.cancel().await, Outcome::Cancelled(())));
        let fresh = op::timeout(Duration::from_secs(3600)).into_future();
        assert!(matches!(fresh.cancel().await, Outcome::Cancelled(())), "never submitted");
    });
}
