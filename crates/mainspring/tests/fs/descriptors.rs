//! Who owns the descriptor, and until when.

use std::io::{Read, Seek, SeekFrom, Write};
#[cfg(unix)]
use std::os::fd::{AsFd as _, OwnedFd as Owned};
#[cfg(windows)]
use std::os::windows::io::{AsHandle as _, OwnedHandle as Owned};

use mainspring::fs::File;

use crate::held::{open_below, until_closed_below};
use crate::support::{on_each_kind, poll_once};

#[test]
fn a_file_goes_to_the_standard_library_and_back_with_its_position() {
    on_each_kind(|_, place| async {
        let mut std = std::fs::File::open(place.file("file", "0123456789")).unwrap();
        std.seek(SeekFrom::Start(3)).unwrap();
        let mut file = File::from_std(std);
        let mut two = [0; 2];
        file.read(&mut two).await.unwrap();
        assert_eq!(&two, b"34");
        let mut std = file.into_std().await.unwrap();
        std.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"56");
        let file = File::from(Owned::from(std));
        #[cfg(unix)]
        let borrowed = file.as_fd();
        #[cfg(windows)]
        let borrowed = file.as_handle();
        assert!(borrowed.try_clone_to_owned().is_ok());
    });
}

#[test]
fn a_file_goes_to_the_standard_library_although_it_is_being_read() {
    on_each_kind(|_, place| async {
        let file = File::open(place.file("file", "0123456789")).await.unwrap();
        let mut reading = file.read_at(Vec::with_capacity(64), 0).into_future();
        let polled = poll_once(&mut reading).await;
        let mut std = file.into_std().await.unwrap();
        let mut all = String::new();
        std.read_to_string(&mut all).unwrap();
        assert_eq!(all, "0123456789");
        if polled.is_pending() {
            let (read, buffer) = reading.await;
            assert_eq!((read.unwrap(), buffer.as_slice()), (10, b"0123456789".as_slice()));
        }
    });
}

#[test]
fn a_clone_has_the_same_position() {
    on_each_kind(|_, place| async {
        let mut file = File::open(place.file("file", "0123")).await.unwrap();
        let mut clone = file.try_clone().unwrap();
        let mut one = [0];
        for expected in b"0123".chunks(2) {
            file.read(&mut one).await.unwrap();
            assert_eq!(one[0], expected[0]);
            clone.read(&mut one).await.unwrap();
            assert_eq!(one[0], expected[1]);
        }
    });
}

#[test]
fn an_operation_keeps_its_file_open_to_its_end() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let reading = File::open(&path).await.unwrap().read_at(Vec::with_capacity(8), 0);
        assert_eq!(open_below(place.path()), 1, "the operation has the file");
        let (read, buffer) = reading.await;
        assert_eq!((read.unwrap(), buffer.as_slice()), (4, b"text".as_slice()));
        until_closed_below(place.path()).await;
    });
}

#[test]
fn a_file_that_is_closed_or_dropped_is_closed() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        for _ in 0..20 {
            File::open(&path).await.unwrap().close().await.unwrap();
            assert_eq!(open_below(place.path()), 0);
            drop(File::open(&path).await.unwrap());
            assert_eq!(open_below(place.path()), 0);
        }
    });
}

#[test]
#[cfg(unix)]
fn no_descriptor_outlives_an_exec() {
    on_each_kind(|_, place| async {
        let file = File::open(place.file("file", "text")).await.unwrap();
        let flags = rustix::io::fcntl_getfd(&file).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let clone = file.try_clone().unwrap();
        assert!(rustix::io::fcntl_getfd(&clone).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    });
}

#[test]
fn debug_names_the_file() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let file = File::open(&path).await.unwrap();
        std::io::sink().write_all(format!("{file:?}").as_bytes()).unwrap();
        if cfg!(target_os = "linux") {
            assert!(format!("{file:?}").contains(path.file_name().unwrap().to_str().unwrap()));
        }
    });
}
