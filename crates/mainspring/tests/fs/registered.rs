//! Buffers whose memory the kernel knows beforehand (clauses C10 to C13): where it knows none, the
//! same calls with ordinary ones.

use std::future::IntoFuture;

use mainspring::fs::{File, OpenOptions};
use mainspring::{Handle, Kind, RegisteredBuffers, Standing, op};

use crate::support::{driver, kinds, on_each_kind, pattern, poll_once};

/// Operations that went to the kernel with a word about their memory.
fn registered() -> u64 {
    Handle::current().metrics().registered_operations
}

fn buffers(count: usize, bytes: usize) -> RegisteredBuffers {
    let buffers = Handle::current().register_buffers(count, bytes).expect("memory");
    let known = Handle::current().backend().features().contains(&"registered-buffers");
    match buffers.standing() {
        Standing::Registered => assert!(known),
        Standing::Ordinary(why) => assert!(!known, "{why}"),
        standing => panic!("{standing:?} on the thread that turns"),
    }
    buffers
}

/// So many operations were on memory that the kernel knows, if it knows any.
fn expect(before: u64, buffers: &RegisteredBuffers, operations: u64) {
    if !cfg!(feature = "metrics") {
        return;
    }
    let known = buffers.standing() == Standing::Registered;
    let expected = if known { operations } else { 0 };
    assert_eq!(registered() - before, expected, "operations on registered memory");
}

#[test]
fn c10_files_are_written_and_read_with_registered_buffers() {
    on_each_kind(|kind, place| async move {
        let path = place.join("file");
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).open(&path).await.unwrap();
        let (buffers, before) = (buffers(8, 8192), registered());
        let all = pattern(8 * 5000, 3);
        for (at, piece) in all.chunks(5000).enumerate() {
            let mut buffer = buffers.get().await.unwrap();
            assert_eq!(buffer.extend_from_slice(piece), 5000);
            let (written, buffer) = file.write_all_at(buffer, at as u64 * 5000).await;
            written.unwrap();
            assert_eq!(&buffer[..], piece);
        }
        assert!(std::fs::read(&path).unwrap() == all);
        expect(before, &buffers, 8);
        let reads = (0..8).map(|at| file.read_at(buffers.take().unwrap(), at * 5000).into_future());
        let reads = futures::future::join_all(reads).await;
        for (at, (read, buffer)) in reads.into_iter().enumerate() {
            let rest = &all[at * 5000..];
            assert_eq!(read.unwrap(), rest.len().min(8192), "{kind}");
            assert!(buffer[..] == rest[..buffer.len()]);
        }
        // Reads of what is cached may need no operation.
        if cfg!(feature = "metrics") && buffers.standing() == Standing::Registered {
            assert!((8..=16).contains(&(registered() - before)));
        }
        assert_eq!(buffers.in_use(), 0);
        let (read, _) = file.read_at(buffers.take().unwrap(), 8 * 5000).await;
        assert_eq!(read.unwrap(), 0, "the end");
    });
}

#[test]
fn c10_direct_io_and_direct_descriptors_take_registered_buffers() {
    on_each_kind(|_, place| async move {
        let buffers = buffers(2, 1 << 16);
        let all = pattern(1 << 16, 9);
        let path = place.file("file", &all);
        match File::options().read(true).direct(true).open(&path).await {
            Ok(file) => {
                let before = registered();
                let (read, buffer) = file.read_at(buffers.get().await.unwrap(), 0).await;
                assert_eq!(read.unwrap(), 1 << 16);
                assert!(buffer[..] == all);
                expect(before, &buffers, 1);
            }
            Err(error) => eprintln!("skipped: {error}"),
        }
        let table = Handle::current().direct_descriptors(1).unwrap();
        let file = OpenOptions::new().read(true).open_direct(&table, &path).await.unwrap();
        let before = registered();
        let (read, buffer) = file.read_at(buffers.get().await.unwrap(), 4096).await;
        assert_eq!(read.unwrap(), (1 << 16) - 4096);
        assert!(buffer[..] == all[4096..]);
        expect(before, &buffers, 1);
        file.close().await.unwrap();
    });
}

/// C12: what is under way ends as it would have, and buffers that are out are ordinary ones.
#[test]
fn c12_buffers_may_outlive_their_registration() {
    on_each_kind(|_, place| async move {
        let all = pattern(4096, 5);
        let path = place.file("file", &all);
        let file = File::options().read(true).write(true).open(&path).await.unwrap();
        for round in 0..20 {
            let buffers = buffers(4, 4096);
            let mut buffer = buffers.get().await.unwrap();
            buffer.extend_from_slice(&all);
            let mut writing = file.write_at(buffer, 0).into_future();
            let begun = poll_once(&mut writing).await;
            let kept = buffers.get().await.unwrap();
            drop(buffers);
            let (written, buffer) = match begun {
                std::task::Poll::Ready(ended) => ended,
                std::task::Poll::Pending => writing.await,
            };
            assert_eq!(written.unwrap(), 4096, "round {round}");
            assert!(buffer[..] == all, "round {round}");
            let before = registered();
            let (read, kept) = file.read_at(kept, 0).await;
            assert_eq!(read.unwrap(), 4096);
            assert!(kept[..] == all);
            let (written, _) = file.write_at(kept, 0).await;
            assert_eq!((written.unwrap(), registered() - before), (4096, 0), "an ordinary one");
            // Given up while the kernel has it.
            let others = self::buffers(1, 4096);
            let mut buffer = others.get().await.unwrap();
            buffer.extend_from_slice(&all);
            let mut given_up = file.write_at(buffer, 0).into_future();
            let _ = poll_once(&mut given_up).await;
            drop((given_up, others));
        }
        op::nop().await.unwrap();
    });
}

/// The memory is one driver's, and any other's as memory like any.
#[test]
fn another_driver_takes_them_for_ordinary_ones() {
    on_each_kind(|kind, place| async move {
        let buffers = buffers(1, 4096);
        let path = place.file("file", "hello");
        let mut buffer = buffers.take().unwrap();
        buffer.extend_from_slice(b"HELLO");
        let other = std::thread::spawn(move || {
            let mut driver = driver(kind);
            let ended = driver.block_on(async {
                let file = File::options().read(true).write(true).open(&path).await.unwrap();
                let (written, buffer) = file.write_at(buffer, 0).await;
                assert_eq!(written.unwrap(), 5);
                let (read, buffer) = file.read_at(buffer, 0).await;
                assert_eq!((read.unwrap(), &buffer[..], registered()), (5, &b"HELLO"[..], 0));
            });
            ended.expect("the queue works");
        });
        other.join().unwrap();
        assert_eq!(buffers.in_use(), 0);
    });
}

/// Any thread may register, and submit with what was registered.
#[test]
fn c11_other_threads_register_submit_and_let_go() {
    for kind in kinds().into_iter().filter(|&kind| kind != Kind::Sim) {
        on_this_kind(kind, false);
        on_this_kind(kind, true);
    }
}

fn on_this_kind(kind: Kind, pinned: bool) {
    let _watchdog = crate::support::Watchdog::new();
    let builder = mainspring::Builder::new().choice(mainspring::Choice::Exactly(kind));
    let builder = if pinned { builder.pinned() } else { builder };
    let mut driver = builder.build().expect("a driver");
    let handle = driver.handle();
    let path = std::env::temp_dir().join(format!("mainspring-registers-{}", std::process::id()));
    let all = pattern(4096, 6);
    std::fs::write(&path, &all).unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let file = File::from(file);
    std::fs::remove_file(&path).unwrap();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (handle, file, all) = (handle.clone(), file.try_clone().unwrap(), all.clone());
            std::thread::spawn(move || {
                let _entered = handle.enter();
                for _ in 0..50 {
                    let buffers = handle.register_buffers(2, 4096).unwrap();
                    for _ in 0..4 {
                        let mut buffer = buffers.take().unwrap();
                        buffer.extend_from_slice(&all);
                        let writing = file.write_at(buffer, 0).into_future();
                        let (written, buffer) = futures::executor::block_on(writing);
                        assert_eq!(written.unwrap(), 4096);
                        let reading = file.read_at(buffer, 0).into_future();
                        let (read, buffer) = futures::executor::block_on(reading);
                        assert_eq!(read.unwrap(), 4096);
                        assert!(buffer[..] == all);
                    }
                }
                let left = handle.register_buffers(1, 64).unwrap();
                handle.unpark();
                left
            })
        })
        .collect();
    while threads.iter().any(|thread| !thread.is_finished()) {
        driver.turn(Some(std::time::Duration::from_millis(1))).expect("the queue works");
    }
    let left: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    driver.turn(Some(std::time::Duration::ZERO)).expect("the queue works");
    let known = handle.backend().features().contains(&"registered-buffers");
    assert!(left.iter().all(|left| (left.standing() == Standing::Registered) == known));
    if cfg!(feature = "metrics") {
        assert_eq!(handle.metrics().registered_operations != 0, known, "{kind}");
    }
    let lease = left[0].take();
    drop(driver);
    assert!(left.iter().all(|left| left.standing() != Standing::Registered), "its ring is gone");
    drop((left, lease));
    assert!(handle.register_buffers(1, 64).is_err(), "C14");
}
