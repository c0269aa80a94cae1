//! Messages: bytes with the open descriptors that travel with them.

use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;

use crate::completion::buf::{Filling, IoBuf, IoBufMut};
use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject, wrong_subject};
use crate::interest::Interest;
use crate::source::RawSource;
use crate::sys::header::{RecvHeader, SendHeader};
use crate::sys::message::Message;
use crate::sys::socket::WHOLE;

use super::recv_from::receive_or_end;
use super::source::{Endpoint, memory};

/// A socket that carries descriptors: a Unix one.
pub trait Carrier: Endpoint {
    /// A message that was received.
    type Message;

    /// Whether descriptors need a byte to travel with, as on a stream.
    #[doc(hidden)]
    const NEEDS_A_BYTE: bool;

    /// What arrived.
    #[doc(hidden)]
    fn message(received: Received) -> Self::Message;
}

/// What came with the bytes of a message.
#[derive(Debug)]
pub struct Received(pub(crate) Message);

/// Receives one message.
#[derive(Debug)]
pub struct RecvMessage<S, B> {
    source: RawSource,
    buffer: Filling<B>,
    header: RecvHeader,
    /// What is made of it; no value of it is here.
    of: PhantomData<fn() -> S>,
}

/// Receives bytes into a buffer, and the descriptors and credentials that came with them.
///
/// ```
/// use mainspring::{net::UnixStream, op};
/// use std::io::Read;
/// use std::os::fd::OwnedFd;
/// mainspring::block_on(async {
///     let (a, b) = UnixStream::pair()?;
///     let (mut kept, given) = std::os::unix::net::UnixStream::pair()?;
///     let (sent, _, given) = op::send_message(&a, "one", vec![OwnedFd::from(given)]).await;
///     assert_eq!((sent?, given.len()), (3, 1));
///     drop(given);
///
///     let (message, buffer) = op::recv_message(&b, vec![0; 64]).await;
///     let message = message?;
///     assert_eq!((buffer.as_slice(), message.fds().len()), (b"one".as_slice(), 1));
///     drop(message);
///     assert_eq!(kept.read(&mut [0; 8])?, 0, "its other end is closed");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// `InvalidInput` on a stream if the buffer has no room for a byte; `QuotaExceeded` if this process
/// has no room for all the descriptors of the message, which are closed and the bytes lost, and at
/// the limit of operations; else those of [`recv`](super::recv).
///
/// # Cancel safety
///
/// What a dropped future received after all is lost, and its descriptors are closed;
/// [`Submission::cancel`](crate::Submission::cancel) loses nothing.
pub fn recv_message<S: Carrier + 'static, B: IoBufMut>(
    from: &S,
    buffer: B,
) -> Prepared<'_, RecvMessage<S, B>> {
    let target = from.target();
    let mut buffer = Filling::new(buffer);
    // The kernel would give 0 bytes, which says that the stream has ended.
    let roomless = S::NEEDS_A_BYTE && buffer.memory().is_empty();
    let (source, header) = (target.source(), RecvHeader::with_control());
    let operation = RecvMessage { source, buffer, header, of: PhantomData };
    target.prepare(operation).unless(roomless.then(no_room))
}

impl<S: Carrier + 'static, B: IoBufMut> Operation for RecvMessage<S, B> {
    type Output = (io::Result<S::Message>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        let room = self.buffer.raw();
        let header = memory(self.header.raw(room.start, room.len));
        RawOperation::RecvMessage { source: self.source, header, flags: self.header.flags() }
    }

    fn finish(self, result: io::Result<u64>) -> Self::Output {
        let buffer = self.buffer.into_filled(&result);
        let message = result.and_then(|count| self.header.message(count as usize));
        (message.map(Received).map(S::message), buffer)
    }

    fn cancelled(self) -> B {
        self.buffer.into_unfilled()
    }

    fn discard(self, result: io::Result<u64>) {
        // The descriptors that came are closed with the message.
        drop(self.finish(result));
    }
}

impl<S: Carrier + 'static, B: IoBufMut> Emulation for RecvMessage<S, B> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let memory = self.buffer.memory();
        let received = match subject {
            Subject::Socket(socket) => {
                socket.os().and_then(|socket| self.header.receive(socket, memory))
            }
            Subject::Datagrams { socket, ended } => {
                receive_or_end(&mut self.header, socket, memory, ended)
            }
            _ => wrong_subject(),
        };
        Attempt::of_bytes(received, Interest::READABLE)
    }
}

/// Sends one message.
#[derive(Debug)]
pub struct SendMessage<B> {
    source: RawSource,
    buffer: B,
    /// Open until the message was sent.
    descriptors: Vec<OwnedFd>,
    header: SendHeader,
    /// It is one of a chain.
    whole: bool,
}

/// Sends bytes from a buffer and, with the first of them, descriptors, of which the receiver gets
/// its own. Buffer and descriptors come back with the result.
///
/// On a stream fewer bytes may be sent than the buffer has: the rest is to be sent without the
/// descriptors, which have gone. There is an example at [`recv_message`].
///
/// # Errors
///
/// `InvalidInput` for more than
/// [`DESCRIPTORS_MAX`](crate::os::unix::DESCRIPTORS_MAX) descriptors, or for descriptors without a
/// byte on a stream, where they would be lost; else those of [`send`](super::send).
///
/// # Cancel safety
///
/// A dropped future may have sent; [`Submission::cancel`](crate::Submission::cancel) tells.
pub fn send_message<S: Carrier, B: IoBuf>(
    to: &S,
    buffer: B,
    descriptors: Vec<OwnedFd>,
) -> Prepared<'_, SendMessage<B>> {
    let target = to.target();
    let byteless = S::NEEDS_A_BYTE && !descriptors.is_empty() && buffer.filled().is_empty();
    let (header, refused) = match SendHeader::with_descriptors(&descriptors) {
        Ok(header) => (header, byteless.then(no_byte)),
        Err(error) => (SendHeader::new(None), Some(error)),
    };
    let source = target.source();
    target
        .prepare(SendMessage { source, buffer, descriptors, header, whole: false })
        .unless(refused)
}

impl<B: IoBuf> Operation for SendMessage<B> {
    type Output = (io::Result<usize>, B, Vec<OwnedFd>);
    type Kept = (B, Vec<OwnedFd>);

    fn raw(&mut self) -> RawOperation {
        let bytes = self.buffer.filled();
        let header = memory(self.header.raw(bytes.as_ptr(), bytes.len()));
        let flags = if self.whole { WHOLE } else { 0 };
        RawOperation::SendMessage { source: self.source, header, flags }
    }

    fn join_chain(&mut self) {
        self.whole = true;
    }

    fn falls_short(&self, result: u64) -> bool {
        result < self.buffer.filled().len() as u64
    }

    fn finish(self, result: io::Result<u64>) -> Self::Output {
        (result.map(|count| count as usize), self.buffer, self.descriptors)
    }

    fn cancelled(self) -> Self::Kept {
        (self.buffer, self.descriptors)
    }
}

impl<B: IoBuf> Emulation for SendMessage<B> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let bytes = self.buffer.filled();
        let sent = match subject {
            Subject::Socket(socket) => {
                socket.os().and_then(|socket| self.header.send(socket, bytes))
            }
            Subject::Datagrams { socket, .. } => self.header.send(socket, bytes),
            _ => wrong_subject(),
        };
        Attempt::of_bytes(sent, Interest::WRITABLE)
    }
}

fn no_room() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "descriptors come with a byte of a stream, and the buffer has room for none",
    )
}

fn no_byte() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "descriptors travel with a byte of a stream, and there is none: send at least one",
    )
}
