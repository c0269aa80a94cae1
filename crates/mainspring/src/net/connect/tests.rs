use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use socket2::Domain;

use super::*;
use crate::driver::Builder;
use crate::ready::Ready;
use crate::sim::Simulation;

/// A connecting socket of a simulated world, where the answer takes its time.
#[test]
fn a_false_report_of_writability_is_not_a_connection() {
    let simulation = Simulation::new(1);
    let mut driver = Builder::new().simulation(&simulation).build().unwrap();
    let handle = driver.handle();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    let listener = Socket::open(&handle, Domain::IPV4).unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(1).unwrap();

    let socket = Socket::open(&handle, Domain::IPV4).unwrap();
    let begun = socket.connect(&listener.local_address().unwrap()).unwrap();
    assert_eq!(begun, Connect::InProgress);
    let stream = ByteStream::new(&handle, socket, Location::caller()).unwrap();
    let mut waiting = pin!(outcome(&stream));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    stream.registration().report(Ready::WRITABLE);
    assert!(waiting.as_mut().poll(&mut cx).is_pending(), "nobody has answered yet");

    // The true one comes all the same.
    driver.turn(Some(Duration::from_secs(3600))).unwrap();
    let Poll::Ready(Ok(())) = waiting.as_mut().poll(&mut cx) else { panic!("not connected") };
}
