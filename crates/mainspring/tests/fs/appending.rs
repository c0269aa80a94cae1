//! Files that are open for appending.

use mainspring::fs::{self, File};

use crate::support::on_each_kind;

#[test]
fn every_write_goes_to_the_end() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "0123");
        let mut file = File::options().append(true).open(&path).await.unwrap();
        file.write_all(b"45").await.unwrap();
        std::fs::write(&path, "shorter").unwrap();
        file.write_all(b" and longer").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"shorter and longer");
    });
}

#[test]
#[cfg(any(target_os = "linux", windows))]
fn linux_and_windows_append_whatever_the_offset() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "0123");
        let file = File::options().append(true).open(&path).await.unwrap();
        file.write_all_at("45", 1).await.0.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"012345");
    });
}

#[test]
fn two_who_append_write_over_nobody() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let open = || async { File::options().append(true).create(true).open(&path).await };
        let (mut one, mut other) = (open().await.unwrap(), open().await.unwrap());
        for _ in 0..50 {
            if cfg!(windows) {
                // Wine finds the end in one step and writes in another.
                one.write_all(b"one\n").await.unwrap();
                other.write_all(b"two\n").await.unwrap();
                continue;
            }
            let both = futures::future::join(one.write_all(b"one\n"), other.write_all(b"two\n"));
            let (first, second) = both.await;
            first.unwrap();
            second.unwrap();
        }
        let text = fs::read_to_string(&path).await.unwrap();
        assert_eq!(text.lines().filter(|line| *line == "one").count(), 50);
        assert_eq!(text.lines().filter(|line| *line == "two").count(), 50);
    });
}
