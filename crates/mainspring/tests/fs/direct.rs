//! Direct I/O, where the file system of the temporary directory has it.

use std::io::ErrorKind;

use mainspring::AlignedBuf;
use mainspring::fs::{self, File};

use crate::support::{on_each_kind, pattern};

/// Opens for direct I/O, or says that this cannot be tested here.
async fn open(path: &std::path::Path) -> Option<File> {
    match File::options().read(true).write(true).create(true).direct(true).open(path).await {
        Ok(file) => Some(file),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn aligned_buffers_go_to_the_disk_and_come_back() {
    on_each_kind(|_, place| async {
        let path = place.join("file");
        let Some(file) = open(&path).await else { return };
        let all = pattern(1 << 20, 81);
        let mut buffer = AlignedBuf::new(1 << 20, 4096).unwrap();
        buffer.resize(1 << 20);
        buffer.copy_from_slice(&all);
        let (written, _) = file.write_all_at(buffer, 0).await;
        written.unwrap();
        let (read, buffer) = file.read_exact_at(AlignedBuf::new(1 << 20, 4096).unwrap(), 0).await;
        read.unwrap();
        assert!(buffer[..] == all);
        assert!(fs::read(&path).await.unwrap() == all);
        let (read, buffer) = file.read_at(buffer, 1 << 20).await;
        assert_eq!((read.unwrap(), buffer.len()), (0, 0), "the end");
    });
}

#[test]
#[cfg(any(target_os = "linux", windows))]
fn what_is_not_aligned_is_refused_and_told_what_is_wanted() {
    on_each_kind(|_, place| async {
        let path = place.file("file", vec![1; 8192]);
        let Some(file) = open(&path).await else { return };
        // A file system may be content with less; ask it first.
        let alignment = file.metadata().await.unwrap().direct_alignment();
        let wanted = alignment.map_or(4096, |alignment| alignment.offset);
        let aligned = || AlignedBuf::new(4096, 4096).unwrap();
        let at_100 = file.read_at(aligned(), 100).await.0;
        let Err(error) = at_100 else {
            eprintln!("skipped: this file system takes any offset");
            return;
        };
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains("the offset is 100") && text.contains("AlignedBuf"), "{text}");
        assert!(text.contains(&format!("multiples of {wanted}")), "{text}");
        let error = file.read_at(AlignedBuf::new(100, 4096).unwrap(), 0).await.0.unwrap_err();
        assert!(error.to_string().contains("100 bytes are to be moved"), "{error}");
        let (written, _) = file.write_at(vec![2; 100], 0).await;
        assert!(written.unwrap_err().to_string().contains("100 bytes are to be moved"));
        let odd = Misaligned::new();
        if let Err(error) = file.read_at(odd, 0).await.0 {
            assert!(error.to_string().contains("the memory begins at"), "{error}");
        }
        let several = file.read_vectored_at(vec![aligned(), AlignedBuf::new(7, 8).unwrap()], 0);
        assert!(several.await.0.unwrap_err().to_string().contains("are to be moved"));
        // Other errors stay as they are.
        let reader = File::options().read(true).direct(true).open(&path).await.unwrap();
        let error = reader.write_at(vec![0; 1], 0).await.0.unwrap_err();
        let refused = if cfg!(windows) { 5 } else { 9 };
        assert_eq!(error.raw_os_error(), Some(refused), "access denied, or EBADF");
    });
}

/// A buffer of a whole block that begins one byte too late.
struct Misaligned(AlignedBuf);

impl Misaligned {
    fn new() -> Misaligned {
        Misaligned(AlignedBuf::new(8192, 4096).unwrap())
    }
}

impl mainspring::IoBufMut for Misaligned {
    fn memory(&mut self) -> &mut [std::mem::MaybeUninit<u8>] {
        &mut self.0.memory()[1..4097]
    }

    unsafe fn set_filled(&mut self, _len: usize) {}
}
