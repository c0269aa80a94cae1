//! A driver that one thread turned and then another: what the first began goes on.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::Duration;

use mainspring::{Builder, Choice, Driver, Kind, is_chain_broken, op};

use crate::support::{block_on, driver, pair};

/// The kernel ends the requests of a thread that has gone, when something happens to them. Nobody
/// asked for that, and nobody is told (clause C10).
#[test]
fn c10_an_operation_outlives_the_thread_that_handed_it_over() {
    let mut driver = driver();
    let (a, b) = block_on(&mut driver, pair());
    let mut receives = op::recv(&b, vec![0; 16]).into_future();
    let first = Pin::new(&mut receives).poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending());
    let mut driver = turned_by_a_thread_that_ends(driver);
    let (received, buffer) = block_on(&mut driver, async {
        a.write(b"hello").await.expect("there is room");
        pin!(receives).await
    });
    assert_eq!(received.expect("nobody cancelled it"), 5);
    assert_eq!(&buffer[..5], b"hello");
}

/// The same of a chain of which one cannot be handed over, so that they are begun one by one.
#[test]
fn c10_a_chain_that_is_begun_one_by_one_outlives_the_thread_that_handed_it_over() {
    for (kind, available) in mainspring::probe() {
        if available.is_ok() && kind != Kind::Sim {
            begun_one_by_one(|| Builder::new().choice(Choice::Exactly(kind)).build().unwrap());
        }
    }
}

fn begun_one_by_one(driver: impl Fn() -> Driver) {
    let (mut driver, mut other) = (driver(), driver());
    let (a, b) = block_on(&mut driver, pair());
    let (elsewhere, _) = block_on(&mut other, pair());
    let mut chain = op::chain((op::recv(&b, vec![0; 16]), op::send(&elsewhere, "never")));
    let first = Pin::new(&mut chain).poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending());
    let mut driver = turned_by_a_thread_that_ends(driver);
    let ((received, buffer), (refused, _)) = block_on(&mut driver, async {
        a.write(b"hello").await.expect("there is room");
        pin!(chain).await
    });
    assert_eq!(received.expect("nobody cancelled it"), 5);
    assert_eq!(&buffer[..5], b"hello");
    assert_eq!(refused.expect_err("it is another driver's").kind(), ErrorKind::InvalidInput);
}

fn turned_by_a_thread_that_ends(mut driver: Driver) -> Driver {
    let turns = std::thread::spawn(move || {
        driver.turn(Some(Duration::ZERO)).expect("the queue works");
        driver
    });
    turns.join().expect("it only turned")
}

/// And of a chain that the kernel has whole: the first had not ended, and none behind it was begun.
#[test]
fn c10_a_chain_outlives_the_thread_that_handed_it_over() {
    for (kind, available) in mainspring::probe() {
        if available.is_err() || kind == Kind::Sim {
            continue;
        }
        let mut driver = Builder::new().choice(Choice::Exactly(kind)).build().unwrap();
        let (a, b) = block_on(&mut driver, pair());
        let wait = op::timeout(Duration::from_millis(1));
        let mut chain = op::chain((op::recv(&b, vec![0; 16]), wait, op::send(&b, "answer")));
        let first = Pin::new(&mut chain).poll(&mut Context::from_waker(Waker::noop()));
        assert!(first.is_pending());
        let mut driver = turned_by_a_thread_that_ends(driver);
        block_on(&mut driver, async {
            a.write(b"hello").await.expect("there is room");
            let ((received, _), waited, (sent, _)) = pin!(chain).await;
            assert_eq!(received.expect("nobody cancelled it"), 5, "{kind}");
            waited.expect("nor this");
            assert_eq!(sent.expect("nor this"), 6, "{kind}");
            let (received, buffer) = a.recv(vec![0; 16]).await;
            assert_eq!((received.expect("an answer"), &buffer[..6]), (6, &b"answer"[..]));
        });
    }
}

/// One that was refused before it was begun keeps its reason when one before it breaks the chain.
#[test]
fn c10_a_refused_link_behind_one_that_fails_says_why_it_was_refused() {
    for (kind, available) in mainspring::probe() {
        if available.is_err() || kind == Kind::Sim {
            continue;
        }
        let driver = || Builder::new().choice(Choice::Exactly(kind)).build().unwrap();
        let (mut driver, mut other) = (driver(), driver());
        let (a, _b) = block_on(&mut driver, pair());
        let (elsewhere, _) = block_on(&mut other, pair());
        block_on(&mut driver, async {
            a.shutdown(std::net::Shutdown::Write).expect("an end");
            let sends = (a.send("no"), op::send(&elsewhere, "never"), a.send("not begun"));
            let ((failed, _), (refused, _), (broken, _)) = op::chain(sends).await;
            assert_eq!(failed.expect_err("after the end").kind(), ErrorKind::BrokenPipe, "{kind}");
            assert_eq!(refused.expect_err("another's").kind(), ErrorKind::InvalidInput, "{kind}");
            assert!(is_chain_broken(&broken.expect_err("not begun")), "{kind}");
        });
    }
}
