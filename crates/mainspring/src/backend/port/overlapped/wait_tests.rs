//! Waits by packets, with calls that stand in for the system's: Wine 10 has none.
//!
//! They keep the contract of the three calls with a thread an association. What is proven is what
//! this crate makes of the answers: who owns what, and that a signal is told once or given back.

use std::collections::HashMap;
use std::ffi::c_void;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Waker};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use windows_sys::Win32::Foundation::{
    FALSE, HANDLE, NTSTATUS, STATUS_ACCESS_DENIED, STATUS_CANCELLED, STATUS_PENDING,
    STATUS_SUCCESS, TRUE, WAIT_OBJECT_0,
};
use windows_sys::Win32::System::IO::PostQueuedCompletionStatus;
use windows_sys::Win32::System::Threading::{
    CreateEventW, INFINITE, SetEvent, WaitForMultipleObjects, WaitForSingleObject,
};

use super::*;
use crate::backend::port::{Packet, Packets, masks};
use crate::os::windows::Waitable;
use crate::sys::port::Port;
use crate::{Builder, Choice, Driver, Kind as BackendKind};

/// An association: the thread that waits, and whether the packet is in the queue.
enum Association {
    Waits(Option<JoinHandle<()>>),
    Queued,
}

static ASSOCIATIONS: std::sync::Mutex<Option<HashMap<usize, Association>>> =
    std::sync::Mutex::new(None);

fn associations<R>(act: impl FnOnce(&mut HashMap<usize, Association>) -> R) -> R {
    act(ASSOCIATIONS.lock().expect("no test panics in it").get_or_insert_with(HashMap::new))
}

/// # Safety
///
/// That of the system's.
unsafe extern "system" fn create(out: *mut HANDLE, _: u32, _: *const c_void) -> NTSTATUS {
    // SAFETY: no attributes and no name.
    let event = unsafe { CreateEventW(ptr::null(), TRUE, FALSE, ptr::null()) };
    // SAFETY: the caller's place for a handle.
    unsafe { out.write(event) };
    STATUS_SUCCESS
}

/// # Safety
///
/// That of the system's.
unsafe extern "system" fn associate(
    packet: HANDLE,
    port: HANDLE,
    object: HANDLE,
    key: *const c_void,
    tag: *const c_void,
    _: NTSTATUS,
    _: usize,
    _: *mut u8,
) -> NTSTATUS {
    let [packet, port, object] = [packet as usize, port as usize, object as usize];
    let (key, tag) = (key.addr(), tag.addr());
    let waits = move || {
        let handles = [object as HANDLE, packet as HANDLE];
        // SAFETY: two handles, which the tests keep open.
        let met = unsafe { WaitForMultipleObjects(2, handles.as_ptr(), FALSE, INFINITE) };
        if met == WAIT_OBJECT_0 {
            associations(|all| all.insert(packet, Association::Queued));
            // SAFETY: the tag is a number here.
            let posted = unsafe {
                PostQueuedCompletionStatus(port as HANDLE, 0, key, ptr::without_provenance(tag))
            };
            assert_ne!(posted, FALSE);
        }
    };
    // Under the lock: the thread finds its entry.
    associations(|all| all.insert(packet, Association::Waits(Some(thread::spawn(waits)))));
    STATUS_SUCCESS
}

/// # Safety
///
/// That of the system's.
unsafe extern "system" fn refuse(
    _: HANDLE,
    _: HANDLE,
    _: HANDLE,
    _: *const c_void,
    _: *const c_void,
    _: NTSTATUS,
    _: usize,
    _: *mut u8,
) -> NTSTATUS {
    STATUS_ACCESS_DENIED
}

/// # Safety
///
/// That of the system's.
unsafe extern "system" fn cancel(packet: HANDLE, remove: u8) -> NTSTATUS {
    assert_eq!(remove, 0, "a packet that is queued has taken a signal");
    // SAFETY: an open handle.
    unsafe { SetEvent(packet) };
    let packet = packet as usize;
    let waits = associations(|all| match all.get_mut(&packet) {
        Some(Association::Waits(thread)) => thread.take(),
        _ => None,
    });
    waits.into_iter().for_each(|thread| thread.join().expect("it waits, and no more"));
    associations(|all| match all.get(&packet) {
        Some(Association::Queued) => STATUS_PENDING,
        Some(Association::Waits(_)) => {
            all.remove(&packet);
            STATUS_SUCCESS
        }
        None => STATUS_CANCELLED,
    })
}

const STAND_IN: Calls = Calls { create, associate, cancel };

/// An event that waits reset.
fn event() -> OwnedHandle {
    // SAFETY: no attributes and no name.
    let event = unsafe { CreateEventW(ptr::null(), FALSE, FALSE, ptr::null()) };
    assert!(!event.is_null());
    // SAFETY: a handle that was made just now, and is nobody else's.
    unsafe { OwnedHandle::from_raw_handle(event) }
}

fn set(event: &OwnedHandle) {
    // SAFETY: a call without pointers on an open handle.
    assert_ne!(unsafe { SetEvent(event.as_raw_handle()) }, FALSE);
}

/// Whether the event was set; it is reset now.
fn take(event: &OwnedHandle) -> bool {
    // SAFETY: a call without pointers on an open handle.
    unsafe { WaitForSingleObject(event.as_raw_handle(), 0) == WAIT_OBJECT_0 }
}

/// Waits until a signal was taken from an event that nobody else sets.
fn until_taken(is_queued: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_queued() {
        assert!(begin.elapsed().as_secs() < 20, "it was not taken");
        thread::yield_now();
    }
}

fn queued() -> usize {
    associations(|all| all.values().filter(|one| matches!(one, Association::Queued)).count())
}

struct Bench {
    queue: Queue,
    operations: Operations,
    packets: Packets,
}

impl Bench {
    fn new(calls: Calls) -> Bench {
        let queue = Queue::open().expect("a port");
        Bench { queue, operations: Operations::new(Some(calls)), packets: Packets::new(8) }
    }

    fn submit(&self, token: u64, event: &OwnedHandle) -> io::Result<()> {
        let source = RawSource(event.as_raw_handle() as usize as u64);
        let operation = RawOperation::WaitObject { source };
        // SAFETY: no memory is named.
        unsafe { self.operations.submit(&self.queue, Token(token), operation) }
    }

    /// The completions of the next look, which lasts so long if none comes.
    fn some(&mut self, timeout_ms: u32) -> Vec<Completion> {
        self.queue.wait(&mut self.packets, timeout_ms).expect("a port");
        let ended = self.packets.taken().filter_map(|packet| match packet {
            Packet::Ended(tag) => self.operations.ended(tag),
            _ => None,
        });
        ended.collect()
    }

    fn one(&mut self, token: u64) -> io::Result<u64> {
        let mut some = self.some(20_000);
        assert_eq!(some.len(), 1, "{some:?}");
        let one = some.remove(0);
        assert_eq!(one.token, Token(token));
        assert!(self.some(0).is_empty(), "one operation, one completion");
        one.result
    }
}

/// The associations are the process's: one test at a time.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn c10_a_signal_is_one_completion() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut bench = Bench::new(STAND_IN);
    let event = event();
    for token in 1..100 {
        if token % 2 == 0 {
            set(&event);
        }
        bench.submit(token, &event).expect("it begins");
        if token % 2 == 1 {
            assert!(bench.some(0).is_empty());
            set(&event);
        }
        assert_eq!(bench.one(token).expect("a signal"), 0);
        assert!(!take(&event), "the wait has taken it");
    }
    assert_eq!(bench.operations.missing(), 0);
}

#[test]
fn c11_a_cancel_in_time_takes_nothing_and_one_too_late_is_a_success() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut bench = Bench::new(STAND_IN);
    let event = event();
    for token in 1..50 {
        bench.submit(token, &event).expect("it begins");
        // Twice: the second changes nothing.
        bench.operations.cancel(&bench.queue, Token(token));
        bench.operations.cancel(&bench.queue, Token(token));
        assert!(error::is_cancelled(&bench.one(token).expect_err("cancelled")));
        set(&event);
        assert!(take(&event), "nobody has taken it");

        let before = queued();
        bench.submit(token, &event).expect("it begins");
        set(&event);
        until_taken(|| queued() > before);
        bench.operations.cancel(&bench.queue, Token(token));
        bench.operations.cancel(&bench.queue, Token(token));
        assert_eq!(bench.one(token).expect("too late"), 0);
        assert!(!take(&event));
        associations(HashMap::clear);
    }
}

/// A queue without memory for one more packet, as far as can be seen from here.
fn full() -> Queue {
    let queue = Queue { port: Port::pretended(event()) };
    queue.post(8).expect_err("an event is no port");
    queue
}

/// The kernel has let go of the object by then, so that nothing else brings the packet.
#[test]
fn c11_a_cancel_that_could_not_post_its_packet_does_when_it_is_asked_again() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (mut bench, full, event) = (Bench::new(STAND_IN), full(), event());
    for token in 1..50 {
        bench.submit(token, &event).expect("it begins");
        for _ in 0..=token % 2 {
            bench.operations.cancel(&full, Token(token));
            assert!(bench.some(0).is_empty());
            assert_eq!(bench.operations.missing(), 1);
        }
        if token % 3 == 0 {
            // As a drain does, of which nothing begins afterwards.
            bench.operations.table.lock().cancel(&bench.queue, 0);
        } else {
            bench.operations.cancel(&bench.queue, Token(token));
        }
        let ended = bench.some(0);
        assert!(
            matches!(&ended[..], [Completion { result: Err(error), .. }]
            if error::is_cancelled(error)),
            "{ended:?}"
        );
        // Posted once, and no more.
        bench.operations.cancel(&bench.queue, Token(token));
        assert!(bench.some(0).is_empty());
        set(&event);
        assert!(take(&event), "nobody has taken it");
    }
    assert_eq!(bench.operations.missing(), 0);
}

#[test]
fn c12_the_end_ends_every_wait() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut bench = Bench::new(STAND_IN);
    let events: Vec<OwnedHandle> = (0..20).map(|_| event()).collect();
    for (token, event) in events.iter().enumerate() {
        bench.submit(token as u64, event).expect("it begins");
    }
    set(&events[3]);
    let mut ended = Vec::new();
    while bench.operations.missing() != 0 {
        bench.operations.end(&bench.queue);
        ended.extend(bench.some(1000));
    }
    assert_eq!(ended.len(), events.len());
    for Completion { token, result, .. } in ended {
        match result {
            Ok(_) => assert_eq!(token, Token(3)),
            Err(error) => {
                assert!(error::is_cancelled(&error), "{error}");
                let event = &events[token.0 as usize];
                set(event);
                assert!(take(event));
            }
        }
    }
    assert!(error::is_shutdown(&bench.submit(99, &events[0]).expect_err("it has ended")));
}

#[test]
fn what_cannot_be_associated_is_left_to_another_way() {
    let mut bench = Bench::new(Calls { associate: refuse, ..STAND_IN });
    let event = event();
    for _ in 0..200 {
        let refused = bench.submit(1, &event).expect_err("refused");
        assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
    }
    assert_eq!(bench.operations.missing(), 0, "no record is left");
    bench.operations.packets = None;
    let refused = bench.submit(1, &event).expect_err("there are no packets");
    assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
}

/// A driver that waits by packets.
fn driver() -> Driver {
    masks::stand_in(Some(STAND_IN));
    let driver = Builder::new().choice(Choice::Exactly(BackendKind::Iocp)).build();
    masks::stand_in(None);
    driver.expect("a driver")
}

#[test]
fn c11_a_driver_gives_back_what_a_packet_took_for_nobody() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut driver = driver();
    let event = event();
    let waitable = event.try_clone().expect("a double");
    let waitable = Waitable::with_handle(&driver.handle(), waitable).expect("a source");
    let cx = &mut Context::from_waker(Waker::noop());
    for round in 0..50 {
        let mut wait = Box::pin(waitable.wait());
        assert!(Pin::new(&mut wait).poll(cx).is_pending());
        associations(|all| assert!(all.values().any(|one| matches!(one, Association::Waits(_)))));
        if round % 2 == 0 {
            set(&event);
            until_taken(|| queued() == 1);
        }
        drop(wait);
        if round % 2 == 1 {
            set(&event);
        }
        // The packet comes, and is for nobody; what it took is there for the next.
        driver.turn(Some(std::time::Duration::ZERO)).expect("a port");
        driver.block_on(waitable.wait()).expect("it turns").expect("a signal");
        assert!(!take(&event), "there was one");
        associations(HashMap::clear);
    }
    let mut wait = Box::pin(waitable.wait());
    assert!(Pin::new(&mut wait).poll(cx).is_pending());
    drop(driver);
    set(&event);
    assert!(take(&event), "nobody waits any more");
    let std::task::Poll::Ready(Err(error)) = Pin::new(&mut wait).poll(cx) else {
        panic!("it is over")
    };
    assert!(error::is_shutdown(&error), "{error}");
}
