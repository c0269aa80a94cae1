//! Sending from a buffer that the operation owns.

use std::io;

use crate::completion::buf::IoBuf;
use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject, wrong_subject};
use crate::interest::Interest;
use crate::source::RawSource;
use crate::sys::message;

use super::source::Endpoint;

/// Sends what there is room for, which on a stream may be less than the buffer holds.
#[derive(Debug)]
pub struct Send<B> {
    source: RawSource,
    buffer: B,
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
pub fn send<S: Endpoint + ?Sized, B: IoBuf>(to: &S, buffer: B) -> Prepared<'_, Send<B>> {
    let target = to.target();
    target.prepare(Send { source: target.source(), buffer })
}

impl<B: IoBuf> Operation for Send<B> {
    type Output = (io::Result<usize>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        let memory = RawMemory::to_read(self.buffer.filled());
        RawOperation::Send { source: self.source, memory, flags: 0 }
    }

    fn finish(self, result: io::Result<u64>) -> (io::Result<usize>, B) {
        (result.map(|count| count as usize), self.buffer)
    }

    fn cancelled(self) -> B {
        self.buffer
    }
}

impl<B: IoBuf> Emulation for Send<B> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let sent = match subject {
            Subject::Socket(socket) => socket.send(self.buffer.filled()),
            Subject::Datagrams { socket, .. } => message::send(socket, self.buffer.filled()),
            _ => wrong_subject(),
        };
        Attempt::of_bytes(sent, Interest::WRITABLE)
    }
}
