//! Reading and writing borrowed slices at a file's own position.
//!
//! The kernel and the threads of the pool want memory that stays theirs until they are done; a
//! slice that was borrowed for one poll is not. So bytes go through a buffer of the file's own, and
//! one operation is under way at a time.
//!
//! A call that was given up leaves its operation running, and the next call awaits it first:
//!
//! - what a read brought is kept, and the next read has it, be it no bytes or an error. Before
//!   anything else is done at the file's position, it is moved back to where the program thinks it
//!   is;
//! - a write that was given up may have been carried out. The next write of the same bytes is taken
//!   for the same write: it ends with the first one's result, and nothing is written twice. So a
//!   writer who keeps what was not accepted and offers it again, as buffers and codecs do, loses
//!   nothing and doubles nothing.
//!
//! A write is done when it returns: nothing is left to a flush.

use std::future::Future;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::driver::Submission;
use crate::op::{ReadAt, WriteAt};
use crate::sys::file::OpenFile;

/// Bytes of one operation at most: enough that the way to another thread is small beside the copy
/// of so many, and little enough for a thousand files.
const BUFFER_MAX: usize = 256 * 1024;

/// What goes on at the file's own position.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    stage: Stage,
    /// What was read and nobody has taken.
    ahead: Ahead,
    /// The buffer of the last write, for the next one.
    spare: Vec<u8>,
    /// A seek that was asked for and is to be polled.
    planned: Option<SeekFrom>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Reading(Submission<'static, ReadAt<Vec<u8>>>),
    Writing(Submission<'static, WriteAt<Vec<u8>>>),
    /// A write has ended and nobody has heard of it.
    Written(Vec<u8>, io::Result<usize>),
    Seeking(SeekFrom, blocking::Task<io::Result<u64>>),
    Sought(SeekFrom, io::Result<u64>),
}

/// Bytes from `taken` on.
#[derive(Debug, Default)]
struct Ahead {
    bytes: Vec<u8>,
    taken: usize,
    /// There were none, and nobody has heard of it: the end, an empty datagram, an error.
    unheard: Option<io::Result<()>>,
}

impl Ahead {
    /// What a read has brought that was given up.
    fn given_up(read: io::Result<usize>, bytes: Vec<u8>) -> Ahead {
        let unheard = match read {
            Ok(1..) => None,
            other => Some(other.map(drop)),
        };
        Ahead { bytes, taken: 0, unheard }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
        self.unheard = None;
    }
}

impl Cursor {
    /// The next bytes, at most `wanted` of them; none are the end of the file. They are to be
    /// [taken](Self::take).
    pub(super) fn poll_fill(
        &mut self,
        file: &Arc<OpenFile>,
        cx: &mut Context<'_>,
        wanted: usize,
    ) -> Poll<io::Result<&[u8]>> {
        while wanted > 0 && self.ahead.is_empty() {
            if let Some(unheard) = self.ahead.unheard.take() {
                unheard?;
                break;
            }
            let reading = match &mut self.stage {
                Stage::Reading(reading) => reading,
                Stage::Idle => {
                    let limit = wanted.min(BUFFER_MAX);
                    let mut buffer = std::mem::take(&mut self.ahead.bytes);
                    buffer.clear();
                    buffer.reserve_exact(limit);
                    self.stage = Stage::Reading(ReadAt::next(file, buffer, limit).submit());
                    continue;
                }
                _ => {
                    ready!(self.poll_idle(cx));
                    continue;
                }
            };
            let (read, buffer) = ready!(Pin::new(reading).poll(cx));
            self.stage = Stage::Idle;
            self.ahead = Ahead { bytes: buffer, ..Ahead::default() };
            if read? == 0 {
                break;
            }
        }
        let rest = self.ahead.rest();
        Poll::Ready(Ok(&rest[..rest.len().min(wanted)]))
    }

    /// Takes note that so many of the bytes found their reader.
    pub(super) fn take(&mut self, count: usize) {
        self.ahead.taken += count;
        if self.ahead.is_empty() {
            self.ahead.bytes.clear();
            self.ahead.taken = 0;
        }
    }

    /// Reads into a slice.
    pub(super) fn poll_read(
        &mut self,
        file: &Arc<OpenFile>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let bytes = ready!(self.poll_fill(file, cx, into.len()))?;
        let count = bytes.len();
        into[..count].copy_from_slice(bytes);
        self.take(count);
        Poll::Ready(Ok(count))
    }

    /// Writes from slices, one after the other.
    pub(super) fn poll_write(
        &mut self,
        file: &Arc<OpenFile>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if pieces.iter().all(|piece| piece.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        loop {
            match std::mem::take(&mut self.stage) {
                Stage::Idle => {
                    self.step_back(file)?;
                    let bytes = gather(pieces, std::mem::take(&mut self.spare));
                    self.stage = Stage::Writing(WriteAt::next(file, bytes).submit());
                }
                Stage::Writing(mut writing) => {
                    let Poll::Ready((written, bytes)) = Pin::new(&mut writing).poll(cx) else {
                        self.stage = Stage::Writing(writing);
                        return Poll::Pending;
                    };
                    self.stage = Stage::Written(bytes, written);
                }
                Stage::Written(bytes, written) => {
                    let count = *written.as_ref().unwrap_or(&bytes.len());
                    let same = starts_with(pieces, &bytes[..count.min(bytes.len())]);
                    self.spare = bytes;
                    if same {
                        return Poll::Ready(written);
                    }
                }
                stage => {
                    self.stage = stage;
                    ready!(self.poll_idle(cx));
                }
            }
        }
    }

    /// Waits for a write that was given up, and says what became of it.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Stage::Writing(writing) = &mut self.stage {
            let (written, bytes) = ready!(Pin::new(writing).poll(cx));
            self.stage = Stage::Written(bytes, written);
        }
        match std::mem::take(&mut self.stage) {
            Stage::Written(bytes, Err(error)) => {
                self.spare = bytes;
                Poll::Ready(Err(error))
            }
            stage => {
                self.stage = stage;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Moves the position.
    pub(super) fn poll_seek(
        &mut self,
        file: &Arc<OpenFile>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            match std::mem::take(&mut self.stage) {
                Stage::Idle => {
                    // The end is asked of the file system, and that may take its time.
                    if let SeekFrom::End(_) = to {
                        let file = Arc::clone(file);
                        self.stage = Stage::Seeking(to, blocking::unblock(move || file.seek(to)));
                        continue;
                    }
                    return Poll::Ready(self.seek_now(file, to));
                }
                Stage::Seeking(sought, mut task) => {
                    let Poll::Ready(at) = Pin::new(&mut task).poll(cx) else {
                        self.stage = Stage::Seeking(sought, task);
                        return Poll::Pending;
                    };
                    self.stage = Stage::Sought(sought, at);
                }
                // The one who asked for this: whoever asks for the same now is answered the same.
                Stage::Sought(sought, at) if sought == to => {
                    if at.is_ok() {
                        self.ahead.clear();
                    }
                    return Poll::Ready(at);
                }
                Stage::Sought(_, at) => {
                    if at.is_ok() {
                        self.ahead.clear();
                    }
                }
                stage => {
                    self.stage = stage;
                    ready!(self.poll_idle(cx));
                }
            }
        }
    }

    /// Takes note of a seek for [`poll_planned_seek`](Self::poll_planned_seek).
    #[allow(dead_code, reason = "tokio's traits come in two steps")]
    pub(super) fn plan_seek(&mut self, to: SeekFrom) -> io::Result<()> {
        if self.planned.is_some() {
            let why = "another seek was started and is not complete: await it first";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, why));
        }
        self.planned = Some(to);
        Ok(())
    }

    /// The seek that was planned; without one, where the position is.
    #[allow(dead_code, reason = "tokio's traits come in two steps")]
    pub(super) fn poll_planned_seek(
        &mut self,
        file: &Arc<OpenFile>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<u64>> {
        let to = self.planned.unwrap_or(SeekFrom::Current(0));
        let at = ready!(self.poll_seek(file, cx, to));
        self.planned = None;
        Poll::Ready(at)
    }

    /// Waits until nothing is under way.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.stage {
            Stage::Idle => {}
            Stage::Reading(reading) => {
                let (read, buffer) = ready!(Pin::new(reading).poll(cx));
                self.ahead = Ahead::given_up(read, buffer);
            }
            Stage::Writing(writing) => {
                let (_, buffer) = ready!(Pin::new(writing).poll(cx));
                self.spare = buffer;
            }
            Stage::Written(buffer, _) => self.spare = std::mem::take(buffer),
            Stage::Seeking(_, task) => {
                if ready!(Pin::new(task).poll(cx)).is_ok() {
                    self.ahead.clear();
                }
            }
            Stage::Sought(_, at) => {
                if at.is_ok() {
                    self.ahead.clear();
                }
            }
        }
        self.stage = Stage::Idle;
        Poll::Ready(())
    }

    /// Moves the file's position back to where its reader is, if it was read ahead of him.
    pub(super) fn step_back(&mut self, file: &OpenFile) -> io::Result<()> {
        if self.ahead.is_empty() {
            return Ok(());
        }
        match file.seek(SeekFrom::Current(-(self.ahead.rest().len() as i64))) {
            Ok(_) => self.ahead.clear(),
            // A FIFO or a terminal has no position: what was read is for the next read.
            Err(error) if error.kind() == io::ErrorKind::NotSeekable => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Moves a position that is a number in memory.
    fn seek_now(&mut self, file: &OpenFile, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Current(by) => {
                let ahead = self.ahead.rest().len() as i64;
                SeekFrom::Current(by.checked_sub(ahead).ok_or(io::ErrorKind::InvalidInput)?)
            }
            to => to,
        };
        let at = file.seek(to)?;
        self.ahead.clear();
        Ok(at)
    }
}

/// The first bytes of all pieces, at most [`BUFFER_MAX`] of them.
fn gather(pieces: &[IoSlice<'_>], mut into: Vec<u8>) -> Vec<u8> {
    into.clear();
    let total: usize = pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.len()));
    into.reserve_exact(total.min(BUFFER_MAX));
    for piece in pieces {
        let room = BUFFER_MAX - into.len();
        into.extend_from_slice(&piece[..piece.len().min(room)]);
    }
    into
}

/// Whether the pieces, one after the other, begin with these bytes.
fn starts_with(pieces: &[IoSlice<'_>], bytes: &[u8]) -> bool {
    let mut left = bytes;
    for piece in pieces {
        let count = piece.len().min(left.len());
        let (here, rest) = left.split_at(count);
        if here != &piece[..count] {
            return false;
        }
        left = rest;
    }
    left.is_empty()
}
