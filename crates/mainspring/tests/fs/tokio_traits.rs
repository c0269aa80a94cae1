//! tokio's traits, without its runtime.

use std::io::SeekFrom;

use mainspring::fs::{self, File};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};

use crate::support::{give_up, on_each_kind, pattern};

#[test]
fn tokio_reads_writes_and_seeks() {
    on_each_kind(|_, place| async {
        let all = pattern(600_000, 31);
        let mut file = File::create_new(place.join("file")).await.unwrap();
        AsyncWriteExt::write_all(&mut file, &all).await.unwrap();
        AsyncWriteExt::flush(&mut file).await.unwrap();
        assert_eq!(AsyncSeekExt::seek(&mut file, SeekFrom::Start(100_000)).await.unwrap(), 100_000);
        let mut got = Vec::new();
        assert_eq!(file.read_to_end(&mut got).await.unwrap(), 500_000);
        assert!(got == all[100_000..]);
        assert_eq!(AsyncSeekExt::seek(&mut file, SeekFrom::End(-1)).await.unwrap(), 599_999);
        assert_eq!(file.stream_position().await.unwrap(), 599_999);
        AsyncSeekExt::rewind(&mut file).await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), all[0]);
        file.shutdown().await.unwrap();
    });
}

#[test]
fn tokio_reads_lines_and_copies() {
    on_each_kind(|_, place| async {
        let text: String = (0..2000).map(|number| format!("line {number}\n")).collect();
        let path = place.file("file", &text);
        let mut lines = BufReader::new(File::open(&path).await.unwrap()).lines();
        let mut count = 0;
        while let Some(line) = lines.next_line().await.unwrap() {
            assert_eq!(line, format!("line {count}"));
            count += 1;
        }
        assert_eq!(count, 2000);
        let mut from = File::open(&path).await.unwrap();
        let mut to = File::create(place.join("copy")).await.unwrap();
        tokio::io::copy(&mut from, &mut to).await.unwrap();
        assert_eq!(fs::read_to_string(place.join("copy")).await.unwrap(), text);
    });
}

#[test]
fn a_seek_that_was_started_is_completed_once() {
    use std::pin::Pin;
    use tokio::io::AsyncSeek;
    on_each_kind(|_, place| async {
        let mut file = File::open(place.file("file", "0123456789")).await.unwrap();
        Pin::new(&mut file).start_seek(SeekFrom::End(-2)).unwrap();
        let second = Pin::new(&mut file).start_seek(SeekFrom::Start(0)).unwrap_err();
        assert!(second.to_string().contains("await it first"), "{second}");
        let at = std::future::poll_fn(|cx| Pin::new(&mut file).poll_complete(cx)).await;
        assert_eq!(at.unwrap(), 8);
        let _ = give_up(AsyncSeekExt::seek(&mut file, SeekFrom::End(0))).await;
        assert_eq!(AsyncSeekExt::seek(&mut file, SeekFrom::Start(3)).await.unwrap(), 3);
        assert_eq!(file.read_u8().await.unwrap(), b'3');
    });
}
