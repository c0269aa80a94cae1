//! Reading and writing several buffers at once, one after the other in the file.
//!
//! The kernel is told of the pieces by an array, which the operation holds beside them; it is made
//! when the operation lies where it stays, because the buffers do so from then on, too.

use std::io::{self, IoSlice};
use std::sync::Arc;

use socket2::MaybeUninitSlice;

use crate::completion::buf::{Filling, IoBuf, IoBufMut};
use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Slot, Subject};
use crate::sys::file::{BUFFERS_MAX, OpenFile};
use crate::sys::pieces::Pieces;
use crate::sys::transfer::Transfer;

use super::offset::{beyond, refuse};
use super::on::On;

/// Reads a file at an offset into several buffers, each filled before the next; 0 bytes are the end
/// of the file. One operation reads into 1024 buffers at most.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-op-readv-{}", std::process::id()));
/// # std::fs::write(&path, "headbody")?;
/// use mainspring::fs::File;
/// mainspring::block_on(async {
///     let file = File::open(&path).await?;
///     let buffers = vec![Vec::with_capacity(4), Vec::with_capacity(60)];
///     let (read, buffers) = file.read_vectored_at(buffers, 0).await;
///     assert_eq!((read?, buffers), (8, vec![b"head".to_vec(), b"body".to_vec()]));
///     Ok::<(), std::io::Error>(())
/// })??;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ReadVectoredAt<B> {
    file: On,
    offset: u64,
    buffers: Vec<Filling<B>>,
    pieces: Pieces,
}

/// Writes a file at an offset from several buffers, one after the other, which may be less than
/// they hold. One operation writes from 1024 buffers at most.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-op-writev-{}", std::process::id()));
/// use mainspring::fs::File;
/// mainspring::block_on(async {
///     let file = File::create(&path).await?;
///     let (written, _) = file.write_vectored_at(vec!["head", "body"], 0).await;
///     assert_eq!(written?, 8);
///     Ok::<(), std::io::Error>(())
/// })??;
/// assert_eq!(std::fs::read(&path)?, b"headbody");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct WriteVectoredAt<B> {
    file: On,
    offset: u64,
    buffers: Vec<B>,
    pieces: Pieces,
}

impl<B: IoBufMut> ReadVectoredAt<B> {
    pub(crate) fn at(
        file: &Arc<OpenFile>,
        buffers: Vec<B>,
        offset: u64,
    ) -> Prepared<'static, ReadVectoredAt<B>> {
        let buffers = buffers.into_iter().map(Filling::new).collect();
        let pieces = Pieces::default();
        let operation =
            ReadVectoredAt { file: On::Open(Arc::clone(file)), offset, buffers, pieces };
        Prepared::alone(operation).unless(refuse(file, offset))
    }

    /// At an offset of a direct descriptor.
    pub(crate) fn direct(
        slot: &Arc<Slot>,
        buffers: Vec<B>,
        offset: u64,
    ) -> Prepared<'static, ReadVectoredAt<B>> {
        let buffers = buffers.into_iter().map(Filling::new).collect();
        let (file, pieces) = (On::Direct(slot.source()), Pieces::default());
        let operation = ReadVectoredAt { file, offset, buffers, pieces };
        Prepared::on_direct(slot, operation).unless(beyond(offset))
    }

    /// Where the first misaligned buffer begins, or the first, and the length of all.
    fn transfer(&mut self) -> Transfer {
        let pieces = self.buffers.iter_mut().take(BUFFERS_MAX).map(Filling::raw);
        transfer(pieces.map(|memory| (memory.start.addr(), memory.len)), self.offset)
    }
}

impl<B: IoBufMut> Operation for ReadVectoredAt<B> {
    type Output = (io::Result<usize>, Vec<B>);
    type Kept = Vec<B>;

    fn raw(&mut self) -> RawOperation {
        let buffers = self.buffers.iter_mut().take(BUFFERS_MAX);
        self.pieces = Pieces::with_capacity(buffers.len());
        for RawMemory { start, len } in buffers.map(Filling::raw) {
            self.pieces.push(start, len);
        }
        let (source, pieces) = (self.file.source(), raw(&mut self.pieces));
        RawOperation::ReadVectored { source, pieces, offset: self.offset }
    }

    fn falls_short(&self, result: u64) -> bool {
        let room: usize = self.buffers.iter().take(BUFFERS_MAX).map(Filling::room).sum();
        result < room as u64
    }

    fn finish(mut self, result: io::Result<u64>) -> (io::Result<usize>, Vec<B>) {
        let result = result.map_err(|error| {
            let transfer = self.transfer();
            self.file.explain(error, transfer)
        });
        let mut left = result.as_ref().map_or(0, |&count| count);
        let take = |buffer: Filling<B>| {
            let here = left.min(buffer.room() as u64);
            left -= here;
            buffer.into_filled(&Ok(here))
        };
        let buffers = self.buffers.into_iter().map(take).collect();
        (result.map(|count| count as usize), buffers)
    }

    fn cancelled(self) -> Vec<B> {
        self.buffers.into_iter().map(Filling::into_unfilled).collect()
    }
}

impl<B: IoBufMut> Emulation for ReadVectoredAt<B> {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        let buffers = self.buffers.iter_mut().take(BUFFERS_MAX);
        let mut pieces: Vec<_> =
            buffers.map(|buffer| MaybeUninitSlice::new(buffer.memory())).collect();
        self.file.file()?.read_vectored(&mut pieces, self.offset).map(|count| count as u64)
    }
}

impl<B: IoBuf> WriteVectoredAt<B> {
    pub(crate) fn at(
        file: &Arc<OpenFile>,
        buffers: Vec<B>,
        offset: u64,
    ) -> Prepared<'static, WriteVectoredAt<B>> {
        let pieces = Pieces::default();
        let operation =
            WriteVectoredAt { file: On::Open(Arc::clone(file)), offset, buffers, pieces };
        Prepared::alone(operation).unless(refuse(file, offset))
    }

    /// At an offset of a direct descriptor.
    pub(crate) fn direct(
        slot: &Arc<Slot>,
        buffers: Vec<B>,
        offset: u64,
    ) -> Prepared<'static, WriteVectoredAt<B>> {
        let (file, pieces) = (On::Direct(slot.source()), Pieces::default());
        let operation = WriteVectoredAt { file, offset, buffers, pieces };
        Prepared::on_direct(slot, operation).unless(beyond(offset))
    }
}

impl<B: IoBuf> Operation for WriteVectoredAt<B> {
    type Output = (io::Result<usize>, Vec<B>);
    type Kept = Vec<B>;

    fn raw(&mut self) -> RawOperation {
        let buffers = self.buffers.iter().take(BUFFERS_MAX);
        self.pieces = Pieces::with_capacity(buffers.len());
        for RawMemory { start, len } in buffers.map(|buffer| RawMemory::to_read(buffer.filled())) {
            self.pieces.push(start, len);
        }
        let (source, pieces) = (self.file.source(), raw(&mut self.pieces));
        RawOperation::WriteVectored { source, pieces, offset: self.offset }
    }

    fn falls_short(&self, result: u64) -> bool {
        let filled = self.buffers.iter().take(BUFFERS_MAX).map(|buffer| buffer.filled().len());
        result < filled.sum::<usize>() as u64
    }

    fn finish(self, result: io::Result<u64>) -> (io::Result<usize>, Vec<B>) {
        let result = result.map_err(|error| {
            let pieces = self.buffers.iter().take(BUFFERS_MAX).map(IoBuf::filled);
            let pieces = pieces.map(|bytes| (bytes.as_ptr().addr(), bytes.len()));
            self.file.explain(error, transfer(pieces, self.offset))
        });
        (result.map(|count| count as usize), self.buffers)
    }

    fn cancelled(self) -> Vec<B> {
        self.buffers
    }
}

impl<B: IoBuf> Emulation for WriteVectoredAt<B> {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        let buffers = self.buffers.iter().take(BUFFERS_MAX);
        let pieces: Vec<_> = buffers.map(|buffer| IoSlice::new(buffer.filled())).collect();
        self.file.file()?.write_vectored(&pieces, self.offset).map(|count| count as u64)
    }
}

fn raw(pieces: &mut Pieces) -> RawMemory {
    let (start, len) = pieces.memory();
    RawMemory { start, len }
}

/// All pieces as one transfer: of addresses and of lengths the bits that are set in any, so that
/// what is misaligned in one of them is misaligned in the whole.
fn transfer(pieces: impl Iterator<Item = (usize, usize)>, offset: u64) -> Transfer {
    let (address, len) = pieces.fold((0, 0), |all, one| (all.0 | one.0, all.1 | one.1));
    Transfer { address, len, offset: Some(offset) }
}
