use super::*;

use crate::sys::epoll::WakeCounter;

const SOON: Duration = Duration::from_secs(5);

fn owned() -> (Arc<Owner>, Ring) {
    let owner = Arc::new(Owner::new());
    let ring = Ring::open(Some(owner.clone()), Features::ALL).expect("a ring");
    (owner, ring)
}

/// What comes until `count` completions have.
fn wait_for(ring: &mut Ring, count: usize) -> Vec<(Key, i32, bool)> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let wait = Wait::For { completions: 1, timeout: Some(SOON) };
        assert_ne!(ring.enter(wait).expect("a ring that works"), Entered::TimedOut, "{seen:?}");
        ring.reap(|done| seen.push((done.key, done.result, done.has_more())));
    }
    seen
}

fn watch(descriptor: RawFd, arm: u32) -> Key {
    Key::Watch { descriptor, arm }
}

#[test]
fn a_ring_of_one_thread_is_opened_on_one_and_turned_on_another() {
    let (owner, mut ring) = owned();
    assert!(!ring.is_usable_here(), "nobody has turned it yet");
    std::thread::spawn(move || {
        owner.claim();
        assert!(ring.push_nop(Key::Wake));
        assert_eq!(wait_for(&mut ring, 1), [(Key::Wake, 0, false)]);
        assert!(ring.is_usable_here());
        // And from then on it is that thread's.
        std::thread::scope(|scope| {
            let elsewhere = scope.spawn(|| ring.enter(Wait::Look));
            let error = elsewhere.join().unwrap().expect_err("another thread's ring");
            assert!(error.to_string().contains("thread"), "{error}");
        });
    })
    .join()
    .unwrap();
}

#[test]
fn every_rung_can_be_reached_by_masking_those_above() {
    let mask = |deferred, single_issuer, cooperative| Features {
        deferred,
        single_issuer,
        cooperative,
        ..Features::ALL
    };
    let (_, best) = owned();
    let rungs = [
        (mask(true, true, true), Rung::Deferred),
        (mask(false, true, true), Rung::SingleIssuer),
        (mask(false, false, true), Rung::Cooperative),
        (mask(false, false, false), Rung::Plain),
    ];
    for (allowed, expected) in rungs {
        let owner = Arc::new(Owner::new());
        owner.claim();
        let mut ring = Ring::open(Some(owner), allowed).expect("a ring");
        assert_eq!(ring.rung(), expected.min(best.rung()));
        assert!(ring.push_nop(Key::Wake));
        assert_eq!(wait_for(&mut ring, 1), [(Key::Wake, 0, false)]);
        let shared = Ring::open(None, allowed).expect("a ring");
        assert_eq!(shared.rung(), Rung::Plain, "several threads may turn it");
    }
}

#[test]
fn the_ladder_goes_down_one_step_at_a_time() {
    let steps: Vec<_> = ladder(true, Features::ALL)
        .map(|(rung, features)| (rung, features.no_array, features.submit_all))
        .collect();
    assert_eq!(steps.len(), 12);
    assert_eq!(steps[0], (Rung::Deferred, true, true));
    assert_eq!(steps[1], (Rung::Deferred, false, true));
    assert_eq!(steps[3], (Rung::SingleIssuer, true, true));
    assert_eq!(steps[11], (Rung::Plain, false, false));
    let plainest = Features { no_array: false, submit_all: false, ..Features::ALL };
    assert_eq!(ladder(false, plainest).count(), 1, "nothing is tried twice");
}

#[test]
fn a_full_queue_refuses_and_takes_again_after_an_entry() {
    let (owner, mut ring) = owned();
    owner.claim();
    let room = ring.room();
    for _ in 0..room {
        assert!(ring.push_nop(Key::Wake));
    }
    assert!(!ring.push_nop(Key::Wake) && !ring.push_cancel(Key::Wake), "it is full");
    assert_eq!((ring.room(), ring.pushed()), (0, room));
    assert_eq!(ring.enter(Wait::Look).unwrap(), Entered::Done);
    assert_eq!((ring.room(), ring.pushed()), (room, 0));
    assert_eq!(ring.reap(|done| assert_eq!(done.result, 0)), room);
}

/// Nothing is lost when more completes than the queue holds: the kernel keeps it.
#[test]
fn completions_beyond_the_queue_are_kept_and_handed_over_later() {
    let (owner, mut ring) = owned();
    owner.claim();
    let (room, mut pushed) = (ring.room(), 0);
    while pushed < 3 * room * COMPLETIONS_EACH as usize {
        for _ in 0..room {
            assert!(ring.push_nop(Key::Wake));
        }
        if ring.enter(Wait::Look).unwrap() == Entered::Busy {
            break;
        }
        pushed += room - ring.pushed();
    }
    assert!(ring.has_overflowed(), "{pushed} completions found room");
    pushed += ring.pushed();
    let mut seen = 0;
    while seen < pushed {
        seen += ring.reap(|done| assert_eq!(done.result, 0));
        ring.enter(Wait::Look).expect("a ring that works");
    }
    assert_eq!((seen, ring.has_overflowed()), (pushed, false));
}

#[test]
fn a_wait_without_anything_to_come_ends_with_its_time() {
    let (owner, mut ring) = owned();
    owner.claim();
    let begun = std::time::Instant::now();
    let timeout = Duration::from_millis(3);
    let wait = Wait::For { completions: 1, timeout: Some(timeout) };
    assert_eq!(ring.enter(wait).unwrap(), Entered::TimedOut);
    assert!(begun.elapsed() >= timeout);
    // A year and more: the bell ends it.
    let bell = WakeCounter::new().unwrap();
    assert!(ring.push_poll(Key::Wake, bell.descriptor(), libc::POLLIN as u32, true));
    bell.raise().unwrap();
    let wait = Wait::For { completions: 1, timeout: Some(Duration::MAX) };
    assert_eq!(ring.enter(wait).unwrap(), Entered::Done);
}

/// Each ended poll gives one completion, found or not: a pinned driver counts on it.
#[test]
fn a_cancel_gives_one_completion_whether_it_finds_its_request_or_not() {
    let (owner, mut ring) = owned();
    owner.claim();
    let bell = WakeCounter::new().unwrap();
    let key = watch(bell.descriptor(), 1);
    assert!(ring.push_poll(key, bell.descriptor(), libc::POLLIN as u32, true));
    assert_eq!(ring.enter(Wait::Look).unwrap(), Entered::Done);
    let own = usize::from(!ring.features().skip_success);
    assert!(ring.push_cancel(key));
    let seen = wait_for(&mut ring, 1 + own);
    assert!(seen.contains(&(key, -libc::ECANCELED, false)), "{seen:?}");
    assert!(ring.push_cancel(key));
    assert_eq!(wait_for(&mut ring, 1), [(Key::Cancel, -libc::ENOENT, false)]);
}

#[test]
fn a_direct_cancel_tells_the_file_from_another() {
    for owner in [None, Some(Arc::new(Owner::new()))] {
        let mut ring = Ring::open(owner.clone(), Features::ALL).expect("a ring");
        owner.map(|owner| owner.claim());
        let (bell, other) = (WakeCounter::new().unwrap(), WakeCounter::new().unwrap());
        let key = watch(bell.descriptor(), 7);
        let arm = |ring: &mut Ring| {
            assert!(ring.push_poll(key, bell.descriptor(), libc::POLLIN as u32, true));
            assert_eq!(ring.enter(Wait::Look).unwrap(), Entered::Done);
        };
        arm(&mut ring);
        let cancel = ring.direct_cancel();
        if !cancel.can_match_files() {
            println!("LEFT OUT: this kernel cannot match a request and its file");
            return;
        }
        assert_eq!(cancel.cancel_if_of(key, other.descriptor()), Found::Nothing);
        assert_eq!(cancel.cancel_if_of(key, i32::MAX), Found::Closed);
        assert_eq!(cancel.cancel_if_of(key, bell.descriptor()), Found::It);
        assert_eq!(wait_for(&mut ring, 1), [(key, -libc::ECANCELED, false)]);
        assert_eq!(cancel.cancel(key), Found::Nothing);
        arm(&mut ring);
        assert_eq!(cancel.cancel(key), Found::It);
        assert_eq!(wait_for(&mut ring, 1), [(key, -libc::ECANCELED, false)]);
    }
}

/// A thread has sixteen places for rings it knows by index; the others are entered as files.
#[test]
fn more_rings_than_a_thread_can_index_all_work() {
    let mut rings: Vec<_> = (0..20).map(|_| owned()).collect();
    for (owner, ring) in &mut rings {
        owner.claim();
        assert!(ring.push_nop(Key::Wake));
        assert_eq!(wait_for(ring, 1), [(Key::Wake, 0, false)]);
    }
    // The places come back with the drop.
    drop(rings);
    let (owner, mut ring) = owned();
    owner.claim();
    assert_eq!(ring.enter(Wait::Look).unwrap(), Entered::Done);
    assert_eq!(ring.index.is_some(), ring.features().ring_index);
}

/// Both processes have the ring's memory; only the parent may use it.
#[test]
fn a_child_after_fork_is_refused_and_leaves_the_ring_alone() {
    let (owner, mut ring) = owned();
    owner.claim();
    assert!(ring.push_nop(Key::Wake));
    // SAFETY: the child calls nothing but the refused entry, which makes no system call and
    // allocates only if it is wrong, and `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork");
    if child == 0 {
        let refused = ring.forks != fork::forks() && !ring.is_usable_here();
        // SAFETY: ends this process at once.
        unsafe { libc::_exit(if refused { 7 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: the kernel writes one number to where the pointer leads.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(libc::WEXITSTATUS(status), 7, "the child did not know itself");
    assert_eq!(wait_for(&mut ring, 1), [(Key::Wake, 0, false)]);
}
