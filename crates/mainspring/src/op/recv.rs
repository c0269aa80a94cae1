//! Receiving into a buffer that the operation owns.

use std::io;
use std::sync::Arc;

use crate::completion::buf::{Filling, IoBufMut};
use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Slot, Subject, wrong_subject};
use crate::error::would_block;
use crate::interest::Interest;
use crate::source::RawSource;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sys::message;

use super::source::Endpoint;

/// Receives what has come, up to the buffer's memory. On a stream, 0 bytes are its end.
#[derive(Debug)]
pub struct Recv<B> {
    source: RawSource,
    buffer: Filling<B>,
}

/// Receives what has come into a buffer, and gives it back with the result. Of a datagram that is
/// longer than the buffer the rest is lost; [`recv_from`](super::recv_from) tells.
///
/// ```
/// use mainspring::{net::UdpSocket, op};
/// mainspring::block_on(async {
///     let (a, b) = (UdpSocket::bind("[::1]:0").await?, UdpSocket::bind("[::1]:0").await?);
///     a.connect(b.local_addr()?).await?;
///     let (sent, _) = op::send(&a, "hello").await;
///     assert_eq!(sent?, 5);
///     let (received, buffer) = op::recv(&b, vec![0; 64]).await;
///     assert_eq!((received?, buffer.as_slice()), (5, b"hello".as_slice()));
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The system's; `QuotaExceeded` at the limit of operations; shutdown of the driver.
///
/// # Cancel safety
///
/// What a dropped future received after all is lost;
/// [`Submission::cancel`](crate::Submission::cancel) loses nothing.
#[inline]
pub fn recv<S: Endpoint + ?Sized, B: IoBufMut>(from: &S, buffer: B) -> Prepared<'_, Recv<B>> {
    let target = from.target();
    target.prepare(Recv { source: target.source(), buffer: Filling::new(buffer) })
}

impl<B: IoBufMut> Recv<B> {
    /// On a direct descriptor.
    pub(crate) fn direct(slot: &Arc<Slot>, buffer: B) -> Prepared<'static, Recv<B>> {
        let operation = Recv { source: slot.source(), buffer: Filling::new(buffer) };
        Prepared::on_direct(slot, operation)
    }
}

impl<B: IoBufMut> Operation for Recv<B> {
    type Output = (io::Result<usize>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        RawOperation::Recv { source: self.source, memory: self.buffer.raw(), flags: 0 }
    }

    fn finish(self, result: io::Result<u64>) -> (io::Result<usize>, B) {
        let buffer = self.buffer.into_filled(&result);
        (result.map(|count| count as usize), buffer)
    }

    fn cancelled(self) -> B {
        self.buffer.into_unfilled()
    }
}

impl<B: IoBufMut> Emulation for Recv<B> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let memory = self.buffer.memory();
        let received = match subject {
            Subject::Socket(socket) => socket.recv_uninit(memory),
            Subject::Datagrams { socket, ended } => {
                or_end(message::recv_uninit(socket, memory), ended)
            }
            _ => wrong_subject(),
        };
        Attempt::of_bytes(received, Interest::READABLE)
    }
}

/// What a receive on a datagram socket says that was told to receive no more.
fn or_end(received: io::Result<usize>, ended: &AtomicBool) -> io::Result<usize> {
    match received {
        Err(error) if would_block(&error) && ended.load(Ordering::Acquire) => Ok(0),
        received => received,
    }
}
