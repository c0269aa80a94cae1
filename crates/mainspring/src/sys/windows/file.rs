//! Open files: the calls that move bytes, and those that ask for more than a path.
//!
//! A file is opened for calls that wait or for overlapped ones. The standard library opens for the
//! first sort; ours are of the second, so that a completion port can tell of their ends. An
//! overlapped file has no position: every call names an offset. So the position is kept here, for
//! files of both sorts, and all handles of one open file that were duplicated here share it. A file
//! without positions, a pipe or a console, takes no notice of offsets.
//!
//! A handle is one completion port's for life. The first driver that wants to read or write gets
//! the file ([`OpenFile::is_queued_by`]); for all others, and at the file's own position, a thread
//! makes the calls and waits here. It tells the kernel of an event with its lowest bit set, which
//! means: no packet. An event is a thread's own and used again.
//!
//! Even an overlapped call may end before it returns: what is in the system's cache is copied by
//! the call itself, and a write that makes a file longer waits. The thread that submits pays for
//! that.
//!
//! - <https://learn.microsoft.com/windows/win32/fileio/synchronous-and-asynchronous-i-o>
//! - <https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getqueuedcompletionstatus>
//!   (the lowest bit of the event)
//! - <https://learn.microsoft.com/windows/win32/fileio/file-buffering> (direct I/O)
//! - <https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-reopenfile>

use std::fs::File;
use std::io::{self, IoSlice, Seek, SeekFrom};
use std::mem::MaybeUninit;
use std::os::windows::io::{
    AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, IntoRawHandle, OwnedHandle, RawHandle,
};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use socket2::MaybeUninitSlice;
use windows_sys::Win32::Foundation::{self as codes, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_APPEND_DATA, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_WRITE_DATA,
    ReOpenFile,
};

use super::file_handle::{self, Mode};
use super::handle::source_of as source_of_handle;
use super::overlapped::{self as calls, End, Lent, Piece};
pub(crate) use super::socket::BUFFERS_MAX;
use crate::source::RawSource;
use crate::sys::transfer::{Alignment, Transfer};

/// The most bytes one call moves: a page below 2 GiB, as on Linux. A transfer that stops here is a
/// short one.
pub(crate) const TRANSFER_MAX: usize = 0x7fff_f000;

/// The greatest offset that a file can have: offsets are signed, and the last few numbers without a
/// sign mean the end and the position.
pub(crate) const OFFSET_MAX: u64 = i64::MAX as u64;

/// Whoever owns an open file.
pub(crate) type Owned = OwnedHandle;

/// The number of an open file.
pub(crate) fn source_of(file: &Owned) -> RawSource {
    source_of_handle(file)
}

/// An open file, and what its reads have to know. Operations share it: one that nobody waits for
/// any more keeps it open to its end.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    shared: Arc<Shared>,
}

/// What all handles of one open file have in common.
#[derive(Debug)]
struct Shared {
    mode: Mode,
    seekable: bool,
    /// Whether what is written goes to the end, once somebody has asked.
    appends: OnceLock<bool>,
    position: Mutex<u64>,
    /// The number of the driver whose port has the file.
    home: AtomicU64,
}

/// No port has the file.
const NOBODYS: u64 = 0;
/// None that we know has it, and none will.
const REFUSED: u64 = u64::MAX;

impl OpenFile {
    pub(crate) fn new(file: File) -> OpenFile {
        let mode = file_handle::mode_of(file.as_handle());
        let seekable = file_handle::is_on_disk(file.as_handle());
        // One for overlapped calls is at its beginning.
        let position = match seekable && mode.waits {
            true => (&file).stream_position().unwrap_or(0),
            false => 0,
        };
        let shared = Shared {
            mode,
            seekable,
            appends: OnceLock::new(),
            position: Mutex::new(position),
            home: AtomicU64::new(NOBODYS),
        };
        OpenFile { file, shared: Arc::new(shared) }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn into_file(self) -> File {
        self.file
    }

    /// Another handle of the same open file, with the same position and the same port.
    pub(crate) fn try_clone(&self) -> io::Result<OpenFile> {
        Ok(OpenFile { file: self.file.try_clone()?, shared: Arc::clone(&self.shared) })
    }

    /// The number that a question about the file itself names in a directory's place: no queue of
    /// this system is asked one.
    pub(crate) fn directory(&self) -> i32 {
        super::path::working_directory()
    }

    /// Whether it is open for direct I/O.
    pub(crate) fn is_direct(&self) -> bool {
        self.shared.mode.direct
    }

    /// Whether bytes can be named by an offset.
    pub(crate) fn is_seekable(&self) -> bool {
        self.shared.seekable
    }

    pub(crate) fn source(&self) -> RawSource {
        source_of_handle(&self.file)
    }

    /// Whether the driver with this number may hand its operations to the kernel. The first that
    /// wants to is asked to `adopt` the file, and has it then. What is read at the file's own
    /// position moves that when it has ended, so it waits for a thread.
    pub(crate) fn is_queued_by(
        &self,
        driver: u64,
        offset: Option<u64>,
        adopt: impl FnOnce(RawSource) -> io::Result<()>,
    ) -> bool {
        let home = &self.shared.home;
        if offset.is_none() || self.shared.mode.waits {
            return false;
        }
        match home.load(Ordering::Acquire) {
            NOBODYS => {}
            number => return number == driver,
        }
        if adopt(self.source()).is_ok() {
            home.store(driver, Ordering::Release);
            return true;
        }
        // A no that lost a race does not undo the yes.
        let (old, order) = (NOBODYS, Ordering::AcqRel);
        let _ = home.compare_exchange(old, REFUSED, order, Ordering::Acquire);
        false
    }

    /// Reads at an offset; at the file's own position without one.
    pub(crate) fn read(
        &self,
        memory: &mut [MaybeUninit<u8>],
        offset: Option<u64>,
    ) -> io::Result<usize> {
        let len = memory.len().min(TRANSFER_MAX);
        let piece = (memory.as_mut_ptr().cast::<u8>(), len);
        self.at(offset, |at| self.read_piece(piece, at), |at, count| at + count as u64)
    }

    /// Writes at an offset; at the file's own position without one.
    pub(crate) fn write(&self, bytes: &[u8], offset: Option<u64>) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(TRANSFER_MAX)];
        self.at(
            offset,
            |at| self.write_piece(bytes, at),
            |at, count| match self.appends() {
                true => self.file.metadata().map_or(at, |metadata| metadata.len()),
                false => at + count as u64,
            },
        )
    }

    /// Moves bytes at an offset, or at the position, which is then what `moved` says.
    fn at(
        &self,
        offset: Option<u64>,
        transfer: impl FnOnce(u64) -> io::Result<usize>,
        moved: impl FnOnce(u64, usize) -> u64,
    ) -> io::Result<usize> {
        match offset {
            Some(offset) => transfer(offset),
            // Who reads a pipe may wait for ever, and keeps nobody from writing to it.
            None if !self.is_seekable() => transfer(0),
            None => {
                let mut position = self.position();
                let count = transfer(*position)?;
                *position = moved(*position, count);
                Ok(count)
            }
        }
    }

    /// Reads into the first of several pieces of memory that has room: the kernel scatters whole
    /// pages only, and a short transfer is allowed.
    pub(crate) fn read_vectored(
        &self,
        pieces: &mut [MaybeUninitSlice<'_>],
        offset: u64,
    ) -> io::Result<usize> {
        match pieces.iter_mut().find(|piece| !piece.is_empty()) {
            Some(piece) => self.read(piece, Some(offset)),
            None => Ok(0),
        }
    }

    /// Writes from the first of several pieces of memory that holds something.
    pub(crate) fn write_vectored(&self, pieces: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        match pieces.iter().find(|piece| !piece.is_empty()) {
            Some(piece) => self.write(piece, Some(offset)),
            None => Ok(0),
        }
    }

    /// The same as [`read_cached`](Self::read_cached).
    pub(crate) fn read_promptly(
        &self,
        memory: &mut [MaybeUninit<u8>],
        offset: Option<u64>,
    ) -> Option<usize> {
        self.read_cached(memory, offset)
    }

    /// Reads what is in the cache, without waiting for a disk: here there is no call for it.
    pub(crate) fn read_cached(
        &self,
        _memory: &mut [MaybeUninit<u8>],
        _offset: Option<u64>,
    ) -> Option<usize> {
        None
    }

    /// Moves the file's own position, and says where it is then.
    pub(crate) fn seek(&self, to: SeekFrom) -> io::Result<u64> {
        if !self.is_seekable() {
            return Err(not_seekable());
        }
        let mut position = self.position();
        let (from, by) = match to {
            SeekFrom::Start(at) => (0, i64::try_from(at).ok()),
            SeekFrom::Current(by) => (*position, Some(by)),
            SeekFrom::End(by) => (self.file.metadata()?.len(), Some(by)),
        };
        let at = by.and_then(|by| from.checked_add_signed(by)).filter(|at| *at <= OFFSET_MAX);
        *position = at.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("there is no such position in a file: {to:?}, from {}", *position),
            )
        })?;
        Ok(*position)
    }

    /// Says what a refused direct transfer lacks; other errors stay as they are.
    pub(crate) fn explain(&self, error: io::Error, transfer: Transfer) -> io::Error {
        const REFUSED: i32 = codes::ERROR_INVALID_PARAMETER as i32;
        if !self.is_direct() || error.raw_os_error() != Some(REFUSED) {
            return error;
        }
        let alignment = file_handle::alignment_of(self.file.as_handle()).unwrap_or(Alignment::SAFE);
        io::Error::new(io::ErrorKind::InvalidInput, transfer.lacks(alignment))
    }

    fn position(&self) -> MutexGuard<'_, u64> {
        // Nothing panics between two of its values.
        self.shared.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn appends(&self) -> bool {
        *self.shared.appends.get_or_init(|| {
            let access = file_handle::access_of(self.file.as_handle()).unwrap_or(FILE_WRITE_DATA);
            access & (FILE_APPEND_DATA | FILE_WRITE_DATA) == FILE_APPEND_DATA
        })
    }

    /// Reads, and waits for the end.
    fn read_piece(&self, piece: Piece, offset: u64) -> io::Result<usize> {
        const END: i32 = codes::ERROR_HANDLE_EOF as i32;
        const BROKEN: i32 = codes::ERROR_BROKEN_PIPE as i32;
        const MORE: i32 = codes::ERROR_MORE_DATA as i32;
        let mut lent = Lent::new();
        let lent = NonNull::from(&mut lent);
        // SAFETY: it lives in this call, which nothing uses before it has ended.
        let begun = unsafe { self.prepare(lent, offset) }
            // SAFETY: the same, and so does the memory; `until_ended` waits for the end.
            .and_then(|()| unsafe { calls::read(self.source(), lent, piece) });
        match begun {
            Ok(()) => {}
            Err(error) if matches!(error.raw_os_error(), Some(END | BROKEN)) => return Ok(0),
            // A part of a message was read, and the rest is there.
            Err(error) if error.raw_os_error() == Some(MORE) => {}
            Err(error) => return Err(error),
        }
        let End { status, bytes } = until_ended(lent);
        match status {
            0.. | codes::STATUS_BUFFER_OVERFLOW => Ok(bytes),
            codes::STATUS_END_OF_FILE | codes::STATUS_PIPE_BROKEN => Ok(0),
            status => Err(calls::handle_error(status)),
        }
    }

    /// Writes, and waits for the end.
    fn write_piece(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut lent = Lent::new();
        let lent = NonNull::from(&mut lent);
        let piece = (bytes.as_ptr().cast_mut(), bytes.len());
        // SAFETY: it lives in this call, which nothing uses before it has ended.
        unsafe { self.prepare(lent, offset) }
            // SAFETY: the same, and so does the memory, which the kernel only reads;
            // `until_ended` waits for the end.
            .and_then(|()| unsafe { calls::write(self.source(), lent, piece) })?;
        match until_ended(lent) {
            End { status: 0.., bytes } => Ok(bytes),
            End { status, .. } => Err(calls::handle_error(status)),
        }
    }

    /// Makes memory ready for a call whose end this thread waits for.
    ///
    /// # Safety
    ///
    /// The memory is valid, and no operation has it.
    unsafe fn prepare(&self, lent: NonNull<Lent>, offset: u64) -> io::Result<()> {
        let event = EVENT.with(|event| match event.get() {
            Some(event) => Ok(event.as_raw_handle()),
            None => {
                let made = file_handle::new_event()?;
                Ok::<RawHandle, io::Error>(event.get_or_init(|| made).as_raw_handle())
            }
        })?;
        // SAFETY: the caller's; the thread keeps its event for longer than a call takes.
        unsafe { calls::prepare_waited(lent, offset, event) };
        Ok(())
    }
}

thread_local! {
    /// What this thread waits for in a call.
    static EVENT: std::cell::OnceCell<OwnedHandle> = const { std::cell::OnceCell::new() };
}

/// Waits for the end of a call of this thread's.
fn until_ended(lent: NonNull<Lent>) -> End {
    loop {
        // SAFETY: it lives in the caller's frame, who waits here.
        let end = unsafe { calls::end(lent) };
        if end.status != codes::STATUS_PENDING {
            return end;
        }
        EVENT.with(|event| {
            let event = event.get().expect("a call that was begun has the thread's event");
            file_handle::wait_for(event.as_handle());
        });
    }
}

/// The file for the standard library, at its position. One that is open for overlapped calls is
/// opened once more, since those of the standard library wait; so this may block.
pub(crate) fn into_std(open: Arc<OpenFile>) -> io::Result<File> {
    let position = *open.position();
    let (seekable, waits) = (open.is_seekable(), open.shared.mode.waits);
    let mut file = match Arc::try_unwrap(open) {
        Ok(open) if waits => open.file,
        Err(open) if waits => open.file.try_clone()?,
        Ok(open) => reopen(open.file.as_handle())?,
        Err(open) => reopen(open.file.as_handle())?,
    };
    if seekable {
        file.seek(SeekFrom::Start(position))?;
    }
    Ok(file)
}

/// Opens a file once more, for calls that wait, for the same and in the same way as it is open.
fn reopen(file: BorrowedHandle<'_>) -> io::Result<File> {
    let (access, flags) = (file_handle::access_of(file)?, file_handle::flags_of(file));
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    // SAFETY: a call without pointers on a borrowed handle.
    let opened = unsafe { ReOpenFile(file.as_raw_handle(), access, share, flags) };
    if opened == INVALID_HANDLE_VALUE {
        let error = io::Error::last_os_error();
        return Err(io::Error::new(
            error.kind(),
            format!(
                "{error}; the file is open for overlapped calls and could not be opened once more \
                 for the standard library's, which wait: take its handle instead"
            ),
        ));
    }
    // SAFETY: a handle that was made just now, and is nobody else's.
    Ok(unsafe { File::from_raw_handle(opened) })
}

impl AsHandle for OpenFile {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.file.as_handle()
    }
}

/// The handle that an operation has made. Only the end of an operation calls this, with the number
/// that [`let_go`] has given away.
pub(crate) fn made(number: u64) -> OwnedHandle {
    // SAFETY: it was given away for the operation that ends here, and nobody else was told.
    unsafe { OwnedHandle::from_raw_handle(number as usize as RawHandle) }
}

/// The number of a handle that nobody owns from here on but who gets it.
pub(crate) fn let_go(file: OwnedHandle) -> u64 {
    file.into_raw_handle() as usize as u64
}

/// Closes a handle, which may take its time; the system says nothing of how that went.
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it says so")]
pub(crate) fn close(file: OwnedHandle) -> io::Result<()> {
    drop(file);
    Ok(())
}

/// What a call that names an offset says of a file without positions.
pub(crate) fn not_seekable() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotSeekable,
        "this is no file on a disk and has no positions: read and write it without an offset",
    )
}

/// Gives up a handle that was closed by its number.
pub(crate) fn forget(file: OwnedHandle) {
    let _ = file.into_raw_handle();
}

#[cfg(test)]
mod tests;
