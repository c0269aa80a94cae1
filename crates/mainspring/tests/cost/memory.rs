//! What a source costs that does nothing: ten thousand of them, and the bytes they hold.
//!
//! Counted is what the driver allocates: the slots, with the room that their pages have to spare,
//! the list of free ones, and on epoll the table of owners, eight bytes a descriptor number. Not
//! counted is what the program holds itself, the `Registration` in its own structures, whose size
//! is told beside; nor what the kernel has.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Waker};

use mainspring::{Driver, Interest, Kind, Registration, Trigger};
use rustix::event::{EventfdFlags, eventfd};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::allocator::{allocations, bytes_held};

const IDLE: usize = 10_000;
/// Descriptors for all else that this process does.
const SPARE: u64 = 1_000;
const READ: Interest = Interest::READABLE;
/// The budget, also for a source that has waited and is in the kernel's hands.
const BYTES_MAX: i64 = 128;
/// The same on a ring, which has the number of a request beside each token. What the kernel keeps
/// for a watched source is more than that on every mechanism.
const RING_BYTES_MAX: i64 = 144;

/// As many sources as there may be, at most [`IDLE`].
fn sources() -> Vec<OwnedFd> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it cannot be raised, fewer have to do.
    let _ = setrlimit(Resource::Nofile, limit);
    let most = getrlimit(Resource::Nofile).current.map_or(IDLE as u64, |most| most - SPARE);
    let open = || eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC);
    let sources = (0..most.min(IDLE as u64)).map(|_| open());
    sources.collect::<Result<_, _>>().map_err(io::Error::from).expect("descriptors")
}

#[test]
fn an_idle_registration_holds_few_bytes() {
    let sources = sources();
    let driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let mut registrations: Vec<Registration> = Vec::with_capacity(sources.len());
    let count = sources.len() as i64;

    let before = bytes_held();
    for source in &sources {
        registrations.push(handle.register(source, READ, Trigger::Edge).expect("a source"));
    }
    let unarmed = (bytes_held() - before) / count;
    let allocations_before = allocations();
    let mut cx = Context::from_waker(Waker::noop());
    for registration in &registrations {
        assert!(registration.poll_ready(&mut cx, READ).is_pending());
    }
    let armed = (bytes_held() - before) / count;
    let grown = allocations() - allocations_before;
    assert!(grown < sources.len() as u64 / 10, "tables grow in steps: {grown} allocations");

    let own = size_of::<Registration>();
    println!("{count} idle registrations: {unarmed} bytes each, {armed} once they have waited,");
    println!("and {own} in the structures of their owners");
    let ring = handle.backend().kind() == Kind::Uring;
    let armed_max = if ring { RING_BYTES_MAX } else { BYTES_MAX };
    assert!(unarmed <= BYTES_MAX && armed <= armed_max, "{unarmed} and {armed} bytes");
}
