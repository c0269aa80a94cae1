//! Nothing is allocated once the program has found its pace.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{Either, select};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use mainspring::net::TcpStream;
use mainspring::rt::{spawn_local, yield_now};
use mainspring::time::{sleep, timeout};
use mainspring::{BufferGroup, Driver, Handle, Interest, Trigger};

use crate::allocator::allocations;
use crate::loopback::{drive, echo, pair, registered_pair};
use crate::watchdog::Watchdog;

const READ: Interest = Interest::READABLE;
/// Rounds until all lists have their size.
const WARM_UP: usize = 100;
const ROUNDS: usize = 1_000;
const LONG: Duration = Duration::from_secs(3600);

/// The allocations of one round after the warm-up, in all rounds together.
fn count(mut round: impl FnMut()) -> u64 {
    (0..WARM_UP).for_each(|_| round());
    let before = allocations();
    (0..ROUNDS).for_each(|_| round());
    allocations() - before
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// One message to the echo and back.
async fn exchange(stream: &mut TcpStream) {
    let mut answer = [0; 64];
    stream.write_all(&[7; 64]).await.expect("a write");
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(answer, [7; 64]);
}

/// The allocations of the messages after the warm-up.
async fn exchanges(mut stream: TcpStream) -> u64 {
    for _ in 0..WARM_UP {
        exchange(&mut stream).await;
    }
    let before = allocations();
    for _ in 0..ROUNDS {
        exchange(&mut stream).await;
    }
    allocations() - before
}

#[test]
fn no_message_allocates_in_a_loop_written_by_hand() {
    let _watchdog = Watchdog::over("messages in a loop written by hand");
    let mut driver = Driver::new().expect("a driver");
    let _entered = driver.handle().enter();
    let (near, far) = registered_pair();
    let both = async {
        match select(pin!(exchanges(near)), pin!(echo(far))).await {
            Either::Left((allocated, _)) => allocated,
            Either::Right((ended, _)) => panic!("the echo ended first: {ended:?}"),
        }
    };
    assert_eq!(drive(&mut driver, both), 0, "allocations in {ROUNDS} messages");
}

#[test]
fn no_message_allocates_between_spawned_tasks() {
    let _watchdog = Watchdog::over("messages between spawned tasks");
    let mut driver = Driver::new().expect("a driver");
    let asked = driver.block_on(async {
        let (near, far) = registered_pair();
        spawn_local(echo(far)).detach();
        spawn_local(exchanges(near)).await.expect("a task that ends well")
    });
    assert_eq!(asked.expect("a queue that works"), 0, "allocations in {ROUNDS} messages");
}

/// One message to the echo and back, in buffers that the operations own.
async fn exchange_owned(stream: &TcpStream, buffer: Vec<u8>) -> Vec<u8> {
    let (sent, buffer) = stream.send(buffer).await;
    assert_eq!(sent.expect("a write"), 64);
    let (received, buffer) = stream.recv(buffer).await;
    assert_eq!((received.expect("an answer"), buffer.as_slice()), (64, [7; 64].as_slice()));
    buffer
}

/// Sends back what comes, in buffers that the operations own.
async fn echo_owned(stream: TcpStream) {
    let mut buffer = Vec::with_capacity(64);
    loop {
        let (received, filled) = stream.recv(buffer).await;
        if received.expect("a message") == 0 {
            return;
        }
        let (sent, sent_from) = stream.send(filled).await;
        assert_eq!(sent.expect("a write"), sent_from.len());
        buffer = sent_from;
    }
}

/// The driver is pinned, so this thread is its owner.
#[test]
fn no_operation_allocates() {
    let _watchdog = Watchdog::over("messages in owned buffers");
    let asked = mainspring::block_on(async {
        let (near, far) = registered_pair();
        spawn_local(echo_owned(far)).detach();
        let mut buffer = vec![7; 64];
        for _ in 0..WARM_UP {
            buffer = exchange_owned(&near, buffer).await;
        }
        let before = allocations();
        for _ in 0..ROUNDS {
            buffer = exchange_owned(&near, buffer).await;
        }
        allocations() - before
    });
    assert_eq!(asked.expect("a queue that works"), 0, "allocations in {ROUNDS} messages");
}

/// Received into leased buffers, and sent from them. With fewer buffers than connections there is
/// always one that waits for a buffer.
#[test]
fn no_message_in_a_leased_buffer_allocates() {
    const CONNECTIONS: usize = 4;
    let _watchdog = Watchdog::over("messages in leased buffers");
    for buffers in [1, 8] {
        let mut driver = Driver::new().expect("a driver");
        let allocated = driver.block_on(async {
            let group = Handle::current().buffer_group(buffers, 256).expect("a group");
            let mut near = Vec::new();
            for _ in 0..CONNECTIONS {
                let (one, other) = registered_pair();
                spawn_local(echo_leases(other, group.clone())).detach();
                near.push(one);
            }
            let mut before = 0;
            for batch in 0..WARM_UP + ROUNDS {
                if batch == WARM_UP {
                    before = allocations();
                }
                for stream in &mut near {
                    stream.write_all(&[7; 64]).await.expect("a write");
                }
                for stream in &mut near {
                    stream.read_exact(&mut [0; 64]).await.expect("an answer");
                }
            }
            (allocations() - before, group.exhausted())
        });
        let (allocated, exhausted) = allocated.expect("a queue that works");
        assert_eq!(allocated, 0, "allocations with {buffers} buffers");
        assert_eq!(exhausted > 0, buffers < CONNECTIONS, "{exhausted} times without a buffer");
    }
}

async fn echo_leases(stream: TcpStream, group: BufferGroup) {
    let mut incoming = stream.recv_multi(&group);
    while let Some(lease) = incoming.next().await {
        let lease = lease.expect("a message");
        let len = lease.len();
        let (sent, lease) = stream.send(lease).await;
        assert_eq!(sent.expect("room"), len);
        // The others come to want it meanwhile.
        yield_now().await;
        drop(lease);
    }
}

/// All of them at once, so that every turn has a batch.
#[test]
fn no_batch_of_messages_allocates() {
    const CONNECTIONS: usize = 100;
    const BATCHES: usize = 10;
    let _watchdog = Watchdog::over("batches of messages");
    let mut driver = Driver::new().expect("a driver");
    let allocated = driver.block_on(async {
        let mut near = Vec::new();
        for _ in 0..CONNECTIONS {
            let (one, other) = registered_pair();
            spawn_local(echo(other)).detach();
            near.push(one);
        }
        let mut before = 0;
        for batch in 0..BATCHES * 2 {
            if batch == BATCHES {
                before = allocations();
            }
            for stream in &mut near {
                stream.write_all(&[7; 64]).await.expect("a write");
            }
            for stream in &mut near {
                stream.read_exact(&mut [0; 64]).await.expect("an answer");
            }
        }
        allocations() - before
    });
    let messages = CONNECTIONS * BATCHES;
    assert_eq!(allocated.expect("a queue that works"), 0, "allocations in {messages} messages");
}

#[test]
fn no_registration_allocates() {
    let driver = Driver::new().expect("a driver");
    let (near, _far) = pair();
    for trigger in [Trigger::Edge, Trigger::Level, Trigger::OneShot] {
        let register = || driver.handle().register(&near, READ, trigger).expect("a source");
        assert_eq!(count(|| drop(register())), 0, "{trigger:?}, never armed");
        let awaited = || {
            let registration = register();
            assert!(poll_once(pin!(registration.ready(READ))).is_pending());
        };
        assert_eq!(count(awaited), 0, "{trigger:?}, a future waited");
        let polled = || {
            let registration = register();
            let mut cx = Context::from_waker(Waker::noop());
            assert!(registration.poll_ready(&mut cx, READ).is_pending());
        };
        assert_eq!(count(polled), 0, "{trigger:?}, a poll waited");
    }
}

/// Slots that come and go in bulk; the second time every list has its size.
#[test]
fn no_registration_of_many_allocates() {
    const MANY: usize = 1_000;
    let driver = Driver::new().expect("a driver");
    let (near, _far) = pair();
    let mut held = Vec::with_capacity(MANY);
    let mut fill = || {
        let before = allocations();
        for _ in 0..MANY {
            held.push(driver.handle().register(&near, READ, Trigger::Edge).expect("a source"));
        }
        held.clear();
        allocations() - before
    };
    assert!(fill() > 0, "the counter counts");
    assert_eq!(fill(), 0);
}

#[test]
fn no_second_waiter_allocates_after_the_first_time() {
    let driver = Driver::new().expect("a driver");
    let (near, _far) = pair();
    let registration = driver.handle().register(&near, READ, Trigger::Edge).expect("a source");
    let crowd = || {
        let mut waiters = [(); 8].map(|()| registration.ready(READ));
        for waiter in &mut waiters {
            assert!(poll_once(Pin::new(waiter)).is_pending());
        }
    };
    assert_eq!(count(crowd), 0);
}

#[test]
fn no_timer_allocates() {
    let mut driver = Driver::new().expect("a driver");
    let _entered = driver.handle().enter();
    assert_eq!(count(|| assert!(poll_once(pin!(sleep(LONG))).is_pending())), 0, "set and dropped");
    let mut moved = sleep(LONG);
    let move_it = || {
        moved.reset_after(LONG / 2);
        assert!(poll_once(Pin::new(&mut moved)).is_pending());
    };
    assert_eq!(count(move_it), 0, "moved");
    let forever = std::future::pending::<()>;
    let limited = || assert!(poll_once(pin!(timeout(LONG, forever()))).is_pending());
    assert_eq!(count(limited), 0, "a timeout");
    let fire = || {
        let mut short = pin!(sleep(Duration::from_nanos(1)));
        while poll_once(short.as_mut()).is_pending() {
            driver.turn(Some(Duration::from_millis(1))).expect("a queue that works");
        }
    };
    assert_eq!(count(fire), 0, "fired");
}

#[test]
fn no_turn_allocates() {
    let mut driver = Driver::new().expect("a driver");
    let handle = driver.handle();
    let _entered = handle.enter();
    let mut turn = |max_wait| _ = driver.turn(max_wait).expect("a queue that works");
    assert_eq!(count(|| turn(Some(Duration::ZERO))), 0, "a look");
    assert_eq!(count(|| turn(Some(Duration::from_nanos(1)))), 0, "a sleep");
    let wake = || {
        handle.unpark();
        turn(None);
    };
    assert_eq!(count(wake), 0, "an unpark");
    assert_eq!(count(|| drop(Handle::current())), 0, "a handle");
}

#[test]
fn no_wake_of_a_task_allocates() {
    let yields = mainspring::block_on(async {
        let task = spawn_local(async {
            loop {
                yield_now().await;
            }
        });
        for _ in 0..WARM_UP {
            yield_now().await;
        }
        let before = allocations();
        for _ in 0..ROUNDS {
            yield_now().await;
        }
        let allocated = allocations() - before;
        task.abort();
        allocated
    });
    assert_eq!(yields.expect("a queue that works"), 0);
}
