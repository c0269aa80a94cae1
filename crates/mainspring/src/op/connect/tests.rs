use std::task::Waker;
use std::time::Duration;

use socket2::Domain;

use super::*;
use crate::driver::Builder;
use crate::ready::Ready;
use crate::sim::Simulation;
use crate::trigger::Trigger;

/// Stands for a type of stream.
struct Nothing;

impl Unconnected for Nothing {
    type Address = SockAddr;
    type Stream = ();

    fn name(address: &SockAddr) -> SockAddr {
        address.clone()
    }

    fn register(self, _location: &'static Location<'static>) -> (Handle, io::Result<Registered>) {
        (Handle::current(), Err(io::ErrorKind::Unsupported.into()))
    }

    fn connected(_registered: Registered) {}
}

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
    let (source, interest) = (socket.raw_source(), Interest::WRITABLE);
    let registration = Registration::of(&handle, source, interest, Trigger::Edge).unwrap();
    let mut connect = Connect::<Nothing> {
        registered: Some(Registered { registration, socket }),
        address: listener.local_address().unwrap(),
        begun: false,
        seen: None,
        of: PhantomData,
    };
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(connect.go_on(), Attempt::WaitOwn));
    assert!(connect.poll_own(&handle, &mut cx).is_pending());
    assert!(matches!(connect.go_on(), Attempt::WaitOwn), "polled without need");
    assert!(connect.poll_own(&handle, &mut cx).is_pending());
    connect.registered.as_ref().unwrap().registration.report(Ready::WRITABLE);
    assert!(connect.poll_own(&handle, &mut cx).is_ready());
    assert!(matches!(connect.go_on(), Attempt::WaitOwn), "nobody has answered yet");
    assert!(connect.poll_own(&handle, &mut cx).is_pending());

    // The true one comes all the same.
    driver.turn(Some(Duration::from_secs(3600))).unwrap();
    assert!(connect.poll_own(&handle, &mut cx).is_ready());
    assert!(matches!(connect.go_on(), Attempt::Completed(Ok(0))));
    connect.finish(Ok(0)).unwrap();
}
