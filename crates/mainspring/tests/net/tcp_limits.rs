//! At the limit of descriptors, and without signals. Both concern the whole process, so each of
//! these tests runs in a process of its own: it starts this binary again, for itself alone.

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::IoSlice;
use std::net::{Shutdown, TcpStream as StdStream};
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::StreamExt;
use mainspring::net::TcpListener;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{block_on, driver, pair, poll_once};

const ALONE: &str = "MAINSPRING_TEST_ALONE";
const LIMIT: u64 = 100;

/// Runs the test `name` in a process of its own; true in that process.
pub fn alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// Takes every descriptor there is.
fn hoard() -> Vec<File> {
    let mut files = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
                return files;
            }
        }
    }
}

fn lower_the_limit() {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(LIMIT), maximum: hard }).unwrap();
}

#[test]
fn a_listener_recovers_by_itself_and_says_so_once() {
    if !alone("tcp_limits::a_listener_recovers_by_itself_and_says_so_once") {
        return;
    }
    lower_the_limit();
    let mut driver = driver();
    let handle = driver.handle();
    let reports = Arc::new(AtomicUsize::new(0));
    let listener = block_on(&mut driver, TcpListener::bind("127.0.0.1:0")).unwrap();
    let listener = listener.report_shortage({
        let reports = reports.clone();
        move |error| {
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            reports.fetch_add(1, Ordering::Relaxed);
        }
    });
    let address = listener.local_addr().unwrap();
    let clients: Vec<StdStream> = (0..3).map(|_| StdStream::connect(address).unwrap()).collect();
    let mut hoarded = hoard();
    let held = hoarded.len();

    // Whoever does not want to wait is told, each time.
    for _ in 0..2 {
        let Poll::Ready(Err(error)) = poll_once(listener.accept()) else { panic!("no error") };
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    }
    assert_eq!(listener.shortages().episodes(), 1);
    assert_eq!(listener.shortages().failures(), 2);

    // Whoever does, waits without spinning: now, 5, 15 and 35 milliseconds after there is no room,
    // then one descriptor is given back, and after 75 milliseconds it is found.
    let turns = handle.metrics().turns;
    let begin = Instant::now();
    let mut accepting = pin!(listener.accept_steadily());
    let accepted = poll_fn(|cx| {
        if listener.shortages().failures() == 6 && hoarded.len() == held {
            hoarded.pop();
        }
        accepting.as_mut().poll(cx)
    });
    let (first, _) = block_on(&mut driver, accepted).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(75), "{:?}", begin.elapsed());
    assert_eq!(listener.shortages().failures(), 6);
    assert!(handle.metrics().turns - turns <= 20, "it must not spin");
    assert!(listener.shortages().is_ongoing(), "two connections still wait");

    hoarded.clear();
    let mut incoming = listener.incoming();
    let _second = block_on(&mut driver, incoming.next()).unwrap().unwrap();
    let _third = block_on(&mut driver, incoming.next()).unwrap().unwrap();
    assert!(poll_once(listener.accept()).is_pending());
    assert!(!listener.shortages().is_ongoing(), "nobody waits any more");
    assert_eq!(reports.load(Ordering::Relaxed), 1);

    // The next time is another episode.
    let _client = StdStream::connect(address).unwrap();
    let mut hoarded = hoard();
    assert!(poll_once(incoming.next()).is_pending());
    driver.turn(Some(Duration::from_secs(1))).unwrap();
    assert!(poll_once(incoming.next()).is_pending());
    assert_eq!(listener.shortages().episodes(), 2);
    hoarded.clear();
    block_on(&mut driver, incoming.next()).unwrap().unwrap();
    assert_eq!(reports.load(Ordering::Relaxed), 2);
    drop((first, clients));
}

/// A shortage is the process's, not the driver's: nothing else that waits is disturbed (C8).
#[test]
fn connecting_without_a_descriptor_is_an_error_and_not_a_wait() {
    if !alone("tcp_limits::connecting_without_a_descriptor_is_an_error_and_not_a_wait") {
        return;
    }
    lower_the_limit();
    let mut driver = driver();
    let listener = block_on(&mut driver, TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let hoarded = hoard();
    let error = block_on(&mut driver, mainspring::net::TcpStream::connect(address)).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    drop(hoarded);
    let _stream = block_on(&mut driver, mainspring::net::TcpStream::connect(address)).unwrap();
    block_on(&mut driver, listener.accept()).unwrap();
}

#[test]
fn a_write_to_a_broken_connection_raises_no_signal() {
    if !alone("tcp_limits::a_write_to_a_broken_connection_raises_no_signal") {
        return;
    }
    let signals = Arc::new(AtomicUsize::new(0));
    let seen = signals.clone();
    let count = move || {
        seen.fetch_add(1, Ordering::Relaxed);
    };
    // SAFETY: adding to an atomic is allowed in a signal handler.
    unsafe { signal_hook_registry::register(libc::SIGPIPE, count) }.unwrap();
    let mut driver = driver();
    block_on(&mut driver, async {
        let (stream, _peer) = pair().await;
        stream.shutdown(Shutdown::Write).unwrap();
        let error = stream.write(b"x").await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPIPE));
        let error = stream.write_vectored(&[IoSlice::new(b"x")]).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPIPE));
    });
    assert_eq!(signals.load(Ordering::Relaxed), 0);
}
