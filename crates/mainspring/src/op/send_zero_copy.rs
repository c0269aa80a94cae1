//! Sending without copying.
//!
//! The kernel sends from the buffer itself and keeps it until the peer has everything, or the
//! connection is gone: there are two completions, one with the number of bytes and, when the kernel
//! has let go of the buffer, one that says so. The buffer comes back only then.
//!
//! The second completion and the keeping of pages have their price, some 6 µs of processor time a
//! send, and what is saved is a copy, 0.13 µs a KiB: so it pays from 48 KiB on at the earliest, on
//! a network card that can do it, and no plain send is turned into one unasked. Over the loopback
//! the kernel copies all the same, and the two cost the same at about 256 KiB. Registered buffers
//! take a tenth off the price.
//!
//! | bytes a send | plain, µs | without copying | from registered buffers |
//! |--------------|-----------|-----------------|-------------------------|
//! | 4 KiB        | 1.7       | 7.5             | 7.4                     |
//! | 64 KiB       | 10.2      | 14.3            | 12.5                    |
//! | 256 KiB      | 38        | 31              | 28                      |
//!
//! (Processor time of the sending thread on Linux 6.18 with two processors, busy with other things
//! too, over the loopback; the program `bulk` of `crates/bench` measures it.)
//!
//! Where it cannot be had at all (`EOPNOTSUPP` of a socket, an older kernel), or so much memory may
//! not be locked (`ENOMEM`), this is a plain send.
//!
//! <https://man7.org/linux/man-pages/man3/io_uring_prep_send_zc.3.html>

use std::io;

use crate::completion::buf::IoBuf;
use crate::completion::operation::{AfterPart, Operation, Part, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Registration, Subject, wrong_subject};
use crate::socket::Socket;
use crate::source::RawSource;

use super::send::Progress;

/// Sends what there is room for from the buffer itself, which comes back when the kernel has let go
/// of it.
#[derive(Debug)]
pub struct SendZeroCopy<B> {
    source: RawSource,
    buffer: B,
    progress: Progress,
    /// What the kernel has sent, once that is known.
    sent: Option<io::Result<u64>>,
}

impl<B: IoBuf> SendZeroCopy<B> {
    pub(crate) fn on<'a>(
        registration: &'a Registration,
        socket: &'a Socket,
        buffer: B,
    ) -> Prepared<'a, SendZeroCopy<B>> {
        let (source, progress) = (socket.raw_source(), Progress::default());
        let operation = SendZeroCopy { source, buffer, progress, sent: None };
        Prepared::on(registration, Subject::Socket(socket), operation)
    }
}

impl<B: IoBuf> Operation for SendZeroCopy<B> {
    type Output = (io::Result<usize>, B);
    type Kept = B;

    fn raw(&mut self) -> RawOperation {
        let memory = RawMemory::to_read(self.buffer.filled());
        let (source, region) = (self.source, self.buffer.region());
        RawOperation::SendZeroCopy { source, memory, flags: self.progress.flags(), region }
    }

    fn join_chain(&mut self) {
        self.progress.join_chain();
    }

    fn falls_short(&self, result: u64) -> bool {
        result < self.buffer.filled().len() as u64
    }

    fn part(&mut self, part: Part) -> AfterPart {
        self.sent = Some(part.result);
        // Whoever waits, waits for the buffer.
        AfterPart::Nothing
    }

    fn result(&mut self, last: io::Result<u64>) -> io::Result<u64> {
        match self.sent.take().unwrap_or(last) {
            // More than this process may lock: the send itself needs none of it.
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
                Err(io::ErrorKind::Unsupported.into())
            }
            result => self.progress.result(result),
        }
    }

    fn finish(self, result: io::Result<u64>) -> (io::Result<usize>, B) {
        (result.map(|count| count as usize), self.buffer)
    }

    fn cancelled(self) -> B {
        self.buffer
    }
}

impl<B: IoBuf> Emulation for SendZeroCopy<B> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        self.progress.attempt(self.buffer.filled(), |bytes| match subject {
            Subject::Socket(socket) => socket.send(bytes),
            _ => wrong_subject(),
        })
    }
}
