//! A driver that one thread turned and then another: what the first began goes on.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::Duration;

use mainspring::op;

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
    let mut driver = std::thread::spawn(move || {
        driver.turn(Some(Duration::ZERO)).expect("the queue works");
        driver
    })
    .join()
    .expect("it only turned");
    let (received, buffer) = block_on(&mut driver, async {
        a.write(b"hello").await.expect("there is room");
        pin!(receives).await
    });
    assert_eq!(received.expect("nobody cancelled it"), 5);
    assert_eq!(&buffer[..5], b"hello");
}
