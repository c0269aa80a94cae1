//! Several buffers in one operation.

use mainspring::fs::{self, File};

use crate::support::{on_each_kind, pattern};

#[test]
fn buffers_are_filled_one_after_the_other() {
    on_each_kind(|_, place| async {
        let file = File::open(place.file("file", "0123456789")).await.unwrap();
        let buffers = vec![Vec::with_capacity(3), Vec::new(), Vec::with_capacity(4), vec![7; 100]];
        let (read, buffers) = file.read_vectored_at(buffers, 1).await;
        let total: usize = buffers.iter().map(Vec::len).sum();
        assert_eq!(read.unwrap(), total);
        // A system may fill fewer in one call, but never leave a gap.
        assert_eq!(buffers.concat(), b"123456789"[..total]);
        if cfg!(target_os = "linux") {
            assert_eq!(buffers, [b"123".to_vec(), Vec::new(), b"4567".to_vec(), b"89".to_vec()]);
        }
    });
}

#[test]
fn arrays_keep_what_was_not_read() {
    on_each_kind(|_, place| async {
        let file = File::open(place.file("file", "01234")).await.unwrap();
        let (read, buffers) = file.read_vectored_at(vec![[b'.'; 4], [b'.'; 4]], 0).await;
        if cfg!(target_os = "linux") {
            assert_eq!((read.unwrap(), &buffers), (5, &vec![*b"0123", *b"4..."]));
        }
    });
}

#[test]
fn no_buffers_move_nothing() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let file = File::options().read(true).write(true).open(&path).await.unwrap();
        assert_eq!(file.read_vectored_at(Vec::<Vec<u8>>::new(), 0).await.0.unwrap(), 0);
        assert_eq!(file.write_vectored_at(Vec::<Vec<u8>>::new(), 0).await.0.unwrap(), 0);
        assert_eq!(fs::read(&path).await.unwrap(), b"text");
    });
}

#[test]
fn more_buffers_than_a_call_takes_are_a_short_transfer() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let file = File::create_new(&path).await.unwrap();
        let all = pattern(3000, 5);
        let mut pieces: Vec<Vec<u8>> = all.chunks(1).map(<[u8]>::to_vec).collect();
        let mut done = 0;
        while !pieces.is_empty() {
            let (written, back) = file.write_vectored_at(pieces, done as u64).await;
            let count = written.unwrap();
            assert!((1..=1024).contains(&count), "{count}");
            done += count;
            pieces = back;
            pieces.drain(..count);
        }
        assert!(fs::read(&path).await.unwrap() == all);
        let (read, buffers) = file.read_vectored_at(vec![[0; 1]; 3000], 0).await;
        let count = read.unwrap();
        assert!((1..=1024).contains(&count), "{count}");
        assert!(buffers.iter().flatten().take(count).eq(all.iter().take(count)));
        assert!(buffers.iter().flatten().skip(count).all(|byte| *byte == 0));
    });
}
