//! Operations that were cancelled or dropped (clauses C10 and C11).

use mainspring::fs::{self, File};
use mainspring::{Outcome, op};

use crate::held::until_closed_below;
use crate::support::{on_each_kind, pattern, poll_once};

#[test]
fn c11_a_cancelled_read_gives_its_buffer_back_either_way() {
    on_each_kind(|_, place| async {
        let all = pattern(4096, 41);
        let file = File::open(place.file("file", &all)).await.unwrap();
        for round in 0..200 {
            let mut reading = file.read_at(Vec::with_capacity(4096), 0).into_future();
            if round % 2 == 1 {
                if let std::task::Poll::Ready((read, _)) = poll_once(&mut reading).await {
                    read.unwrap();
                    continue;
                }
            }
            match reading.cancel().await {
                Outcome::Cancelled(buffer) => {
                    assert_eq!((buffer.len(), buffer.capacity()), (0, 4096))
                }
                Outcome::Completed((read, buffer)) => {
                    assert_eq!(read.unwrap(), 4096);
                    assert!(buffer == all);
                }
            }
        }
    });
}

#[test]
fn c11_an_operation_that_was_cancelled_before_it_began_does_nothing() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        match op::unlink(&path).into_future().cancel().await {
            Outcome::Cancelled(()) => {}
            Outcome::Completed(removed) => panic!("nobody awaited it: {removed:?}"),
        }
        drop(op::unlink(&path).into_future());
        drop(op::unlink(&path));
        assert_eq!(fs::read(&path).await.unwrap(), b"text");
    });
}

#[test]
fn c11_dropped_reads_leave_the_file_usable() {
    on_each_kind(|_, place| async {
        let all = pattern(1 << 20, 42);
        let file = File::open(place.file("file", &all)).await.unwrap();
        for _ in 0..50 {
            let mut reads: Vec<_> = (0..16)
                .map(|_| file.read_at(Vec::with_capacity(1 << 20), 0).into_future())
                .collect();
            for reading in &mut reads {
                let _ = poll_once(reading).await;
            }
        }
        let (read, buffer) = file.read_exact_at(Vec::with_capacity(1 << 20), 0).await;
        read.unwrap();
        assert!(buffer == all);
        drop(file);
        until_closed_below(place.path()).await;
    });
}

#[test]
fn c11_dropped_and_cancelled_openings_leave_nothing_open() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        for round in 0..200 {
            let mut options = File::options();
            let mut opening = options.read(true).prepare(&path).into_future();
            if poll_once(&mut opening).await.is_ready() {
                continue;
            }
            match round % 3 {
                0 => drop(opening),
                1 => drop(opening.cancel()),
                _ => drop(opening.cancel().await),
            }
        }
        until_closed_below(place.path()).await;
    });
}

#[test]
fn c10_a_result_that_nobody_took_is_closed() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let mut options = File::options();
        let mut openings: Vec<_> =
            (0..8).map(|_| options.read(true).prepare(&path).into_future()).collect();
        for opening in &mut openings {
            let _ = poll_once(opening).await;
        }
        // They have ended by the time this has, or will be closed at their end.
        fs::metadata(&path).await.unwrap();
        drop(openings);
        until_closed_below(place.path()).await;
    });
}

#[test]
fn c11_dropped_closes_close() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        for round in 0..60 {
            let descriptor = std::fs::File::open(&path).unwrap().into();
            let mut closing = op::close(descriptor).into_future();
            match round % 4 {
                0 => drop(closing),
                1 => drop(poll_once(&mut closing).await),
                2 => drop(closing.cancel().await),
                _ => closing.await.unwrap(),
            }
        }
        until_closed_below(place.path()).await;
    });
}
