//! What goes wrong is said as the system says it, or in our own words where it is ours.

use std::io::{ErrorKind, SeekFrom};

use mainspring::fs::{self, DirBuilder, File};

use crate::support::on_each_kind;

#[test]
fn what_is_not_there_is_not_found() {
    on_each_kind(|_, place| async {
        let path = place.join("nothing");
        let not_found = |error: std::io::Error| {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            if cfg!(unix) {
                assert!(error.to_string().contains("No such file or directory"), "{error}");
            }
        };
        not_found(File::open(&path).await.unwrap_err());
        not_found(fs::metadata(&path).await.unwrap_err());
        not_found(fs::symlink_metadata(&path).await.unwrap_err());
        not_found(fs::read(&path).await.unwrap_err());
        not_found(fs::read_to_string(&path).await.unwrap_err());
        not_found(fs::write(path.join("x"), "").await.unwrap_err());
        not_found(fs::remove_file(&path).await.unwrap_err());
        not_found(fs::remove_dir(&path).await.unwrap_err());
        not_found(fs::remove_dir_all(&path).await.unwrap_err());
        not_found(fs::rename(&path, place.join("else")).await.unwrap_err());
        not_found(fs::copy(&path, place.join("else")).await.unwrap_err());
        not_found(fs::create_dir(path.join("x")).await.unwrap_err());
        not_found(fs::read_dir(&path).await.unwrap_err());
        not_found(fs::canonicalize(&path).await.unwrap_err());
        not_found(fs::read_link(&path).await.unwrap_err());
        not_found(fs::hard_link(&path, place.join("else")).await.unwrap_err());
        assert!(!fs::try_exists(&path).await.unwrap());
        assert!(fs::try_exists(place.path()).await.unwrap());
    });
}

#[test]
#[cfg(unix)]
fn a_directory_is_no_file_and_a_file_no_directory() {
    on_each_kind(|_, place| async {
        let file = place.file("file", "text");
        let error = fs::write(place.path(), "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);
        let opened = File::open(place.path()).await.unwrap();
        let (read, buffer) = opened.read_at(vec![0; 8], 0).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(buffer.capacity(), 8, "the buffer comes back");
        assert!(fs::remove_file(place.path()).await.is_err());
        assert_eq!(fs::read_dir(&file).await.unwrap_err().kind(), ErrorKind::NotADirectory);
        assert_eq!(fs::remove_dir(&file).await.unwrap_err().kind(), ErrorKind::NotADirectory);
        let below = File::open(file.join("x")).await.unwrap_err();
        assert_eq!(below.kind(), ErrorKind::NotADirectory);
        let full = fs::remove_dir(place.path()).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::DirectoryNotEmpty);
    });
}

#[test]
fn what_is_there_is_not_made_anew() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        assert_eq!(File::create_new(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::create_dir(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let all = DirBuilder::new().recursive(true).create(&path).await.unwrap_err();
        assert_eq!(all.kind(), ErrorKind::AlreadyExists);
        #[cfg(unix)]
        assert_eq!(fs::symlink("x", &path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).await.unwrap(), b"text");
    });
}

#[test]
fn a_path_with_a_zero_is_refused_in_words() {
    on_each_kind(|_, place| async {
        let path = place.path().join("a\0b");
        let refused = |error: std::io::Error| {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        };
        let opened = File::open(&path).await.unwrap_err();
        assert!(opened.to_string().contains("of the path is zero"), "{opened}");
        refused(opened);
        refused(fs::metadata(&path).await.unwrap_err());
        refused(fs::remove_file(&path).await.unwrap_err());
        refused(fs::remove_dir(&path).await.unwrap_err());
        refused(fs::rename(&path, "x").await.unwrap_err());
        refused(fs::rename(place.path(), &path).await.unwrap_err());
        refused(fs::create_dir(&path).await.unwrap_err());
        refused(fs::canonicalize(&path).await.unwrap_err());
        assert!(place.path().is_dir());
    });
}

#[test]
fn what_a_file_was_not_opened_for_is_refused() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let mut reader = File::open(&path).await.unwrap();
        let (written, buffer) = reader.write_at("never", 0).await;
        let refused = if cfg!(windows) { 5 } else { 9 };
        assert_eq!(written.unwrap_err().raw_os_error(), Some(refused), "access denied, or EBADF");
        assert_eq!(buffer, "never", "the buffer comes back");
        assert!(reader.write_all(b"never").await.is_err());
        assert!(reader.set_len(0).await.is_err());
        let mut writer = File::options().write(true).open(&path).await.unwrap();
        assert!(writer.read_at([0; 4], 0).await.0.is_err());
        assert!(writer.read(&mut [0; 4]).await.is_err());
        assert_eq!(fs::read(&path).await.unwrap(), b"text");
    });
}

#[test]
fn a_position_before_the_beginning_is_refused() {
    on_each_kind(|_, place| async {
        let mut file = File::open(place.file("file", "text")).await.unwrap();
        for to in [SeekFrom::Current(-1), SeekFrom::End(-5)] {
            assert_eq!(file.seek(to).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert!(file.seek(SeekFrom::Start(u64::MAX)).await.is_err());
        assert!(file.seek(SeekFrom::Current(i64::MIN)).await.is_err());
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 0);
    });
}

#[test]
fn errors_of_one_file_are_not_those_of_another() {
    on_each_kind(|_, place| async {
        let (good, bad) = (place.file("good", "text"), place.join("bad"));
        for _ in 0..20 {
            let both = futures::future::join(fs::read(&good), fs::read(&bad)).await;
            assert_eq!(both.0.unwrap(), b"text");
            assert_eq!(both.1.unwrap_err().kind(), ErrorKind::NotFound);
        }
    });
}
