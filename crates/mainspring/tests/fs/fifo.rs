//! FIFOs: files without a position, whose opening and reading wait for somebody else.

use std::io::{ErrorKind, SeekFrom, Write};
use std::pin::pin;
use std::task::Poll;

use futures::AsyncReadExt;
use futures::future::join;
use mainspring::fs::{self, File};

use crate::held::until_closed_below;
use crate::support::{give_up, on_each_kind, poll_once};

#[test]
fn opening_waits_for_the_other_end() {
    on_each_kind(|_, place| async {
        let path = place.fifo("fifo");
        let reader = File::open(&path);
        let writer = async { File::options().write(true).open(&path).await };
        let (reader, writer) = join(reader, writer).await;
        let (mut reader, mut writer) = (reader.unwrap(), writer.unwrap());
        writer.write_all(b"through").await.unwrap();
        drop(writer);
        let mut got = String::new();
        reader.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "through");
        assert_eq!(
            reader.seek(SeekFrom::Start(0)).await.unwrap_err().kind(),
            ErrorKind::NotSeekable
        );
        let at = reader.read_at([0; 1], 0).await.0;
        assert_eq!(at.unwrap_err().kind(), ErrorKind::NotSeekable);
    });
}

/// A kernel that tries the opening without waiting first must not take "nobody is there" for an
/// answer.
#[test]
fn whoever_opens_first_waits_for_the_other() {
    on_each_kind(|_, place| async {
        let path = place.fifo("fifo");
        for reads in [false, true] {
            let mut options = File::options();
            let mut first = options.read(reads).write(!reads).prepare(&path).into_future();
            assert!(poll_once(&mut first).await.is_pending());
            for _ in 0..3 {
                mainspring::time::sleep(std::time::Duration::from_millis(2)).await;
                assert!(poll_once(&mut first).await.is_pending(), "reads: {reads}");
            }
            let mut options = File::options();
            let second = options.read(!reads).write(reads).prepare(&path).into_future();
            let (first, second) = join(first, second).await;
            drop((first.unwrap(), second.unwrap()));
        }
    });
}

#[test]
fn whole_reads_and_writes_need_no_position() {
    on_each_kind(|_, place| async {
        let path = place.fifo("fifo");
        let text = "0123456789".repeat(20_000);
        let (written, read) = join(fs::write(&path, &text), fs::read_to_string(&path)).await;
        written.unwrap();
        assert!(read.unwrap() == text);
    });
}

#[test]
fn a_read_that_waits_is_ended_by_what_comes() {
    on_each_kind(|_, place| async {
        let path = place.fifo("fifo");
        let mut std = both_ends(&path);
        let mut file = File::open(&path).await.unwrap();
        {
            let mut into = [0; 16];
            let mut read = pin!(file.read(&mut into));
            assert!(poll_once(&mut read).await.is_pending(), "nothing is there");
        }
        std.write_all(b"for whoever reads next").unwrap();
        // What the read that was given up brought, and then the rest.
        let mut got = [0; 22];
        AsyncReadExt::read_exact(&mut file, &mut got).await.unwrap();
        assert_eq!(&got, b"for whoever reads next");
    });
}

#[test]
fn what_was_read_ahead_of_a_fifo_is_kept_across_a_write() {
    on_each_kind(|_, place| async {
        let path = place.fifo("fifo");
        let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
        {
            let mut into = [0; 16];
            let mut read = pin!(file.read(&mut into));
            assert!(poll_once(&mut read).await.is_pending(), "nothing is there");
        }
        both_ends(&path).write_all(b"one ").unwrap();
        file.write_all(b"two").await.unwrap();
        let mut got = [0; 7];
        AsyncReadExt::read_exact(&mut file, &mut got).await.unwrap();
        assert_eq!(&got, b"one two");
    });
}

/// Clause C11: an opening that was given up leaves no descriptor, whenever it succeeds.
#[test]
fn c11_an_opening_that_waits_and_is_dropped_leaves_nothing_open() {
    on_each_kind(|_, place| async {
        let path = place.fifo("fifo");
        for _ in 0..4 {
            let mut options = File::options();
            let mut opening = options.read(true).prepare(&path).into_future();
            assert!(poll_once(&mut opening).await.is_pending(), "nobody writes");
            drop(opening);
        }
        // Whatever still waits on a thread of the pool has its other end now.
        drop(both_ends(&path));
        until_closed_below(place.path()).await;
    });
}

#[test]
fn c11_a_waiting_read_that_is_dropped_gives_its_buffer_up_at_its_end() {
    on_each_kind(|_, place| async {
        let path = place.fifo("fifo");
        let std = both_ends(&path);
        let mut file = File::open(&path).await.unwrap();
        let read = give_up(file.read(&mut [0; 16])).await;
        assert!(matches!(read, Poll::Pending), "nothing is there");
        drop(file);
        (&std).write_all(b"for nobody").unwrap();
        drop(std);
        until_closed_below(place.path()).await;
    });
}

/// A FIFO that is open for reading and writing: opening it so waits for nobody.
fn both_ends(path: &std::path::Path) -> std::fs::File {
    std::fs::File::options().read(true).write(true).open(path).unwrap()
}
