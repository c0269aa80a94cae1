//! A thread a core.

use std::future::pending;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use mainspring::rt::{
    Core, SharedPort, available_cores, per_core, per_core_with, spawn_local, yield_now,
};
use mainspring::{Async, Builder, Choice, Handle};

use crate::watchdog::watch;

/// Sends back what each connection sends until the core is to stop; returns how many there were.
async fn echo(listener: TcpListener, core: Core) -> io::Result<usize> {
    let listener = Async::new(listener)?;
    let mut served = 0;
    loop {
        let accept = std::pin::pin!(listener.read_with(|listener| listener.accept()));
        let stopping = core.stopping();
        let (stream, _) = match futures::future::select(accept, stopping).await {
            futures::future::Either::Left((accepted, _)) => accepted?,
            futures::future::Either::Right(_) => return Ok(served),
        };
        served += 1;
        stream.set_nonblocking(true)?;
        spawn_local(async move {
            let stream = Async::new(stream)?;
            let mut buffer = [0; 64];
            loop {
                let read = stream.read_with(|mut stream| stream.read(&mut buffer)).await?;
                if read == 0 {
                    return Ok::<(), io::Error>(());
                }
                stream.write_with(|mut stream| stream.write_all(&buffer[..read])).await?;
            }
        })
        .detach();
    }
}

#[test]
fn two_cores_serve_one_port() {
    const CLIENTS: usize = 64;
    let _watchdog = watch();
    let port = Arc::new(SharedPort::bind("127.0.0.1:0", 2).unwrap());
    let address = port.address();
    let cores = per_core(2, move |core| {
        let listener = port.take(core.index()).expect("each core takes its own");
        echo(listener, core)
    })
    .unwrap();
    for client in 0..CLIENTS {
        let mut stream = TcpStream::connect(address).unwrap();
        let message = format!("from client {client}");
        stream.write_all(message.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, message);
    }
    assert_eq!(cores.running(), 2);
    cores.shutdown();
    let served: Vec<usize> =
        cores.join().into_iter().map(|served| served.unwrap().unwrap()).collect();
    assert_eq!(served.iter().sum::<usize>(), CLIENTS);
    // By the hash of 64 pairs of addresses; the odds that one gets none are 1 to 2^63.
    assert!(served.iter().all(|&served| served > 0), "{served:?}");
}

// Threads are bound to no processor there.
#[cfg(not(windows))]
#[test]
fn each_core_has_its_driver_and_its_processor() {
    let _watchdog = watch();
    let available = available_cores().unwrap();
    let count = available + 1;
    let cores = per_core(count, |core| async move {
        assert_eq!(core.count(), available_cores_seen_outside());
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        if let Some(allowed) = allowed {
            assert_eq!(allowed.trim(), core.processor().to_string());
        }
        (core.index(), core.processor(), Handle::current())
    });
    SEEN.store(count, Ordering::SeqCst);
    let ended: Vec<_> = cores.unwrap().join().into_iter().map(Result::unwrap).collect();
    for (index, (own, processor, handle)) in ended.iter().enumerate() {
        assert_eq!(*own, index);
        assert!(ended[..index].iter().all(|(.., other)| !other.is_same(handle)));
        let same = ended[..index].iter().any(|(_, other, _)| other == processor);
        assert_eq!(same, index >= available, "a processor is shared only if there are too few");
    }
}

static SEEN: AtomicUsize = AtomicUsize::new(0);

/// The number of cores, once the test has told it.
fn available_cores_seen_outside() -> usize {
    loop {
        match SEEN.load(Ordering::SeqCst) {
            0 => std::thread::yield_now(),
            count => return count,
        }
    }
}

#[test]
fn a_panic_in_one_core_is_told_and_leaves_the_others_alone() {
    let _watchdog = watch();
    let cores = per_core(3, |core| async move {
        assert_ne!(core.index(), 1, "the core in the middle");
        core.stopping().await;
        core.index()
    })
    .unwrap();
    while cores.running() == 3 {
        std::thread::yield_now();
    }
    assert_eq!(cores.running(), 2);
    cores.shutdown();
    let ended = cores.join();
    assert_eq!(ended[0].as_ref().unwrap(), &0);
    assert_eq!(ended[2].as_ref().unwrap(), &2);
    let error = ended[1].as_ref().unwrap_err();
    assert!(error.is_panic() && error.to_string().contains("the core in the middle"));
}

#[test]
fn a_panic_before_the_future_is_there_is_told_as_well() {
    let _watchdog = watch();
    let cores = per_core(2, |core| {
        assert_ne!(core.index(), 0, "no future for the first");
        async {}
    })
    .unwrap();
    let ended = cores.join();
    assert!(ended[0].as_ref().unwrap_err().is_panic());
    assert!(ended[1].is_ok());
}

#[test]
fn an_abort_drops_the_futures_where_they_stand() {
    let _watchdog = watch();
    let dropped = Arc::new(AtomicUsize::new(0));
    struct Count(Arc<AtomicUsize>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let counted = Arc::clone(&dropped);
    let cores = per_core(2, move |core| {
        let (main, task) = (Count(Arc::clone(&counted)), Count(Arc::clone(&counted)));
        async move {
            let _main = main;
            spawn_local(async move {
                let _task = task;
                pending::<()>().await;
            })
            .detach();
            assert!(!core.is_stopping() || core.index() < 2);
            pending::<()>().await;
        }
    })
    .unwrap();
    cores.abort();
    cores.shutdown();
    assert!(cores.join().iter().all(|ended| ended.as_ref().unwrap_err().is_aborted()));
    assert_eq!(dropped.load(Ordering::SeqCst), 4);
}

#[test]
fn many_may_wait_for_the_end_of_a_core() {
    let _watchdog = watch();
    let (waiting, all_wait) = mpsc::channel();
    let cores = per_core(1, move |core| {
        let waiting = waiting.clone();
        async move {
            assert!(!core.is_stopping());
            let tasks: Vec<_> = (0..10).map(|_| spawn_local(core.stopping())).collect();
            yield_now().await;
            waiting.send(()).unwrap();
            core.stopping().await;
            for task in tasks {
                task.await.unwrap();
            }
            core.stopping().await;
            assert!(core.is_stopping());
        }
    })
    .unwrap();
    all_wait.recv().unwrap();
    cores.shutdown();
    assert!(cores.join()[0].is_ok());
}

#[test]
fn what_cannot_be_is_refused_before_anything_runs() {
    let _watchdog = watch();
    let error = per_core(0, |_| async {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(SharedPort::bind("127.0.0.1:0", 0).unwrap_err().kind(), ErrorKind::InvalidInput);
    let none: [std::net::SocketAddr; 0] = [];
    assert_eq!(SharedPort::bind(&none[..], 1).unwrap_err().kind(), ErrorKind::InvalidInput);

    let ran = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ran);
    // The first of none cannot be had.
    let builder = Builder::new().choice(Choice::FirstOf(vec![]));
    let refused = per_core_with(&builder, 2, move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {}
    });
    assert!(refused.is_err());
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[test]
fn a_port_in_use_by_others_is_refused() {
    let _watchdog = watch();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = SharedPort::bind(taken.local_addr().unwrap(), 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let port = SharedPort::bind("[::1]:0", 3);
    if let Ok(port) = port {
        assert!(port.address().is_ipv6());
        assert!(port.take(3).is_none());
    }
}
