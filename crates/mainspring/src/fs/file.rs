//! An open file.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use blocking::unblock;

use crate::completion::buf::{Filling, IoBuf, IoBufMut};
use crate::driver::Prepared;
use crate::op::{Fsync, ReadAt, ReadVectoredAt, Stat, WriteAt, WriteVectoredAt};
use crate::sys::Metadata;
use crate::sys::file::OpenFile;

use super::cursor::Cursor;
use super::{OpenOptions, Permissions, system};

/// An open file.
///
/// [`read_at`](Self::read_at) and its like take `&self`, an offset and a buffer that they give
/// back; any number of them may be under way at once, and a `File` in an `Arc` can be shared for
/// that.
///
/// [`read`](Self::read), [`write`](Self::write), [`seek`](Self::seek) and the traits of
/// `futures-io` and tokio take `&mut self` and go on at the file's own position, which it shares
/// with its [clones](Self::try_clone). They move at most 256 KiB a call. A write is done when it
/// returns; [`flush`](Self::flush) has something to do only after a write was given up.
///
/// Dropping it closes the descriptor, once no operation uses it any more.
///
/// # Platforms
///
/// On Windows, where a file may be one completion port's and never another's, the kernel reads and
/// writes for the first driver that asks; for others the pool of threads does.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-file-{}", std::process::id()));
/// use mainspring::fs::File;
/// use std::io::SeekFrom;
/// mainspring::block_on(async {
///     let mut file = File::options().read(true).write(true).create(true).open(&path).await?;
///     file.write_all(b"one two").await?;
///     file.seek(SeekFrom::Start(4)).await?;
///     let mut word = [0; 8];
///     let count = file.read(&mut word).await?;
///     assert_eq!(&word[..count], b"two");
///
///     let (read, buffer) = file.read_at(Vec::with_capacity(3), 0).await;
///     assert_eq!((read?, buffer.as_slice()), (3, b"one".as_slice()));
///     Ok::<(), std::io::Error>(())
/// })??;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct File {
    pub(super) open: Arc<OpenFile>,
    pub(super) cursor: Cursor,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`].
    ///
    /// # Cancel safety
    ///
    /// That of [`OpenOptions::open`].
    pub async fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file for writing, makes it if it is not there, and empties it if it is.
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`].
    ///
    /// # Cancel safety
    ///
    /// That of [`OpenOptions::open`].
    pub async fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path).await
    }

    /// Makes a file, open for reading and writing; fails if it is there.
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`].
    ///
    /// # Cancel safety
    ///
    /// That of [`OpenOptions::open`].
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path).await
    }

    /// How a file is to be opened: the same as [`OpenOptions::new`].
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of the standard library, at its position.
    #[must_use]
    pub fn from_std(file: std::fs::File) -> File {
        File::of(OpenFile::new(file))
    }

    fn of(open: OpenFile) -> File {
        File { open: Arc::new(open), cursor: Cursor::default() }
    }

    /// The file for the standard library, after what is under way at its position has ended. If an
    /// operation with a buffer of its own, or one that nobody waits for, still uses the descriptor,
    /// this is a duplicate of it.
    ///
    /// # Errors
    ///
    /// Those of a write that was given up, of duplicating, and on Windows of opening the file once
    /// more, for calls that wait.
    pub async fn into_std(mut self) -> io::Result<std::fs::File> {
        self.flush().await?;
        poll_fn(|cx| self.cursor.poll_idle(cx)).await;
        self.cursor.step_back(&self.open)?;
        system::into_std(self.open).await
    }

    /// Another descriptor of the same open file, with the same position.
    ///
    /// # Errors
    ///
    /// The system's: no descriptors are left.
    pub fn try_clone(&self) -> io::Result<File> {
        self.open.try_clone().map(File::of)
    }

    /// Closes the file and says how that went, which dropping it does not: on a file system across
    /// a network, what was written may only fail then. Operations that still use the descriptor
    /// keep it open to their end, and this says nothing of it.
    ///
    /// # Errors
    ///
    /// Those of a write that was given up, and of closing.
    ///
    /// # Cancel safety
    ///
    /// The file is closed in any case.
    pub async fn close(mut self) -> io::Result<()> {
        let flushed = self.flush().await;
        poll_fn(|cx| self.cursor.poll_idle(cx)).await;
        let closed = match Arc::try_unwrap(self.open) {
            Ok(open) => crate::op::close(open.into_file().into()).await,
            Err(_) => Ok(()),
        };
        flushed.and(closed)
    }

    /// Reads at an offset, up to the buffer's memory, and gives the buffer back; 0 bytes are the
    /// end of the file. The file's own position does not move.
    ///
    /// It may read less than there is, and moves at most 2 GiB less a page;
    /// [`read_exact_at`](Self::read_exact_at) goes on until the buffer is full.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an offset beyond the end of every file, and for a direct transfer that is
    /// not aligned; `NotSeekable` for FIFOs and the like; the system's.
    ///
    /// # Cancel safety
    ///
    /// That of [`Submission`](crate::Submission).
    #[inline]
    pub fn read_at<B: IoBufMut>(&self, buffer: B, offset: u64) -> Prepared<'static, ReadAt<B>> {
        ReadAt::at(&self.open, buffer, offset)
    }

    /// Writes at an offset from the buffer, and gives it back. The file's own position does not
    /// move. What lies between the end of the file and the offset reads as zeroes.
    ///
    /// It may write less than all; [`write_all_at`](Self::write_all_at) goes on.
    ///
    /// # Errors
    ///
    /// Those of [`read_at`](Self::read_at); `StorageFull` and others of the system's.
    ///
    /// # Cancel safety
    ///
    /// That of [`Submission`](crate::Submission): what was given up may have been written.
    ///
    /// # Platforms
    ///
    /// Linux and Windows write to the end of a file that is open for appending, whatever the
    /// offset.
    pub fn write_at<B: IoBuf>(&self, buffer: B, offset: u64) -> Prepared<'static, WriteAt<B>> {
        WriteAt::at(&self.open, buffer, offset)
    }

    /// Reads at an offset into several buffers, each filled before the next.
    ///
    /// # Errors
    ///
    /// Those of [`read_at`](Self::read_at).
    ///
    /// # Cancel safety
    ///
    /// That of [`Submission`](crate::Submission).
    pub fn read_vectored_at<B: IoBufMut>(
        &self,
        buffers: Vec<B>,
        offset: u64,
    ) -> Prepared<'static, ReadVectoredAt<B>> {
        ReadVectoredAt::at(&self.open, buffers, offset)
    }

    /// Writes at an offset from several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// Those of [`write_at`](Self::write_at).
    ///
    /// # Cancel safety
    ///
    /// That of [`write_at`](Self::write_at).
    pub fn write_vectored_at<B: IoBuf>(
        &self,
        buffers: Vec<B>,
        offset: u64,
    ) -> Prepared<'static, WriteVectoredAt<B>> {
        WriteVectoredAt::at(&self.open, buffers, offset)
    }

    /// Reads at an offset until the buffer is full, and gives it back with what was read.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the file ends before; those of [`read_at`](Self::read_at).
    ///
    /// # Cancel safety
    ///
    /// That of [`read_at`](Self::read_at).
    pub async fn read_exact_at<B: IoBufMut>(
        &self,
        mut buffer: B,
        offset: u64,
    ) -> (io::Result<()>, B) {
        let wanted = buffer.memory().len();
        let count = loop {
            let read;
            (read, buffer) = self.read_at(buffer, offset).await;
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (Err(error), buffer),
                Ok(count) => break count,
            }
        };
        // A direct read stops short at the end alone.
        if count == wanted || count == 0 || self.open.is_direct() {
            let ended = io::ErrorKind::UnexpectedEof.into();
            return (if count == wanted { Ok(()) } else { Err(ended) }, buffer);
        }
        match self.read_anew(wanted, offset, count).await {
            Ok(bytes) => (Ok(()), Filling::with(buffer, &bytes)),
            Err(error) => (Err(error), buffer),
        }
    }

    /// All of what was wanted, of which a read has brought the first `count` bytes.
    ///
    /// The rest cannot be read behind them: a buffer may lend other memory when it is asked again.
    async fn read_anew(&self, wanted: usize, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        // Nearly always it is the end. One byte shows it, and is not worth more memory.
        let behind = offset.saturating_add(count as u64);
        if self.read_at([0], behind).await.0? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(wanted).map_err(|_| io::ErrorKind::OutOfMemory)?;
        while bytes.len() < wanted {
            let at = offset.saturating_add(bytes.len() as u64);
            let left = wanted - bytes.len();
            let read;
            (read, bytes) = ReadAt::behind(&self.open, bytes, Some(at), left).await;
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
        Ok(bytes)
    }

    /// Writes all of a buffer at an offset, and gives it back.
    ///
    /// # Errors
    ///
    /// `WriteZero` if the system takes nothing and says no reason; those of
    /// [`write_at`](Self::write_at).
    ///
    /// # Cancel safety
    ///
    /// That of [`write_at`](Self::write_at).
    pub async fn write_all_at<B: IoBuf>(&self, mut buffer: B, offset: u64) -> (io::Result<()>, B) {
        let wanted = buffer.filled().len();
        let mut done = 0;
        while done < wanted {
            let at = offset.saturating_add(done as u64);
            let written;
            (written, buffer) = WriteAt::rest(&self.open, buffer, done, Some(at)).await;
            match written {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), buffer),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (Err(error), buffer),
            }
        }
        (Ok(()), buffer)
    }

    /// Reads at the file's own position; 0 bytes are the end of the file.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: what a dropped future was reading is there for the next read.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.cursor.poll_read(&self.open, cx, buffer)).await
    }

    /// Writes at the file's own position.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Cancel safety
    ///
    /// What a dropped future was writing may be written, whole or in part. If the next write has
    /// the same bytes, it is taken for the same one: nothing is written twice.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let pieces = [IoSlice::new(bytes)];
        poll_fn(|cx| self.cursor.poll_write(&self.open, cx, &pieces)).await
    }

    /// Writes all of the bytes at the file's own position.
    ///
    /// # Errors
    ///
    /// `WriteZero` if the system takes nothing and says no reason; those of
    /// [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// None: how much a dropped future has written is not known.
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(bytes).await {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for a write that was given up, and says what became of it. All other writes are done
    /// when they return.
    ///
    /// # Errors
    ///
    /// That write's.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.cursor.poll_flush(cx)).await
    }

    /// Moves the file's own position, and says where it is then.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a position before the beginning; `NotSeekable` for FIFOs and the like.
    ///
    /// # Cancel safety
    ///
    /// Whether a dropped future has moved the position is not known.
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        poll_fn(|cx| self.cursor.poll_seek(&self.open, cx, to)).await
    }

    /// What is known about the file.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Cancel safety
    ///
    /// It changes nothing.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        Stat::of_file(&self.open).await
    }

    /// Waits until all that was written is on the disk, and what is known about the file too.
    ///
    /// # Errors
    ///
    /// The system's: after one, nobody knows what is on the disk.
    ///
    /// # Cancel safety
    ///
    /// It changes nothing, and says nothing if it is dropped.
    pub fn sync_all(&self) -> Prepared<'static, Fsync> {
        Fsync::of(&self.open, false)
    }

    /// Waits until all that was written is on the disk, and what is needed to find it, but not the
    /// times.
    ///
    /// # Errors
    ///
    /// Those of [`sync_all`](Self::sync_all).
    ///
    /// # Cancel safety
    ///
    /// That of [`sync_all`](Self::sync_all).
    pub fn sync_data(&self) -> Prepared<'static, Fsync> {
        Fsync::of(&self.open, true)
    }

    /// Makes the file so long: the rest is cut off, or what is missing reads as zeroes.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for more than a file can have or one that is not open for writing; the
    /// system's.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may still do it.
    pub async fn set_len(&self, len: u64) -> io::Result<()> {
        let open = Arc::clone(&self.open);
        unblock(move || open.file().set_len(len)).await
    }

    /// Says who may do what with the file.
    ///
    /// # Errors
    ///
    /// The system's.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may still do it.
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        let open = Arc::clone(&self.open);
        unblock(move || open.file().set_permissions(permissions)).await
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> File {
        File::from_std(file)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The standard library's names the path where the system tells it.
        f.debug_struct("File").field("file", self.open.file()).finish_non_exhaustive()
    }
}
