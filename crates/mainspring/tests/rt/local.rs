//! Tasks of one thread.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use mainspring::rt::{JoinHandle, spawn_local, try_spawn_local, yield_now};
use mainspring::time::{sleep, timeout};
use mainspring::{Async, Driver, Handle, block_on};

use crate::watchdog::watch;

#[test]
fn tasks_run_in_the_order_of_their_spawns_and_wakes() {
    let _watchdog = watch();
    let order = Rc::new(RefCell::new(Vec::new()));
    let ran = block_on(async {
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let order = Rc::clone(&order);
                spawn_local(async move {
                    for round in 0..3 {
                        order.borrow_mut().push(round * 100 + number);
                        yield_now().await;
                    }
                    number
                })
            })
            .collect();
        assert!(order.borrow().is_empty(), "spawning polls nothing");
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(ran.unwrap(), 99 * 100 / 2);
    assert_eq!(*order.borrow(), (0..300).collect::<Vec<_>>());
}

#[test]
fn a_panic_ends_its_own_task_alone() {
    let _watchdog = watch();
    let blocked = block_on(async {
        let before = spawn_local(async {
            yield_now().await;
            1
        });
        let message = spawn_local(async { panic!("number {}", 7) });
        let value = spawn_local(async { std::panic::panic_any(42_u8) });
        let after = spawn_local(async { 2 });
        assert_eq!(before.await.unwrap() + after.await.unwrap(), 3);
        let message: Result<(), _> = message.await;
        let message = message.unwrap_err();
        assert!(message.is_panic() && !message.is_aborted());
        assert_eq!(message.to_string(), "the task panicked: number 7");
        let value: Result<(), _> = value.await;
        assert_eq!(value.unwrap_err().into_panic().unwrap().downcast_ref(), Some(&42_u8));
    });
    blocked.unwrap();
}

/// Panics when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("in a destructor");
    }
}

#[test]
fn a_panic_in_a_destructor_of_a_task_is_its_own_too() {
    let _watchdog = watch();
    let ended = block_on(async {
        let inside = spawn_local(async {
            let _grenade = Grenade;
            yield_now().await;
        });
        assert!(inside.await.unwrap_err().is_panic());
        let aborted = spawn_local(async {
            let _grenade = Grenade;
            pending::<()>().await;
        });
        yield_now().await;
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_panic());
        // Nobody joins these: the result of one and the future of the other are left to the loop.
        spawn_local(async { Grenade }).detach();
        spawn_local(async {
            let _grenade = Grenade;
            pending::<()>().await;
        })
        .detach();
        yield_now().await;
        5
    });
    assert_eq!(ended.unwrap(), 5);
}

#[test]
fn an_aborted_task_is_dropped_and_says_so() {
    let _watchdog = watch();
    let blocked = block_on(async {
        let alive = Rc::new(());
        let hold = |alive: &Rc<()>| {
            let alive = Rc::clone(alive);
            async move {
                pending::<()>().await;
                drop(alive);
            }
        };
        let fresh = spawn_local(hold(&alive));
        fresh.abort();
        let waiting = spawn_local(hold(&alive));
        yield_now().await;
        waiting.abort();
        waiting.abort();
        assert!(fresh.await.unwrap_err().is_aborted());
        let error = waiting.await.unwrap_err();
        assert_eq!(error.to_string(), "the task was aborted before it ended");
        assert!(error.into_panic().unwrap_err().is_aborted());
        assert_eq!(Rc::strong_count(&alive), 1);

        let done = spawn_local(async { 3 });
        yield_now().await;
        assert!(done.is_finished());
        done.abort();
        assert_eq!(done.await.unwrap(), 3, "it had ended before");

        let mut twice = spawn_local(async { 4 });
        assert_eq!((&mut twice).await.unwrap(), 4);
        assert!(twice.is_finished());
        twice.abort();
        assert_eq!(twice.await.unwrap_err().to_string(), "the task's result was taken before");
    });
    blocked.unwrap();
}

#[test]
fn a_task_may_abort_itself_and_its_last_word_counts() {
    let _watchdog = watch();
    let blocked = block_on(async {
        let slot = Rc::new(RefCell::new(None::<JoinHandle<u8>>));
        for wait in [false, true] {
            let own = Rc::clone(&slot);
            let task = spawn_local(async move {
                own.borrow().as_ref().unwrap().abort();
                if wait {
                    yield_now().await;
                }
                9
            });
            *slot.borrow_mut() = Some(task);
            yield_now().await;
            let task = slot.borrow_mut().take().unwrap();
            match task.await {
                Ok(value) => assert!(!wait && value == 9),
                Err(error) => assert!(wait && error.is_aborted()),
            }
        }
    });
    blocked.unwrap();
}

#[test]
fn a_handle_may_wait_and_abort_on_another_thread() {
    const ROUNDS: u32 = 2000;
    let _watchdog = watch();
    let (sender, tasks) = std::sync::mpsc::channel::<(u32, JoinHandle<u32>, Arc<Done>)>();
    let other = thread::spawn(move || {
        for (round, task, done) in tasks {
            if round % 2 == 1 {
                task.abort();
            }
            match futures::executor::block_on(task) {
                Ok(value) => assert_eq!(value, round),
                Err(error) => assert!(round % 2 == 1 && error.is_aborted()),
            }
            done.set();
        }
    });
    let blocked = block_on(async {
        for round in 0..ROUNDS {
            let done = Arc::new(Done::default());
            let task = spawn_local(async move {
                // The abort comes before the first poll, during one, or between two.
                for _ in 0..round % 7 {
                    yield_now().await;
                }
                if round % 2 == 1 {
                    pending::<()>().await;
                }
                round
            });
            sender.send((round, task, Arc::clone(&done))).unwrap();
            done.wait().await;
        }
    });
    blocked.unwrap();
    drop(sender);
    other.join().unwrap();
}

/// Set on one thread, waited for on another.
#[derive(Default)]
struct Done {
    set: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Done {
    fn set(&self) {
        self.set.store(true, Ordering::SeqCst);
        if let Some(waker) = self.waker.lock().unwrap().take() {
            waker.wake();
        }
    }

    fn wait(&self) -> impl Future<Output = ()> + '_ {
        poll_fn(|cx| {
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            if self.set.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}

#[test]
fn what_is_left_at_the_end_is_dropped_inside_the_driver() {
    struct Witness(Handle, Rc<Cell<usize>>);
    impl Drop for Witness {
        fn drop(&mut self) {
            assert!(Handle::current().is_same(&self.0), "the driver is still the current one");
            // What a destructor spawns comes too late: it is dropped, and does not hold us up.
            let late = Rc::clone(&self.1);
            spawn_local(async move {
                late.set(1000);
            })
            .detach();
            self.1.set(self.1.get() + 1);
        }
    }
    let _watchdog = watch();
    let mut driver = Driver::new().unwrap();
    let dropped = Rc::new(Cell::new(0));
    let witness = || Witness(driver.handle(), Rc::clone(&dropped));
    let (never_polled, waiting, queued) = (witness(), witness(), witness());
    let main = witness();
    let blocked = driver.block_on(async {
        let waits = spawn_local(async move {
            let _witness = waiting;
            pending::<()>().await;
        });
        let turns = spawn_local(async move {
            let _witness = queued;
            loop {
                yield_now().await;
            }
        });
        yield_now().await;
        let fresh = spawn_local(async move { drop(never_polled) });
        drop(main);
        (waits, turns, fresh)
    });
    let (waits, turns, fresh) = blocked.unwrap();
    assert_eq!(dropped.get(), 4);
    assert!(waits.is_finished() && turns.is_finished() && fresh.is_finished());
    let ended = futures::executor::block_on(futures::future::join3(waits, turns, fresh));
    assert!(ended.0.unwrap_err().is_aborted());
    assert!(ended.1.unwrap_err().is_aborted());
    assert!(ended.2.unwrap_err().is_aborted());
}

#[test]
fn a_panic_of_the_main_future_goes_on_and_cleans_up() {
    let _watchdog = watch();
    let mut driver = Driver::new().unwrap();
    let alive = Rc::new(());
    let held = Rc::clone(&alive);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        driver.block_on(async move {
            spawn_local(async move {
                let _held = held;
                pending::<()>().await;
            })
            .detach();
            yield_now().await;
            panic!("of the main future");
        })
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"of the main future"));
    assert_eq!(Rc::strong_count(&alive), 1);
    assert!(try_spawn_local(async {}).is_err(), "nothing runs here any more");
    assert_eq!(driver.block_on(async { spawn_local(async { 6 }).await.unwrap() }).unwrap(), 6);
}

#[test]
fn outside_of_a_block_on_there_is_nowhere_to_spawn() {
    let error = try_spawn_local(async {}).unwrap_err();
    assert!(error.to_string().contains("block_on"));
    assert!(catch_unwind(|| spawn_local(async {})).is_err());
}

#[test]
fn a_driver_that_was_shut_down_runs_what_needs_no_driver() {
    let _watchdog = watch();
    let mut driver = Driver::new().unwrap();
    driver.shutdown();
    assert_eq!(driver.block_on(async { 1 }).unwrap(), 1);
    assert!(mainspring::is_shutdown(&driver.block_on(pending::<()>()).unwrap_err()));
}

#[test]
fn a_block_on_inside_another_has_its_own_tasks() {
    let _watchdog = watch();
    let blocked = block_on(async {
        let outer_ran = Rc::new(Cell::new(false));
        let ran = Rc::clone(&outer_ran);
        let outer_waker = Rc::new(RefCell::new(None::<Waker>));
        let slot = Rc::clone(&outer_waker);
        let outer = spawn_local(async move {
            poll_fn(|cx| match slot.borrow_mut().replace(cx.waker().clone()) {
                None => Poll::Pending,
                Some(_) => Poll::Ready(()),
            })
            .await;
            ran.set(true);
        });
        yield_now().await;
        let inner = block_on(async {
            // A task of the outer one, woken from inside: it waits for its turn.
            outer_waker.borrow().as_ref().unwrap().wake_by_ref();
            spawn_local(async { sleep(Duration::from_millis(1)).await }).await.unwrap();
            8
        });
        assert_eq!(inner.unwrap(), 8);
        assert!(!outer_ran.get());
        outer.await.unwrap();
        assert!(outer_ran.get());
    });
    blocked.unwrap();
}

/// Two ends of a connection.
fn stream_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, far)
}

/// A connected pair, the first end ours and the second the machine's.
fn pair() -> (Async<TcpStream>, TcpStream) {
    let (near, far) = stream_pair();
    near.set_nonblocking(true).unwrap();
    (Async::new(near).unwrap(), far)
}

async fn read_byte(stream: &Async<TcpStream>) -> io::Result<usize> {
    stream.read_with(|mut stream| stream.read(&mut [0])).await
}

#[cfg(unix)]
#[test]
fn c8_a_task_whose_calls_never_block_does_not_keep_a_timer_waiting() {
    let _watchdog = watch();
    block_on(async {
        // A source that always has more; a read of it is made before anybody asks the kernel.
        let endless = mainspring::Async::new(std::fs::File::open("/dev/zero").unwrap()).unwrap();
        let reader = spawn_local(async move {
            loop {
                let read = |mut zero: &std::fs::File| zero.read(&mut [0; 16]);
                endless.read_with(read).await.unwrap();
            }
        });
        mainspring::time::sleep(std::time::Duration::from_millis(1)).await;
        reader.abort();
    })
    .unwrap();
}

#[test]
fn c8_a_task_that_is_always_ready_does_not_keep_a_socket_waiting() {
    let _watchdog = watch();
    let blocked = block_on(async {
        let (stream, mut far) = pair();
        let polls = Rc::new(Cell::new(0_usize));
        let counted = Rc::clone(&polls);
        let busy = spawn_local(async move {
            loop {
                counted.set(counted.get() + 1);
                yield_now().await;
            }
        });
        for _ in 0..100 {
            let reader = async {
                let mut read = std::pin::pin!(read_byte(&stream));
                assert!(futures::poll!(&mut read).is_pending());
                far.write_all(b"!").unwrap();
                let before = polls.get();
                read.await.unwrap();
                polls.get() - before
            };
            // What the kernel has is looked at after 61 polls, and its task is polled next.
            let waited = reader.await;
            assert!(waited <= 2 * 61, "{waited} polls of another came first");
        }
        busy.abort();
    });
    blocked.unwrap();
}

#[test]
fn a_main_future_that_is_always_ready_starves_neither_tasks_nor_sockets() {
    let _watchdog = watch();
    let blocked = block_on(async {
        let (stream, mut far) = pair();
        let read = spawn_local(async move { read_byte(&stream).await });
        let task = spawn_local(async { yield_now().await });
        far.write_all(b"!").unwrap();
        while !read.is_finished() || !task.is_finished() {
            yield_now().await;
        }
    });
    blocked.unwrap();
}

/// A thread that sends each byte back, so that an answer comes when the driver is asleep.
fn echo_thread() -> TcpStream {
    let (near, mut far) = stream_pair();
    near.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let mut byte = [0];
        while matches!(far.read(&mut byte), Ok(1)) {
            // The other end may have all it wanted and be gone.
            if far.write_all(&byte).is_err() {
                break;
            }
        }
    });
    near
}

#[test]
fn a_wake_by_io_costs_no_further_look_at_the_kernel() {
    const MESSAGES: u64 = 1000;
    let _watchdog = watch();
    for in_a_task in [false, true] {
        let mut driver = Driver::new().unwrap();
        let handle = driver.handle();
        let blocked = driver.block_on(async {
            let exchange = async {
                let stream = Async::new(echo_thread()).unwrap();
                for _ in 0..MESSAGES {
                    stream.get_ref().write_all(b"!").unwrap();
                    read_byte(&stream).await.unwrap();
                }
            };
            if in_a_task { spawn_local(exchange).await.unwrap() } else { exchange.await }
        });
        blocked.unwrap();
        if cfg!(feature = "metrics") {
            let metrics = handle.metrics();
            let waits = metrics.system_calls(mainspring::SystemCall::Wait);
            // Each wait brings an event: none is a look in vain. Only while answers come before
            // they are waited for, a look is owed to the others, once in 61 polls at the most.
            let unwaited = MESSAGES.saturating_sub(metrics.events);
            let owed = 1 + unwaited / 61;
            assert!(waits <= metrics.events + owed, "{waits} waits for {} events", metrics.events);
            assert_eq!(metrics.wakes_sent, 0);
        }
    }
}

#[test]
fn a_wake_of_a_task_by_a_task_costs_no_system_call() {
    let _watchdog = watch();
    let mut driver = Driver::new().unwrap();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                spawn_local(async {
                    for _ in 0..600 {
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    blocked.unwrap();
    if cfg!(feature = "metrics") {
        let metrics = handle.metrics();
        // 6,000 polls and one look at the kernel for every 61 of them.
        let looks = metrics.system_calls(mainspring::SystemCall::Wait);
        assert!((90..=105).contains(&looks), "{looks}");
        assert_eq!(metrics.wakes_sent, 0);
    }
}

#[test]
fn c6_no_wake_of_another_thread_is_lost() {
    const ROUNDS: usize = 2000;
    let _watchdog = watch();
    let mut driver = Driver::new().unwrap();
    let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let woken = Arc::new(AtomicUsize::new(0));
    let (from, ended, count) = (Arc::clone(&wakers), Arc::clone(&stop), Arc::clone(&woken));
    let waking = thread::spawn(move || {
        while !ended.load(Ordering::SeqCst) {
            let due = std::mem::take(&mut *from.lock().unwrap());
            for waker in due {
                count.fetch_add(1, Ordering::SeqCst);
                waker.wake();
            }
            std::hint::spin_loop();
        }
    });
    let blocked = driver.block_on(async {
        // The main future and four tasks, each woken from over there again and again.
        let rounds = |wakers: Arc<Mutex<Vec<Waker>>>| async move {
            for _ in 0..ROUNDS {
                let mut asked = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut asked, true) {
                        return Poll::Ready(());
                    }
                    wakers.lock().unwrap().push(cx.waker().clone());
                    Poll::Pending
                })
                .await;
            }
        };
        let tasks: Vec<_> = (0..4).map(|_| spawn_local(rounds(Arc::clone(&wakers)))).collect();
        rounds(Arc::clone(&wakers)).await;
        for task in tasks {
            task.await.unwrap();
        }
    });
    blocked.unwrap();
    stop.store(true, Ordering::SeqCst);
    waking.join().unwrap();
    assert!(woken.load(Ordering::SeqCst) >= 5 * ROUNDS);
}

#[test]
fn wakes_of_another_thread_coalesce() {
    let _watchdog = watch();
    let mut driver = Driver::new().unwrap();
    let handle = driver.handle();
    let blocked = driver.block_on(async {
        let wakers = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..100 {
            let wakers = Rc::clone(&wakers);
            let pending = poll_fn(move |cx| {
                wakers.borrow_mut().push(cx.waker().clone());
                Poll::<()>::Pending
            });
            spawn_local(pending).detach();
        }
        yield_now().await;
        let mut wakers = wakers.take();
        wakers.push(poll_fn(|cx| Poll::Ready(cx.waker().clone())).await);
        assert_eq!(wakers.len(), 101);
        let before = handle.metrics();
        let wake = move || (0..10).for_each(|_| wakers.iter().for_each(Waker::wake_by_ref));
        thread::spawn(wake).join().unwrap();
        let after = handle.metrics();
        assert_eq!(after.wakes_sent, before.wakes_sent, "the driver is awake");
        assert!(after.wakes_elided <= before.wakes_elided + 1, "one of them asks");
    });
    blocked.unwrap();
}

#[test]
fn the_end_waits_for_wakes_that_are_on_their_way() {
    let _watchdog = watch();
    for _ in 0..100 {
        let start = Arc::new(Barrier::new(2));
        let (sender, wakers) = std::sync::mpsc::channel::<Vec<Waker>>();
        let begin = Arc::clone(&start);
        let waking = thread::spawn(move || {
            let wakers = wakers.recv().unwrap();
            begin.wait();
            for _ in 0..20 {
                wakers.iter().for_each(Waker::wake_by_ref);
            }
            drop(wakers);
        });
        let alive = Rc::new(());
        let blocked = block_on(async {
            let wakers = Rc::new(RefCell::new(Vec::new()));
            for _ in 0..8 {
                let (wakers, alive) = (Rc::clone(&wakers), Rc::clone(&alive));
                let task = spawn_local(async move {
                    let _alive = alive;
                    poll_fn(|cx| {
                        wakers.borrow_mut().push(cx.waker().clone());
                        Poll::<()>::Pending
                    })
                    .await
                });
                task.detach();
            }
            yield_now().await;
            sender.send(wakers.take()).unwrap();
            start.wait();
        });
        blocked.unwrap();
        assert_eq!(Rc::strong_count(&alive), 1, "all futures were dropped here and by now");
        waking.join().unwrap();
    }
}

#[test]
fn a_waker_that_outlives_its_block_on_does_nothing() {
    let _watchdog = watch();
    let mut driver = Driver::new().unwrap();
    let mut kept = Vec::new();
    driver
        .block_on(async {
            kept.push(poll_fn(|cx| Poll::Ready(cx.waker().clone())).await);
            let task = spawn_local(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
            kept.push(task.await.unwrap());
        })
        .unwrap();
    kept.iter().for_each(Waker::wake_by_ref);
    let turn = driver.turn(Some(Duration::from_millis(1))).unwrap();
    assert!(!turn.woken());
    thread::spawn(move || drop(kept)).join().unwrap();
}

#[test]
fn yielding_lets_time_and_io_pass() {
    let _watchdog = watch();
    let blocked = block_on(async {
        let busy = async {
            loop {
                yield_now().await;
            }
        };
        timeout(Duration::from_millis(2), busy).await.unwrap_err()
    });
    assert_eq!(blocked.unwrap().to_string(), "the deadline has passed");
}
