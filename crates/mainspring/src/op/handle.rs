//! Operations on a handle that was opened for them: reads, writes, and a pipe's wait for a client.

use std::io;
use std::os::windows::io::OwnedHandle;
use std::sync::Arc;

use crate::completion::buf::{Filling, IoBuf, IoBufMut};
use crate::completion::operation::{
    AT_END, MORE_DATA, Operation, RawMemory, RawOperation, bytes_read,
};
use crate::driver::{Attempt, Emulation, Subject};
use crate::source::RawSource;
use crate::sys::handle;

/// What a read brought.
///
/// ```
/// fn whole(portion: mainspring::os::windows::Portion) -> bool {
///     !portion.is_end() && !portion.goes_on()
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Portion {
    len: usize,
    goes_on: bool,
    end: bool,
}

impl Portion {
    pub(crate) fn of(result: u64) -> Portion {
        let len = bytes_read(result) as usize;
        Portion { len, goes_on: result & MORE_DATA != 0, end: result & AT_END != 0 }
    }

    /// How many bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a portion of no bytes may be a whole message")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the message that they are of is longer than the buffer: the next read brings more.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Whether it was the end, of the file or because nobody has the pipe's other end any more.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.end
    }
}

/// Reads from a handle.
#[derive(Debug)]
pub struct ReadHandle<B> {
    source: RawSource,
    buffer: Filling<B>,
    offset: u64,
}

impl<B: IoBufMut> ReadHandle<B> {
    pub(crate) fn new(source: RawSource, buffer: B, offset: u64) -> ReadHandle<B> {
        ReadHandle { source, buffer: Filling::new(buffer), offset }
    }
}

impl<B: IoBufMut> Operation for ReadHandle<B> {
    type Output = (io::Result<Portion>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        let (source, memory) = (self.source, self.buffer.raw());
        RawOperation::Read { source, memory, offset: self.offset, region: None }
    }

    fn finish(self, result: io::Result<u64>) -> (io::Result<Portion>, B) {
        let portion = result.map(Portion::of);
        let count = match &portion {
            Ok(portion) => Ok(portion.len as u64),
            Err(_) => Err(io::ErrorKind::Other.into()),
        };
        (portion, self.buffer.into_filled(&count))
    }

    fn cancelled(self) -> B {
        self.buffer.into_unfilled()
    }
}

impl<B: IoBufMut> Emulation for ReadHandle<B> {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Completed(Err(no_port()))
    }
}

/// Writes to a handle.
#[derive(Debug)]
pub struct WriteHandle<B> {
    source: RawSource,
    buffer: B,
    offset: u64,
}

impl<B: IoBuf> WriteHandle<B> {
    pub(crate) fn new(source: RawSource, buffer: B, offset: u64) -> WriteHandle<B> {
        WriteHandle { source, buffer, offset }
    }
}

impl<B: IoBuf> Operation for WriteHandle<B> {
    type Output = (io::Result<usize>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        let memory = RawMemory::to_read(self.buffer.filled());
        RawOperation::Write { source: self.source, memory, offset: self.offset, region: None }
    }

    fn finish(self, result: io::Result<u64>) -> (io::Result<usize>, B) {
        (result.map(|count| count as usize), self.buffer)
    }

    fn cancelled(self) -> B {
        self.buffer
    }
}

impl<B: IoBuf> Emulation for WriteHandle<B> {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Completed(Err(no_port()))
    }
}

/// Waits for a client of an instance of a named pipe.
#[derive(Debug)]
pub struct ListenPipe(pub(crate) RawSource);

impl Operation for ListenPipe {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Listen { source: self.0 }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}
}

impl Emulation for ListenPipe {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Completed(Err(no_port()))
    }
}

/// Makes what was written last; on the pool of blocking threads, for the kernel has no other way.
#[derive(Debug)]
pub struct FlushHandle(pub(crate) Arc<OwnedHandle>);

impl Operation for FlushHandle {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Sync { source: handle::source_of(&self.0), data_only: false }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}
}

impl Emulation for FlushHandle {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        Attempt::Blocking
    }

    fn block(&mut self) -> io::Result<u64> {
        handle::flush(&self.0).map(|()| 0)
    }
}

/// The driver has no port that would carry operations on a handle out.
pub(crate) fn no_port() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "operations on a handle need a driver with a completion port: build it with \
         Choice::Exactly(Kind::Iocp) or Kind::WsaPoll",
    )
}
