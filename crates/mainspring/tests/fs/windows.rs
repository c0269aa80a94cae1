//! What files have on Windows alone: a port for life, a position of their own, names that others
//! share.

use std::future::IntoFuture;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use mainspring::fs::{self, File, OpenOptions};
use mainspring::{Kind, Outcome};
use windows_sys::Win32::Foundation::ERROR_PRIVILEGE_NOT_HELD;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::w;

use crate::held::{open_below, until_closed_below};
use crate::support::{
    Place, Watchdog, driver, is_native, is_submitted, kinds, on_each_kind, pattern, poll_once,
};

/// The kinds whose kernel reads files.
fn native_kinds() -> Vec<Kind> {
    kinds().into_iter().filter(|kind| is_native(*kind)).collect()
}

#[test]
fn the_port_reads_and_writes_what_was_opened_for_it() {
    assert!(native_kinds().contains(&Kind::Iocp));
    let place = Place::new();
    let path = place.file("file", "0123456789");
    for kind in native_kinds() {
        let _watchdog = Watchdog::new();
        let mut driver = driver(kind);
        let mut options = File::options();
        options.read(true).write(true);
        let file = driver.block_on(options.open(&path)).unwrap().unwrap();
        let std = File::from_std(std::fs::File::open(&path).unwrap());
        let prepared = driver.block_on(async { options.prepare(&path).await }).unwrap().unwrap();
        let prepared = File::from_std(prepared);
        let _entered = driver.handle().enter();
        assert!(is_submitted(&mut file.read_at([0; 4], 0).into_future()));
        assert!(is_submitted(&mut file.write_at("01", 0).into_future()));
        // What waits is for a thread, and so is what no queue of this system does.
        assert!(!is_submitted(&mut std.read_at([0; 4], 0).into_future()));
        assert!(!is_submitted(&mut prepared.read_at([0; 4], 0).into_future()));
        assert!(!is_submitted(&mut file.sync_all().into_future()));
        assert!(!is_submitted(&mut file.read_vectored_at(vec![[0; 4]], 0).into_future()));
    }
}

#[test]
fn a_file_is_one_drivers_and_others_read_it_all_the_same() {
    let place = Place::new();
    let all = pattern(100_000, 7);
    let path = place.file("file", &all);
    for kind in native_kinds() {
        let _watchdog = Watchdog::new();
        let (mut first, mut second) = (driver(kind), driver(kind));
        let file = first.block_on(File::open(&path)).unwrap().unwrap();
        let clone = file.try_clone().unwrap();
        let read = first.block_on(async { file.read_at(vec![0; 8], 0).await.0 });
        assert_eq!(read.unwrap().unwrap(), 8);
        for round in 0..20 {
            // The second driver's reads are a thread's, and leave no packet for the first one.
            let entered = second.handle().enter();
            let mut reading = file.read_at(Vec::with_capacity(5000), round * 100).into_future();
            assert!(!is_submitted(&mut reading), "the file is the first driver's");
            assert!(!is_submitted(&mut clone.read_at([0; 4], 0).into_future()), "so is a clone");
            drop(entered);
            let (read, buffer) = second.block_on(reading).unwrap();
            assert_eq!(read.unwrap(), 5000);
            assert!(buffer == all[round as usize * 100..][..5000]);
            let entered = first.handle().enter();
            assert!(is_submitted(&mut clone.read_at([0; 4], 0).into_future()));
            drop(entered);
            first.turn(Some(std::time::Duration::ZERO)).unwrap();
        }
        // Its port has gone, and the file goes on.
        drop(first);
        let (read, buffer) =
            second.block_on(async { file.read_exact_at(vec![0; 100_000], 0).await }).unwrap();
        read.unwrap();
        assert!(buffer == all);
        drop((file, clone));
        second.block_on(until_closed_below(place.path())).unwrap();
    }
}

#[test]
fn two_drivers_that_begin_at_once_both_read() {
    let place = Place::new();
    let all = pattern(64 << 10, 8);
    let path = place.file("file", &all);
    for kind in native_kinds() {
        let _watchdog = Watchdog::new();
        for _ in 0..50 {
            let file = driver(kind).block_on(File::open(&path)).unwrap().unwrap();
            let begin = std::sync::Barrier::new(3);
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        let mut driver = driver(kind);
                        begin.wait();
                        let reads = async {
                            for _ in 0..5 {
                                let (read, buffer) = file.read_at(vec![0; 64 << 10], 0).await;
                                assert_eq!(read.unwrap(), 64 << 10);
                                assert!(buffer == all);
                            }
                        };
                        driver.block_on(reads).unwrap();
                    });
                }
            });
        }
    }
}

#[test]
fn reads_at_offsets_move_no_position_whatever_the_file_was_opened_for() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "0123456789");
        let mut std = std::fs::File::open(&path).unwrap();
        std.seek(SeekFrom::Start(3)).unwrap();
        let opened = File::open(&path).await.unwrap();
        for (mut file, first) in [(File::from_std(std), b"34"), (opened, b"01")] {
            let mut two = [0; 2];
            file.read(&mut two).await.unwrap();
            assert_eq!(&two, first);
            for _ in 0..3 {
                let (read, buffer) = file.read_at([0; 4], 6).await;
                assert_eq!((read.unwrap(), &buffer), (4, b"6789"));
            }
            let (read, _) = file.read_vectored_at(vec![[0; 1]], 9).await;
            assert_eq!(read.unwrap(), 1);
            let at = u64::from(first[0] - b'0') + 2;
            assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), at);
            // The standard library's goes on from there, whichever sort it was.
            let mut std = file.into_std().await.unwrap();
            std.read_exact(&mut two).unwrap();
            assert_eq!(u64::from(two[0] - b'0'), at);
            assert_eq!(std.stream_position().unwrap(), at + 2);
        }
    });
}

#[test]
fn a_write_behind_the_end_is_where_it_was_said_and_the_end_of_an_append_is_the_position() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "0123");
        let mut file = File::options().append(true).open(&path).await.unwrap();
        assert_eq!(file.seek(SeekFrom::Start(1)).await.unwrap(), 1);
        file.write_all(b"45").await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 6);
        let mut file = File::options().write(true).open(&path).await.unwrap();
        file.seek(SeekFrom::Start(8)).await.unwrap();
        file.write_all(b"89").await.unwrap();
        assert_eq!(file.seek(SeekFrom::End(0)).await.unwrap(), 10);
        assert_eq!(fs::read(&path).await.unwrap(), b"012345\0\089");
    });
}

#[test]
fn a_directory_is_no_file_and_a_file_no_directory() {
    on_each_kind(|_, place| async {
        let file = place.file("file", "text");
        let refused = |error: std::io::Error| {
            assert!(error.raw_os_error().is_some(), "{error}");
        };
        refused(fs::write(place.path(), "").await.unwrap_err());
        refused(File::open(place.path()).await.unwrap_err());
        refused(fs::remove_file(place.path()).await.unwrap_err());
        refused(fs::read_dir(&file).await.unwrap_err());
        refused(fs::remove_dir(&file).await.unwrap_err());
        refused(File::open(file.join("x")).await.unwrap_err());
        let full = fs::remove_dir(place.path()).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::DirectoryNotEmpty);
        assert_eq!(fs::read(&file).await.unwrap(), b"text");
    });
}

#[test]
fn who_wants_a_file_alone_gets_it_alone() {
    on_each_kind(|_, place| async {
        let path = place.file("file", "text");
        let mut options = OpenOptions::new();
        let alone = options.read(true).share_mode(0).open(&path).await.unwrap();
        assert!(File::open(&path).await.is_err());
        assert_eq!(open_below(place.path()), 1);
        alone.close().await.unwrap();
        const DELETE_ON_CLOSE: u32 = 0x0400_0000;
        const DELETE: u32 = 0x0001_0000;
        const READ: u32 = 0x8000_0000;
        let mut options = OpenOptions::new();
        options.access_mode(READ | DELETE).custom_flags(DELETE_ON_CLOSE);
        let last = options.open(&path).await.unwrap();
        let (read, buffer) = last.read_at(Vec::with_capacity(8), 0).await;
        assert_eq!((read.unwrap(), buffer.as_slice()), (4, b"text".as_slice()));
        drop(last);
        assert!(!fs::try_exists(&path).await.unwrap());
    });
}

#[test]
fn what_windows_does_not_have_is_refused_in_words() {
    on_each_kind(|_, place| async {
        let mut options = OpenOptions::new();
        options.append(true).direct(true).create(true);
        let error = options.open(place.join("file")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("set `append` or `direct`"), "{error}");
        assert!(!fs::try_exists(place.join("file")).await.unwrap());
    });
}

#[test]
fn metadata_says_what_the_standard_library_says() {
    use std::os::windows::fs::MetadataExt;
    on_each_kind(|_, place| async {
        let path = place.file("file", pattern(10_000, 51));
        let std = std::fs::metadata(&path).unwrap();
        let by_path = fs::metadata(&path).await.unwrap();
        let by_file = File::open(&path).await.unwrap().metadata().await.unwrap();
        for ours in [by_path, by_file] {
            assert_eq!((ours.len(), ours.file_attributes()), (std.len(), std.file_attributes()));
            assert_eq!(ours.modified().unwrap(), std.modified().unwrap());
            assert_eq!(ours.created().unwrap(), std.created().unwrap());
            assert_eq!(ours.permissions(), std.permissions());
            assert!(format!("{ours:?}").contains("len: 10000"));
        }
    });
}

/// Whether this is Wine.
fn is_wine() -> bool {
    // SAFETY: a name that ends with a zero; the library is in every process.
    let library = unsafe { GetModuleHandleW(w!("ntdll.dll")) };
    // SAFETY: a library that stays, and a name that ends with a zero.
    unsafe { GetProcAddress(library, c"wine_get_version".as_ptr().cast()) }.is_some()
}

/// Links want a privilege on Windows; Wine makes none and says that it has.
#[test]
fn links_are_followed_or_not_as_asked() {
    on_each_kind(|_, place| async {
        let (path, link) = (place.file("file", "text"), place.join("link"));
        if let Err(error) = fs::symlink_file("file", &link).await {
            assert_eq!(error.raw_os_error(), Some(ERROR_PRIVILEGE_NOT_HELD as i32));
            return;
        }
        let asked = fs::symlink_metadata(&link).await;
        if is_wine() {
            assert_eq!(asked.unwrap_err().kind(), ErrorKind::NotFound, "Wine has learnt it");
            return;
        }
        let metadata = asked.unwrap();
        assert!(metadata.is_symlink() && !metadata.is_file());
        assert!(fs::metadata(&link).await.unwrap().is_file());
        assert_eq!(fs::read(&link).await.unwrap(), b"text");
        fs::remove_file(&link).await.unwrap();
        assert!(fs::try_exists(&path).await.unwrap());
        fs::create_dir(place.join("directory")).await.unwrap();
        fs::symlink_dir("directory", &link).await.unwrap();
        assert!(fs::metadata(&link).await.unwrap().is_dir());
    });
}

/// Clauses C10 and C11: an end for each, and the buffer comes back, whether the packet or the
/// cancel is first.
#[test]
fn c11_cancels_that_race_with_packets_lose_no_buffer() {
    on_each_kind(|_, place| async {
        let all = pattern(256 << 10, 9);
        let path = place.file("file", &all);
        let file = File::options().read(true).write(true).open(&path).await.unwrap();
        for round in 0..50_usize {
            // A thread of the pool may be done before anybody looks.
            let (mut reads, mut writes) = (Vec::new(), Vec::new());
            for _ in 0..8 {
                let mut read = file.read_at(Vec::with_capacity(256 << 10), 0).into_future();
                if poll_once(&mut read).await.is_pending() {
                    reads.push(read);
                }
                let mut write = file.write_at(all.clone(), 0).into_future();
                if poll_once(&mut write).await.is_pending() {
                    writes.push(write);
                }
            }
            for (number, reading) in reads.into_iter().enumerate() {
                if number % 4 == round % 4 {
                    drop(reading);
                    continue;
                }
                match reading.cancel().await {
                    Outcome::Cancelled(buffer) => assert_eq!(buffer.capacity(), 256 << 10),
                    Outcome::Completed((read, buffer)) => {
                        assert!(buffer == all[..read.unwrap()]);
                    }
                }
            }
            for writing in writes {
                match writing.cancel().await {
                    Outcome::Cancelled(buffer) => assert!(buffer == all),
                    Outcome::Completed((written, buffer)) => {
                        assert!(written.is_ok() && buffer == all);
                    }
                }
            }
        }
        drop(file);
        until_closed_below(place.path()).await;
        assert!(fs::read(&path).await.unwrap() == all);
    });
}
