//! C2, C4 and C7 while another thread does something to what is waited on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use mainspring::{Events, Interest, Ready, Token, Trigger};

use crate::watch::Watch;
use crate::world::{PATIENCE, World};

const WAIT: Duration = Duration::from_millis(60);

/// Whatever a change costs inside, a wait is as long as was asked.
pub(crate) fn c7_changes_do_not_shorten_or_lengthen_a_wait(world: &World) {
    let (a, _b) = world.pair();
    let mut poller = world.poller();
    let registry = poller.registry().clone();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                registry.add(&a, Token(1), Interest::READABLE, Trigger::Edge).expect("a source");
                registry.modify(&a, Token(2), Interest::READABLE, Trigger::Level).expect("a look");
                registry.remove(&a).expect("a registered source");
                thread::sleep(WAIT / 200);
            }
        });
        let mut events = Events::new();
        let begun = Instant::now();
        poller.wait(&mut events, Some(WAIT)).expect("a queue that works");
        let waited = begun.elapsed();
        over.store(true, Ordering::SeqCst);
        assert!(events.is_empty() && !events.woken(), "{events:?}");
        assert!(waited >= WAIT, "ended after {waited:?}");
        assert!(waited < WAIT * 20, "each change began the wait anew: {waited:?}");
    });
}

/// A change late in a wait leaves the rest of it, and no more. A busy machine may be late by
/// itself, but not every time.
pub(crate) fn c7_after_a_change_a_wait_goes_on_with_what_is_left(world: &World) {
    const TRIES: usize = 10;
    let (a, _b) = world.pair();
    let mut poller = world.poller();
    let registry = poller.registry().clone();
    let mut waited = || {
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(WAIT * 3 / 4);
                registry.add(&a, Token(1), Interest::READABLE, Trigger::Edge).expect("a source");
            });
            let begun = Instant::now();
            poller.wait(&mut Events::new(), Some(WAIT)).expect("a queue that works");
            let waited = begun.elapsed();
            assert!(waited >= WAIT, "ended after {waited:?}");
            waited
        })
    };
    let in_time = (0..TRIES).any(|_| {
        let waited = waited();
        registry.remove(&a).expect("a registered source");
        waited < WAIT * 3 / 2
    });
    assert!(in_time, "the change began the wait anew, {TRIES} times");
}

/// What was removed and closed is closed, although a wait was under way: its peer knows at once.
pub(crate) fn c4_what_was_removed_is_held_by_no_wait(world: &World) {
    const ROUNDS: usize = 100;
    let mut poller = world.poller();
    let registry = poller.registry().clone();
    let (begin, begun) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for () in begun {
                let (a, b) = world.pair();
                registry.add(&a, Token(1), Interest::READABLE, Trigger::Edge).expect("a source");
                // The wait is under way, with the source in it, or it begins.
                thread::sleep(Duration::from_micros(100));
                registry.remove(&a).expect("a registered source");
                drop(a);
                let mut end = b.read(&mut [0; 1]);
                let begun = Instant::now();
                while end.is_err() && !world.lets_go_at_once() && begun.elapsed() < PATIENCE {
                    thread::yield_now();
                    end = b.read(&mut [0; 1]);
                }
                assert!(matches!(end, Ok(0)), "somebody holds what was closed: {end:?}");
                registry.wake().expect("a queue that works");
            }
        });
        let mut events = Events::new();
        for _ in 0..ROUNDS {
            begin.send(()).expect("the other thread");
            poller.wait(&mut events, None).expect("a queue that works");
            assert!(events.woken() && events.is_empty(), "{events:?}");
        }
        drop(begin);
    });
}

/// Who waits does not see that another thread reads.
#[allow(
    dead_code,
    reason = "edges that are silent until the source is rearmed are not of this sort"
)]
pub(crate) fn c2_data_after_another_thread_has_read_is_a_new_edge(world: &World) {
    let (a, b) = world.pair();
    let mut watch = Watch::new(world);
    watch.add(&a, Token(1), Interest::READABLE, Trigger::Edge);
    for _ in 0..5 {
        b.put(b"x");
        watch.until(Token(1), Ready::READABLE);
        thread::scope(|scope| {
            scope.spawn(|| {
                world.let_pass(Duration::from_micros(200));
                assert_eq!(a.drain(), 1);
                world.let_pass(world.moment());
                b.put(b"y");
            });
            watch.until(Token(1), Ready::READABLE);
        });
        assert_eq!(a.drain(), 1);
    }
}
