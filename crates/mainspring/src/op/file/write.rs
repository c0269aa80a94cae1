//! Writing a file from a buffer that the operation owns.

use std::io;
use std::sync::Arc;

use crate::completion::buf::IoBuf;
use crate::completion::operation::{OWN_POSITION, Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Handle, Prepared, Slot, Subject};
use crate::sys::file::{OpenFile, TRANSFER_MAX};
use crate::sys::transfer::Transfer;

use super::offset::{beyond, refuse};
use super::on::On;

/// Writes a file at an offset, which may be less than the buffer holds.
///
/// A file that is open for appending is written at its end, whatever the offset: so Linux does it.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("mainspring-op-write-{}", std::process::id()));
/// use mainspring::fs::File;
/// mainspring::block_on(async {
///     let file = File::create(&path).await?;
///     let (written, buffer) = file.write_at("hello", 3).await;
///     assert_eq!((written?, buffer), (5, "hello"));
///     Ok::<(), std::io::Error>(())
/// })??;
/// assert_eq!(std::fs::read(&path)?, b"\0\0\0hello");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct WriteAt<B> {
    file: On,
    /// Without one, the file's own position.
    offset: Option<u64>,
    buffer: B,
    /// Bytes at the beginning of the buffer that were written before.
    done: usize,
}

impl<B: IoBuf> WriteAt<B> {
    /// At an offset.
    pub(crate) fn at(
        file: &Arc<OpenFile>,
        buffer: B,
        offset: u64,
    ) -> Prepared<'static, WriteAt<B>> {
        WriteAt::rest(file, buffer, 0, Some(offset))
    }

    /// At the file's own position, which moves on.
    pub(crate) fn next(file: &Arc<OpenFile>, buffer: B) -> Prepared<'static, WriteAt<B>> {
        WriteAt::rest(file, buffer, 0, None)
    }

    /// What is left of a buffer of which `done` bytes were written, at an offset or at the file's
    /// own position.
    pub(crate) fn rest(
        file: &Arc<OpenFile>,
        buffer: B,
        done: usize,
        offset: Option<u64>,
    ) -> Prepared<'static, WriteAt<B>> {
        let operation = WriteAt { file: On::Open(Arc::clone(file)), offset, buffer, done };
        Prepared::alone(operation).unless(offset.and_then(|offset| refuse(file, offset)))
    }

    /// At an offset of a direct descriptor.
    pub(crate) fn direct(
        slot: &Arc<Slot>,
        buffer: B,
        offset: u64,
    ) -> Prepared<'static, WriteAt<B>> {
        let file = On::Direct(slot.source());
        let operation = WriteAt { file, offset: Some(offset), buffer, done: 0 };
        Prepared::on_direct(slot, operation).unless(beyond(offset))
    }

    fn bytes(&self) -> &[u8] {
        let filled = self.buffer.filled();
        let rest = &filled[self.done.min(filled.len())..];
        &rest[..rest.len().min(TRANSFER_MAX)]
    }
}

impl<B: IoBuf> Operation for WriteAt<B> {
    type Output = (io::Result<usize>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        let (source, memory) = (self.file.source(), RawMemory::to_read(self.bytes()));
        let (offset, region) = (self.offset.unwrap_or(OWN_POSITION), self.buffer.region());
        RawOperation::Write { source, memory, offset, region }
    }

    fn falls_short(&self, result: u64) -> bool {
        result < self.bytes().len() as u64
    }

    fn finish(self, result: io::Result<u64>) -> (io::Result<usize>, B) {
        let result = result.map_err(|error| {
            let bytes = self.bytes();
            let (address, len) = (bytes.as_ptr().addr(), bytes.len());
            self.file.explain(error, Transfer { address, len, offset: self.offset })
        });
        (result.map(|count| count as usize), self.buffer)
    }

    fn cancelled(self) -> B {
        self.buffer
    }
}

impl<B: IoBuf> Emulation for WriteAt<B> {
    #[inline]
    fn is_adopted(&self, handle: &Handle) -> bool {
        self.file.is_adopted(handle, self.offset)
    }

    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        self.file.file()?.write(self.bytes(), self.offset).map(|count| count as u64)
    }
}
