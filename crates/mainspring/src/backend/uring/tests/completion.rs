//! Operations: their way to the kernel, their ends, chains, cancels, groups of buffers.

use std::io::Read;
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::completion::buffer_group::Buffers;
use crate::metrics;

fn read_all(mut stream: &UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 64];
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        bytes.extend_from_slice(&chunk[..count]);
    }
    bytes
}

fn send(source: &impl AsRawFd, bytes: &'static [u8]) -> RawOperation {
    RawOperation::Send { source: number(source), memory: RawMemory::to_read(bytes), flags: 0 }
}

/// C10 on both ways: the owner's queue and the inbox.
#[test]
fn c10_an_operation_completes_once() {
    for mut queue in [shared(), pinned()] {
        let (a, b) = pair();
        for _ in 0..3 {
            queue.submit(1, recv(&a));
            queue.silence();
            put(&b, b"hello");
            assert_eq!(queue.completion(1), Ok(5));
        }
        queue.submit(2, RawOperation::Nop);
        assert_eq!(queue.completion(2), Ok(0));
        queue.submit(3, send(&a, b"answer"));
        assert_eq!(queue.completion(3), Ok(6));
        assert_eq!(read_all(&b), b"answer");
        drop(b);
        queue.submit(4, send(&a, b"nobody"));
        assert!(queue.completion(4).unwrap_err().contains("Broken pipe"));
        queue.silence();
    }
}

/// A send that finds the system out of buffers has failed: it looked for none in a group. More
/// control data than a socket may keep is answered so.
#[test]
fn c13_a_send_without_room_in_the_kernel_is_an_error_of_its_own() {
    const CONTROL: usize = 1 << 24;
    for mut queue in [shared(), pinned()] {
        let (a, _b) = pair();
        // SAFETY: all zeros are a `msghdr` of nothing.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_control = leaked(CONTROL).start.cast();
        header.msg_controllen = CONTROL as _;
        let start = std::ptr::from_mut(Box::leak(Box::new(header))).cast();
        let header = RawMemory { start, len: size_of::<libc::msghdr>() };
        queue.submit(1, RawOperation::SendMessage { source: number(&a), header, flags: 0 });
        let error = queue.completion(1).expect_err("too much for any socket");
        let expected = io::Error::from_raw_os_error(libc::ENOBUFS).to_string();
        assert_eq!(error, expected, "not what a receive without a buffer is told");
    }
}

/// C11: what the kernel never saw ends at once, and its descriptor may be given away.
#[test]
fn c11_an_operation_that_is_still_here_is_withdrawn() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        let (a, b) = pair();
        queue.submit(1, recv(&a));
        queue.submit(2, recv(&a));
        queue.submit(3, RawOperation::Nop);
        assert_eq!(queue.registrar.cancel(Token(1)), Cancel::Withdrawn);
        assert_eq!(queue.registrar.cancel(Token(2)), Cancel::Withdrawn);
        put(&b, b"kept");
        assert_eq!(queue.completion(3), Ok(0));
        queue.silence();
        assert_eq!(read_all(&a), b"kept", "a withdrawn operation has read it");
    }
}

/// C11: what the kernel has is asked for, and its completion comes.
#[test]
fn c11_an_operation_that_the_kernel_has_ends_as_cancelled() {
    for mut queue in [shared(), pinned()] {
        let (a, b) = pair();
        queue.submit(1, recv(&a));
        queue.silence();
        assert_eq!(queue.registrar.cancel(Token(1)), Cancel::Requested);
        assert_eq!(queue.completion(1), cancelled());
        // Too late, and for one that never was: nothing comes of it.
        assert_eq!(queue.registrar.cancel(Token(1)), Cancel::Requested);
        assert_eq!(queue.registrar.cancel(Token(99)), Cancel::Requested);
        queue.silence();
        put(&b, b"kept");
        assert_eq!(read_all(&a), b"kept");
        if metrics::COUNTED {
            let metrics = queue.counters.snapshot();
            assert_eq!((metrics.cancels, metrics.cancels_late), (3, 2));
        }
    }
}

/// C11 from another thread, at every moment of the way: each ends once, as one or the other, and
/// one that was told `Withdrawn` never reads what comes afterwards.
#[test]
fn c11_a_cancel_by_another_thread_meets_the_operation_everywhere() {
    const ROUNDS: u64 = 300;
    for mut queue in [shared(), pinned()] {
        let (begin, begun) = std::sync::mpsc::channel::<u64>();
        let (tell, told) = std::sync::mpsc::channel::<Cancel>();
        let registrar = queue.registrar.clone();
        let other = std::thread::spawn(move || {
            for round in begun {
                for _ in 0..round % 50 * 20 {
                    std::hint::spin_loop();
                }
                tell.send(registrar.cancel(Token(round))).expect("the test");
                registrar.wake().expect("a sound queue");
            }
        });
        queue.silence();
        for round in 0..ROUNDS {
            let (a, b) = pair();
            queue.submit(round, recv(&a));
            begin.send(round).expect("the other thread");
            let (mut ended, mut answer, begun) = (0, None, Instant::now());
            // Requested: its end comes. Withdrawn: none does.
            while answer.is_none() || (answer == Some(Cancel::Requested) && ended == 0) {
                assert!(begun.elapsed() < SOON, "round {round}: {answer:?}");
                ended += queue.select(Duration::from_millis(1)).completions.len();
                answer = answer.or(told.try_recv().ok());
            }
            put(&b, b"kept");
            ended += queue.select(Duration::ZERO).completions.len();
            assert_eq!(ended, usize::from(answer == Some(Cancel::Requested)), "round {round}");
            assert_eq!(read_all(&a), b"kept", "round {round}: {answer:?}");
        }
        drop(begin);
        other.join().expect("the other thread");
    }
}

/// C11: what lies in the owner's queue is taken back by the turn, so the kernel never looks its
/// descriptor up, which may be another file's by then.
#[test]
fn c11_what_another_thread_cancels_before_the_turn_never_begins() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        let (a, b) = pair();
        put(&b, b"kept");
        queue.submit(1, recv(&a));
        let registrar = queue.registrar.clone();
        let other = std::thread::spawn(move || registrar.cancel(Token(1)));
        if other.join().expect("the other thread") == Cancel::Requested {
            assert_eq!(queue.completion(1), cancelled());
        }
        queue.silence();
        assert_eq!(read_all(&a), b"kept");
    }
}

/// C11: an entry that hands over a part, because there was no room for all, leaves in transit what
/// was taken out of a queue and is not in the ring, whatever the turn before has handed over.
#[test]
fn c11_an_entry_on_the_way_leaves_the_rest_in_transit() {
    for mut queue in [shared(), pinned()] {
        queue.submit(1, RawOperation::Nop);
        assert_eq!(queue.completion(1), Ok(0));
        let (a, b) = pair();
        queue.submit(2, recv(&a));
        let shared = queue.selector.shared.clone();
        let (selector, mut events) = (&mut queue.selector, Events::new());
        let entered = shared.ring.with(|ring| {
            shared.operations.begin(&mut selector.batch);
            // As when the changes of what is watched have filled the ring.
            selector.enter(ring, Wait::Look, &mut events)
        });
        entered.expect("here").expect("a ring that works");
        let other = std::thread::spawn(move || shared.operations.cancel(Token(2)));
        let asked = other.join().expect("the other thread");
        let in_transit = matches!(
            asked,
            Asked::Nothing { in_transit: true } | Asked::ByTheTurn { in_transit: true }
        );
        assert!(in_transit, "{asked:?}: its descriptor may not have been looked up yet");
        if asked == (Asked::Nothing { in_transit: true }) {
            queue.silence();
            assert_eq!(queue.registrar.cancel(Token(2)), Cancel::Requested);
        }
        assert_eq!(queue.completion(2), cancelled());
        put(&b, b"kept");
        queue.silence();
        assert_eq!(read_all(&a), b"kept");
    }
}

/// C11: several times as many cancels at once as the ring has room for.
#[test]
fn c11_no_cancel_is_lost_with_a_full_queue() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        let count = 3 * queue.room();
        queue.submit_hours(count);
        queue.silence();
        for token in 0..count {
            assert_eq!(queue.registrar.cancel(Token(token)), Cancel::Requested);
        }
        let mut ended = queue.completions(count as usize);
        ended.sort_unstable();
        assert!(ended.iter().map(|done| done.0).eq(0..count));
        assert!(ended.iter().all(|done| done.1 == cancelled() && done.2));
        queue.silence();
    }
}

/// C10: the memory of a send without copying is the kernel's until it says that it has let go,
/// which is another completion than the one with the result.
#[test]
fn c10_a_send_without_copying_ends_with_its_notification() {
    const LEN: usize = 1 << 14;
    for mut queue in [shared(), pinned()] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let a = TcpStream::connect(address).expect("a connection");
        let (mut b, _) = listener.accept().expect("its other end");
        let send = RawOperation::SendZeroCopy {
            source: number(&a),
            memory: leaked(LEN),
            flags: 0,
            region: None,
        };
        if queue.selector.shared.known.entry(&send).is_err() {
            println!("LEFT OUT: this kernel sends nothing without copying");
            return;
        }
        queue.submit(1, send);
        assert_eq!(queue.completions(2), [(1, Ok(LEN as u64), false), (1, Ok(0), true)]);
        let mut received = vec![0; LEN];
        b.read_exact(&mut received).expect("the bytes");
        queue.silence();
    }
}

/// C13: the inbox has a limit, and what it refuses it does not begin.
#[test]
fn c13_a_full_inbox_is_an_error_in_words() {
    let mut queue = shared();
    let mut taken = 0;
    let refused = loop {
        assert!(taken <= 1 << 17, "it grows without a bound");
        // SAFETY: a nop has no memory.
        match unsafe { queue.registrar.submit(Token(taken), RawOperation::Nop) } {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), io::ErrorKind::QuotaExceeded);
    assert!(refused.to_string().contains("await"), "{refused}");
    let mut ended = 0;
    while ended < taken {
        ended += queue.events().completions.len() as u64;
    }
    assert_eq!(ended, taken);
    queue.submit(0, RawOperation::Nop);
    assert_eq!(queue.completion(0), Ok(0));
}

/// More than the ring hands over at once, and more than it has room for completions.
#[test]
fn c13_ten_thousand_operations_of_one_turn_all_end() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        for token in 0..10_000 {
            queue.submit(token, RawOperation::Nop);
        }
        let mut ended: Vec<u64> = queue.completions(10_000).iter().map(|done| done.0).collect();
        ended.sort_unstable();
        assert!(ended.into_iter().eq(0..10_000));
    }
}

fn submit_chain(queue: &Queue, chain: &[(Token, RawOperation)]) -> io::Result<()> {
    // SAFETY: the tests' memory is leaked.
    unsafe { queue.registrar.submit_chain(chain) }
}

/// The next one begins when the one before has succeeded, also across the end of a full ring.
#[test]
fn a_chain_is_carried_out_in_order_wherever_it_begins() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        let room = queue.room();
        for before in [0, room - 2, room - 1, room, room + 1] {
            let (a, b) = pair();
            for token in 0..before {
                queue.submit(1000 + token, RawOperation::Nop);
            }
            let chain = [
                (Token(1), send(&a, b"one ")),
                (Token(2), send(&a, b"two ")),
                (Token(3), send(&a, b"three")),
            ];
            submit_chain(&queue, &chain).expect("a queue with room");
            let seen = queue.completions(before as usize + 3);
            assert!(seen.iter().all(|(_, result, last)| result.is_ok() && *last), "{seen:?}");
            assert_eq!(read_all(&b), b"one two three", "{before} before it");
        }
    }
}

#[test]
fn a_chain_ends_where_one_fails_and_a_long_one_is_refused_whole() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        let (a, b) = pair();
        let closed = RawOperation::Close { source: RawSource(1 << 20) };
        let chain =
            [(Token(1), send(&a, b"one")), (Token(2), closed), (Token(3), send(&a, b"two"))];
        submit_chain(&queue, &chain).expect("a queue with room");
        let mut seen = queue.completions(3);
        seen.sort_by_key(|done| done.0);
        assert_eq!(seen[0].1, Ok(3));
        assert!(seen[1].1.is_err());
        assert_eq!(seen[2].1, cancelled());
        assert_eq!(read_all(&b), b"one");
        let long: Vec<_> =
            (0..=CHAIN_MAX as u64).map(|token| (Token(token), RawOperation::Nop)).collect();
        let error = submit_chain(&queue, &long).expect_err("too long");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        queue.silence();
        submit_chain(&queue, &long[1..]).expect("just long enough");
        assert_eq!(queue.completions(CHAIN_MAX).len(), CHAIN_MAX);
    }
}

/// One that is withdrawn takes those behind it along, and leaves those before it alone.
#[test]
fn a_withdrawn_link_severs_its_chain() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        let (a, b) = pair();
        let chain = [
            (Token(1), send(&a, b"one")),
            (Token(2), send(&a, b"two")),
            (Token(3), send(&a, b"three")),
        ];
        submit_chain(&queue, &chain).expect("a queue with room");
        queue.submit(4, send(&a, b" four"));
        assert_eq!(queue.registrar.cancel(Token(2)), Cancel::Withdrawn);
        let mut seen = queue.completions(3);
        seen.sort_by_key(|done| done.0);
        let results: Vec<_> = seen.into_iter().map(|done| (done.0, done.1)).collect();
        assert_eq!(results, [(1, Ok(3)), (3, cancelled()), (4, Ok(5))]);
        assert_eq!(read_all(&b), b"one four");
    }
}

/// C11: the kernel does not find a link that it has not begun, and begins it afterwards.
#[test]
fn c11_a_link_that_is_cancelled_before_it_begins_ends_when_it_does() {
    for mut queue in [shared(), pinned()] {
        let pairs = [pair(), pair(), pair()];
        let links = [1, 2, 3].map(Token);
        let chain: Vec<_> = links.into_iter().zip(pairs.iter().map(|(a, _)| recv(a))).collect();
        queue.silence();
        // SAFETY: the tests' memory is leaked.
        unsafe { queue.registrar.submit_chain(&chain) }.expect("a queue with room");
        queue.silence();
        assert_eq!(queue.registrar.cancel(Token(2)), Cancel::Requested);
        // Nothing is to be done before the first one has ended, and nothing is.
        let before = queue.counters.snapshot().requests;
        queue.silence();
        if metrics::COUNTED {
            assert!(queue.counters.snapshot().requests <= before + 1, "asked once");
        }
        put(&pairs[0].1, b"first");
        let mut ended = queue.completions(3);
        ended.sort();
        assert_eq!(ended, [(1, Ok(5), true), (2, cancelled(), true), (3, cancelled(), true)]);
        queue.silence();
    }
}

/// One that was severed is withdrawn like any other: at the end of a driver no turn would tell it.
#[test]
fn c11_every_link_of_a_chain_can_be_withdrawn() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        let (a, b) = pair();
        let chain = [1, 2, 3].map(|token| (Token(token), send(&a, b"never")));
        submit_chain(&queue, &chain).expect("a queue with room");
        for token in [1, 3, 2] {
            assert_eq!(queue.registrar.cancel(Token(token)), Cancel::Withdrawn, "{token}");
        }
        queue.submit(4, send(&a, b"four"));
        let results: Vec<_> =
            queue.completions(1).into_iter().map(|done| (done.0, done.1)).collect();
        assert_eq!(results, [(4, Ok(4))]);
        assert_eq!(read_all(&b), b"four");
    }
}

/// The thread that turned the queue ends, and with it the operations it had submitted.
#[test]
fn operations_of_a_thread_that_ends_are_cancelled() {
    let (a, b) = pair();
    let mut queue = shared();
    queue.submit(1, recv(&a));
    let mut queue = std::thread::spawn(move || {
        queue.silence();
        queue
    })
    .join()
    .expect("the first thread");
    put(&b, b"hello");
    // Either it was cancelled with its thread, or it was not: it ends once.
    let ended = queue.completion(1);
    assert!(ended == cancelled() || ended == Ok(5), "{ended:?}");
    queue.silence();
}

/// Buffers that the kernel chooses, one at a time and several at once, of one group and of two.
#[test]
fn buffers_of_groups_are_lent_filled_and_named() {
    for (mut queue, bundle) in
        [(shared(), false), (pinned(), false), (shared(), true), (pinned(), true)]
    {
        if !queue.selector.shared.fills_groups {
            println!("LEFT OUT: this kernel fills no groups of buffers");
            return;
        }
        let groups = [7, 9].map(|group| {
            let buffers = Buffers::new(8, 100).expect("memory");
            queue.registrar.add_group(group, &buffers).expect("a kernel that fills them");
            buffers
        });
        let (a, b) = pair();
        let source = number(&a);
        for (round, group) in [7, 9, 7].into_iter().enumerate() {
            let buffers = &groups[usize::from(group == 9)];
            let token = 10 + round as u64;
            queue.submit(token, RawOperation::RecvMulti { source, group, bundle });
            queue.silence();
            put(&b, &[round as u8 + 1; 250]);
            let mut received = 0;
            while received < 250 {
                for done in queue.events().completions {
                    assert_eq!((done.token.0, done.more), (token, true));
                    let mut number = done.buffer.expect("the number of a buffer");
                    let mut left = done.result.expect("bytes") as usize;
                    assert!(bundle || left <= 100, "one buffer at a time, unless in a bundle");
                    while left > 0 {
                        let next = buffers.pool().filled(number);
                        let lease = Buffers::lease(buffers, number, left.min(100));
                        assert!(lease.iter().all(|&byte| byte == round as u8 + 1));
                        left -= lease.len();
                        received += lease.len();
                        number = next;
                    }
                }
            }
            assert_eq!((received, buffers.pool().in_use()), (250, 0));
            assert_eq!(queue.registrar.cancel(Token(token)), Cancel::Requested);
            assert_eq!(queue.completion(token), cancelled());
        }
        queue.registrar.remove_group(9);
        queue.silence();
        queue.submit(20, RawOperation::RecvMulti { source, group: 9, bundle });
        put(&b, b"x");
        assert!(queue.completion(20).is_err(), "the group is gone");
    }
}

/// A connection is taken, and one that came too late for its cancel is told, to be closed.
#[test]
fn accepts_give_descriptors_that_close_on_exec_and_do_not_block() {
    let mut queue = shared();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let source = number(&listener);
    let address = listener.local_addr().expect("an address");
    queue.submit(1, RawOperation::AcceptMulti { source });
    queue.silence();
    for _ in 0..3 {
        let client = TcpStream::connect(address).expect("a connection");
        let events = queue.events();
        let [done] = &events.completions[..] else { panic!("one connection: {events:?}") };
        assert!(done.more && done.buffer.is_none());
        let descriptor = *done.result.as_ref().expect("a descriptor") as RawFd;
        // SAFETY: the kernel has just made it, and nobody else knows of it.
        let mut server = unsafe { <TcpStream as std::os::fd::FromRawFd>::from_raw_fd(descriptor) };
        let blocked = server.read(&mut [0; 1]).expect_err("nothing was sent");
        assert_eq!(blocked.kind(), io::ErrorKind::WouldBlock);
        let flags = rustix::io::fcntl_getfd(&server).expect("flags");
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        drop(client);
    }
    assert_eq!(queue.registrar.cancel(Token(1)), Cancel::Requested);
    assert_eq!(queue.completion(1), cancelled());
}

/// C7: what stands behind a timer in a chain is begun by the kernel, and not before the time is up;
/// where it cannot do that, nothing of it is begun, and whoever made the chain goes on with it.
#[test]
fn c7_a_chain_goes_on_behind_a_timer_or_is_given_back_whole() {
    for mut queue in [shared(), pinned()] {
        queue.silence();
        let goes_on = queue.selector.shared.ring.with(|ring| ring.features().timed_links);
        let (a, b) = pair();
        let a_while = RawOperation::Timeout { timespec: timespec(0, 2_000_000) };
        let chain = [
            (Token(1), a_while),
            (Token(2), send(&a, b"one")),
            (Token(3), RawOperation::Timeout { timespec: timespec(0, 2_000_000) }),
            (Token(4), send(&a, b"two")),
        ];
        let begun = Instant::now();
        submit_chain(&queue, &chain).expect("a queue with room");
        let mut seen = queue.completions(4);
        seen.sort();
        let results: Vec<_> = seen.into_iter().map(|done| done.1).collect();
        if goes_on.expect("here") {
            assert_eq!(results, [Ok(0), Ok(3), Ok(0), Ok(3)]);
            assert!(begun.elapsed() >= Duration::from_millis(4));
            assert_eq!(read_all(&b), b"onetwo");
        } else {
            assert_eq!(results, [Ok(0), cancelled(), cancelled(), cancelled()]);
            assert_eq!(read_all(&b), b"");
        }
        queue.silence();
    }
}

/// C11: a timer that is cancelled has not run to its end, and nothing behind it begins.
#[test]
fn c11_a_cancelled_timer_ends_its_chain() {
    for mut queue in [shared(), pinned()] {
        let (a, b) = pair();
        let an_hour = RawOperation::Timeout { timespec: timespec(3600, 0) };
        let chain = [(Token(1), an_hour), (Token(2), send(&a, b"never"))];
        submit_chain(&queue, &chain).expect("a queue with room");
        queue.silence();
        assert_eq!(queue.registrar.cancel(Token(1)), Cancel::Requested);
        let mut seen = queue.completions(2);
        seen.sort();
        assert_eq!(seen, [(1, cancelled(), true), (2, cancelled(), true)]);
        assert_eq!(read_all(&b), b"");
    }
}

/// A timer ends well, and one that is cancelled does not.
#[test]
fn a_timeout_that_has_run_to_its_end_is_a_success() {
    let mut queue = pinned();
    let begun = Instant::now();
    queue.submit(1, RawOperation::Timeout { timespec: timespec(0, 2_000_000) });
    queue.submit(2, RawOperation::Timeout { timespec: timespec(3600, 0) });
    assert_eq!(queue.completion(1), Ok(0));
    assert!(begun.elapsed() >= Duration::from_millis(2));
    assert_eq!(queue.registrar.cancel(Token(2)), Cancel::Requested);
    assert_eq!(queue.completion(2), cancelled());
}
