//! Clause C11: whatever is cancelled, however and by whom, leaves nothing behind.
//!
//! Several threads make operations of every sort (single ones, chains, streams of results, on
//! direct descriptors, with leased and registered buffers) and give them up at random: never begun,
//! begun and dropped, asked to end and awaited, asked to end and dropped, handed to another thread
//! and ended there. Bytes and connections come all the while, so that every cancel has a result to
//! race with. Afterwards no descriptor is open that was not before, each buffer was dropped or
//! given back, each waker dropped too, no place of a table is taken, and the kernel has no
//! operation left.
//!
//! The numbers are drawn from a seed; what the threads make of them is the machine's.
#![cfg(target_os = "linux")]

mod doomed;
mod hand;
mod world;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use mainspring::{Builder, Choice, Driver, Kind};

use doomed::Counted;
use hand::Hands;
use world::World;

/// Cancels on each kind, pinned and not; the variable names more of them.
const CANCELS: usize = 5000;
const CANCELS_VARIABLE: &str = "MAINSPRING_TEST_ROUNDS";
const SEED: u64 = 0x6d61_696e;
const SEED_VARIABLE: &str = "MAINSPRING_TEST_SEED";
const KINDS_VARIABLE: &str = "MAINSPRING_REQUIRE";
/// Longer than a hundred thousand cancels take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long what the pool of blocking threads still has may take.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn c11_random_cancels_concurrent_with_everything_leave_nothing_behind() {
    let (cancels, seed) = (number(CANCELS_VARIABLE, CANCELS), number(SEED_VARIABLE, SEED as usize));
    for kind in kinds() {
        for pinned in [false, true] {
            let begun = Instant::now();
            let leash = watch(kind);
            let open = descriptors();
            let metrics = on_one_driver(kind, pinned, cancels, seed as u64);
            let time = Instant::now();
            while descriptors() != open && time.elapsed() < SOON {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(descriptors(), open, "{kind}: descriptors before and after");
            drop(leash);
            println!(
                "{kind}, {}: {cancels} cancels in {:.1} s; the kernel was asked for {}, of which \
                 {} had ended and {} were at work",
                if pinned { "pinned" } else { "not pinned" },
                begun.elapsed().as_secs_f64(),
                metrics.cancels,
                metrics.cancels_late,
                metrics.cancels_at_work,
            );
        }
    }
}

fn on_one_driver(kind: Kind, pinned: bool, cancels: usize, seed: u64) -> mainspring::Metrics {
    let mut builder = Builder::new().choice(Choice::Exactly(kind));
    if pinned {
        builder = builder.pinned();
    }
    let mut driver = builder.build().expect("a driver");
    let handle = driver.handle();
    let world = World::new(&mut driver, kind);
    Hands::new(&world, cancels, seed).work(&mut driver);
    drop(world);
    drop(driver);
    let metrics = handle.metrics();
    assert_eq!((metrics.operations_leaked, metrics.operation_panics), (0, 0), "{kind}");
    assert_eq!((metrics.operations_now, metrics.sources_now), (0, 0), "{kind}");
    assert_eq!((metrics.timers_now, Counted::alive()), (0, 0), "{kind}");
    metrics
}

/// What was given up and has not come to its end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Left {
    operations: u64,
    buffers: usize,
    wakers: usize,
    /// Buffers of groups.
    leases: usize,
    registered: usize,
    /// Places of a table of direct descriptors.
    places: usize,
}

/// Turns the driver until what was given up has come to its end.
fn settle(driver: &mut Driver, left: impl Fn() -> Left) {
    let begun = Instant::now();
    while left() != Left::default() {
        let late = begun.elapsed() >= SOON;
        assert!(!late, "{:?}: these never end", left());
        driver.turn(Some(Duration::from_millis(1))).expect("the queue works");
    }
}

fn number(variable: &str, usual: usize) -> usize {
    let named = std::env::var(variable).ok().filter(|number| !number.trim().is_empty());
    named.map_or(usual, |number| number.trim().parse().expect("a number"))
}

/// The kinds this run is about.
fn kinds() -> Vec<Kind> {
    let probed = mainspring::probe();
    let available = probed.iter().filter(|(_, available)| available.is_ok()).map(|(kind, _)| *kind);
    let available: Vec<Kind> = available.collect();
    let named = std::env::var(KINDS_VARIABLE).ok().filter(|names| !names.trim().is_empty());
    let Some(named) = named else { return available };
    let kinds: Vec<Kind> =
        named.split(',').map(|name| name.trim().parse().expect("the name of a kind")).collect();
    for kind in &kinds {
        assert!(available.contains(kind), "{kind} is required and cannot be had");
    }
    kinds
}

/// How many descriptors this process has open.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("a list of descriptors").count()
}

/// Ends the run if it hangs, unless what comes back is dropped in time.
fn watch(kind: Kind) -> mpsc::Sender<()> {
    let (leash, held) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if held.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("\n{kind}: a cancel hangs, or they did not end within {PATIENCE:?}");
            std::process::abort();
        }
    });
    leash
}
