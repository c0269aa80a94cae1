//! The first file system of a kernel: an archive that it unpacks into memory before it starts
//! `/init`.
//!
//! The format is `newc`: a header of hexadecimal numbers, a name and the content for each file,
//! padded to four bytes each, and a file called `TRAILER!!!` at the end (the kernel's
//! `Documentation/driver-api/early-userspace/buffer-format.rst`). It need not be compressed.

use std::io::{self, Write};

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const PADDED_TO: usize = 4;
const MAGIC: &str = "070701";
const END: &str = "TRAILER!!!";

/// An archive that is being written.
pub struct Initramfs<W: Write> {
    out: W,
    /// How many files there are so far: each needs a number of its own, or the kernel takes two
    /// for links to one.
    files: u32,
    written: usize,
}

impl<W: Write> Initramfs<W> {
    pub fn new(out: W) -> Self {
        Self { out, files: 0, written: 0 }
    }

    /// A folder; its parent must be there already.
    pub fn folder(&mut self, name: &str, permissions: u32) -> io::Result<()> {
        self.entry(name, FOLDER | permissions, 2, &[])
    }

    /// A file, which everybody may read and run.
    pub fn program(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.entry(name, FILE | 0o755, 1, content)
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.entry(END, 0, 1, &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn entry(&mut self, name: &str, mode: u32, links: u32, content: &[u8]) -> io::Result<()> {
        self.files += 1;
        let size = u32::try_from(content.len())
            .map_err(|_| io::Error::new(io::ErrorKind::FileTooLarge, name.to_string()))?;
        // In order: number, mode, user, group, links, time, size, the device it lies on, the
        // device it is, length of the name with its zero byte, and a sum that newc leaves zero.
        let name_size = name.len() as u32 + 1;
        let fields =
            [self.files, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0].map(hexadecimal);
        self.write(MAGIC.as_bytes())?;
        self.write(fields.concat().as_bytes())?;
        self.write(name.as_bytes())?;
        self.write(&[0])?;
        self.pad()?;
        self.write(content)?;
        self.pad()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len();
        self.out.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        let missing = self.written.next_multiple_of(PADDED_TO) - self.written;
        self.write(&[0; PADDED_TO][..missing])
    }
}

fn hexadecimal(number: u32) -> String {
    format!("{number:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_headers_names_and_contents_in_steps_of_four() {
        let mut archive = Initramfs::new(Vec::new());
        archive.folder("bin", 0o755).expect("a vector has room");
        archive.program("bin/x", b"hello").expect("a vector has room");
        let bytes = archive.finish().expect("a vector has room");
        let folder = "070701\
            00000001 000041ed 00000000 00000000 00000002 00000000 00000000 00000000 00000000 \
            00000000 00000000 00000004 00000000 bin\0\0\0";
        let file = "070701\
            00000002 000081ed 00000000 00000000 00000001 00000000 00000005 00000000 00000000 \
            00000000 00000000 00000006 00000000 bin/x\0hello\0\0\0";
        let end = "070701\
            00000003 00000000 00000000 00000000 00000001 00000000 00000000 00000000 00000000 \
            00000000 00000000 0000000b 00000000 TRAILER!!!\0\0\0\0";
        let expected = [folder, file, end].concat().replace(' ', "");
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }
}
