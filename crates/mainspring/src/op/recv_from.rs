//! Receiving a datagram with all there is to know about it.

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::completion::buf::{Filling, IoBufMut};
use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject, wrong_subject};
use crate::error::would_block;
use crate::interest::Interest;
use crate::source::RawSource;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sys::header::RecvHeader;

use super::source::{Arrived, Datagrams, memory};

/// Receives one datagram and says who sent it.
#[derive(Debug)]
pub struct RecvFrom<S, B> {
    source: RawSource,
    buffer: Filling<B>,
    header: RecvHeader,
    /// What is made of it; no value of it is here.
    of: PhantomData<fn() -> S>,
}

/// Receives one datagram into a buffer, and says who sent it and whether its end was cut off
/// because the buffer was too small.
///
/// ```
/// use mainspring::{net::UdpSocket, op};
/// mainspring::block_on(async {
///     let (a, b) = (UdpSocket::bind("[::1]:0").await?, UdpSocket::bind("[::1]:0").await?);
///     op::send_to(&a, "too long", &b.local_addr()?).await.0?;
///     let (datagram, buffer) = op::recv_from(&b, Vec::with_capacity(3)).await;
///     let datagram = datagram?;
///     assert_eq!((buffer.as_slice(), datagram.is_truncated()), (b"too".as_slice(), true));
///     assert_eq!(*datagram.sender(), a.local_addr()?);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The system's, among them those that the network sent back for a datagram that was sent before;
/// `QuotaExceeded` at the limit of operations; shutdown of the driver.
///
/// # Cancel safety
///
/// A datagram that a dropped future received after all is lost;
/// [`Submission::cancel`](crate::Submission::cancel) loses none.
pub fn recv_from<S: Datagrams + 'static, B: IoBufMut>(
    from: &S,
    buffer: B,
) -> Prepared<'_, RecvFrom<S, B>> {
    let target = from.target();
    let (source, buffer) = (target.source(), Filling::new(buffer));
    target.prepare(RecvFrom { source, buffer, header: RecvHeader::new(), of: PhantomData })
}

impl<S: Datagrams + 'static, B: IoBufMut> Operation for RecvFrom<S, B> {
    type Output = (io::Result<S::Received>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        let room = self.buffer.raw();
        let header = memory(self.header.raw(room.start, room.len));
        RawOperation::RecvMessage { source: self.source, header, flags: self.header.flags() }
    }

    fn finish(self, result: io::Result<u64>) -> Self::Output {
        let buffer = self.buffer.into_filled(&result);
        let arrived = result.and_then(|count| self.header.arrived(count as usize));
        let received = arrived.and_then(|arrived| S::received(Arrived(arrived)));
        (received, buffer)
    }

    fn cancelled(self) -> B {
        self.buffer.into_unfilled()
    }
}

impl<S: Datagrams + 'static, B: IoBufMut> Emulation for RecvFrom<S, B> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let received = match subject {
            Subject::Datagrams { socket, ended } => {
                receive_or_end(&mut self.header, socket, self.buffer.memory(), ended)
            }
            _ => wrong_subject(),
        };
        Attempt::of_bytes(received, Interest::READABLE)
    }
}

/// Receives, on a socket that may have been told to receive no more.
pub(super) fn receive_or_end(
    header: &mut RecvHeader,
    socket: &socket2::Socket,
    memory: &mut [MaybeUninit<u8>],
    ended: &AtomicBool,
) -> io::Result<usize> {
    match header.receive(socket, memory) {
        Err(error) if would_block(&error) && ended.load(Ordering::Acquire) => {
            header.note_end();
            Ok(0)
        }
        received => received,
    }
}
