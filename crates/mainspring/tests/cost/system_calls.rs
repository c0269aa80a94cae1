//! System calls, as the driver's own metrics count them.
//!
//! Reads and writes are the program's and are not among them; `traced` counts those too.

use std::io::Write;
use std::net::TcpStream;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use futures::AsyncWriteExt;
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use mainspring::rt::spawn_local;
use mainspring::time::sleep;
use mainspring::{Builder, Choice, Driver, Handle, Interest, Kind, SystemCall, Trigger, net};

use crate::counts::counted;
use crate::loopback::{arrived, echo, pair, read_message};
use crate::watchdog::Watchdog;

const SHORT: Duration = Duration::from_millis(1);

/// All kinds of calls so far.
fn calls(handle: &Handle) -> [u64; 5] {
    let metrics = handle.metrics();
    use SystemCall::{Add, Modify, Remove, Wait, Wake};
    [Wait, Add, Modify, Remove, Wake].map(|call| metrics.system_calls(call))
}

/// What `act` made the driver call, in the order wait, add, modify, remove, wake.
fn calls_of(handle: &Handle, act: impl FnOnce()) -> [u64; 5] {
    let before = calls(handle);
    act();
    let after = calls(handle);
    std::array::from_fn(|kind| after[kind] - before[kind])
}

#[test]
fn a_turn_is_one_call() {
    let _watchdog = Watchdog::over("a turn is one call");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let _entered = handle.enter();
    let mut turn = |max_wait| _ = driver.turn(max_wait).expect("a queue that works");
    counted(calls_of(&handle, || turn(Some(Duration::ZERO))), [1, 0, 0, 0, 0]);
    counted(calls_of(&handle, || turn(Some(SHORT))), [1, 0, 0, 0, 0]);

    // A timer costs no call of its own, neither to set nor to fire.
    let mut cx = Context::from_waker(Waker::noop());
    let mut timer = pin!(sleep(SHORT));
    let fire = || {
        assert!(timer.as_mut().poll(&mut cx).is_pending());
        turn(None);
        assert!(timer.as_mut().poll(&mut cx).is_ready());
    };
    counted(calls_of(&handle, fire), [1, 0, 0, 0, 0]);

    // Without a timeout, an event ends it.
    let (near, mut far) = pair();
    let registration = handle.register(&near, Interest::READABLE, Trigger::Edge).expect("a source");
    assert!(registration.poll_ready(&mut cx, Interest::READABLE).is_pending());
    far.write_all(b"!").expect("a write");
    counted(calls_of(&handle, || turn(None)), [1, 0, 0, 0, 0]);
}

/// A driver that is pinned to this thread and has a ring, where there is one.
fn pinned_ring() -> Option<Driver> {
    let ring = Choice::Exactly(Kind::Uring);
    let driver = Builder::new().choice(ring).pinned().build();
    if let Err(error) = &driver {
        println!("LEFT OUT: {error}");
    }
    driver.ok()
}

/// What has ended when the call returns that begins it, is found by that call, and nobody prepares
/// to sleep.
#[test]
fn what_ends_at_once_costs_one_call_and_no_sleep() {
    const ROUNDS: u64 = 100;
    let Some(mut driver) = pinned_ring() else { return };
    let handle = driver.handle();
    let mut cx = Context::from_waker(Waker::noop());
    driver.turn(Some(Duration::ZERO)).expect("a queue that works");
    let parks = handle.metrics().parks;
    let rounds = || {
        for _ in 0..ROUNDS {
            let mut nothing = pin!(handle.submit(mainspring::op::nop()));
            assert!(nothing.as_mut().poll(&mut cx).is_pending());
            assert_eq!(driver.turn(None).expect("a queue that works").events(), 1);
            assert!(nothing.as_mut().poll(&mut cx).is_ready());
        }
    };
    counted(calls_of(&handle, rounds), [ROUNDS, 0, 0, 0, 0]);
    counted(handle.metrics().parks - parks, 0);
}

/// What has not, costs one call more, once in a while.
#[test]
fn a_look_in_vain_is_not_repeated_soon() {
    const ROUNDS: u64 = 30;
    let Some(mut driver) = pinned_ring() else { return };
    let handle = driver.handle();
    let mut cx = Context::from_waker(Waker::noop());
    driver.turn(Some(Duration::ZERO)).expect("a queue that works");
    let rounds = || {
        for _ in 0..ROUNDS {
            let mut timer = pin!(handle.submit(mainspring::op::timeout(SHORT)));
            assert!(timer.as_mut().poll(&mut cx).is_pending());
            while timer.as_mut().poll(&mut cx).is_pending() {
                driver.turn(None).expect("a queue that works");
            }
        }
    };
    // One that was kept waiting itself may find what has ended meanwhile, and looks again.
    let calls = calls_of(&handle, rounds)[0];
    assert!(calls < 2 * ROUNDS, "{calls} calls for {ROUNDS} operations that take their time");
}

/// However many completions one look has brought, the next comes after 61 polls.
#[test]
fn completions_that_wait_for_their_turn_put_no_look_off() {
    const TASKS: u64 = 400;
    const ROUNDS: u64 = 10;
    let Some(mut driver) = pinned_ring() else { return };
    let handle = driver.handle();
    let task = || async {
        for _ in 0..ROUNDS {
            mainspring::op::nop().await.expect("nothing to fail");
        }
    };
    let run = || {
        let tasks = async {
            let tasks: Vec<_> = (0..TASKS).map(|_| spawn_local(task())).collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        };
        driver.block_on(tasks).expect("a queue that works");
    };
    let looks = calls_of(&handle, run)[0];
    // Each is polled once to begin with, and once for each round.
    let polls = TASKS * (ROUNDS + 1);
    if cfg!(feature = "metrics") {
        assert!(looks >= polls / 61, "{looks} looks in {polls} polls");
    }
}

#[test]
fn unparks_of_a_running_driver_are_free() {
    const UNPARKS: u64 = 1_000;
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let unpark = || (0..UNPARKS).for_each(|_| handle.unpark());
    counted(calls_of(&handle, unpark), [0; 5]);
    let turn = || assert!(driver.turn(None).expect("a queue that works").woken());
    counted(calls_of(&handle, turn), [1, 0, 0, 0, 0]);
    let metrics = handle.metrics();
    counted((metrics.wakes_sent, metrics.wakes_elided), (0, UNPARKS));
}

#[test]
fn unparks_of_a_parked_driver_are_one_write() {
    const ROUNDS: u64 = 100;
    const UNPARKS: u64 = 1_000;
    let _watchdog = Watchdog::over("unparks of a parked driver");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let turning = thread::spawn(move || {
        for max_wait in begun {
            let turn = driver.turn(max_wait).expect("a queue that works");
            end.send(turn.woken()).expect("the test waits for it");
        }
    });
    for round in 0..ROUNDS {
        begin.send(None).expect("the driver's thread");
        // The wait is counted after the driver has said that it is about to sleep. A build that
        // does not count finds it asleep or not, and the end of the turn is all it looks at.
        while cfg!(feature = "metrics") && calls(&handle)[0] == 2 * round {
            thread::yield_now();
        }
        (0..UNPARKS).for_each(|_| handle.unpark());
        assert!(ended.recv().expect("the driver's thread"), "round {round}");
        // Those that found it awake again have left a note for its next turn, which takes it.
        begin.send(Some(Duration::ZERO)).expect("the driver's thread");
        ended.recv().expect("the driver's thread");
        counted(calls(&handle), [2 * (round + 1), 0, 0, 0, round + 1]);
    }
    drop(begin);
    turning.join().expect("the driver's thread");
}

/// A connection that has sent its question before it is accepted never meets the selector.
#[test]
fn a_connection_that_never_blocks_is_never_added() {
    const CONNECTIONS: usize = 100;
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let serve = async {
        let listener = net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        for _ in 0..CONNECTIONS {
            let mut client = TcpStream::connect(address).expect("a connection");
            client.set_nonblocking(true).expect("an option");
            client.write_all(b"question").expect("a write");
            arrived(&listener);
            let (mut stream, _) = listener.accept().await.expect("a connection");
            arrived(&stream);
            let mut question = [0; 8];
            assert_eq!(stream.read(&mut question).await.expect("a question"), 8);
            stream.write_all(b"answer").await.expect("a write");
            drop(stream);
            read_message(&client, b"answer");
        }
    };
    let run = || driver.block_on(serve).expect("a queue that works");
    counted(calls_of(&handle, run), [0; 5]);
    counted(handle.metrics().sources_ever, CONNECTIONS as u64 + 1);
}

/// With all messages of a round there before it begins, a round is one call, and each connection
/// is added once in its life.
#[test]
fn a_batch_of_messages_is_one_wait() {
    const CONNECTIONS: usize = 100;
    const ROUNDS: usize = 50;
    let _watchdog = Watchdog::over("a batch of messages");
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let _entered = handle.enter();
    let mut pool = LocalPool::new();
    let (mut clients, mut duplicates) = (Vec::new(), Vec::new());
    let begin = || {
        for _ in 0..CONNECTIONS {
            let (client, server) = pair();
            duplicates.push(server.try_clone().expect("a duplicate"));
            let server = net::TcpStream::from_std(server).expect("a driver");
            let task = async { echo(server).await.expect("an echo") };
            pool.spawner().spawn_local(task).expect("a task");
            clients.push(client);
        }
        pool.run_until_stalled();
    };
    counted(calls_of(&handle, begin), [0, CONNECTIONS as u64, 0, 0, 0]);
    for _ in 0..ROUNDS {
        let round = || {
            for client in &mut clients {
                client.write_all(b"message").expect("a write");
            }
            duplicates.iter().for_each(arrived);
            let turn = driver.turn(None).expect("a queue that works");
            assert_eq!(turn.events(), CONNECTIONS);
            pool.run_until_stalled();
            clients.iter().for_each(|client| read_message(client, b"message"));
        };
        counted(calls_of(&handle, round), [1, 0, 0, 0, 0]);
    }
    let end = || {
        clients.clear();
        duplicates.iter().for_each(arrived);
        driver.turn(None).expect("a queue that works");
        pool.run_until_stalled();
    };
    counted(calls_of(&handle, end), [1, 0, 0, CONNECTIONS as u64, 0]);
    counted(handle.metrics().sources_now, 0);
    println!("{CONNECTIONS} messages a wait, in {ROUNDS} rounds");
}
