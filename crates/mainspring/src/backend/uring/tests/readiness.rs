//! Watches: what ends them, what brings them back, and when the kernel lets go.

use std::io::Read;
use std::sync::mpsc;

use super::*;
use crate::metrics;

/// The requests of a thread end with it. A queue that is turned by another one goes on.
#[test]
fn a_watch_outlives_the_thread_that_turned_the_queue() {
    let (a, b) = pair();
    let mut queue = shared();
    queue.add(&a, 1);
    let mut queue = std::thread::spawn(move || {
        queue.silence();
        queue
    })
    .join()
    .expect("the first thread");
    // Its end may have cancelled the watch, which is made anew, or not.
    for round in 0..3 {
        put(&b, b"x");
        let events = queue.events();
        assert_eq!(events.list[0].token, Token(1), "round {round}");
        assert!(events.list.iter().all(|event| event.ready.is_readable()));
    }
    queue.registrar.wake().expect("a sound queue");
    assert!(queue.select(SOON).woken, "the bell is watched again too");
}

/// More wake-ups than the queue of completions holds end multishot requests; none is lost.
#[test]
fn an_overflow_of_completions_loses_no_source() {
    const SOURCES: u64 = 6000;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < SOURCES + 100) {
        println!("LEFT OUT: it needs {SOURCES} descriptors (ulimit -n)");
        return;
    }
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("up to the limit");
    for mut queue in [shared(), pinned()] {
        let (a, b) = pair();
        let sources: Vec<_> = (0..SOURCES).map(|_| a.try_clone().expect("a number")).collect();
        for (source, token) in sources.iter().zip(0..) {
            queue.add(source, token);
        }
        queue.silence();
        for _ in 0..2 {
            put(&b, b"x");
            let mut heard = vec![false; SOURCES as usize];
            let begun = Instant::now();
            while heard.iter().any(|heard| !heard) {
                assert!(begun.elapsed() < SOON, "sources that were never heard");
                for event in queue.select(MOMENT).list {
                    heard[event.token.0 as usize] = true;
                }
            }
            // What was made anew looks once more.
            while queue.select(MOMENT).has_come() {}
        }
        // Deferred completions are made as there is room for them.
        if metrics::COUNTED && queue.owner.is_none() {
            assert!(queue.counters.snapshot().overflows > 0, "the queue was not full");
        }
    }
}

/// What the owner removes is let go of with its next turn, or with a flush.
#[test]
fn a_flush_lets_go_of_what_the_owner_removed() {
    let mut queue = pinned();
    for flushes in [true, false] {
        let (a, mut b) = pair();
        queue.add(&a, 1);
        queue.silence();
        queue.remove(&a, 1);
        drop(a);
        let held = b.read(&mut [0; 1]);
        assert!(held.is_err(), "the ring has it still: {held:?}");
        if flushes {
            queue.registrar.flush().expect("a sound ring");
        } else {
            queue.silence();
        }
        assert_eq!(b.read(&mut [0; 1]).expect("the end"), 0, "flushes: {flushes}");
    }
    // From elsewhere a flush has nothing to do, and says so at once, whoever turns meanwhile.
    let registrar = queue.registrar.clone();
    std::thread::spawn(move || registrar.flush()).join().unwrap().expect("nothing to do");
}

/// The owner's turn is rung up by what others change, and takes it over.
#[test]
fn a_pinned_queue_hears_of_what_other_threads_add_and_remove() {
    let mut queue = pinned();
    let registrar = queue.registrar.clone();
    let (begin, begun) = mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        for () in begun {
            let (a, b) = pair();
            put(&b, b"x");
            registrar.add(number(&a), Token(1), READ, Trigger::Edge).expect("a source");
            registrar.wake().expect("a sound queue");
            std::thread::sleep(Duration::from_micros(50));
            registrar.remove(number(&a), Token(1)).expect("a sound queue");
            drop(a);
            let (mut end, begun) = (Err(io::ErrorKind::WouldBlock.into()), Instant::now());
            while end.is_err() && begun.elapsed() < SOON {
                end = (&b).read(&mut [0; 1]);
                std::thread::yield_now();
            }
            assert_eq!(end.expect("the end of what was closed"), 0);
            registrar.wake().expect("a sound queue");
        }
    });
    for _ in 0..100 {
        begin.send(()).expect("the other thread");
        // Two wakes, which may count as one; and the source, if it was faster than its end.
        let mut woken = queue.select(SOON).woken;
        while !woken {
            woken = queue.select(SOON).woken;
        }
        queue.select(Duration::from_millis(1));
    }
    drop(begin);
    while !other.is_finished() {
        queue.select(Duration::from_millis(1));
    }
    other.join().expect("the other thread");
}

/// A source that the owner adds without asking is refused by the turn, and the next question says
/// why: for a closed one, for one that cannot be watched, and for one that somebody has.
#[test]
fn a_refusal_comes_with_the_turn_and_is_explained_when_asked() {
    let mut queue = pinned();
    queue.silence();
    if !queue.selector.shared.cancel.can_match_files() {
        println!("LEFT OUT: this kernel has the owner ask for each source");
        return;
    }
    let file = std::fs::File::open("/proc/self/exe").expect("this very program");
    let (a, _b) = pair();
    queue.add(&a, 1);
    queue.silence();
    let nobody = RawSource(1 << 20);
    let cases = [
        (number(&file), 2, io::ErrorKind::PermissionDenied),
        (number(&a), 3, io::ErrorKind::AlreadyExists),
    ];
    for (source, token, kind) in cases {
        queue.registrar.add(source, Token(token), READ, Trigger::Edge).expect("not asked yet");
        assert_eq!(queue.select(SOON).refused, [Token(token)]);
        let asked = queue.registrar.modify(source, Token(token), READ, Trigger::Edge);
        assert_eq!(asked.expect_err("it was refused").kind(), kind);
    }
    queue.registrar.add(nobody, Token(4), READ, Trigger::Edge).expect("not asked yet");
    assert_eq!(queue.select(SOON).refused, [Token(4)]);
    let error = queue.registrar.modify(nobody, Token(4), READ, Trigger::Edge);
    assert_eq!(error.expect_err("it is closed").raw_os_error(), Some(libc::EBADF));
    // The one who has it is not disturbed, but for a look.
    queue.remove(&a, 1);
    queue.silence();
}

/// Ends a request as the kernel does that has no room for what it says, or whose thread has ended;
/// the queue hears of it when it is read next. False if this kernel cannot be asked to.
fn end_request(queue: &Queue, key: Key) -> bool {
    match queue.registrar.shared.cancel.cancel(key) {
        Found::It => true,
        Found::Unasked => {
            println!("LEFT OUT: this kernel cancels nothing beside the ring");
            false
        }
        found => panic!("{key:?}: {found:?}"),
    }
}

/// C6: a wake is heard too when the bell's request has ended while a turn was handing over more
/// than the ring holds: nobody sleeps without the bell.
#[test]
fn c6_nobody_sleeps_without_the_bell() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        if !metrics::COUNTED || !end_request(&queue, Key::Wake) {
            return;
        }
        let more_than_it_holds = queue.room() + 1;
        queue.submit_hours(more_than_it_holds);
        let registrar = queue.registrar.clone();
        let entries = |counters: &Counters| counters.snapshot().system_calls(SystemCall::Wait);
        let before = entries(&queue.counters);
        let counters = queue.counters.clone();
        let other = std::thread::spawn(move || {
            let begun = Instant::now();
            // The first hands over what the ring holds. At the next the bell may not be missing.
            while entries(&counters) < before + 2 {
                assert!(begun.elapsed() < SOON, "no second entry");
                std::thread::yield_now();
            }
            registrar.wake().expect("a sound queue");
        });
        let woken = queue.select(SOON).woken;
        other.join().expect("the other thread");
        assert!(woken, "it slept where no wake is heard");
    }
}

/// C2: the same of a source.
#[test]
fn c2_nobody_sleeps_beside_a_source_that_is_not_watched() {
    for mut queue in [shared(), pinned()] {
        let (a, b) = pair();
        queue.add(&a, 1);
        queue.silence();
        if !end_request(&queue, Key::Watch { descriptor: a.as_raw_fd(), arm: 1 }) {
            return;
        }
        put(&b, b"x");
        let more_than_it_holds = queue.room() + 1;
        queue.submit_hours(more_than_it_holds);
        let events = queue.events();
        assert_eq!(events.list[0].token, Token(1));
        assert!(events.list[0].ready.is_readable());
    }
}
