//! Borrowed slices at the file's own position, and what becomes of calls that were given up.

use std::io::{Read, SeekFrom};
use std::task::Poll;

use futures::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, StreamExt};
use mainspring::fs::{self, File};

use crate::support::{give_up, on_each_kind, pattern};

#[test]
fn reads_and_writes_go_on_where_the_last_ended() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let mut file = File::create_new(&path).await.unwrap();
        let all = pattern(700_000, 21);
        file.write_all(&all).await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 700_000);
        assert_eq!(file.seek(SeekFrom::Start(0)).await.unwrap(), 0);
        let mut got = vec![0; 700_000];
        file.read_exact(&mut got).await.unwrap();
        assert!(got == all);
        assert_eq!(file.read(&mut [0; 8]).await.unwrap(), 0, "the end");
        assert_eq!(file.seek(SeekFrom::End(-4)).await.unwrap(), 699_996);
        let mut tail = Vec::new();
        file.read_to_end(&mut tail).await.unwrap();
        assert_eq!(tail, all[699_996..]);
    });
}

#[test]
fn one_call_moves_a_bounded_number_of_bytes() {
    on_each_kind(|_, place| async {
        let mut file = File::create_new(place.join("file")).await.unwrap();
        let all = pattern(1 << 20, 22);
        assert_eq!(File::write(&mut file, &all).await.unwrap(), 256 << 10);
        file.rewind_to_start().await;
        let mut got = vec![0; 1 << 20];
        assert_eq!(File::read(&mut file, &mut got).await.unwrap(), 256 << 10);
        assert!(got[..256 << 10] == all[..256 << 10]);
    });
}

trait Rewind {
    async fn rewind_to_start(&mut self);
}

impl Rewind for File {
    async fn rewind_to_start(&mut self) {
        assert_eq!(File::seek(self, SeekFrom::Start(0)).await.unwrap(), 0);
    }
}

#[test]
fn nothing_is_read_ahead() {
    on_each_kind(|_, place| async {
        let mut file = File::open(place.file("file", "0123456789")).await.unwrap();
        let mut two = [0; 2];
        file.read_exact(&mut two).await.unwrap();
        // A clone has the same position, so it shows where that is.
        let mut clone = file.try_clone().unwrap();
        assert_eq!(clone.seek(SeekFrom::Current(0)).await.unwrap(), 2);
        let mut std = file.into_std().await.unwrap();
        let mut rest = String::new();
        std.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "23456789");
    });
}

#[test]
fn a_read_that_was_given_up_loses_nothing() {
    on_each_kind(|_, place| async {
        let all = pattern(100_000, 23);
        let mut file = File::open(place.file("file", &all)).await.unwrap();
        let mut got = Vec::new();
        let mut given_up = 0;
        loop {
            let mut piece = vec![0; 1 + got.len() % 4001];
            let polled = give_up(file.read(&mut piece)).await;
            let count = match polled {
                Poll::Ready(read) => read.unwrap(),
                Poll::Pending => {
                    given_up += 1;
                    // A smaller one: the rest has to be kept for the next.
                    piece.truncate(1 + piece.len() / 2);
                    file.read(&mut piece).await.unwrap()
                }
            };
            if count == 0 {
                break;
            }
            got.extend_from_slice(&piece[..count]);
        }
        assert!(got == all, "{given_up} reads were given up");
    });
}

#[test]
fn after_a_read_that_was_given_up_writes_go_where_the_reader_was() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "0123456789");
        let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
        let mut two = [0; 2];
        file.read_exact(&mut two).await.unwrap();
        let read = give_up(file.read(&mut [0; 6])).await;
        let at = match read {
            Poll::Ready(count) => 2 + count.unwrap(),
            Poll::Pending => 2,
        };
        file.write_all(b"xy").await.unwrap();
        let mut expected = b"0123456789".to_vec();
        expected[at..at + 2].copy_from_slice(b"xy");
        assert_eq!(fs::read(&path).await.unwrap(), expected);
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), at as u64 + 2);
    });
}

#[test]
fn after_a_read_that_was_given_up_a_seek_begins_where_the_reader_was() {
    on_each_kind(|_, place| async {
        let mut file = File::open(place.file("file", "0123456789")).await.unwrap();
        let read = give_up(file.read(&mut [0; 6])).await;
        let at = match read {
            Poll::Ready(count) => count.unwrap() as u64,
            Poll::Pending => 0,
        };
        assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), at + 1);
        let mut one = [0];
        file.read_exact(&mut one).await.unwrap();
        assert_eq!(u64::from(one[0] - b'0'), at + 1);
    });
}

#[test]
fn a_write_that_was_given_up_and_offered_again_is_written_once() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let all = pattern(50_000, 24);
        let mut file = File::create(&path).await.unwrap();
        let mut done = 0;
        while done < all.len() {
            let polled = give_up(file.write(&all[done..=done])).await;
            // If it was given up, it is offered again with more behind it, as by a buffer that has
            // grown meanwhile.
            done += match polled {
                Poll::Ready(count) => count.unwrap(),
                Poll::Pending => file.write(&all[done..(done + 41).min(all.len())]).await.unwrap(),
            };
            done += file.write(&all[done..(done + 997).min(all.len())]).await.unwrap();
        }
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), done as u64);
        assert!(fs::read(&path).await.unwrap() == all);
    });
}

#[test]
fn a_write_of_other_bytes_comes_after_the_one_that_was_given_up() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let mut file = File::create(&path).await.unwrap();
        // Ready or given up: it was begun first.
        let _ = give_up(file.write(b"first ")).await;
        file.write_all(b"second").await.unwrap();
        assert_eq!(fs::read_to_string(&path).await.unwrap(), "first second");
    });
}

#[test]
fn the_error_of_a_write_that_was_given_up_is_said_by_a_flush() {
    on_each_kind(|_, place| async {
        let mut file = File::open(place.file("file", "text")).await.unwrap();
        for _ in 0..50 {
            match give_up(file.write(b"never")).await {
                Poll::Ready(written) => drop(written.unwrap_err()),
                Poll::Pending => drop(file.flush().await.unwrap_err()),
            }
            file.flush().await.unwrap();
        }
        if give_up(file.write(b"never")).await.is_pending() {
            assert!(file.close().await.is_err());
        }
    });
}

#[test]
fn a_seek_that_was_given_up_is_over_before_the_next_call() {
    on_each_kind(|_, place| async {
        let mut file = File::open(place.file("file", "0123456789")).await.unwrap();
        for _ in 0..50 {
            let _ = give_up(file.seek(SeekFrom::End(-3))).await;
            assert_eq!(file.seek(SeekFrom::Start(2)).await.unwrap(), 2);
            let mut one = [0];
            file.read_exact(&mut one).await.unwrap();
            assert_eq!(&one, b"2");
        }
    });
}

#[test]
fn futures_io_reads_lines_and_copies() {
    on_each_kind(|_, place| async {
        let text: String = (0..2000).map(|number| format!("line {number}\n")).collect();
        let path = place.file("file", &text);
        let file = File::open(&path).await.unwrap();
        let lines: Vec<String> =
            futures::io::BufReader::new(file).lines().map(Result::unwrap).collect().await;
        assert_eq!(lines.len(), 2000);
        assert_eq!(lines[1999], "line 1999");

        let mut from = File::open(&path).await.unwrap();
        let mut to = File::create(place.join("copy")).await.unwrap();
        assert_eq!(futures::io::copy(&mut from, &mut to).await.unwrap(), text.len() as u64);
        AsyncWriteExt::close(&mut to).await.unwrap();
        assert_eq!(fs::read_to_string(place.join("copy")).await.unwrap(), text);
        assert_eq!(AsyncSeekExt::seek(&mut from, SeekFrom::Start(5)).await.unwrap(), 5);
        let mut word = [0; 1];
        AsyncReadExt::read_exact(&mut from, &mut word).await.unwrap();
        assert_eq!(&word, b"0");
    });
}

#[test]
fn futures_io_writes_several_slices_at_once() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let mut file = File::create(&path).await.unwrap();
        let slices =
            ["one ", "", "two ", "three"].map(|text| std::io::IoSlice::new(text.as_bytes()));
        assert_eq!(file.write_vectored(&slices).await.unwrap(), 13);
        assert_eq!(fs::read_to_string(&path).await.unwrap(), "one two three");
    });
}
