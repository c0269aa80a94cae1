//! Signals. Each test has a signal of its own, so that they can run side by side.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use mainspring::rt::{spawn_local, yield_now};
use mainspring::signal::{Signal, SignalKind, ctrl_c, signal};
use mainspring::time::timeout;
use mainspring::{Driver, Handle, block_on, is_shutdown};

use crate::watchdog::watch;

/// A real-time signal that no other test uses, and the C library neither.
fn own(number: i32) -> SignalKind {
    SignalKind::from_raw(libc::SIGRTMIN() + number)
}

/// Sends a signal to this process.
fn raise(kind: SignalKind) {
    let process = i32::try_from(std::process::id()).unwrap();
    // SAFETY: a handler is installed for every signal that is raised here.
    let sent = unsafe { libc::kill(process, kind.as_raw()) };
    assert_eq!(sent, 0);
}

/// Sends a signal to this thread: it is handled when this returns.
fn raise_here(kind: SignalKind) {
    // SAFETY: a handler is installed for every signal that is raised here.
    assert_eq!(unsafe { libc::raise(kind.as_raw()) }, 0);
}

fn look(listener: &mut Signal) -> Poll<std::io::Result<()>> {
    listener.poll_recv(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_signal_is_told_to_every_listener_on_every_driver() {
    let _watchdog = watch();
    let kind = SignalKind::user_defined1();
    let ready = Arc::new(Barrier::new(3));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let ready = Arc::clone(&ready);
            thread::spawn(move || {
                block_on(async {
                    for _ in 0..3 {
                        let listeners = [signal(kind).unwrap(), signal(kind).unwrap()];
                        // Each is waited for by a task of its own.
                        let tasks = listeners
                            .map(|mut listener| spawn_local(async move { listener.recv().await }));
                        yield_now().await;
                        ready.wait();
                        for task in tasks {
                            task.await.unwrap().unwrap();
                        }
                    }
                })
                .unwrap();
            })
        })
        .collect();
    for _ in 0..3 {
        ready.wait();
        raise(kind);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn signals_before_the_first_wait_and_between_waits_are_told() {
    let _watchdog = watch();
    let kind = own(1);
    let blocked = block_on(async {
        let mut listener = signal(kind).unwrap();
        raise_here(kind);
        listener.recv().await.unwrap();
        raise_here(kind);
        listener.recv().await.unwrap();
        // A wait that was given up takes nothing along.
        {
            let mut wait = pin!(listener.recv());
            assert!(futures::poll!(&mut wait).is_pending());
            raise_here(kind);
        }
        listener.recv().await.unwrap();
    });
    blocked.unwrap();
}

#[test]
fn many_signals_are_told_once() {
    let _watchdog = watch();
    let kind = own(2);
    let mut driver = Driver::new().unwrap();
    let mut listener = Signal::on(&driver.handle(), kind).unwrap();
    // More than the bell has room for.
    for _ in 0..2000 {
        raise_here(kind);
    }
    driver.block_on(listener.recv()).unwrap().unwrap();
    assert!(look(&mut listener).is_pending());
    let quiet = driver.block_on(timeout(Duration::from_millis(1), listener.recv()));
    assert!(quiet.unwrap().is_err());
    raise_here(kind);
    driver.block_on(listener.recv()).unwrap().unwrap();
}

#[test]
fn what_came_before_a_listener_was_there_is_not_told_to_it() {
    let _watchdog = watch();
    let kind = own(3);
    let driver = Driver::new().unwrap();
    let mut first = Signal::on(&driver.handle(), kind).unwrap();
    raise_here(kind);
    let mut second = Signal::on(&driver.handle(), kind).unwrap();
    assert!(look(&mut first).is_ready());
    assert!(look(&mut second).is_pending());
    raise_here(kind);
    assert!(look(&mut first).is_ready() && look(&mut second).is_ready());
}

#[test]
fn another_signal_is_none_of_a_listeners_business() {
    let _watchdog = watch();
    let (kind, other) = (own(4), own(5));
    let mut driver = Driver::new().unwrap();
    let blocked = driver.block_on(async {
        let (mut listener, mut others) = (signal(kind).unwrap(), signal(other).unwrap());
        raise_here(other);
        others.recv().await.unwrap();
        assert!(futures::poll!(pin!(listener.recv())).is_pending());
        raise_here(kind);
        listener.recv().await.unwrap();
        assert_eq!((listener.kind(), others.kind()), (kind, other));
    });
    blocked.unwrap();
}

#[test]
fn a_listener_that_leaves_takes_nobody_with_it() {
    let _watchdog = watch();
    let kind = own(6);
    let blocked = block_on(async {
        let mut stays = signal(kind).unwrap();
        for _ in 0..10 {
            let mut leaves = signal(kind).unwrap();
            {
                let mut wait = pin!(stays.recv());
                assert!(futures::poll!(&mut wait).is_pending());
                assert!(futures::poll!(pin!(leaves.recv())).is_pending());
                drop(leaves);
                raise_here(kind);
                wait.await.unwrap();
            }
        }
        drop(stays);
        // And the next one, after there was nobody at all.
        raise_here(kind);
        let mut fresh = signal(kind).unwrap();
        assert!(futures::poll!(pin!(fresh.recv())).is_pending());
        raise_here(kind);
        fresh.recv().await.unwrap();
    });
    blocked.unwrap();
}

#[test]
fn c14_listeners_of_a_driver_that_ends_are_told_and_others_go_on() {
    let _watchdog = watch();
    let kind = own(7);
    for round in 0..10 {
        let driver = Driver::new().unwrap();
        let handle = driver.handle();
        let mut listener = Signal::on(&handle, kind).unwrap();
        let mut pending_one = Signal::on(&handle, kind).unwrap();
        let told = thread::spawn(move || {
            let error = futures::executor::block_on(listener.recv()).unwrap_err();
            assert!(is_shutdown(&error));
            assert!(is_shutdown(&futures::executor::block_on(listener.recv()).unwrap_err()));
        });
        if round % 2 == 0 {
            thread::yield_now();
        }
        drop(driver);
        told.join().unwrap();
        assert!(matches!(look(&mut pending_one), Poll::Ready(Err(_))));
        // A signal that came is told even so.
        raise_here(kind);
        assert!(matches!(look(&mut pending_one), Poll::Ready(Ok(()))));
        assert!(is_shutdown(&Signal::on(&handle, kind).unwrap_err()));

        let mut elsewhere = Driver::new().unwrap();
        let mut listener = Signal::on(&elsewhere.handle(), kind).unwrap();
        raise_here(kind);
        elsewhere.block_on(listener.recv()).unwrap().unwrap();
    }
}

#[test]
fn without_a_driver_of_its_own_a_thread_is_told_by_the_process_wide_one() {
    let _watchdog = watch();
    let kind = own(8);
    let mut listener = signal(kind).unwrap();
    let ready = Arc::new(Barrier::new(2));
    let told = Arc::clone(&ready);
    let waiting = thread::spawn(move || {
        told.wait();
        futures::executor::block_on(listener.recv())
    });
    ready.wait();
    raise(kind);
    waiting.join().unwrap().unwrap();
}

#[test]
fn signals_of_other_threads_are_told_while_drivers_come_and_go() {
    const ROUNDS: usize = 50;
    let _watchdog = watch();
    let kind = own(9);
    let keep = block_on(async { signal(kind).unwrap().kind() }).unwrap();
    assert_eq!(keep, kind);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    block_on(async {
                        let mut listener = signal(kind).unwrap();
                        raise(kind);
                        listener.recv().await.unwrap();
                    })
                    .unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn signals_nobody_may_handle_are_refused_in_words() {
    let driver = Driver::new().unwrap();
    let handle = driver.handle();
    let forbidden = [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGILL, libc::SIGFPE];
    for number in forbidden {
        let error = Signal::on(&handle, SignalKind::from_raw(number)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("cannot be listened to"), "{error}");
    }
    for number in [0, -1, 65, 128, 1000, i32::MIN, i32::MAX] {
        let error = Signal::on(&handle, SignalKind::from_raw(number)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("there is no signal"), "{error}");
    }
    // Kept by the C library for its threads.
    let error = Signal::on(&handle, SignalKind::from_raw(32)).unwrap_err();
    assert!(error.to_string().contains("refuses"), "{error}");
    assert_eq!(handle.metrics().sources_now, 0, "nothing is left of the attempts");
}

#[test]
fn ctrl_c_is_an_interrupt() {
    let _watchdog = watch();
    let blocked = block_on(async {
        let mut wait = pin!(ctrl_c());
        assert!(futures::poll!(&mut wait).is_pending());
        raise(SignalKind::interrupt());
        wait.await
    });
    blocked.unwrap().unwrap();
}

#[test]
fn the_names_are_the_numbers_of_the_system() {
    let pairs = [
        (SignalKind::alarm(), libc::SIGALRM),
        (SignalKind::child(), libc::SIGCHLD),
        (SignalKind::hangup(), libc::SIGHUP),
        (SignalKind::interrupt(), libc::SIGINT),
        (SignalKind::pipe(), libc::SIGPIPE),
        (SignalKind::quit(), libc::SIGQUIT),
        (SignalKind::terminate(), libc::SIGTERM),
        (SignalKind::user_defined1(), libc::SIGUSR1),
        (SignalKind::user_defined2(), libc::SIGUSR2),
        (SignalKind::window_change(), libc::SIGWINCH),
    ];
    for (kind, number) in pairs {
        assert_eq!(kind.as_raw(), number);
    }
}

#[test]
fn a_listener_goes_from_thread_to_thread() {
    fn is_send_and_sync<T: Send + Sync + Unpin>() {}
    is_send_and_sync::<Signal>();
    let _watchdog = watch();
    let kind = own(10);
    let driver = Driver::new().unwrap();
    let _entered = driver.handle().enter();
    let mut listener = signal(kind).unwrap();
    assert!(Handle::current().is_same(&driver.handle()));
    thread::spawn(move || {
        raise_here(kind);
        assert!(look(&mut listener).is_ready());
    })
    .join()
    .unwrap();
}
