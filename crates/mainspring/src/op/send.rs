//! Sending from a buffer that the operation owns.

use std::io;

use crate::completion::buf::IoBuf;
use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject, wrong_subject};
use crate::error::would_block;
use crate::interest::Interest;
use crate::source::RawSource;
use crate::sys::message;
use crate::sys::socket::WHOLE;

use super::source::Endpoint;

/// Sends what there is room for, which on a stream may be less than the buffer holds.
#[derive(Debug)]
pub struct Send<B> {
    source: RawSource,
    buffer: B,
    progress: Progress,
}

/// How far a send has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// It is one of a chain, and goes on until all was sent.
    whole: bool,
    /// What attempts have sent so far.
    sent: usize,
}

impl Progress {
    pub(super) fn join_chain(&mut self) {
        self.whole = true;
    }

    /// What the kernel is told.
    #[inline]
    pub(super) fn flags(&self) -> u32 {
        if self.whole { WHOLE } else { 0 }
    }

    /// What was sent cannot be taken back, whatever came then.
    #[inline]
    pub(super) fn result(&self, last: io::Result<u64>) -> io::Result<u64> {
        match last {
            Err(_) if self.sent != 0 => Ok(self.sent as u64),
            last => last,
        }
    }

    /// Sends what there is room for, or goes on until there is none.
    pub(super) fn attempt(
        &mut self,
        bytes: &[u8],
        mut send: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> Attempt {
        loop {
            match send(&bytes[self.sent..]) {
                Ok(count) => {
                    self.sent = (self.sent + count).min(bytes.len());
                    let goes_on = self.whole && count != 0 && self.sent < bytes.len();
                    if !goes_on {
                        return Attempt::Completed(Ok(self.sent as u64));
                    }
                }
                Err(error) if !would_block(&error) && self.sent != 0 => {
                    return Attempt::Completed(Ok(self.sent as u64));
                }
                blocked => return Attempt::of_bytes(blocked, Interest::WRITABLE),
            }
        }
    }
}

/// Sends from a buffer, and gives it back with the number of bytes that were sent: on a stream what
/// there was room for, of a datagram all.
///
/// ```
/// use mainspring::{net::UnixStream, op};
/// mainspring::block_on(async {
///     let (a, b) = UnixStream::pair()?;
///     let (sent, buffer) = op::send(&a, vec![1, 2, 3]).await;
///     assert_eq!((sent?, buffer), (3, vec![1, 2, 3]));
///     assert_eq!(op::recv(&b, [0; 8]).await.0?, 3);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The system's (`BrokenPipe` or `ConnectionReset` if nobody will read it); `QuotaExceeded` at the
/// limit of operations; shutdown of the driver.
///
/// # Cancel safety
///
/// A dropped future may have sent; [`Submission::cancel`](crate::Submission::cancel) tells.
#[inline]
pub fn send<S: Endpoint + ?Sized, B: IoBuf>(to: &S, buffer: B) -> Prepared<'_, Send<B>> {
    let target = to.target();
    target.prepare(Send { source: target.source(), buffer, progress: Progress::default() })
}

impl<B: IoBuf> Operation for Send<B> {
    type Output = (io::Result<usize>, B);
    type Kept = B;

    #[inline]
    fn raw(&mut self) -> RawOperation {
        let memory = RawMemory::to_read(self.buffer.filled());
        RawOperation::Send { source: self.source, memory, flags: self.progress.flags() }
    }

    fn join_chain(&mut self) {
        self.progress.join_chain();
    }

    fn falls_short(&self, result: u64) -> bool {
        result < self.buffer.filled().len() as u64
    }

    #[inline]
    fn result(&mut self, last: io::Result<u64>) -> io::Result<u64> {
        self.progress.result(last)
    }

    #[inline]
    fn finish(self, result: io::Result<u64>) -> (io::Result<usize>, B) {
        (result.map(|count| count as usize), self.buffer)
    }

    fn cancelled(self) -> B {
        self.buffer
    }
}

impl<B: IoBuf> Emulation for Send<B> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        self.progress.attempt(self.buffer.filled(), |bytes| match subject {
            Subject::Socket(socket) => socket.send(bytes),
            Subject::Datagrams { socket, .. } => message::send(socket, bytes),
            _ => wrong_subject(),
        })
    }
}
