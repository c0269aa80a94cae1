//! Receiving into a buffer that the operation owns.

use std::io;

use crate::completion::buf::{Filling, IoBufMut};
use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Registration, Subject};
use crate::interest::Interest;
use crate::socket::Socket;
use crate::source::RawSource;

/// Receives what has come, up to the buffer's memory; 0 bytes are the end of the stream.
#[derive(Debug)]
pub struct Recv<B> {
    source: RawSource,
    buffer: Filling<B>,
}

impl<B: IoBufMut> Recv<B> {
    pub(crate) fn on<'a>(
        registration: &'a Registration,
        socket: &'a Socket,
        buffer: B,
    ) -> Prepared<'a, Recv<B>> {
        let operation = Recv { source: socket.raw_source(), buffer: Filling::new(buffer) };
        Prepared::on(registration, Subject::Socket(socket), operation)
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
        let received = match subject {
            Subject::Socket(socket) => socket.recv_uninit(self.buffer.memory()),
            Subject::Nothing => Err(io::ErrorKind::InvalidInput.into()),
        };
        Attempt::of(received.map(|count| count as u64), Interest::READABLE)
    }
}
