//! Sending a datagram to an address.

use std::io;
use std::time::Duration;

use crate::completion::buf::IoBuf;
use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject, wrong_subject};
use crate::error::would_block;
use crate::interest::Interest;
use crate::source::RawSource;
use crate::sys::header::SendHeader;

use super::source::{Datagrams, memory};

/// From 100 microseconds, in which a receiver that runs takes its ten datagrams, to 32
/// milliseconds, which is as late as it may be noticed that one runs again.
const PAUSE_MIN: Duration = Duration::from_micros(100);
const PAUSE_MAX: Duration = Duration::from_millis(32);

/// Sends one datagram to an address.
#[derive(Debug)]
pub struct SendTo<B> {
    source: RawSource,
    buffer: B,
    header: SendHeader,
    pauses: u32,
}

/// Sends one datagram from a buffer to an address, and gives the buffer back with the result.
///
/// It waits while there is no room: the socket's own, or, of a Unix datagram, the receiver's.
///
/// ```
/// use mainspring::{net::UdpSocket, op};
/// mainspring::block_on(async {
///     let (a, b) = (UdpSocket::bind("[::1]:0").await?, UdpSocket::bind("[::1]:0").await?);
///     let (sent, buffer) = op::send_to(&a, b"hello".to_vec(), &b.local_addr()?).await;
///     assert_eq!((sent?, buffer.as_slice()), (5, b"hello".as_slice()));
///     assert_eq!(op::recv(&b, vec![0; 64]).await.0?, 5);
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
/// A dropped future may have sent; [`Submission::cancel`](crate::Submission::cancel) tells.
pub fn send_to<'a, S: Datagrams, B: IoBuf>(
    from: &'a S,
    buffer: B,
    to: &S::Address,
) -> Prepared<'a, SendTo<B>> {
    let target = from.target();
    let header = SendHeader::new(Some(S::name(to)));
    target.prepare(SendTo { source: target.source(), buffer, header, pauses: 0 })
}

impl<B: IoBuf> Operation for SendTo<B> {
    type Output = (io::Result<usize>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        let bytes = self.buffer.filled();
        let header = memory(self.header.raw(bytes.as_ptr(), bytes.len()));
        RawOperation::SendMessage { source: self.source, header, flags: 0 }
    }

    fn finish(self, result: io::Result<u64>) -> (io::Result<usize>, B) {
        (result.map(|count| count as usize), self.buffer)
    }

    fn cancelled(self) -> B {
        self.buffer
    }
}

impl<B: IoBuf> Emulation for SendTo<B> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let Subject::Datagrams { socket, .. } = subject else {
            return Attempt::Completed(wrong_subject());
        };
        let bytes = self.buffer.filled();
        match self.header.send(socket, bytes) {
            // It is the receiver that has no room, and nothing tells when it has.
            Err(error) if would_block(&error) && self.header.is_to_unix() => {
                let pause = PAUSE_MIN.saturating_mul(1 << self.pauses.min(9)).min(PAUSE_MAX);
                self.pauses += 1;
                Attempt::Pause(pause)
            }
            sent => Attempt::of_bytes(sent, Interest::WRITABLE),
        }
    }
}
