//! What the system knows about a file: `statx` on Linux, `stat` elsewhere.
//!
//! `statx` fills a structure that the caller has prepared, and says in it which of its fields the
//! file system knows: the time a file was made is not known everywhere. The same structure is
//! filled by an operation of the kernel's queue, so it has a type of its own here, [`StatBuffer`],
//! that an operation can hold. Linux before 4.11 and some sandboxes have no `statx`; `stat` answers
//! then, without the time of birth.
//!
//! <https://man7.org/linux/man-pages/man2/statx.2.html>

use std::ffi::CStr;
use std::fmt;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Stat};
use rustix::io::retry_on_intr;

use super::path::Name;
use crate::sys::transfer::Alignment;

/// What the path of a file leads to, and what is known about it.
///
/// ```
/// # mainspring::block_on(async {
/// let metadata = mainspring::fs::metadata("Cargo.toml").await?;
/// assert!(metadata.is_file() && metadata.len() > 0);
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Metadata {
    mode: u32,
    len: u64,
    device: u64,
    inode: u64,
    links: u64,
    user: u32,
    group: u32,
    special_device: u64,
    block_size: u64,
    blocks: u64,
    accessed: Time,
    modified: Time,
    changed: Time,
    created: Option<Time>,
    direct: Option<Alignment>,
}

/// What kind of thing a file is.
///
/// ```
/// # mainspring::block_on(async {
/// let kind = mainspring::fs::metadata("/").await?.file_type();
/// assert!(kind.is_dir() && !kind.is_symlink());
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileType(u32);

/// Seconds since 1970, or before if negative, and nanoseconds after that.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Time {
    seconds: i64,
    nanoseconds: u32,
}

impl Time {
    fn system_time(self) -> io::Result<SystemTime> {
        let whole = Duration::from_secs(self.seconds.unsigned_abs());
        let second = match self.seconds {
            0.. => UNIX_EPOCH.checked_add(whole),
            _ => UNIX_EPOCH.checked_sub(whole),
        };
        let fraction = Duration::from_nanos(self.nanoseconds.into());
        second.and_then(|second| second.checked_add(fraction)).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a time of {} seconds since 1970 is no time of this system", self.seconds),
            )
        })
    }
}

impl Metadata {
    /// What kind of thing it is.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        FileType::of_mode(self.mode)
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.file_type().is_dir()
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.file_type().is_file()
    }

    /// Whether it is a symbolic link: never, unless
    /// [`symlink_metadata`](crate::fs::symlink_metadata) was asked.
    #[must_use]
    pub fn is_symlink(&self) -> bool {
        self.file_type().is_symlink()
    }

    /// Bytes in it.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a size, as the standard library calls it")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Who may do what with it.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        Permissions::from_mode(self.mode)
    }

    /// When its content was changed last.
    ///
    /// # Errors
    ///
    /// If it is a time that [`SystemTime`] cannot hold.
    pub fn modified(&self) -> io::Result<SystemTime> {
        self.modified.system_time()
    }

    /// When its content was read last, as far as the file system keeps count of it.
    ///
    /// # Errors
    ///
    /// Those of [`modified`](Self::modified).
    pub fn accessed(&self) -> io::Result<SystemTime> {
        self.accessed.system_time()
    }

    /// When it was made.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the system or the file system does not know it.
    pub fn created(&self) -> io::Result<SystemTime> {
        let created = self.created.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "this file system keeps no time of a file's making",
            )
        })?;
        created.system_time()
    }

    /// What direct I/O on it wants; `None` where the system does not say or offers none. 4096 suits
    /// every disk in wide use.
    ///
    /// # Platforms
    ///
    /// Linux 6.1 and later say it, for some file systems.
    #[must_use]
    pub fn direct_alignment(&self) -> Option<Alignment> {
        self.direct
    }

    /// The type and the permission bits, as `stat(2)` has them.
    #[must_use]
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// The device that holds it.
    #[must_use]
    pub fn dev(&self) -> u64 {
        self.device
    }

    /// Its number on the device.
    #[must_use]
    pub fn ino(&self) -> u64 {
        self.inode
    }

    /// How many names it has.
    #[must_use]
    pub fn nlink(&self) -> u64 {
        self.links
    }

    /// The user it belongs to.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.user
    }

    /// The group it belongs to.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.group
    }

    /// The device that it is, if it is one.
    #[must_use]
    pub fn rdev(&self) -> u64 {
        self.special_device
    }

    /// Bytes to read or write at a time, for speed.
    #[must_use]
    pub fn blksize(&self) -> u64 {
        self.block_size
    }

    /// Space it takes, in blocks of 512 bytes: less than its length says if it has holes.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// When anything about it was changed last.
    ///
    /// # Errors
    ///
    /// Those of [`modified`](Self::modified).
    pub fn changed(&self) -> io::Result<SystemTime> {
        self.changed.system_time()
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("file_type", &self.file_type())
            .field("len", &self.len)
            .field("permissions", &format_args!("{:o}", self.mode & 0o7777))
            .field("modified", &self.modified().ok())
            .field("accessed", &self.accessed().ok())
            .field("created", &self.created().ok())
            .finish_non_exhaustive()
    }
}

#[allow(clippy::unnecessary_cast, reason = "half as many bits on some systems")]
impl FileType {
    /// What the bits of a mode say.
    fn of_mode(mode: u32) -> FileType {
        FileType(mode & libc::S_IFMT as u32)
    }

    /// The same, as the standard library has it from a directory.
    pub(crate) fn of_std(kind: std::fs::FileType) -> FileType {
        use std::os::unix::fs::FileTypeExt;
        FileType(match () {
            () if kind.is_file() => libc::S_IFREG as u32,
            () if kind.is_dir() => libc::S_IFDIR as u32,
            () if kind.is_symlink() => libc::S_IFLNK as u32,
            () if kind.is_fifo() => libc::S_IFIFO as u32,
            () if kind.is_socket() => libc::S_IFSOCK as u32,
            () if kind.is_block_device() => libc::S_IFBLK as u32,
            () if kind.is_char_device() => libc::S_IFCHR as u32,
            () => 0,
        })
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        *self == FileType::of_mode(libc::S_IFDIR as u32)
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        *self == FileType::of_mode(libc::S_IFREG as u32)
    }

    /// Whether it is a symbolic link.
    #[must_use]
    pub fn is_symlink(&self) -> bool {
        *self == FileType::of_mode(libc::S_IFLNK as u32)
    }

    /// Whether it is a FIFO, also called a named pipe.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        *self == FileType::of_mode(libc::S_IFIFO as u32)
    }

    /// Whether it is a socket.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        *self == FileType::of_mode(libc::S_IFSOCK as u32)
    }

    /// Whether it is a device that is read and written in blocks.
    #[must_use]
    pub fn is_block_device(&self) -> bool {
        *self == FileType::of_mode(libc::S_IFBLK as u32)
    }

    /// Whether it is a device that is read and written byte by byte.
    #[must_use]
    pub fn is_char_device(&self) -> bool {
        *self == FileType::of_mode(libc::S_IFCHR as u32)
    }
}

impl fmt::Debug for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.is_file(), "file"),
            (self.is_dir(), "directory"),
            (self.is_symlink(), "symbolic link"),
            (self.is_fifo(), "FIFO"),
            (self.is_socket(), "socket"),
            (self.is_block_device(), "block device"),
            (self.is_char_device(), "character device"),
        ];
        let name = names.iter().find(|(is, _)| *is).map_or("unknown", |(_, name)| name);
        f.debug_tuple("FileType").field(&format_args!("{name}")).finish()
    }
}

/// What `stat` says, on systems without `statx` and on Linux that has none.
#[allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "other systems, other types"
)]
fn of_stat(stat: &Stat) -> Metadata {
    let time = |seconds: i64, nanoseconds: i64| Time {
        seconds,
        nanoseconds: u32::try_from(nanoseconds).unwrap_or(0),
    };
    Metadata {
        mode: stat.st_mode as u32,
        len: u64::try_from(stat.st_size).unwrap_or(0),
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        links: stat.st_nlink as u64,
        user: stat.st_uid,
        group: stat.st_gid,
        special_device: stat.st_rdev as u64,
        block_size: u64::try_from(stat.st_blksize).unwrap_or(0),
        blocks: u64::try_from(stat.st_blocks).unwrap_or(0),
        accessed: time(stat.st_atime as i64, stat.st_atime_nsec as i64),
        modified: time(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        changed: time(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        created: None,
        direct: None,
    }
}

/// What an open file is.
///
/// # Errors
///
/// The system's.
pub(crate) fn of_file(file: &File) -> io::Result<Metadata> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match extended::ask(file.as_fd(), c"", AtFlags::EMPTY_PATH) {
        Err(rustix::io::Errno::NOSYS) => {}
        asked => return Ok(asked?),
    }
    Ok(of_stat(&retry_on_intr(|| rustix::fs::fstat(file.as_fd()))?))
}

/// What a path leads to, or, with `follow` false, what it names.
///
/// # Errors
///
/// The system's.
pub(crate) fn of_path(path: &Name, follow: bool) -> io::Result<Metadata> {
    let path = path.as_c_str();
    let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match extended::ask(CWD, path, flags) {
        Err(rustix::io::Errno::NOSYS) => {}
        asked => return Ok(asked?),
    }
    Ok(of_stat(&retry_on_intr(|| rustix::fs::statat(CWD, path, flags))?))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use extended::{FLAGS_OF_FILE, FLAGS_OF_LINK, FLAGS_OF_PATH, MASK, StatBuffer};

/// `statx`.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod extended {
    use std::fmt;
    use std::mem::MaybeUninit;
    use std::os::fd::BorrowedFd;

    use rustix::fs::{Statx, StatxFlags, StatxTimestamp, makedev, statx};

    use super::*;

    /// What is asked for.
    pub(crate) const MASK: u32 =
        StatxFlags::BASIC_STATS.union(StatxFlags::BTIME).union(StatxFlags::DIOALIGN).bits();
    /// The flags of a question about an open file, with an empty path.
    pub(crate) const FLAGS_OF_FILE: i32 = AtFlags::EMPTY_PATH.bits() as i32;
    /// The flags of a question about what a path leads to.
    pub(crate) const FLAGS_OF_PATH: i32 = 0;
    /// The flags of a question about what a path names.
    pub(crate) const FLAGS_OF_LINK: i32 = AtFlags::SYMLINK_NOFOLLOW.bits() as i32;

    /// Memory for the kernel's answer.
    pub(crate) struct StatBuffer(Statx);

    impl StatBuffer {
        pub(crate) fn new() -> StatBuffer {
            // SAFETY: the structure is made of integers, and zero is a value of each.
            StatBuffer(unsafe { MaybeUninit::<Statx>::zeroed().assume_init() })
        }

        /// Where the answer goes, and how many bytes it takes.
        pub(crate) fn memory(&mut self) -> (*mut u8, usize) {
            ((&raw mut self.0).cast(), size_of::<Statx>())
        }

        /// The answer, after the kernel gave one.
        pub(crate) fn metadata(&self) -> Option<Metadata> {
            Some(of_statx(&self.0))
        }
    }

    impl fmt::Debug for StatBuffer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("StatBuffer").finish_non_exhaustive()
        }
    }

    pub(super) fn ask(
        directory: BorrowedFd<'_>,
        path: &CStr,
        flags: AtFlags,
    ) -> rustix::io::Result<Metadata> {
        let mask = StatxFlags::from_bits_retain(MASK);
        retry_on_intr(|| statx(directory, path, flags, mask)).map(|answer| of_statx(&answer))
    }

    fn of_statx(answer: &Statx) -> Metadata {
        let said = StatxFlags::from_bits_retain(answer.stx_mask);
        let time = |time: StatxTimestamp| Time { seconds: time.tv_sec, nanoseconds: time.tv_nsec };
        let (memory, offset) = (answer.stx_dio_mem_align, answer.stx_dio_offset_align);
        // Zero says that this file takes no direct I/O.
        let direct = said.contains(StatxFlags::DIOALIGN) && memory != 0 && offset != 0;
        Metadata {
            mode: answer.stx_mode.into(),
            len: answer.stx_size,
            device: makedev(answer.stx_dev_major, answer.stx_dev_minor),
            inode: answer.stx_ino,
            links: answer.stx_nlink.into(),
            user: answer.stx_uid,
            group: answer.stx_gid,
            special_device: makedev(answer.stx_rdev_major, answer.stx_rdev_minor),
            block_size: answer.stx_blksize.into(),
            blocks: answer.stx_blocks,
            accessed: time(answer.stx_atime),
            modified: time(answer.stx_mtime),
            changed: time(answer.stx_ctime),
            created: said.contains(StatxFlags::BTIME).then(|| time(answer.stx_btime)),
            direct: direct.then_some(Alignment { memory, offset }),
        }
    }
}

/// Only kernels that fill one into an operation's memory know such a structure.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod absent {
    /// Memory for an answer that comes another way here.
    #[derive(Debug)]
    pub(crate) struct StatBuffer(());

    impl StatBuffer {
        pub(crate) fn new() -> StatBuffer {
            StatBuffer(())
        }

        pub(crate) fn memory(&mut self) -> (*mut u8, usize) {
            (std::ptr::null_mut(), 0)
        }

        pub(crate) fn metadata(&self) -> Option<super::Metadata> {
            None
        }
    }

    pub(crate) const MASK: u32 = 0;
    pub(crate) const FLAGS_OF_FILE: i32 = 0;
    pub(crate) const FLAGS_OF_PATH: i32 = 0;
    pub(crate) const FLAGS_OF_LINK: i32 = 0;
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use absent::{FLAGS_OF_FILE, FLAGS_OF_LINK, FLAGS_OF_PATH, MASK, StatBuffer};
