use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Instant;

use super::*;
use crate::sys::inspect::{Progress, Sort};
use crate::sys::raw_source;

const NOW: Option<Duration> = Some(Duration::ZERO);
const READ: Interest = Interest::READABLE;

fn open() -> (PollSelector, PollRegistrar) {
    let config = Config {
        clock: Clock::real(),
        counters: Arc::new(Counters::default()),
        event_capacity: 1,
        owner: None,
    };
    PollSelector::open(config).unwrap()
}

fn pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    (a, b)
}

fn select(selector: &mut PollSelector, timeout: Option<Duration>) -> (Vec<Event>, bool) {
    let mut events = Events::new();
    selector.select(&mut events, timeout).unwrap();
    (events.iter().copied().collect(), events.woken())
}

fn event(token: u64, ready: Ready) -> Event {
    Event { token: Token(token), ready }
}

#[test]
fn c7_a_system_without_nanoseconds_waits_as_long() {
    let (mut selector, registrar) = open();
    selector.nanoseconds = false;
    for wait in [Duration::from_nanos(1), Duration::from_micros(1_001)] {
        let begun = Instant::now();
        assert_eq!(select(&mut selector, Some(wait)), (vec![], false));
        assert!(begun.elapsed() >= wait);
    }
    let (a, mut b) = pair();
    registrar.add(raw_source(&a), Token(1), READ, Trigger::Edge).unwrap();
    b.write_all(b"x").unwrap();
    assert_eq!(select(&mut selector, None), (vec![event(1, Ready::READABLE)], false));
}

#[test]
fn c6_an_interrupted_wait_and_a_wake_are_told_apart() {
    let (mut selector, registrar) = open();
    let (a, _b) = pair();
    // A change that thought that a call was under way: its trace is no wake.
    selector.queue.state.lock().calling = true;
    registrar.add(raw_source(&a), Token(1), READ, Trigger::Edge).unwrap();
    assert_eq!(select(&mut selector, NOW), (vec![], false));
    assert_eq!(select(&mut selector, Some(Duration::from_millis(1))), (vec![], false));
    // And with a wake beside it, there is one wake.
    selector.queue.state.lock().calling = true;
    registrar.wake().unwrap();
    registrar.modify(raw_source(&a), Token(1), READ, Trigger::Level).unwrap();
    registrar.wake().unwrap();
    assert_eq!(select(&mut selector, None), (vec![], true));
    assert_eq!(select(&mut selector, Some(Duration::from_millis(1))), (vec![], false));
}

/// A piece of a sleep ends with a wake, and what was told, for which the sleep has pieces, is
/// removed before the next look: the wake is told nevertheless.
#[test]
fn c6_a_wake_in_a_piece_of_a_sleep_outlives_a_change() {
    let (mut selector, _registrar) = open();
    let patience = Duration::from_secs(10);
    let begun = Instant::now();
    let mut events = Events::new();
    events.woken = true;
    selector.select(&mut events, Some(patience)).unwrap();
    assert!(events.woken && begun.elapsed() < patience);
}

#[test]
fn c4_an_answer_to_an_older_question_is_dropped() {
    let (mut selector, registrar) = open();
    let (a, mut b) = pair();
    let (c, mut d) = pair();
    for (socket, token) in [(&a, 1), (&c, 2)] {
        registrar.add(raw_source(socket), Token(token), READ, Trigger::OneShot).unwrap();
    }
    b.write_all(b"x").unwrap();
    d.write_all(b"x").unwrap();
    // The call has ended and was not looked at yet.
    selector.ask(Question::Everything);
    selector.call(NOW).unwrap();
    registrar.remove(raw_source(&a), Token(1)).unwrap();
    let mut events = Events::new();
    selector.look(&mut events);
    assert_eq!(events.len(), 0, "one is gone, and the other took its place: {events:?}");
    assert_eq!(select(&mut selector, None).0, [event(2, Ready::READABLE)], "it is not lost");
}

#[test]
fn c8_a_closed_source_is_told_once_and_its_number_is_free() {
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        let (mut selector, registrar) = open();
        let (a, _b) = pair();
        // A number that no other test is given meanwhile.
        let far = rustix::io::fcntl_dupfd_cloexec(&a, 900).unwrap();
        let source = raw_source(&far);
        registrar.add(source, Token(1), READ, trigger).unwrap();
        drop(far);
        assert_eq!(select(&mut selector, None).0, [event(1, Ready::ERROR)], "{trigger:?}");
        let wait = Some(Duration::from_millis(1));
        assert_eq!(select(&mut selector, wait), (vec![], false), "{trigger:?}");
        let error = registrar.modify(source, Token(1), READ, trigger).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        registrar.remove(source, Token(1)).expect("closed before it was removed: no error");
    }
}

/// Told anew at once, and by a sleep that was under way: nothing is left to be inferred.
#[test]
fn c2_what_is_rearmed_is_told_again_at_once() {
    let (mut selector, registrar) = open();
    let (a, mut b) = pair();
    let source = raw_source(&a);
    registrar.add(source, Token(1), READ, Trigger::Edge).unwrap();
    b.write_all(b"x").unwrap();
    assert_eq!(select(&mut selector, None).0, [event(1, Ready::READABLE)]);
    for _ in 0..3 {
        assert_eq!(select(&mut selector, NOW).0, []);
        registrar.rearm(source, Token(1), READ).unwrap();
        assert_eq!(select(&mut selector, NOW).0, [event(1, Ready::READABLE)]);
    }
    // Of another direction, another owner, and a trigger that needs it not.
    registrar.rearm(source, Token(1), Interest::WRITABLE).unwrap();
    assert_eq!(select(&mut selector, NOW).0, []);
    let error = registrar.rearm(source, Token(2), READ).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    registrar.modify(source, Token(1), READ, Trigger::OneShot).unwrap();
    assert_eq!(select(&mut selector, NOW).0, [event(1, Ready::READABLE)]);
    registrar.rearm(source, Token(1), READ).unwrap();
    assert_eq!(select(&mut selector, NOW).0, []);
}

/// A look that has nothing to tell spends nothing.
#[test]
fn c3_a_one_shot_is_spent_by_what_it_tells() {
    let (selector, registrar) = open();
    let (a, _b) = pair();
    registrar.add(raw_source(&a), Token(1), READ, Trigger::OneShot).unwrap();
    let mut state = selector.queue.state.lock();
    let entry = state.table.asked(0, 1).unwrap();
    for (answer, asked) in [(0, true), (IN, false)] {
        assert_eq!(selector.queue.tell(entry, answer, 1), answer);
        assert_eq!(entry.question(Question::Everything).is_some(), asked);
    }
}

/// An answer from before the call that blocked is not an edge after it.
#[test]
fn c3_a_look_before_the_rearm_is_not_one_after_it() {
    let (mut selector, registrar) = open();
    let (mut a, mut b) = pair();
    registrar.add(raw_source(&a), Token(1), READ, Trigger::Edge).unwrap();
    b.write_all(b"x").unwrap();
    assert_eq!(select(&mut selector, None).0, [event(1, Ready::READABLE)]);
    selector.ask(Question::Everything);
    selector.call(NOW).unwrap();
    assert_eq!(a.read(&mut [0; 16]).unwrap(), 1);
    registrar.rearm(raw_source(&a), Token(1), READ).unwrap();
    let mut events = Events::new();
    selector.look(&mut events);
    assert_eq!(events.len(), 0, "{events:?}");
    selector.queue.state.lock().calling = false;
}

/// The doubt about data that may be other data is resolved in the end, by looks alone.
#[test]
fn c2_as_much_new_data_as_was_read_is_told() {
    let (mut selector, registrar) = open();
    let (mut a, mut b) = pair();
    registrar.add(raw_source(&a), Token(1), READ, Trigger::Edge).unwrap();
    for _ in 0..3 {
        b.write_all(b"x").unwrap();
        let told = (0..=edge::PATIENCE_MAX).any(|_| !select(&mut selector, NOW).0.is_empty());
        assert!(told, "an edge was lost");
        assert_eq!(a.read(&mut [0; 16]).unwrap(), 1);
    }
}

/// Where the system counts what a connection received.
#[test]
fn c2_tcp_is_exact() {
    use std::net::{TcpListener, TcpStream};

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut b = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut a, _) = listener.accept().unwrap();
    if matches!(progress(raw_source(&a), Sort::Socket), Progress::Waiting { .. }) {
        return;
    }
    let (mut selector, registrar) = open();
    let both = READ | Interest::WRITABLE;
    registrar.add(raw_source(&a), Token(1), both, Trigger::Edge).unwrap();
    assert_eq!(select(&mut selector, None).0, [event(1, Ready::WRITABLE)]);
    for _ in 0..3 {
        b.write_all(b"x").unwrap();
        let told = select(&mut selector, Some(Duration::from_secs(10))).0;
        assert_eq!(told, [event(1, Ready::READABLE | Ready::WRITABLE)]);
        // Left unread it is not told again, however long one looks.
        for _ in 0..3 * edge::PATIENCE_MIN {
            assert_eq!(select(&mut selector, NOW).0, []);
        }
        assert_eq!(a.read(&mut [0; 16]).unwrap(), 1);
    }
}

/// A call that nobody will end: the thread that made it stayed in another process.
#[test]
fn c4_a_removal_does_not_wait_for_ever() {
    let (selector, registrar) = open();
    let (a, _b) = pair();
    registrar.add(raw_source(&a), Token(1), READ, Trigger::Edge).unwrap();
    selector.queue.state.lock().calling = true;
    registrar.remove(raw_source(&a), Token(1)).unwrap();
    assert_eq!(selector.queue.state.lock().waiting, 0);
}

#[test]
fn c6_concurrent_changes_of_many_threads_end_in_a_table_that_works() {
    const THREADS: u64 = 4;
    const ROUNDS: usize = 200;
    let (mut selector, registrar) = open();
    thread::scope(|scope| {
        let registrar = &registrar;
        let changers = (0..THREADS).map(|thread| {
            scope.spawn(move || {
                let (a, mut b) = pair();
                let source = raw_source(&a);
                for _ in 0..ROUNDS {
                    registrar.add(source, Token(thread), READ, Trigger::Edge).unwrap();
                    b.write_all(b"x").unwrap();
                    registrar.modify(source, Token(thread), READ, Trigger::Level).unwrap();
                    registrar.remove(source, Token(thread)).unwrap();
                }
                (a, b)
            })
        });
        let changers: Vec<_> = changers.collect();
        while !changers.iter().all(thread::ScopedJoinHandle::is_finished) {
            select(&mut selector, Some(Duration::from_millis(1)));
        }
        for changer in changers {
            changer.join().unwrap();
        }
    });
    assert_eq!(select(&mut selector, NOW), (vec![], false));
    assert_eq!(selector.queue.state.lock().table.entries().len(), 0);
}

#[test]
fn c13_regular_files_are_refused_and_a_lowered_limit_is_told_in_words() {
    let (_selector, registrar) = open();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let error = registrar.add(raw_source(&file), Token(1), READ, Trigger::Level).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    let error = poll::explain(io::Error::from_raw_os_error(libc::EINVAL));
    assert!(error.to_string().contains("ulimit -n"), "{error}");
    assert_eq!(
        poll::explain(io::Error::from_raw_os_error(libc::ENOMEM)).raw_os_error(),
        Some(libc::ENOMEM)
    );
}
