//! What files and directories have on Unix alone.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use mainspring::fs::{self, DirBuilder, File, OpenOptions, Permissions};

use crate::support::{on_each_kind, pattern};

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
fn a_copy_has_the_same_permission_bits() {
    on_each_kind(|_, place| async {
        let (from, to) = (place.file("from", "text"), place.file("to", "what was there before"));
        fs::set_permissions(&from, Permissions::from_mode(0o640)).await.unwrap();
        assert_eq!(fs::copy(&from, &to).await.unwrap(), 4);
        assert_eq!(fs::metadata(&to).await.unwrap().mode() & 0o777, 0o640);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_without_a_size_has_content_to_copy() {
    on_each_kind(|_, place| async {
        let to = place.join("to");
        assert!(fs::copy("/proc/self/maps", &to).await.unwrap() > 100);
        assert!(fs::read_to_string(&to).await.unwrap().contains("[stack]"));
    });
}
