//! Files and their futures go to other threads, and under other executors.

use std::sync::Arc;

use mainspring::fs::{self, File};

use crate::support::{Place, Watchdog, driver, kinds, pattern};

fn is_send<T: Send>(value: T) -> T {
    value
}

fn is_shared<T: Send + Sync + Unpin + 'static>() {}

#[test]
fn files_and_futures_may_go_to_other_threads() {
    is_shared::<File>();
    is_shared::<fs::OpenOptions>();
    is_shared::<fs::Metadata>();
    is_shared::<mainspring::AlignedBuf>();
    fn every_future(mut file: File) {
        drop(is_send(fs::read("x")));
        drop(is_send(fs::write("x", "y")));
        drop(is_send(fs::copy("x", "y")));
        drop(is_send(fs::metadata("x")));
        drop(is_send(fs::read_dir("x")));
        drop(is_send(File::open("x")));
        drop(is_send(file.read_at(Vec::new(), 0).into_future()));
        drop(is_send(file.read_exact_at(Vec::new(), 0)));
        drop(is_send(file.write_vectored_at(vec!["x"], 0).into_future()));
        drop(is_send(file.sync_all().into_future()));
        drop(is_send(file.read(&mut [])));
        drop(is_send(file.write_all(&[])));
        drop(is_send(file.into_std()));
    }
    let _ = every_future;
}

#[test]
fn a_file_of_one_driver_is_read_by_others() {
    let place = Place::new();
    let path = place.file("file", pattern(100_000, 61));
    for kind in kinds() {
        let _watchdog = Watchdog::new();
        let mut first = driver(kind);
        let file = first.block_on(File::open(&path)).unwrap().unwrap();
        let file = Arc::new(file);
        drop(first);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let file = Arc::clone(&file);
                std::thread::spawn(move || {
                    let read = async { file.read_exact_at(vec![0; 100_000], 0).await };
                    let (read, buffer) = driver(kind).block_on(read).unwrap();
                    read.unwrap();
                    assert!(buffer == pattern(100_000, 61));
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn any_executor_will_do() {
    let _watchdog = Watchdog::new();
    let place = Place::new();
    let path = place.join("file");
    futures::executor::block_on(async {
        fs::write(&path, "text").await.unwrap();
        let file = File::open(&path).await.unwrap();
        let (read, buffer) = file.read_at(Vec::with_capacity(8), 0).await;
        assert_eq!((read.unwrap(), buffer.as_slice()), (4, b"text".as_slice()));
    });
}
