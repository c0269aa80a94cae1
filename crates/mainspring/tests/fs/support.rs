//! A directory for each test, a driver of each kind, and an end for what hangs.

use std::future::{Future, IntoFuture};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use mainspring::{Builder, Choice, Driver, Kind};

/// Longer than any test takes on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);
const VARIABLE: &str = "MAINSPRING_REQUIRE";

/// A directory that goes away with the test.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Place {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mainspring-fs-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // A process that was ended before may have had the same number, and left its own.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a directory");
        Place(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file with this content.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    #[cfg(unix)]
    pub fn fifo(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("a FIFO");
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The kinds this run is about.
pub fn kinds() -> Vec<Kind> {
    let probed = mainspring::probe();
    let available = probed.iter().filter(|(_, available)| available.is_ok()).map(|(kind, _)| *kind);
    let available: Vec<Kind> = available.collect();
    let named = std::env::var(VARIABLE).ok().filter(|names| !names.trim().is_empty());
    let Some(named) = named else { return available };
    let kinds: Vec<Kind> =
        named.split(',').map(|name| name.parse().expect("the name of a kind")).collect();
    for kind in &kinds {
        assert!(available.contains(kind), "{kind} is required and cannot be had");
    }
    kinds
}

pub fn driver(kind: Kind) -> Driver {
    Builder::new().choice(Choice::Exactly(kind)).build().expect("a driver")
}

/// Whether the kernel reads and writes files for a driver of this kind: then a question about one,
/// or a read, is submitted to it, as its future tells.
pub fn is_native(kind: Kind) -> bool {
    let mut driver = driver(kind);
    let opening = mainspring::fs::File::open(std::env::current_exe().expect("a program"));
    let file = driver.block_on(opening).expect("the queue works").expect("this program");
    let _entered = driver.handle().enter();
    // What is cached is read at once where a question about a path is submitted, and where a path
    // is asked about by a thread there is no such haste.
    is_submitted(&mut mainspring::op::stat("/").into_future())
        || is_submitted(&mut file.read_at(Vec::with_capacity(8), 0).into_future())
}

/// Whether the kernel has an operation after it was polled once, as its future tells.
pub fn is_submitted<F: Future + Unpin + std::fmt::Debug>(operation: &mut F) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = std::pin::Pin::new(&mut *operation).poll(&mut cx);
    format!("{operation:?}").contains("\"submitted\"")
}

/// Runs `test` on a driver of each kind, pinned to this thread and not, in a directory of its own.
pub fn on_each_kind<F: Future<Output = ()>>(test: impl Fn(Kind, &'static Place) -> F) {
    for kind in kinds() {
        for pinned in [false, true] {
            let _watchdog = Watchdog::new();
            let mut builder = Builder::new();
            if pinned {
                builder = builder.pinned();
            }
            let driver = builder.choice(Choice::Exactly(kind)).build();
            with_place(|place| {
                driver.expect("a driver").block_on(test(kind, place)).expect("the queue works");
            });
        }
    }
}

/// Lends a directory to a test; futures may hold it without an `Arc`.
fn with_place(test: impl FnOnce(&'static Place)) {
    let place: &'static Place = Box::leak(Box::new(Place::new()));
    test(place);
    let _ = std::fs::remove_dir_all(place.path());
}

/// Polls a future once.
pub async fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx)))
        .await
}

/// Polls a future once and drops it, which gives it up if it was not ready.
pub async fn give_up<F: Future>(future: F) -> std::task::Poll<F::Output> {
    let mut future = std::pin::pin!(future);
    poll_once(&mut future).await
}

/// Bytes that show when some are lost, doubled or swapped.
pub fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(len)
    .collect()
}

/// Ends the run if a test hangs.
pub struct Watchdog(#[allow(dead_code)] Sender<()>);

impl Watchdog {
    pub fn new() -> Watchdog {
        let (leash, held) = mpsc::channel::<()>();
        let test = std::thread::current().name().unwrap_or("a test").to_string();
        std::thread::spawn(move || {
            if held.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("\n{test} hangs: it did not end within {PATIENCE:?}");
                std::process::abort();
            }
        });
        Watchdog(leash)
    }
}
