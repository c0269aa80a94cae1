//! Reading a file into a buffer that the operation owns.

use std::io;
use std::sync::Arc;

use crate::completion::buf::{Filling, IoBufMut};
use crate::completion::operation::{OWN_POSITION, Operation, RawMemory, RawOperation, bytes_read};
use crate::driver::{Attempt, Emulation, Handle, Prepared, Slot, Subject};
use crate::sys::file::{OpenFile, TRANSFER_MAX};
use crate::sys::transfer::Transfer;

use super::offset::{beyond, refuse};
use super::on::On;

/// Reads a file at an offset, up to the buffer's memory; 0 bytes are the end of the file.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-op-read-{}", std::process::id()));
/// # std::fs::write(&path, "hello")?;
/// use mainspring::{Submission, fs::File, op::ReadAt};
/// mainspring::block_on(async {
///     let file = File::open(&path).await?;
///     let reading: Submission<'static, ReadAt<Vec<u8>>> =
///         file.read_at(Vec::with_capacity(64), 1).into_future();
///     let (read, buffer) = reading.await;
///     assert_eq!((read?, buffer.as_slice()), (4, b"ello".as_slice()));
///     Ok::<(), std::io::Error>(())
/// })??;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ReadAt<B> {
    file: On,
    /// Without one, the file's own position.
    offset: Option<u64>,
    /// Bytes at most, whatever the buffer has room for.
    limit: usize,
    buffer: Filling<B>,
}

impl ReadAt<Vec<u8>> {
    /// Behind what a vector holds, at an offset or at the file's own position; at most `limit`
    /// bytes.
    pub(crate) fn behind(
        file: &Arc<OpenFile>,
        buffer: Vec<u8>,
        offset: Option<u64>,
        limit: usize,
    ) -> Prepared<'static, ReadAt<Vec<u8>>> {
        ReadAt::prepare(file, Filling::go_on(buffer), offset, limit.min(TRANSFER_MAX))
    }
}

impl<B: IoBufMut> ReadAt<B> {
    /// At an offset.
    #[inline]
    pub(crate) fn at(file: &Arc<OpenFile>, buffer: B, offset: u64) -> Prepared<'static, ReadAt<B>> {
        ReadAt::prepare(file, Filling::new(buffer), Some(offset), TRANSFER_MAX)
    }

    /// At the file's own position, which moves on; at most `limit` bytes.
    pub(crate) fn next(
        file: &Arc<OpenFile>,
        buffer: B,
        limit: usize,
    ) -> Prepared<'static, ReadAt<B>> {
        ReadAt::prepare(file, Filling::new(buffer), None, limit.min(TRANSFER_MAX))
    }

    #[inline]
    fn prepare(
        file: &Arc<OpenFile>,
        buffer: Filling<B>,
        offset: Option<u64>,
        limit: usize,
    ) -> Prepared<'static, ReadAt<B>> {
        let operation = ReadAt { file: On::Open(Arc::clone(file)), offset, limit, buffer };
        Prepared::alone(operation).unless(offset.and_then(|offset| refuse(file, offset)))
    }

    /// At an offset of a direct descriptor.
    pub(crate) fn direct(slot: &Arc<Slot>, buffer: B, offset: u64) -> Prepared<'static, ReadAt<B>> {
        let (file, buffer) = (On::Direct(slot.source()), Filling::new(buffer));
        let operation = ReadAt { file, offset: Some(offset), limit: TRANSFER_MAX, buffer };
        Prepared::on_direct(slot, operation).unless(beyond(offset))
    }

    #[inline]
    fn memory(&mut self) -> RawMemory {
        let memory = self.buffer.raw();
        RawMemory { len: memory.len.min(self.limit), ..memory }
    }
}

impl<B: IoBufMut> Operation for ReadAt<B> {
    type Output = (io::Result<usize>, B);
    type Kept = B;

    #[inline]
    fn raw(&mut self) -> RawOperation {
        let (source, memory) = (self.file.source(), self.memory());
        let (offset, region) = (self.offset.unwrap_or(OWN_POSITION), self.buffer.region());
        RawOperation::Read { source, memory, offset, region }
    }

    fn falls_short(&self, result: u64) -> bool {
        result < self.buffer.room().min(self.limit) as u64
    }

    #[inline]
    fn result(&mut self, last: io::Result<u64>) -> io::Result<u64> {
        last.map(bytes_read)
    }

    const MAY_END_AT_ONCE: bool = true;

    #[inline]
    fn at_once(&mut self) -> Option<u64> {
        let On::Open(file) = &self.file else { return None };
        let memory = self.buffer.memory();
        let len = memory.len().min(self.limit);
        file.read_promptly(&mut memory[..len], self.offset).map(|count| count as u64)
    }

    #[inline]
    fn finish(mut self, result: io::Result<u64>) -> (io::Result<usize>, B) {
        let result = result.map_err(|error| {
            let RawMemory { start, len } = self.memory();
            let transfer = Transfer { address: start.addr(), len, offset: self.offset };
            self.file.explain(error, transfer)
        });
        let buffer = self.buffer.into_filled(&result);
        (result.map(|count| count as usize), buffer)
    }

    fn cancelled(self) -> B {
        self.buffer.into_unfilled()
    }
}

impl<B: IoBufMut> Emulation for ReadAt<B> {
    #[inline]
    fn is_adopted(&self, handle: &Handle) -> bool {
        self.file.is_adopted(handle, self.offset)
    }

    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        let memory = self.buffer.memory();
        let len = memory.len().min(self.limit);
        let file = self.file.file().ok();
        match file.and_then(|file| file.read_cached(&mut memory[..len], self.offset)) {
            Some(count) => Attempt::Completed(Ok(count as u64)),
            None => Attempt::Blocking,
        }
    }

    fn block(&mut self) -> io::Result<u64> {
        let memory = self.buffer.memory();
        let len = memory.len().min(self.limit);
        self.file.file()?.read(&mut memory[..len], self.offset).map(|count| count as u64)
    }
}
