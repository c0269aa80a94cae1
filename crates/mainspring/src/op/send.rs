//! Sending from a buffer that the operation owns.

use std::io;

use crate::completion::buf::IoBuf;
use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Registration, Subject};
use crate::interest::Interest;
use crate::socket::Socket;
use crate::source::RawSource;

/// Sends what there is room for, which may be less than the buffer holds.
#[derive(Debug)]
pub struct Send<B> {
    source: RawSource,
    buffer: B,
}

impl<B: IoBuf> Send<B> {
    pub(crate) fn on<'a>(
        registration: &'a Registration,
        socket: &'a Socket,
        buffer: B,
    ) -> Prepared<'a, Send<B>> {
        let operation = Send { source: socket.raw_source(), buffer };
        Prepared::on(registration, Subject::Socket(socket), operation)
    }
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
            Subject::Nothing => Err(io::ErrorKind::InvalidInput.into()),
        };
        Attempt::of(sent.map(|count| count as u64), Interest::WRITABLE)
    }
}
