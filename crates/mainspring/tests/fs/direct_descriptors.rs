//! Files in a table of direct descriptors (clauses C10 to C13).

use std::future::IntoFuture;
use std::io::ErrorKind;

use mainspring::fs::OpenOptions;
use mainspring::{DirectDescriptors, Handle, Outcome, op};

use crate::support::{on_each_kind, pattern, poll_once};

fn table(places: usize) -> DirectDescriptors {
    Handle::current().direct_descriptors(places).expect("a table")
}

/// Waits until all places are free again.
async fn until_free(table: &DirectDescriptors) {
    while table.in_use() != 0 {
        op::nop().await.expect("the driver turns");
    }
}

#[test]
fn c10_what_was_written_is_read_again() {
    on_each_kind(|_, place| async {
        let table = table(2);
        let path = place.join("file");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open_direct(&table, &path)
            .await
            .unwrap();
        let has_table = Handle::current().backend().features().contains(&"direct");
        assert_eq!(file.is_direct(), has_table);
        let all = pattern(100_000, 11);
        let (written, all) = file.write_at(all, 0).await;
        assert_eq!(written.unwrap(), all.len());
        file.sync_data().await.unwrap();
        file.sync_all().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), all);
        let reads = (0..8).map(|at| file.read_at(Vec::with_capacity(10_000), at * 10_000));
        let reads = futures::future::join_all(reads.map(IntoFuture::into_future)).await;
        for (at, (read, buffer)) in reads.into_iter().enumerate() {
            assert_eq!(read.unwrap(), 10_000);
            assert!(buffer == all[at * 10_000..][..10_000]);
        }
        assert_eq!(file.read_at(vec![0; 8], 100_000).await.0.unwrap(), 0, "the end");
        // Elsewhere a call moves one piece.
        if cfg!(target_os = "linux") {
            let (written, _) = file.write_vectored_at(vec!["head", "", "body"], 4).await;
            assert_eq!(written.unwrap(), 8);
            let into = vec![Vec::with_capacity(8), Vec::with_capacity(4), Vec::new()];
            let (read, buffers) = file.read_vectored_at(into, 0).await;
            assert_eq!(
                (read.unwrap(), &buffers[0][4..], &buffers[1][..]),
                (12, &b"head"[..], &b"body"[..])
            );
            assert!(buffers[0][..4] == all[..4]);
        }
        let beyond = file.read_vectored_at(vec![vec![0; 8]], u64::MAX).await.0.unwrap_err();
        assert_eq!(beyond.kind(), ErrorKind::InvalidInput);
        let beyond = file.read_at(vec![0; 8], u64::MAX).await.0.unwrap_err();
        assert_eq!(beyond.kind(), ErrorKind::InvalidInput);
        file.close().await.unwrap();
        assert_eq!(table.in_use(), 0);
    });
}

#[test]
fn c13_errors_give_the_place_back_and_a_full_table_says_so() {
    on_each_kind(|_, place| async {
        let table = table(1);
        let path = place.file("file", "text");
        let mut options = OpenOptions::new();
        options.read(true);
        for _ in 0..20 {
            let missing = options.open_direct(&table, place.join("missing")).await;
            assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
        }
        let nothing = OpenOptions::new().open_direct(&table, &path).await.unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::InvalidInput);
        let file = options.open_direct(&table, &path).await.unwrap();
        let full = options.open_direct(&table, &path).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::QuotaExceeded);
        drop(file);
        for _ in 0..50 {
            drop(options.open_direct(&table, &path).await.unwrap());
        }
        until_free(&table).await;
    });
}

#[test]
fn c11_dropped_and_cancelled_openings_take_no_place() {
    on_each_kind(|_, place| async {
        let table = table(1);
        let path = place.file("file", "text");
        let mut options = OpenOptions::new();
        options.read(true);
        for round in 0..100 {
            let mut opening = options.prepare_direct(&table, &path).into_future();
            if poll_once(&mut opening).await.is_ready() {
                until_free(&table).await;
                continue;
            }
            match round % 3 {
                0 => drop(opening),
                1 => {
                    op::nop().await.unwrap();
                    drop(opening);
                }
                _ => match opening.cancel().await {
                    Outcome::Cancelled(()) => {}
                    Outcome::Completed(opened) => opened.unwrap().close().await.unwrap(),
                },
            }
            until_free(&table).await;
        }
    });
}

/// A file stays open for operations that nobody waits for any more, and its place is theirs.
#[test]
fn c11_reads_outlive_their_file() {
    on_each_kind(|_, place| async {
        let table = table(2);
        let all = pattern(1 << 20, 5);
        let path = place.file("file", &all);
        for round in 0..30 {
            let file = OpenOptions::new().read(true).open_direct(&table, &path).await.unwrap();
            let mut reading = file.read_at(Vec::with_capacity(1 << 20), 0).into_future();
            let first = poll_once(&mut reading).await;
            match round % 3 {
                0 => drop(file),
                1 => file.close().await.unwrap(),
                _ => {
                    drop(file);
                    drop(reading);
                    until_free(&table).await;
                    continue;
                }
            }
            let (read, buffer) = match first {
                std::task::Poll::Ready(done) => done,
                std::task::Poll::Pending => reading.await,
            };
            assert!(read.unwrap() != 0 && all.starts_with(&buffer));
            until_free(&table).await;
        }
    });
}
