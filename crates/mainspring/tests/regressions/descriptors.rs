//! Descriptors that are swapped, duplicated, closed and used again behind a registration's back.

use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use mainspring::{Async, Builder, Choice, Driver, Interest, Kind, Trigger};

use crate::allocations::bytes_held;
use crate::counts::counted;
use crate::fixture::{Bell, drain, drive, duplicate_apart, leftovers, pair, pass, poll, remembers};
use crate::watchdog::Watchdog;

const READ: Interest = Interest::READABLE;

/// Registers `source` in the kernel: something waits for it.
fn arm<T: AsFd>(registered: &Async<T>) {
    assert!(poll(pin!(registered.readable()), Waker::noop()).is_pending());
}

/// The bookkeeping was freed while the kernel still had its address, when the source inside the
/// wrapper was replaced and the wrapper then dropped: the replacement was taken out of the kernel
/// and not what had been registered.
#[test]
fn a_source_swapped_inside_its_wrapper_frees_nothing_that_the_kernel_names() {
    let _watchdog = Watchdog::over("swapped source");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let (a, mut b) = pair();
    let (other, _keep) = pair();
    let mut wrapped = Async::with_handle(&handle, a).expect("a source");
    arm(&wrapped);
    let old = mem::replace(wrapped.get_mut(), other);
    let error = drive(&mut driver, wrapped.readable()).expect_err("the source was replaced");
    assert!(error.to_string().contains("replaced"), "{error}");
    drop(wrapped);
    // The slot is used again at once, by a source that stays quiet.
    let (quiet, _peer) = pair();
    let quiet = Async::with_handle(&handle, quiet).expect("a source");
    arm(&quiet);
    b.write_all(b"x").expect("room");
    pass(&mut driver);
    assert!(poll(pin!(quiet.readable()), Waker::noop()).is_pending(), "a stranger's event");
    let metrics = handle.metrics();
    assert_eq!((metrics.sources_now, metrics.events), (1, 0));
    assert_eq!(drain(&old), 1, "and the old source works");
}

/// The same with a number that is closed while a duplicate keeps the open file alive: then the
/// kernel cannot be told at all, and goes on reporting.
#[test]
fn a_descriptor_closed_while_registered_leaves_only_a_stale_event() {
    let _watchdog = Watchdog::over("closed while registered");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let (a, mut b) = pair();
    let registered: OwnedFd = duplicate_apart(&a);
    let number = registered.as_raw_fd();
    let registration = handle.register(&registered, READ, Trigger::Edge).expect("a source");
    assert!(poll(pin!(registration.ready(READ)), Waker::noop()).is_pending());
    drop(registered);
    drop(registration);
    let (quiet, _peer) = pair();
    let quiet = Async::with_handle(&handle, quiet).expect("a source");
    arm(&quiet);
    b.write_all(b"x").expect("room");
    pass(&mut driver);
    assert!(poll(pin!(quiet.readable()), Waker::noop()).is_pending(), "a stranger's event");
    counted(handle.metrics().stale_events, leftovers(&driver));
    // The number names the same file again, and is not refused.
    let again = rustix::io::fcntl_dupfd_cloexec(&a, number).expect("the number is free");
    assert_eq!(again.as_raw_fd(), number);
    let again = Async::with_handle(&handle, again).expect("a source");
    drive(&mut driver, again.readable()).expect("the byte is there");
}

/// Round after round of the two above: no slot, no byte and no descriptor stays behind.
#[test]
fn a_hundred_thousand_registrations_leave_nothing_behind() {
    const ROUNDS: usize = 100_000;
    let _watchdog = Watchdog::over("a hundred thousand registrations");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let (a, mut b) = pair();
    let (other, _keep) = pair();
    let mut spare = duplicate_apart(&other);
    let round = |spare: OwnedFd| {
        let source = duplicate_apart_again(&a);
        let mut wrapped = Async::with_handle(&handle, source).expect("a source");
        arm(&wrapped);
        let old = mem::replace(wrapped.get_mut(), spare);
        // The registered number is closed first, then the registration goes: the kernel keeps
        // the pair, because `a` keeps the file.
        drop(old);
        wrapped.into_inner()
    };
    for _ in 0..100 {
        spare = round(spare);
    }
    pass(&mut driver);
    let (before, slots) = (bytes_held(), handle.metrics().sources_now);
    for _ in 0..ROUNDS {
        spare = round(spare);
    }
    assert_eq!(bytes_held() - before, 0, "bytes left behind");
    assert_eq!(handle.metrics().sources_now, slots);
    assert_eq!(handle.sources().len(), 0);
    b.write_all(b"x").expect("room");
    pass(&mut driver);
    let metrics = handle.metrics();
    // One pair is left, where pairs are kept, and is nobody's.
    counted((metrics.events, metrics.stale_events), (0, leftovers(&driver)));
    assert_eq!(drain(&a), 1);
}

/// The lowest free number from a place that is this test's own.
fn duplicate_apart_again(source: &UnixStream) -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(source, 600).expect("a free number")
}

/// A file's descriptor that says nothing of the remedy, or hangs, or spins.
#[test]
fn a_regular_file_is_refused_with_the_remedy() {
    refuses_a_regular_file(Driver::new().expect("a driver"));
    refuses_a_regular_file(Builder::new().pinned().build().expect("a driver"));
    // A ring of one thread hears of it from the kernel, later. Where there is none, the runs on
    // each kind say so.
    if let Ok(ring) = Builder::new().choice(Choice::Exactly(Kind::Uring)).pinned().build() {
        refuses_a_regular_file(ring);
    }
}

fn refuses_a_regular_file(mut driver: Driver) {
    let file = File::open(std::env::current_exe().expect("a path")).expect("this very program");
    let wrapped = Async::with_handle(&driver.handle(), file).expect("the kernel is not asked yet");
    for _ in 0..2 {
        let error = drive(&mut driver, wrapped.readable()).expect_err("always ready");
        let words = error.to_string();
        assert!(words.contains("regular files") && words.contains("blocking"), "{words}");
    }
    let read = drive(&mut driver, wrapped.read_with(|mut file| file.read(&mut [0; 4])));
    assert_eq!(read.expect("reading it never blocks"), 4);
    // The refusal was told, and ends no wait any more.
    let (begin, wait) = (Instant::now(), Duration::from_millis(50));
    assert_eq!(driver.turn(Some(wait)).expect("a turn").events(), 0);
    assert!(begin.elapsed() >= wait, "it spins");
}

/// A directory of its own, removed with what is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let place = std::env::temp_dir().join(format!("mainspring-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&place).expect("a scratch directory");
        Scratch(place)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn fifo(place: &Path) -> PathBuf {
    let path = place.join("fifo");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("a FIFO");
    path
}

fn open_writer(path: &Path) -> File {
    File::options().write(true).open(path).expect("a FIFO that has a reader")
}

/// The end of a FIFO is not final: another writer may come. A closed bit that can never be taken
/// back then answers every wait at once, and the loop spins.
#[test]
fn a_fifo_whose_writer_comes_back_neither_spins_nor_falls_silent() {
    let _watchdog = Watchdog::over("a FIFO whose writer comes back");
    let scratch = Scratch::new("fifo");
    let path = fifo(&scratch.0);
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let reader = File::options().read(true).custom_flags(nonblocking).open(&path).expect("a FIFO");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let reader = Async::with_interest(&handle, reader, READ, Trigger::Edge).expect("a source");
    let read = |mut file: &File| {
        let mut buffer = [0; 8];
        let count = file.read(&mut buffer)?;
        Ok::<Vec<u8>, io::Error>(buffer[..count].to_vec())
    };
    for round in 0..3_u8 {
        let mut writer = open_writer(&path);
        writer.write_all(&[round]).expect("room");
        assert_eq!(drive(&mut driver, reader.read_with(read)).expect("data"), [round]);
        drop(writer);
        pass(&mut driver);
        let end = drive(&mut driver, reader.readable()).expect("the end").ready();
        assert!(end.is_read_closed() || !remembers(&driver), "{end:?}");
        assert!(drive(&mut driver, reader.read_with(read)).expect("the end").is_empty());
        // Another one: now the call says that it would block, although the end was reported.
        let mut writer = open_writer(&path);
        let calls = std::cell::Cell::new(0);
        let counted = |file: &File| {
            calls.set(calls.get() + 1);
            read(file)
        };
        {
            let mut waiting = pin!(reader.read_with(counted));
            assert!(poll(waiting.as_mut(), Waker::noop()).is_pending());
            let turns = handle.metrics().turns;
            pass(&mut driver);
            assert!(poll(waiting.as_mut(), Waker::noop()).is_pending());
            assert!(calls.get() <= 4, "it spins: {} calls", calls.get());
            assert!(handle.metrics().turns - turns <= 6, "the loop spins");
            writer.write_all(b"back").expect("room");
            assert_eq!(drive(&mut driver, waiting).expect("data"), b"back");
        }
        drop(writer);
        assert!(drive(&mut driver, reader.read_with(read)).expect("the end").is_empty());
    }
}

/// The kernel was asked anew about a number that had come to name another file. It refused, which
/// nobody was told, and the next wait was for a watch that did not exist.
#[test]
fn a_source_that_cannot_be_watched_any_more_is_an_error_at_the_next_wait() {
    let mut driver = Driver::new().expect("a driver");
    let (a, b) = pair();
    let (other, _keep) = pair();
    let mut registered: OwnedFd = duplicate_apart(&a);
    let handle = driver.handle();
    let registration = handle.register(&registered, READ, Trigger::Edge).expect("a source");
    assert!(poll(pin!(registration.ready(READ)), Waker::noop()).is_pending());
    drop((a, b));
    drive(&mut driver, registration.ready(READ)).expect("the end of the stream");
    rustix::io::dup2(&other, &mut registered).expect("the number names another file");
    let tried = registration.try_io(READ, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    assert_eq!(tried.expect_err("it would block").kind(), io::ErrorKind::WouldBlock);
    let waiting = poll(pin!(registration.ready(READ)), Waker::noop());
    let Poll::Ready(Err(error)) = waiting else { panic!("it waits for ever: {waiting:?}") };
    assert!(error.to_string().contains("register that anew"), "{error}");
}

/// The same where one direction is told, while the other waits already.
#[test]
fn a_direction_that_is_refused_wakes_the_other() {
    let both = READ | Interest::WRITABLE;
    let driver = Driver::new().expect("a driver");
    let (a, _b) = pair();
    let (other, _keep) = pair();
    let mut registered: OwnedFd = duplicate_apart(&a);
    let registration = driver.handle().register(&registered, both, Trigger::Edge);
    let registration = registration.expect("a source");
    let bell = Bell::new();
    let waker = Waker::from(bell.clone());
    let mut reading = pin!(registration.ready(READ));
    assert!(poll(reading.as_mut(), &waker).is_pending());
    rustix::io::dup2(&other, &mut registered).expect("the number names another file");
    let writing = poll(pin!(registration.ready(Interest::WRITABLE)), Waker::noop());
    assert!(matches!(writing, Poll::Ready(Err(_))), "{writing:?}");
    assert_eq!(bell.rings(), 1, "the reader waits for what the kernel does not watch");
    let reading = poll(reading, &waker);
    assert!(matches!(reading, Poll::Ready(Err(_))), "{reading:?}");
}
