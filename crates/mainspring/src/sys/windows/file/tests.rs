use std::fs::File;
use std::os::windows::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_NO_BUFFERING, FILE_FLAG_OVERLAPPED, FILE_FLAG_SEQUENTIAL_SCAN,
    FILE_FLAG_WRITE_THROUGH,
};
use windows_sys::Win32::System::Pipes::CreatePipe;

use super::super::port::{Packet, Port};
use super::*;

/// A file with ten digits in it that goes away with the test, and ways to open it.
struct Digits(PathBuf);

impl Digits {
    fn new() -> Digits {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mainspring-file-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, "0123456789").unwrap();
        Digits(path)
    }

    fn open(&self, flags: u32) -> OpenFile {
        let mut options = File::options();
        OpenFile::new(options.read(true).write(true).custom_flags(flags).open(&self.0).unwrap())
    }
}

impl Drop for Digits {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn read(file: &OpenFile, room: usize, offset: Option<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0_u8; room];
    let start = bytes.as_mut_ptr().cast();
    // SAFETY: the same memory under the same borrow; what is written to it is initialised.
    let memory = unsafe { std::slice::from_raw_parts_mut::<MaybeUninit<u8>>(start, room) };
    let count = file.read(memory, offset)?;
    bytes.truncate(count);
    Ok(bytes)
}

#[test]
fn a_thread_that_waits_leaves_no_packet_in_the_port() {
    let digits = Digits::new();
    let file = digits.open(FILE_FLAG_OVERLAPPED);
    let port = Port::new().unwrap();
    port.associate(&file, 7).unwrap();
    assert_eq!(read(&file, 4, Some(2)).unwrap(), b"2345");
    assert_eq!(file.write(b"xy", Some(10)).unwrap(), 2);
    assert_eq!(read(&file, 4, Some(12)).unwrap(), b"", "the end");
    assert_eq!(read(&file, 4, None).unwrap(), b"0123");
    assert_eq!(port.wait(&mut [Packet::EMPTY; 4], 0).unwrap(), 0);
}

#[test]
fn the_first_that_asks_has_the_file_and_the_others_not() {
    let digits = Digits::new();
    let file = digits.open(FILE_FLAG_OVERLAPPED);
    let clone = file.try_clone().unwrap();
    let yes = |_| Ok(());
    let unasked = |_| panic!("asked once");
    assert!(!file.is_queued_by(1, None, unasked), "its own position is for a thread");
    assert!(file.is_queued_by(1, Some(0), yes));
    assert!(file.is_queued_by(1, Some(0), unasked) && clone.is_queued_by(1, Some(0), unasked));
    assert!(!file.is_queued_by(2, Some(0), unasked) && !clone.is_queued_by(2, Some(0), unasked));
    let refused = digits.open(FILE_FLAG_OVERLAPPED);
    assert!(!refused.is_queued_by(1, Some(0), |_| Err(io::ErrorKind::InvalidInput.into())));
    assert!(!refused.is_queued_by(2, Some(0), unasked));
    assert!(!digits.open(0).is_queued_by(1, Some(0), unasked), "its calls wait");
}

#[test]
fn both_sorts_have_a_position_that_only_they_move() {
    let digits = Digits::new();
    for flags in [0, FILE_FLAG_OVERLAPPED] {
        let file = digits.open(flags);
        assert_eq!(file.seek(SeekFrom::Start(3)).unwrap(), 3);
        assert_eq!(read(&file, 2, Some(8)).unwrap(), b"89");
        assert_eq!(read(&file, 2, None).unwrap(), b"34");
        assert_eq!(file.try_clone().unwrap().seek(SeekFrom::Current(1)).unwrap(), 6);
        assert_eq!(read(&file, 2, None).unwrap(), b"67");
        for beyond in [SeekFrom::Start(1 << 63), SeekFrom::Current(-9), SeekFrom::End(i64::MIN)] {
            assert_eq!(file.seek(beyond).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(file.seek(SeekFrom::End(-1)).unwrap(), 9);
        let mut std = into_std(Arc::new(file)).unwrap();
        assert_eq!(std.stream_position().unwrap(), 9);
        let mut rest = String::new();
        io::Read::read_to_string(&mut std, &mut rest).unwrap();
        assert_eq!(rest, "9");
    }
}

/// What the file was opened for holds for the standard library's calls on it.
#[test]
fn a_file_that_is_opened_once_more_is_open_in_the_same_way() {
    let digits = Digits::new();
    let each = [FILE_FLAG_WRITE_THROUGH, FILE_FLAG_SEQUENTIAL_SCAN, FILE_FLAG_NO_BUFFERING];
    for chosen in 0..1 << each.len() {
        let of_choice = each.iter().enumerate().filter(|(at, _)| chosen & (1 << at) != 0);
        let flags = of_choice.fold(0, |all, (_, flag)| all | flag);
        let file = digits.open(FILE_FLAG_OVERLAPPED | flags);
        assert_eq!(file_handle::flags_of(file.as_handle()), flags, "as it was opened");
        // Also while somebody else has it.
        for sharers in [1, 0] {
            let shared = Arc::new(digits.open(FILE_FLAG_OVERLAPPED | flags));
            let sharer = (sharers == 1).then(|| Arc::clone(&shared));
            let std = into_std(shared).unwrap();
            assert_eq!(file_handle::flags_of(std.as_handle()), flags, "shared: {sharers}");
            let mode = file_handle::mode_of(std.as_handle());
            assert!(mode.waits);
            assert_eq!(mode.direct, flags & FILE_FLAG_NO_BUFFERING != 0);
            drop(sharer);
        }
    }
}

/// Both ends of a pipe.
fn pipe() -> (OpenFile, OpenFile) {
    let (mut reader, mut writer) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the call writes a handle to each of the places for one.
    let made = unsafe { CreatePipe(&raw mut reader, &raw mut writer, std::ptr::null(), 0) };
    assert_ne!(made, 0);
    // SAFETY: a handle that was made just now, and is nobody else's.
    let reader = unsafe { File::from_raw_handle(reader) };
    // SAFETY: the same.
    let writer = unsafe { File::from_raw_handle(writer) };
    (OpenFile::new(reader), OpenFile::new(writer))
}

#[test]
fn what_is_no_disk_has_no_positions() {
    let (reader, writer) = pipe();
    assert!(!reader.is_seekable() && !writer.is_seekable());
    assert_eq!(writer.write(b"through", None).unwrap(), 7);
    assert_eq!(read(&reader, 16, None).unwrap(), b"through");
    let refused = reader.seek(SeekFrom::Start(0)).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::NotSeekable);
    drop(writer);
    assert_eq!(read(&reader, 16, None).unwrap(), b"", "nobody writes any more");
}

#[test]
fn what_was_not_opened_for_it_is_refused() {
    let digits = Digits::new();
    for flags in [0, FILE_FLAG_OVERLAPPED] {
        let mut options = File::options();
        let reader = options.read(true).custom_flags(flags).open(&digits.0).unwrap();
        let error = OpenFile::new(reader).write(b"never", Some(0)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }
    assert_eq!(std::fs::read(&digits.0).unwrap(), b"0123456789");
}
