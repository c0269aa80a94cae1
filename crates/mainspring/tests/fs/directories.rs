//! Directories, links, names and permissions.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::SystemTime;

use futures::StreamExt;
use mainspring::fs;

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
        #[cfg(unix)]
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
        #[cfg(unix)]
        std::os::unix::fs::symlink("0", place.join("link")).unwrap();
        let all = if cfg!(unix) { 302 } else { 301 };
        let mut names = BTreeSet::new();
        let mut entries = fs::read_dir(place.path()).await.unwrap();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().await.unwrap();
            let expected = (name == "directory", name == "link");
            assert_eq!((kind.is_dir(), kind.is_symlink()), expected, "{name}");
            let metadata = entry.metadata().await.unwrap();
            assert_eq!(metadata.file_type(), kind);
            #[cfg(unix)]
            assert_eq!(metadata.ino(), entry.ino());
            assert_eq!(entry.path(), place.join(&name));
            assert!(names.insert(name));
        }
        assert_eq!(names.len(), all);
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
        assert_eq!(count, all);
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
        #[cfg(unix)]
        assert_eq!(fs::metadata(&one).await.unwrap().nlink(), 2);
        fs::remove_file(&other).await.unwrap();
        assert_eq!(fs::read(&one).await.unwrap(), b"one");
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
fn a_copy_is_the_same_and_has_the_same_permissions() {
    on_each_kind(|_, place| async {
        let all = pattern(3_000_000, 52);
        let (from, to) = (place.file("from", &all), place.file("to", "what was there before"));
        assert_eq!(fs::copy(&from, &to).await.unwrap(), 3_000_000);
        assert!(fs::read(&to).await.unwrap() == all);
        let mut permissions = fs::metadata(&from).await.unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&from, permissions.clone()).await.unwrap();
        let guarded = place.join("guarded");
        assert_eq!(fs::copy(&from, &guarded).await.unwrap(), 3_000_000);
        assert_eq!(fs::metadata(&guarded).await.unwrap().permissions(), permissions);
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
