//! C7 under a storm of signals.

use std::os::unix::thread::JoinHandleExt;
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use mainspring::{Events, Interest, Token, Trigger, Turn};

use crate::world::World;

const WAIT: Duration = Duration::from_millis(60);
const STRIKES: u32 = 200;

extern "C" fn ignore(_signal: libc::c_int) {}

/// Makes the signal interrupt calls and do nothing else.
fn handle_signal() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: all-zero is a valid value of the plain C structure: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = ignore as *const () as libc::sighandler_t;
        // SAFETY: the handler does nothing, so it is safe in any thread at any moment, and no
        // other code of this process uses the signal; the structure outlives the call.
        let result =
            unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
        assert_eq!(result, 0);
    });
}

/// Runs `wait` on a thread that is struck by signals all the time.
fn in_a_storm<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> T {
    handle_signal();
    let waiting = thread::spawn(wait);
    let mut strikes = 0;
    while !waiting.is_finished() {
        // SAFETY: the thread was not joined, so its identity is valid even if it has ended.
        let result = unsafe { libc::pthread_kill(waiting.as_pthread_t(), libc::SIGUSR1) };
        assert!(result == 0 || result == libc::ESRCH, "pthread_kill: {result}");
        strikes += 1;
        thread::sleep(WAIT / STRIKES);
    }
    assert!(strikes > 0, "the wait was over before the storm began");
    waiting.join().expect("the waiting thread")
}

pub(crate) fn c7_signals_do_not_shorten_a_wait(world: &World) {
    let mut poller = world.poller();
    let (waited, events) = in_a_storm(move || {
        let mut events = Events::new();
        let begun = Instant::now();
        poller.wait(&mut events, Some(WAIT)).expect("a signal is no error");
        (begun.elapsed(), events)
    });
    assert!(waited >= WAIT, "ended after {waited:?}");
    assert!(waited < WAIT * 20, "each signal began the wait anew: {waited:?}");
    assert!(events.is_empty() && !events.woken());
}

pub(crate) fn c7_signals_do_not_shorten_a_turn(world: &World) {
    let mut driver = world.driver();
    let (waited, turn) = in_a_storm(move || {
        let begun = Instant::now();
        let turn = driver.turn(Some(WAIT)).expect("a signal is no error");
        (begun.elapsed(), turn)
    });
    assert!(waited >= WAIT, "ended after {waited:?}");
    assert!(waited < WAIT * 20, "each signal began the wait anew: {waited:?}");
    assert_eq!(turn, Turn::default());
}

pub(crate) fn c2_an_event_is_heard_in_a_storm(world: &World) {
    let (a, b) = world.pair();
    let mut poller = world.poller();
    poller.registry().add(&a, Token(1), Interest::READABLE, Trigger::Edge).expect("a source");
    let (begin, begun) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            begun.recv().expect("the waiting thread");
            b.put(b"x");
        });
        let events = in_a_storm(move || {
            let mut events = Events::new();
            poller.wait(&mut events, Some(WAIT)).expect("a signal is no error");
            assert!(events.is_empty(), "nothing was sent yet");
            begin.send(()).expect("the sending thread");
            poller.wait(&mut events, None).expect("a signal is no error");
            events
        });
        assert_eq!((events.len(), events.woken()), (1, false));
    });
}
