//! Open files: the calls that move bytes, and those that ask for more than a path.
//!
//! A regular file is always ready, and reading it blocks all the same while the disk turns. So
//! these calls belong on a thread that may block, with one exception: [`OpenFile::read_cached`]
//! reads what is in memory already. `preadv2` with `RWF_NOWAIT` answers `EAGAIN` where the disk
//! would have to be asked, so that cached reads need no other thread, and no turn of a ring. Two
//! things are to be known of it. Linux 5.9 and 5.10 sometimes answer 0 in the middle of a file; and
//! a read that is cached in part stops short. So a short answer counts only if the file ends there,
//! by its size. And a file system may not know the flag, which is found out once for each file.
//! Such a read is made in passing, and made again if its answer does not count. So it is made only
//! where an answer can be had twice: an empty datagram is gone when it was read, and so is a
//! socket's error.
//!
//! To a direct transfer that is not aligned the kernel says `EINVAL` and not why;
//! [`OpenFile::explain`] says it.
//!
//! A call that a signal interrupted before it moved anything is made again. One call moves at most
//! [`TRANSFER_MAX`] bytes.
//!
//! - <https://man7.org/linux/man-pages/man2/readv.2.html> (`RWF_NOWAIT`, `IOV_MAX`)
//! - <https://man7.org/linux/man-pages/man2/open.2.html> (`O_DIRECT`)
//! - <https://man7.org/linux/man-pages/man2/statx.2.html> (`STATX_DIOALIGN`)

use std::fs::File;
use std::io::{self, IoSlice, Seek, SeekFrom};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::OFlags;
use rustix::io::retry_on_intr;
use socket2::MaybeUninitSlice;

pub(crate) use super::socket::BUFFERS_MAX;
use crate::source::RawSource;
use crate::sys::transfer::{Alignment, Transfer};

/// The most bytes one call moves: Linux's `MAX_RW_COUNT`, a page below 2 GiB. Other systems refuse
/// more; a transfer that stops here is a short one.
pub(crate) const TRANSFER_MAX: usize = 0x7fff_f000;

/// The greatest offset that a file can have: offsets are signed.
pub(crate) const OFFSET_MAX: u64 = i64::MAX as u64;

/// Bytes that are copied from the cache on the calling thread at most. More are a matter of more
/// than ten microseconds, and wait for a thread that has time.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CACHED_MAX: usize = 128 * 1024;

/// Reads that are not tried after many were in vain, as a power of two: a file that is read from
/// the disk pays for one call in vain in so many.
const PAUSE_MAX_LOG2: u32 = 7;

/// `O_DIRECT`, where there is such a flag.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "dragonfly"
))]
pub(crate) const DIRECT: Option<OFlags> = Some(OFlags::DIRECT);
/// `O_DIRECT`, where there is such a flag.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "dragonfly"
)))]
pub(crate) const DIRECT: Option<OFlags> = None;

/// Whoever owns an open file.
pub(crate) type Owned = OwnedFd;

/// The number of an open file.
pub(crate) fn source_of(file: &Owned) -> RawSource {
    super::raw_source(file)
}

/// An open file, and what its reads have to know. Operations share it: one that nobody waits for
/// any more keeps it open to its end.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    direct: bool,
    /// Whether reading what is cached is worth a try.
    cached: AtomicBool,
    /// Whether what a read of it says without bytes can be heard again, once somebody has asked.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    repeats: OnceLock<bool>,
    /// Prompt reads in vain since the last that was not.
    misses: AtomicU32,
    /// Prompt reads that are not tried.
    pause: AtomicU32,
    /// Whether it has positions, once somebody has asked.
    seekable: OnceLock<bool>,
}

impl OpenFile {
    pub(crate) fn new(file: File) -> OpenFile {
        let flags = rustix::fs::fcntl_getfl(&file).unwrap_or(OFlags::empty());
        let direct = DIRECT.is_some_and(|direct| flags.contains(direct));
        let cached = AtomicBool::new(!direct);
        let (misses, pause) = (AtomicU32::new(0), AtomicU32::new(0));
        OpenFile {
            file,
            direct,
            cached,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            repeats: OnceLock::new(),
            misses,
            pause,
            seekable: OnceLock::new(),
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn into_file(self) -> File {
        self.file
    }

    /// Another descriptor of the same open file, with the same position.
    pub(crate) fn try_clone(&self) -> io::Result<OpenFile> {
        self.file.try_clone().map(OpenFile::new)
    }

    /// The number that a question about the file itself names in a directory's place.
    pub(crate) fn directory(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// Whether the driver with this number may hand its operations to the kernel: here, whoever it
    /// is and wherever they are in the file.
    #[inline]
    pub(crate) fn is_queued_by(
        &self,
        _driver: u64,
        _offset: Option<u64>,
        _adopt: impl FnOnce(RawSource) -> io::Result<()>,
    ) -> bool {
        true
    }

    /// Whether it is open for direct I/O.
    pub(crate) fn is_direct(&self) -> bool {
        self.direct
    }

    /// Whether bytes can be named by an offset. The ring takes no notice of one where there is no
    /// position, in a FIFO or a terminal; `pread` refuses it, and so do we.
    #[inline]
    pub(crate) fn is_seekable(&self) -> bool {
        *self.seekable.get_or_init(|| (&self.file).stream_position().is_ok())
    }

    #[inline]
    pub(crate) fn source(&self) -> RawSource {
        super::raw_source(&self.file)
    }

    /// Reads at an offset; at the file's own position without one.
    pub(crate) fn read(
        &self,
        memory: &mut [MaybeUninit<u8>],
        offset: Option<u64>,
    ) -> io::Result<usize> {
        let memory = at_most(memory, TRANSFER_MAX);
        let count = match offset {
            Some(offset) => retry_on_intr(|| {
                rustix::io::pread(&self.file, &mut *memory, offset).map(|(read, _)| read.len())
            }),
            None => retry_on_intr(|| {
                rustix::io::read(&self.file, &mut *memory).map(|(read, _)| read.len())
            }),
        };
        Ok(count?)
    }

    /// Writes at an offset; at the file's own position without one.
    pub(crate) fn write(&self, bytes: &[u8], offset: Option<u64>) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(TRANSFER_MAX)];
        let count = match offset {
            Some(offset) => retry_on_intr(|| rustix::io::pwrite(&self.file, bytes, offset)),
            None => retry_on_intr(|| rustix::io::write(&self.file, bytes)),
        };
        Ok(count?)
    }

    /// Reads into several pieces of memory at an offset, each filled before the next.
    pub(crate) fn read_vectored(
        &self,
        pieces: &mut [MaybeUninitSlice<'_>],
        offset: u64,
    ) -> io::Result<usize> {
        let some = pieces.len().min(BUFFERS_MAX);
        loop {
            match preadv(self.file.as_fd(), &mut pieces[..some], offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Writes from several pieces of memory at an offset, one after the other.
    pub(crate) fn write_vectored(&self, pieces: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let some = pieces.len().min(BUFFERS_MAX);
        Ok(retry_on_intr(|| pwritev(self.file.as_fd(), &pieces[..some], offset))?)
    }

    /// The same as [`read_cached`](Self::read_cached), for who has another way that is nearly as
    /// good: where a try was in vain, the next ones are left out, the longer the more were in vain.
    #[inline]
    pub(crate) fn read_promptly(
        &self,
        memory: &mut [MaybeUninit<u8>],
        offset: Option<u64>,
    ) -> Option<usize> {
        // Of threads that count at the same time one may not be noticed: it is a matter of speed.
        let pause = self.pause.load(Ordering::Relaxed);
        if pause != 0 {
            self.pause.store(pause - 1, Ordering::Relaxed);
            return None;
        }
        let read = self.read_cached(memory, offset);
        let misses = self.misses.load(Ordering::Relaxed);
        match read {
            Some(_) if misses == 0 => {}
            Some(_) => self.misses.store(0, Ordering::Relaxed),
            None => {
                let misses = misses.min(PAUSE_MAX_LOG2 - 1) + 1;
                self.misses.store(misses, Ordering::Relaxed);
                self.pause.store(1 << misses, Ordering::Relaxed);
            }
        }
        read
    }

    /// Reads what is in the cache, without waiting for a disk; `None` if that cannot be said, and
    /// nothing was read then.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn read_cached(
        &self,
        memory: &mut [MaybeUninit<u8>],
        offset: Option<u64>,
    ) -> Option<usize> {
        if !self.cached.load(Ordering::Relaxed) || memory.len() > CACHED_MAX {
            return None;
        }
        // Who names an offset is refused by what repeats nothing.
        if offset.is_none() && !self.repeats() {
            self.cached.store(false, Ordering::Relaxed);
            return None;
        }
        let wanted = memory.len();
        let count = match preadv2_nowait(self.file.as_fd(), memory, offset) {
            Ok(count) => count,
            Err(error) => {
                // Not cached is no reason to stop trying; a file system without the flag is.
                let again = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
                if !again.contains(&error.kind()) {
                    self.cached.store(false, Ordering::Relaxed);
                }
                return None;
            }
        };
        let end = match offset {
            // The position has moved, so what was read is read. Nothing at all says nothing, and is
            // said again.
            None => return (count > 0 || wanted == 0).then_some(count),
            Some(offset) => offset.saturating_add(count as u64),
        };
        (count == wanted || self.ends_at(end)).then_some(count)
    }

    /// Reads what is in the cache: here there is no call for it.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn read_cached(
        &self,
        _memory: &mut [MaybeUninit<u8>],
        _offset: Option<u64>,
    ) -> Option<usize> {
        None
    }

    /// Whether an end or an error stays for the next read to be told, as that of a file or a FIFO
    /// does.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn repeats(&self) -> bool {
        use rustix::fs::FileType;
        *self.repeats.get_or_init(|| {
            rustix::fs::fstat(&self.file).is_ok_and(|stat| {
                let kind = FileType::from_raw_mode(stat.st_mode);
                matches!(kind, FileType::RegularFile | FileType::BlockDevice | FileType::Fifo)
            })
        })
    }

    /// Whether this is a regular file that has nothing at `offset` or beyond.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn ends_at(&self, offset: u64) -> bool {
        rustix::fs::fstat(&self.file).is_ok_and(|stat| {
            let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
            kind.is_file() && u64::try_from(stat.st_size).is_ok_and(|size| size <= offset)
        })
    }

    /// Moves the file's own position, and says where it is then.
    pub(crate) fn seek(&self, to: SeekFrom) -> io::Result<u64> {
        (&self.file).seek(to)
    }

    /// Says what a refused direct transfer lacks; other errors stay as they are.
    pub(crate) fn explain(&self, error: io::Error, transfer: Transfer) -> io::Error {
        if !self.direct || error.raw_os_error() != Some(libc::EINVAL) {
            return error;
        }
        let alignment = super::stat::of_file(&self.file)
            .ok()
            .and_then(|metadata| metadata.direct_alignment())
            .unwrap_or(Alignment::SAFE);
        io::Error::new(io::ErrorKind::InvalidInput, transfer.lacks(alignment))
    }
}

/// The file for the standard library; a duplicate of it, if an operation still has it.
pub(crate) fn into_std(open: Arc<OpenFile>) -> io::Result<File> {
    match Arc::try_unwrap(open) {
        Ok(open) => Ok(open.into_file()),
        Err(open) => open.file().try_clone(),
    }
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The descriptor that an operation has made. Only the end of an operation calls this, with the
/// kernel's own answer.
pub(crate) fn made(number: u64) -> OwnedFd {
    let number = i32::try_from(number).expect("the kernel's descriptors are small numbers");
    // SAFETY: the kernel made this number for the operation that ends here, and told nobody else.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// The number of a descriptor that nobody owns from here on but who gets it.
pub(crate) fn let_go(file: OwnedFd) -> u64 {
    u64::from(file.into_raw_fd().unsigned_abs())
}

/// Closes a descriptor and says how that went, which dropping it does not. It is closed in any
/// case.
pub(crate) fn close(file: OwnedFd) -> io::Result<()> {
    // SAFETY: the number is this call's alone, since `into_raw_fd` gave it away.
    let result = unsafe { libc::close(file.into_raw_fd()) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()).or_else(|error| match error.raw_os_error() {
            // The number is free already, whatever the signal interrupted.
            Some(libc::EINTR | libc::EINPROGRESS) => Ok(()),
            _ => Err(error),
        }),
    }
}

/// What a call that names an offset says of a file without positions.
pub(crate) fn not_seekable() -> io::Error {
    io::Error::from_raw_os_error(libc::ESPIPE)
}

/// Gives up a descriptor that the kernel has closed.
pub(crate) fn forget(file: OwnedFd) {
    let _ = file.into_raw_fd();
}

fn at_most(memory: &mut [MaybeUninit<u8>], limit: usize) -> &mut [MaybeUninit<u8>] {
    let len = memory.len().min(limit);
    &mut memory[..len]
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn preadv2_nowait(
    file: BorrowedFd<'_>,
    memory: &mut [MaybeUninit<u8>],
    offset: Option<u64>,
) -> io::Result<usize> {
    // An offset of -1 is the file's own position.
    let offset = offset.map_or(Ok(-1), libc::off_t::try_from).map_err(io::Error::other)?;
    let piece = libc::iovec { iov_base: memory.as_mut_ptr().cast(), iov_len: memory.len() };
    let (descriptor, flags) = (file.as_raw_fd(), libc::RWF_NOWAIT);
    // SAFETY: one piece, which is as large as it says and borrowed for the call; the descriptor is
    // borrowed too.
    count(unsafe { libc::preadv2(descriptor, &raw const piece, 1, offset, flags) })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn preadv(
    file: BorrowedFd<'_>,
    pieces: &mut [MaybeUninitSlice<'_>],
    offset: u64,
) -> io::Result<usize> {
    let offset = offset as i64;
    let (descriptor, start) = (file.as_raw_fd(), pieces.as_ptr().cast::<libc::iovec>());
    // SAFETY: `MaybeUninitSlice` is an `iovec` on Unix, as its documentation says; the pieces are
    // as large as they say, not more than the call takes, and borrowed for it.
    count(unsafe { libc::preadv64(descriptor, start, pieces.len() as libc::c_int, offset) })
}

/// One piece at a time: the call is not everywhere, and a short transfer is allowed.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn preadv(
    file: BorrowedFd<'_>,
    pieces: &mut [MaybeUninitSlice<'_>],
    offset: u64,
) -> io::Result<usize> {
    let Some(piece) = pieces.iter_mut().find(|piece| !piece.is_empty()) else { return Ok(0) };
    let memory = at_most(piece, TRANSFER_MAX);
    Ok(rustix::io::pread(file, memory, offset).map(|(read, _)| read.len())?)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn pwritev(file: BorrowedFd<'_>, pieces: &[IoSlice<'_>], offset: u64) -> rustix::io::Result<usize> {
    rustix::io::pwritev(file, pieces, offset)
}

/// One piece at a time: the call is not everywhere, and a short transfer is allowed.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn pwritev(file: BorrowedFd<'_>, pieces: &[IoSlice<'_>], offset: u64) -> rustix::io::Result<usize> {
    let Some(piece) = pieces.iter().find(|piece| !piece.is_empty()) else { return Ok(0) };
    rustix::io::pwrite(file, &piece[..piece.len().min(TRANSFER_MAX)], offset)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn count(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
