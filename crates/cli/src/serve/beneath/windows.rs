//! Files below one directory, and none beside it, on Windows.
//!
//! The root is kept in its *verbatim* form (`\\?\C:\served`). Below such a path the system takes
//! names as they are: `NUL` and `COM1` are no devices, a slash or `..` means nothing, a dot at the
//! end stays. So a request's names are looked at one by one, those with a sign that Windows uses
//! for something else are not there, and the rest is put behind the root. Links and junctions that
//! stay inside are followed; those that leave are refused.
//!
//! The check and the opening are two calls here. A junction that takes a directory's place in the
//! moment between them is followed; only who may write in the served directory can do that.
//!
//! <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::{Found, Kind, Look};

/// `FILE_FLAG_OVERLAPPED`: a driver's completion port can read what was opened with it.
const OVERLAPPED: u32 = 0x4000_0000;

/// A directory that was found.
pub type Directory = PathBuf;

/// The system's number of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(i32);

impl Errno {
    /// There is no such file.
    pub const NOENT: Errno = Errno(2);
    /// There is no such path.
    pub const NOTDIR: Errno = Errno(3);
    /// The path is too long.
    pub const NAMETOOLONG: Errno = Errno(206);
    /// Access is denied.
    pub const ACCESS: Errno = Errno(5);
    /// A privilege is missing.
    pub const PERM: Errno = Errno(1314);
    /// It lies elsewhere.
    pub const XDEV: Errno = Errno(17);
    /// Links lead in a circle.
    pub const LOOP: Errno = Errno(1921);
    /// Too many open files.
    pub const MFILE: Errno = Errno(4);
    /// The system is out of something.
    pub const NFILE: Errno = Errno(1450);
    /// Out of memory.
    pub const NOMEM: Errno = Errno(8);
    /// Somebody else has it open for himself.
    pub const AGAIN: Errno = Errno(32);
    /// The device failed.
    pub const IO: Errno = Errno(1117);

    /// The number in an error of the standard library.
    pub fn from_io_error(error: &io::Error) -> Option<Errno> {
        /// The name, or the form of the path, is not one that a file can have.
        const INVALID: [i32; 2] = [123, 161];
        let code = error.raw_os_error()?;
        Some(if INVALID.contains(&code) { Errno::NOENT } else { Errno(code) })
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl From<Errno> for io::Error {
    fn from(error: Errno) -> io::Error {
        io::Error::from_raw_os_error(error.0)
    }
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// The served directory.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// Finds the directory to serve; `path` may be or contain links.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn open(path: &Path) -> Result<Root, Errno> {
        let path = fs::canonicalize(path).map_err(errno)?;
        fs::read_dir(&path).map_err(errno)?;
        Ok(Root { path })
    }

    /// Looks at what `relative` leads to.
    ///
    /// # Errors
    ///
    /// The system's; `XDEV` for what lies outside.
    pub fn look(&self, relative: &[u8]) -> Result<Look, Errno> {
        let path = self.resolve(relative)?;
        Ok(look_of(&fs::symlink_metadata(path).map_err(errno)?))
    }

    /// Opens what `relative` leads to, if it is served.
    ///
    /// # Errors
    ///
    /// Those of [`look`](Self::look) and of opening.
    pub fn find(&self, relative: &[u8]) -> Result<Found, Errno> {
        let path = self.resolve(relative)?;
        let look = look_of(&fs::symlink_metadata(&path).map_err(errno)?);
        Ok(match look.kind {
            Kind::File => {
                let mut options = File::options();
                let opened = options.read(true).custom_flags(OVERLAPPED).open(path);
                let file = opened.map_err(errno)?;
                let look = look_of(&file.metadata().map_err(errno)?);
                Found::File(file, look)
            }
            Kind::Directory => Found::Directory(path),
            Kind::Special => Found::Special,
        })
    }

    /// The path without links that `relative` leads to, if it is beneath the root.
    fn resolve(&self, relative: &[u8]) -> Result<PathBuf, Errno> {
        let relative = std::str::from_utf8(relative).map_err(|_| Errno::NOENT)?;
        let mut path = self.path.clone();
        for name in relative.split('/').filter(|name| !matches!(*name, "" | ".")) {
            if name == ".." {
                return Err(Errno::XDEV);
            }
            if name.contains(|sign: char| sign.is_control() || r#"\:*?"<>|"#.contains(sign)) {
                return Err(Errno::NOENT);
            }
            path.push(name);
        }
        let resolved = fs::canonicalize(path).map_err(errno)?;
        let Ok(below) = resolved.strip_prefix(&self.path) else { return Err(Errno::XDEV) };
        // A short name (`GIT~1`) stands for another one, which may be one that is not served.
        let is_real =
            |name: &str| below.components().any(|part| part.as_os_str().eq_ignore_ascii_case(name));
        if relative.split('/').filter(|name: &&str| name.contains('~')).all(is_real) {
            Ok(resolved)
        } else {
            Err(Errno::NOENT)
        }
    }
}

fn look_of(metadata: &Metadata) -> Look {
    let kind = if metadata.is_dir() {
        Kind::Directory
    } else if metadata.is_file() {
        Kind::File
    } else {
        Kind::Special
    };
    Look { kind, size: metadata.len(), modified: metadata.modified().unwrap_or(UNIX_EPOCH) }
}

/// The names in a directory, and of each whether it is known to be nothing that is served.
///
/// # Errors
///
/// Those of reading the directory. Names that no address can have are left out.
pub fn names(
    directory: Directory,
) -> Result<impl Iterator<Item = Result<(Vec<u8>, bool), Errno>>, Errno> {
    let entries = fs::read_dir(directory).map_err(errno)?;
    Ok(entries.filter_map(|entry| match entry {
        Ok(entry) => Some(Ok((entry.file_name().into_string().ok()?.into_bytes(), false))),
        Err(error) => Some(Err(errno(error))),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beneath_is_found_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("mainspring-{}", std::process::id()));
        fs::create_dir_all(folder.join("inner")).unwrap();
        fs::write(folder.join("inner/file.txt"), b"text").unwrap();
        let root = Root::open(&folder).unwrap();
        assert_eq!(root.look(b"inner/file.txt").unwrap().size, 4);
        assert_eq!(root.look(b"inner").unwrap().kind, Kind::Directory);
        assert!(matches!(root.find(b"inner/file.txt"), Ok(Found::File(..))));
        assert!(matches!(root.find(b"."), Ok(Found::Directory(_))));
        for (path, error) in [
            ("../secret", Errno::XDEV),
            ("inner/..", Errno::XDEV),
            ("inner\\file.txt", Errno::NOENT),
            ("inner/file.txt::$DATA", Errno::NOENT),
            ("C:/windows", Errno::NOENT),
            ("NUL", Errno::NOENT),
            ("nothing", Errno::NOENT),
        ] {
            let refused = root.look(path.as_bytes());
            assert_eq!(refused.err(), Some(error), "{path}");
        }
        let found: Vec<_> = names(folder.join("inner")).unwrap().flatten().collect();
        assert_eq!(found, [(b"file.txt".to_vec(), false)]);
        fs::remove_dir_all(folder).unwrap();
    }
}
