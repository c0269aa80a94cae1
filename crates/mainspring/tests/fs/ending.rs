//! The end of a driver while operations are under way (clauses C12 and C14).

use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use mainspring::fs::{self, File};
use mainspring::is_shutdown;

use crate::held::until_closed_below;
use crate::support::{Place, Watchdog, driver, kinds, pattern};

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn c12_operations_under_way_end_with_their_driver_and_give_their_buffers_back() {
    let place = Place::new();
    let all = pattern(64 << 10, 91);
    let path = place.file("file", &all);
    for kind in kinds() {
        let _watchdog = Watchdog::new();
        for turns in [0, 1] {
            let mut first = driver(kind);
            let entered = first.handle().enter();
            let file = File::from_std(std::fs::File::open(&path).unwrap());
            let mut reads: Vec<_> = (0..32)
                .map(|number| file.read_at(Vec::with_capacity(4096), number * 1024).into_future())
                .collect();
            let polled: Vec<_> = reads.iter_mut().map(poll).collect();
            for _ in 0..turns {
                first.turn(Some(std::time::Duration::ZERO)).unwrap();
            }
            drop(entered);
            drop(first);
            let mut second = driver(kind);
            for (number, (reading, polled)) in reads.into_iter().zip(polled).enumerate() {
                let (read, buffer) = match polled {
                    Poll::Ready(ended) => ended,
                    Poll::Pending => second.block_on(reading).unwrap(),
                };
                match read {
                    Ok(count) => assert!(buffer == all[number * 1024..][..count]),
                    Err(error) => assert!(is_shutdown(&error), "{error}"),
                }
                assert_eq!(buffer.capacity(), 4096, "the buffer comes back");
            }
            drop(file);
            second.block_on(until_closed_below(place.path())).unwrap();
        }
    }
}

#[test]
fn c11_openings_under_way_leave_nothing_open_when_their_driver_ends() {
    let place = Place::new();
    let path = place.file("file", "text");
    for kind in kinds() {
        let _watchdog = Watchdog::new();
        for keeps_futures in [false, true] {
            let mut first = driver(kind);
            let entered = first.handle().enter();
            let mut options = File::options();
            options.read(true);
            let mut openings: Vec<_> =
                (0..32).map(|_| options.prepare(&path).into_future()).collect();
            for opening in &mut openings {
                drop(poll(opening));
            }
            first.turn(Some(std::time::Duration::ZERO)).unwrap();
            if !keeps_futures {
                openings.clear();
            }
            drop(entered);
            drop(first);
            drop(openings);
            driver(kind).block_on(until_closed_below(place.path())).unwrap();
        }
    }
}

#[test]
fn c14_a_driver_that_was_shut_down_takes_no_operation() {
    let place = Place::new();
    let path = place.file("file", "text");
    for kind in kinds() {
        let _watchdog = Watchdog::new();
        let mut ended = driver(kind);
        let file = ended.block_on(File::open(&path)).unwrap().unwrap();
        let _entered = ended.handle().enter();
        ended.shutdown();
        futures::executor::block_on(async {
            let (read, buffer) = file.read_at(Vec::with_capacity(8), 0).await;
            assert!(is_shutdown(&read.unwrap_err()));
            assert_eq!(buffer.capacity(), 8);
            assert!(is_shutdown(&fs::metadata(&path).await.unwrap_err()));
            assert!(is_shutdown(&File::open(&path).await.unwrap_err()));
            assert!(is_shutdown(&fs::read(&path).await.unwrap_err()));
            assert!(is_shutdown(&fs::write(&path, "never").await.unwrap_err()));
            assert!(is_shutdown(&fs::remove_file(&path).await.unwrap_err()));
        });
        assert_eq!(std::fs::read(&path).unwrap(), b"text");
    }
}

/// An operation that cannot end by itself keeps no driver from ending.
#[test]
#[cfg(unix)]
fn c12_a_read_of_a_fifo_that_nobody_writes_ends_with_its_driver() {
    let place = Place::new();
    let path = place.fifo("fifo");
    for kind in kinds() {
        let _watchdog = Watchdog::new();
        let std = std::fs::File::options().read(true).write(true).open(&path).unwrap();
        let mut ended = driver(kind);
        let mut file = ended.block_on(File::open(&path)).unwrap().unwrap();
        {
            let _entered = ended.handle().enter();
            let mut into = [0; 8];
            let mut reading = std::pin::pin!(file.read(&mut into));
            assert!(poll(&mut reading.as_mut()).is_pending(), "nothing is there");
            ended.turn(Some(std::time::Duration::ZERO)).unwrap();
        }
        let mut waiting_open = {
            let _entered = ended.handle().enter();
            let mut options = File::options();
            options.read(true).prepare(place.fifo(&format!("unopened-{kind}"))).into_future()
        };
        assert!(poll(&mut waiting_open).is_pending(), "nobody writes");
        ended.turn(Some(std::time::Duration::ZERO)).unwrap();
        drop(ended);
        drop((file, waiting_open));
        // Lets go what the pool may still wait for.
        std::io::Write::write_all(&mut &std, b"x").unwrap();
        drop(
            std::fs::File::options()
                .read(true)
                .write(true)
                .open(place.join(&format!("unopened-{kind}"))),
        );
        drop(std);
        driver(kind).block_on(until_closed_below(place.path())).unwrap();
    }
}
