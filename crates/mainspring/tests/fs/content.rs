//! What is written is what is read, whole files and pieces of them.

use std::io;

use mainspring::fs::{self, File};

use crate::support::{on_each_kind, pattern};

#[test]
fn what_is_written_at_an_offset_is_read_there() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let file = File::create_new(&path).await.unwrap();
        let all = pattern(300_000, 1);
        for (number, piece) in all.chunks(4096).enumerate().rev() {
            let (written, piece) = file.write_at(piece.to_vec(), number as u64 * 4096).await;
            assert_eq!(written.unwrap(), piece.len());
        }
        let mut buffer = Vec::with_capacity(10_007);
        let mut got = Vec::new();
        loop {
            let read;
            (read, buffer) = file.read_at(buffer, got.len() as u64).await;
            assert_eq!(read.unwrap(), buffer.len());
            if buffer.is_empty() {
                break;
            }
            got.extend_from_slice(&buffer);
        }
        assert!(got == all);
    });
}

#[test]
fn a_buffer_of_any_kind_is_filled() {
    on_each_kind(|_, place| async {
        let file = File::open(place.file("file", "0123456789")).await.unwrap();
        let (read, array) = file.read_at([b'.'; 4], 8).await;
        assert_eq!((read.unwrap(), &array), (2, b"89.."));
        let (read, boxed) = file.read_at(vec![b'.'; 3].into_boxed_slice(), 0).await;
        assert_eq!((read.unwrap(), &*boxed), (3, b"012".as_slice()));
        let mut used = Vec::with_capacity(4);
        used.extend_from_slice(b"old");
        let (read, used) = file.read_at(used, 9).await;
        assert_eq!((read.unwrap(), used.as_slice()), (1, b"9".as_slice()));
    });
}

#[test]
fn an_empty_buffer_moves_nothing() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let file = File::options().read(true).write(true).open(&path).await.unwrap();
        assert_eq!(file.read_at(Vec::new(), 0).await.0.unwrap(), 0);
        assert_eq!(file.write_at("", 100).await.0.unwrap(), 0);
        file.read_exact_at(Vec::new(), 100).await.0.unwrap();
        file.write_all_at("", 100).await.0.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"text");
    });
}

#[test]
fn the_end_of_a_file_is_zero_bytes() {
    on_each_kind(|_, place| async {
        let file = File::open(place.file("file", "text")).await.unwrap();
        for offset in [4, 5, 1 << 40, i64::MAX as u64] {
            let (read, buffer) = file.read_at(vec![7; 8], offset).await;
            match read {
                Ok(count) => assert_eq!((count, buffer.len()), (0, 0), "at {offset}"),
                // A read that would end beyond all numbers is refused by some file systems.
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::InvalidInput),
            }
        }
    });
}

#[test]
fn an_offset_beyond_all_files_is_refused_in_words_and_moves_nothing() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let file = File::options().read(true).write(true).open(&path).await.unwrap();
        for offset in [1 << 63, u64::MAX - 1, u64::MAX] {
            let (read, buffer) = file.read_at(Vec::with_capacity(8), offset).await;
            let error = read.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&format!("the offset {offset} is beyond")));
            assert_eq!((buffer.len(), buffer.capacity()), (0, 8));
            assert!(file.write_at("never", offset).await.0.is_err());
            assert!(file.read_vectored_at(vec![vec![0; 4]], offset).await.0.is_err());
            assert!(file.write_vectored_at(vec!["never"], offset).await.0.is_err());
            assert!(file.read_exact_at([0; 1], offset).await.0.is_err());
            assert!(file.write_all_at("never", offset).await.0.is_err());
        }
        assert_eq!(fs::read(&path).await.unwrap(), b"text");
    });
}

#[test]
fn a_hole_reads_as_zeroes() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let file = File::create_new(&path).await.unwrap();
        file.write_all_at("end", 1 << 20).await.0.unwrap();
        let (read, buffer) = file.read_exact_at(vec![7; 4096], 8192).await;
        read.unwrap();
        assert!(buffer.iter().all(|byte| *byte == 0));
        let metadata = file.metadata().await.unwrap();
        assert_eq!(metadata.len(), (1 << 20) + 3);
        #[cfg(unix)]
        assert!(metadata.blocks() * 512 < metadata.len(), "the hole takes no space");
        file.set_len(2).await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), [0, 0]);
        file.set_len(4).await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), [0; 4]);
    });
}

#[test]
fn reading_exactly_says_when_the_file_ends_before() {
    on_each_kind(|_, place| async {
        let file = File::open(place.file("file", "0123456789")).await.unwrap();
        let (read, buffer) = file.read_exact_at([0; 4], 3).await;
        read.unwrap();
        assert_eq!(&buffer, b"3456");
        let (read, buffer) = file.read_exact_at(Vec::with_capacity(8), 6).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(buffer, b"6789", "what was read is there");
    });
}

#[test]
fn whole_files_of_every_size() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        for size in [0, 1, 4095, 4096, 4097, 65_536, (1 << 20) - 1, 1 << 20, (3 << 20) + 17] {
            let all = pattern(size, size as u64);
            fs::write(&path, &all).await.unwrap();
            assert!(fs::read(&path).await.unwrap() == all, "{size}");
        }
        fs::write(&path, "text").await.unwrap();
        assert_eq!(fs::read_to_string(&path).await.unwrap(), "text");
        fs::write(&path, b"te\xff").await.unwrap();
        let error = fs::read_to_string(&path).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("UTF-8"), "{error}");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_without_a_size_is_read_to_its_end() {
    on_each_kind(|_, _| async {
        assert_eq!(fs::metadata("/proc/self/maps").await.unwrap().len(), 0);
        assert!(fs::read_to_string("/proc/self/maps").await.unwrap().contains("[stack]"));
    });
}

#[test]
fn what_was_synced_is_there() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let file = File::create(&path).await.unwrap();
        file.write_all_at(pattern(100_000, 3), 0).await.0.unwrap();
        file.sync_data().await.unwrap();
        file.sync_all().await.unwrap();
        assert!(std::fs::read(&path).unwrap() == pattern(100_000, 3));
        file.close().await.unwrap();
    });
}
