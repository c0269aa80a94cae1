//! Reads and writes on any descriptor of an [`Async`], with buffers that the operation owns.

use std::io;
use std::os::fd::AsFd;

use crate::completion::buf::{Filling, IoBuf, IoBufMut};
use crate::completion::operation::{OWN_POSITION, Operation, RawMemory, RawOperation};
use crate::driver::{Async, Attempt, Emulation, Prepared, Subject, wrong_subject};
use crate::interest::Interest;
use crate::source::RawSource;
use crate::sys::descriptor as sys;
use crate::sys::raw_source;

use super::source::{Source, Target};

impl<T: AsFd> Source for Async<T> {
    fn target(&self) -> Target<'_> {
        let (registration, source) = (self.registration(), self.get_ref());
        let replaced = raw_source(source) != registration.source();
        Target::new(registration, Subject::Descriptor(source.as_fd())).replaced(replaced)
    }
}

impl<T: AsFd> Async<T> {
    /// Reads what has come into a buffer that the operation owns meanwhile, and that comes back
    /// with the result. 0 is the end, or a buffer without memory.
    ///
    /// ```
    /// use mainspring::Async;
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    /// mainspring::block_on(async {
    ///     let (a, mut b) = UnixStream::pair()?;
    ///     a.set_nonblocking(true)?;
    ///     let a = Async::new(a)?;
    ///     b.write_all(b"hello")?;
    ///     let (read, buffer) = a.read_owned(Vec::with_capacity(64)).await;
    ///     assert_eq!((read?, buffer.as_slice()), (5, b"hello".as_slice()));
    ///     Ok::<(), std::io::Error>(())
    /// })??;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The system's; that the source was replaced by another; `QuotaExceeded` at the limit of
    /// operations; shutdown of the driver.
    ///
    /// # Cancel safety
    ///
    /// What a dropped future read after all is lost;
    /// [`Submission::cancel`](crate::Submission::cancel) loses nothing.
    pub fn read_owned<B: IoBufMut>(&self, buffer: B) -> Prepared<'_, Read<B>> {
        let target = self.target();
        target.prepare(Read { source: target.source(), buffer: Filling::new(buffer) })
    }

    /// Writes what there is room for, from a buffer that the operation owns meanwhile, and that
    /// comes back with the result.
    ///
    /// # Errors
    ///
    /// Those of [`read_owned`](Self::read_owned).
    ///
    /// # Cancel safety
    ///
    /// A dropped future may have written; [`Submission::cancel`](crate::Submission::cancel) tells.
    pub fn write_owned<B: IoBuf>(&self, buffer: B) -> Prepared<'_, Write<B>> {
        let target = self.target();
        target.prepare(Write { source: target.source(), buffer })
    }
}

/// Reads from a descriptor; see [`Async::read_owned`].
#[derive(Debug)]
pub struct Read<B> {
    source: RawSource,
    buffer: Filling<B>,
}

impl<B: IoBufMut> Operation for Read<B> {
    type Output = (io::Result<usize>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        let memory = self.buffer.raw();
        let (source, region) = (self.source, self.buffer.region());
        RawOperation::Read { source, memory, offset: OWN_POSITION, region }
    }

    fn finish(self, result: io::Result<u64>) -> (io::Result<usize>, B) {
        let buffer = self.buffer.into_filled(&result);
        (result.map(|count| count as usize), buffer)
    }

    fn cancelled(self) -> B {
        self.buffer.into_unfilled()
    }
}

impl<B: IoBufMut> Emulation for Read<B> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let read = match subject {
            Subject::Descriptor(source) => sys::read_uninit(source, self.buffer.memory()),
            _ => wrong_subject(),
        };
        Attempt::of_bytes(read, Interest::READABLE)
    }
}

/// Writes to a descriptor; see [`Async::write_owned`].
#[derive(Debug)]
pub struct Write<B> {
    source: RawSource,
    buffer: B,
}

impl<B: IoBuf> Operation for Write<B> {
    type Output = (io::Result<usize>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        let memory = RawMemory::to_read(self.buffer.filled());
        let (source, region) = (self.source, self.buffer.region());
        RawOperation::Write { source, memory, offset: OWN_POSITION, region }
    }

    fn falls_short(&self, result: u64) -> bool {
        result < self.buffer.filled().len() as u64
    }

    fn finish(self, result: io::Result<u64>) -> (io::Result<usize>, B) {
        (result.map(|count| count as usize), self.buffer)
    }

    fn cancelled(self) -> B {
        self.buffer
    }
}

impl<B: IoBuf> Emulation for Write<B> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let written = match subject {
            Subject::Descriptor(source) => sys::write(source, self.buffer.filled()),
            _ => wrong_subject(),
        };
        Attempt::of_bytes(written, Interest::WRITABLE)
    }
}
