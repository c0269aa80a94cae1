//! C2 and C9 above the kernel: a clear takes back what was seen, and nothing that came since.

use std::net::Shutdown;
use std::pin::pin;
use std::task::Poll;

use mainspring::{Interest, Ready, Registration, Trigger};

use crate::turning::{Bell, Turning, poll, read_once};
use crate::watch::BOTH;
use crate::world::World;

const READ: Interest = Interest::READABLE;
const WRITE: Interest = Interest::WRITABLE;

pub(crate) fn c2_a_clear_does_not_take_back_an_edge_that_came_since(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Edge);
    b.put(b"x");
    let event = turning.ready(&registration, READ);
    assert_eq!(a.drain(), 1);
    // "The call said WouldBlock, a new edge came, then I cleared."
    b.put(b"y");
    turning.pass();
    registration.clear(event);
    not_erased(&mut turning, &registration);
}

/// The edge that came is there, or, where edges are made from levels, found by the look that
/// waiting asks for.
fn not_erased(turning: &mut Turning<'_>, registration: &Registration) {
    let again = poll(pin!(registration.ready(READ)), &Bell::new());
    if turning.world.remembers() {
        assert!(matches!(again, Poll::Ready(Ok(_))), "the edge was erased: {again:?}");
    }
    turning.ready(registration, READ);
}

pub(crate) fn c2_the_same_event_cleared_twice_takes_back_once(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, READ, Trigger::Edge);
    b.put(b"x");
    let event = turning.ready(&registration, READ);
    assert_eq!(a.drain(), 1);
    registration.clear(event);
    turning.silence(&registration, READ);
    b.put(b"y");
    turning.pass();
    registration.clear(event);
    not_erased(&mut turning, &registration);
}

pub(crate) fn c2_data_after_a_short_read_and_a_clear_is_heard(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, BOTH, Trigger::Edge);
    for _ in 0..3 {
        b.put(b"x");
        let event = turning.ready(&registration, READ);
        assert_eq!(a.read(&mut [0; 16]).expect("the byte"), 1);
        registration.clear(event);
        turning.silence(&registration, READ);
    }
}

pub(crate) fn c2_an_event_of_one_direction_leaves_the_other_alone(world: &World) {
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, BOTH, Trigger::Edge);
    let event = turning.ready(&registration, WRITE);
    let written = a.fill();
    registration.clear(event);
    b.put(b"x");
    let readable = turning.ready(&registration, READ);
    assert_eq!(a.drain(), 1);
    let mut read = 0;
    while read < written {
        read += b.drain();
        turning.pass();
    }
    // The room is an event since the look, but not one of this direction.
    registration.clear(readable);
    turning.silence(&registration, READ);
    assert_eq!(turning.ready(&registration, WRITE).ready(), Ready::WRITABLE);
}

pub(crate) fn c2_a_thousand_messages_are_read_one_by_one(world: &World) {
    const MESSAGES: usize = 1000;
    let (a, b) = world.pair();
    let mut turning = Turning::new(world);
    let reader = turning.register(&a, BOTH, Trigger::Edge);
    for _ in 0..MESSAGES {
        b.put(b"x");
        let read = turning.drive(reader.async_io(READ, read_once(&a)));
        assert_eq!(read.expect("the byte"), 1);
    }
    let metrics = turning.handle().metrics();
    assert!(metrics.system_calls(mainspring::SystemCall::Modify) <= 1, "an edge needs no rearming");
}

pub(crate) fn c9_closed_bits_survive_a_clear(world: &World) {
    let (a, b) = world.tcp_pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, BOTH, Trigger::Edge);
    b.put(b"x");
    b.shut(Shutdown::Write);
    let mut event = turning.ready(&registration, READ);
    while !event.ready().is_read_closed() {
        // Some systems tell of the end when all that lies before it was read.
        a.read(&mut [0; 1]).expect("the byte, or the end");
        registration.clear(event);
        event = turning.ready(&registration, READ);
    }
    for _ in 0..3 {
        registration.clear(event);
        let again = poll(pin!(registration.ready(READ)), &Bell::new());
        let Poll::Ready(Ok(again)) = again else { panic!("the end was forgotten: {again:?}") };
        assert!(again.ready().is_read_closed() && !again.ready().is_write_closed(), "{again:?}");
        event = again;
    }
}

pub(crate) fn c9_a_reset_wakes_both_directions(world: &World) {
    let (a, b) = world.tcp_pair();
    let mut turning = Turning::new(world);
    let registration = turning.register(&a, BOTH, Trigger::Edge);
    let event = turning.ready(&registration, WRITE);
    a.fill();
    registration.clear(event);
    let (reading, writing) = (Bell::new(), Bell::new());
    let mut reader = pin!(registration.ready(READ));
    let mut writer = pin!(registration.ready(WRITE));
    assert!(poll(reader.as_mut(), &reading).is_pending());
    assert!(poll(writer.as_mut(), &writing).is_pending());
    b.reset();
    turning.until_rung(&reading);
    turning.until_rung(&writing);
    for future in [reader, writer] {
        let Poll::Ready(Ok(event)) = poll(future, &reading) else { panic!("it was woken") };
        assert!(event.ready().is_error(), "{event:?}");
    }
}
