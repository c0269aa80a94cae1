//! Directories, links, names and permissions.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use futures::StreamExt;
use mainspring::fs::{self, DirBuilder, File, OpenOptions, Permissions};

use crate::support::{on_each_kind, pattern, poll_once};

#[test]
fn directories_are_made_and_removed() {
    on_each_kind(|_, place| async {
        let path = place.join("a/b/c");
        assert_eq!(fs::create_dir(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
        fs::create_dir_all(&path).await.unwrap();
        fs::create_dir_all(&path).await.unwrap();
        fs::create_dir(path.join("d")).await.unwrap();
        fs::write(path.join("file"), "text").await.unwrap();
        fs::symlink("..", path.join("up")).await.unwrap();
        fs::remove_dir(path.join("d")).await.unwrap();
        fs::remove_dir_all(place.join("a")).await.unwrap();
        assert!(!fs::try_exists(place.join("a")).await.unwrap());
        assert!(fs::try_exists(place.path()).await.unwrap(), "links are not followed");
    });
}

#[test]
fn every_entry_is_read_once() {
    on_each_kind(|_, place| async {
        for number in 0..300 {
            std::fs::write(place.join(&number.to_string()), "").unwrap();
        }
        std::fs::create_dir(place.join("directory")).unwrap();
        std::os::unix::fs::symlink("0", place.join("link")).unwrap();
        let mut names = BTreeSet::new();
        let mut entries = fs::read_dir(place.path()).await.unwrap();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().await.unwrap();
            let expected = (name == "directory", name == "link");
            assert_eq!((kind.is_dir(), kind.is_symlink()), expected, "{name}");
            let metadata = entry.metadata().await.unwrap();
            assert_eq!((metadata.file_type(), metadata.ino()), (kind, entry.ino()));
            assert_eq!(entry.path(), place.join(&name));
            assert!(names.insert(name));
        }
        assert_eq!(names.len(), 302);
        assert!(entries.next_entry().await.unwrap().is_none(), "and again");

        // Calls that are given up lose no entry; and it is a stream.
        let mut entries = fs::read_dir(place.path()).await.unwrap();
        let mut count = 0;
        loop {
            let _ = poll_once(&mut std::future::poll_fn(|_| std::task::Poll::<()>::Pending)).await;
            match entries.next().await {
                Some(entry) => count += usize::from(entry.is_ok()),
                None => break,
            }
        }
        assert_eq!(count, 302);
    });
}

#[test]
fn names_are_changed_and_files_take_each_others_place() {
    on_each_kind(|_, place| async {
        let (one, other) = (place.file("one", "one"), place.file("other", "other"));
        fs::rename(&one, &other).await.unwrap();
        assert!(!fs::try_exists(&one).await.unwrap());
        assert_eq!(fs::read(&other).await.unwrap(), b"one");
        fs::hard_link(&other, &one).await.unwrap();
        assert_eq!(fs::metadata(&one).await.unwrap().nlink(), 2);
        fs::remove_file(&other).await.unwrap();
        assert_eq!(fs::read(&one).await.unwrap(), b"one");
    });
}

#[test]
fn links_are_followed_or_not_as_asked() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let link = place.join("link");
        fs::symlink("file", &link).await.unwrap();
        assert!(fs::metadata(&link).await.unwrap().is_file());
        let metadata = fs::symlink_metadata(&link).await.unwrap();
        assert!(metadata.is_symlink() && !metadata.is_file());
        assert_eq!(fs::read_link(&link).await.unwrap().to_str(), Some("file"));
        assert_eq!(fs::canonicalize(&link).await.unwrap(), path.canonicalize().unwrap());
        let error = fs::read_link(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(NO_FOLLOW);
        assert!(options.open(&link).await.is_err());
        assert!(options.open(&path).await.is_ok());
        fs::remove_file(&link).await.unwrap();
        assert!(fs::try_exists(&path).await.unwrap());
    });
}

const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

#[test]
fn metadata_says_what_the_standard_library_says() {
    use std::os::unix::fs::MetadataExt;
    on_each_kind(|_, place| async {
        let path = place.file("file", pattern(10_000, 51));
        let std = std::fs::metadata(&path).unwrap();
        let by_path = fs::metadata(&path).await.unwrap();
        let by_file = File::open(&path).await.unwrap().metadata().await.unwrap();
        for ours in [by_path, by_file] {
            assert_eq!((ours.len(), ours.mode()), (std.len(), std.mode()));
            assert_eq!((ours.dev(), ours.ino(), ours.nlink()), (std.dev(), std.ino(), std.nlink()));
            assert_eq!((ours.uid(), ours.gid(), ours.rdev()), (std.uid(), std.gid(), std.rdev()));
            assert_eq!((ours.blksize(), ours.blocks()), (std.blksize(), std.blocks()));
            assert_eq!(ours.modified().unwrap(), std.modified().unwrap());
            assert_eq!(ours.created().ok(), std.created().ok());
            assert!(ours.accessed().unwrap() <= SystemTime::now());
            assert!(ours.changed().unwrap() >= ours.modified().unwrap());
            assert_eq!(ours.permissions(), std.permissions());
            assert!(format!("{ours:?}").contains("len: 10000"));
        }
        let null = fs::metadata("/dev/null").await.unwrap();
        assert!(null.file_type().is_char_device());
        assert_eq!(null.rdev(), std::fs::metadata("/dev/null").unwrap().rdev());
        assert!(fs::metadata(place.fifo("fifo")).await.unwrap().file_type().is_fifo());
    });
}

#[test]
fn a_time_before_1970_is_a_time() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "");
        let long_ago = SystemTime::UNIX_EPOCH - std::time::Duration::from_millis(1_500);
        let times = std::fs::FileTimes::new().set_modified(long_ago);
        std::fs::File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().modified().unwrap(), long_ago);
    });
}

#[test]
fn permissions_are_set() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().mode() & 0o777, 0o640);
        let file = File::open(&path).await.unwrap();
        file.set_permissions(Permissions::from_mode(0o600)).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().mode() & 0o777, 0o600);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(place.join("new")).await.unwrap();
        assert_eq!(fs::metadata(place.join("new")).await.unwrap().mode() & 0o777, 0o600);
        for recursive in [false, true] {
            let path = place.join(&format!("directory-{recursive}"));
            DirBuilder::new().mode(0o700).recursive(recursive).create(&path).await.unwrap();
            assert_eq!(fs::metadata(&path).await.unwrap().mode() & 0o777, 0o700);
        }
    });
}

#[test]
fn a_copy_is_the_same_and_has_the_same_permissions() {
    on_each_kind(|_, place| async {
        let all = pattern(3_000_000, 52);
        let (from, to) = (place.file("from", &all), place.file("to", "what was there before"));
        fs::set_permissions(&from, Permissions::from_mode(0o640)).await.unwrap();
        assert_eq!(fs::copy(&from, &to).await.unwrap(), 3_000_000);
        assert!(fs::read(&to).await.unwrap() == all);
        assert_eq!(fs::metadata(&to).await.unwrap().mode() & 0o777, 0o640);
        // A file without a size has content all the same.
        assert!(fs::copy("/proc/self/maps", &to).await.unwrap() > 100);
        assert!(fs::read_to_string(&to).await.unwrap().contains("[stack]"));
    });
}

#[test]
fn a_copy_onto_itself_is_refused_and_harms_nothing() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let link = place.join("link");
        fs::hard_link(&path, &link).await.unwrap();
        for target in [&path, &link] {
            let error = fs::copy(&path, target).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("are one file"), "{error}");
        }
        assert_eq!(fs::read(&path).await.unwrap(), b"text");
        let error = fs::copy(place.path(), place.join("x")).await.unwrap_err();
        assert!(error.to_string().contains("only regular files are copied"), "{error}");
    });
}
