//! How files are read: through the driver, and at once where a thread may block.

mod driver;
#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(windows)]
#[path = "windows.rs"]
mod system;

pub use driver::{File, Reading};
pub use system::read_exact_at;

#[cfg(test)]
mod tests {
    use std::{env, fs, io, process};

    use super::*;

    /// Both ways of reading, the end of the file among them: what is asked for beyond it is no
    /// error of the one and the end of the other.
    #[test]
    fn a_read_begins_where_it_is_told_to_and_ends_with_the_file() {
        let path = env::temp_dir().join(format!("mainspring-reading-{}", process::id()));
        fs::write(&path, b"0123456789").unwrap();
        let file = fs::File::open(&path).unwrap();
        let mut some = [0; 3];
        read_exact_at(&file, &mut some, 4).unwrap();
        assert_eq!(&some, b"456");
        let error = read_exact_at(&file, &mut some, 8).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let file = File::from_std(file);
        mainspring::block_on(async {
            for (offset, expected) in [(2, &b"23456789"[..]), (9, b"9"), (10, b""), (99, b"")] {
                let (read, bytes) = file.read_at(Vec::with_capacity(64), offset).await;
                assert_eq!((read.unwrap(), bytes.as_slice()), (expected.len(), expected));
            }
        })
        .unwrap();
        fs::remove_file(path).unwrap();
    }
}
