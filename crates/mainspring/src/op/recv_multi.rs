//! Receiving into buffers of a group until told to stop.

use std::io;

use crate::completion::operation::{AfterPart, Operation, Part, RawOperation};
use crate::completion::pool::{Appended, Arrivals};
use crate::driver::BufferGroup;
use crate::error;
use crate::source::RawSource;
use crate::sync::Arc;
use crate::sys::socket::is_out_of_buffers;

/// Receives what comes, each time into a buffer of the kernel's choice.
pub(crate) struct RecvMulti {
    source: RawSource,
    /// Keeps the group with the kernel while this runs.
    group: BufferGroup,
    arrivals: Arc<Arrivals>,
    /// As many that nobody took are enough.
    limit: u32,
    bundle: bool,
    stopping: bool,
}

impl RecvMulti {
    pub(crate) fn new(
        source: RawSource,
        group: BufferGroup,
        arrivals: Arc<Arrivals>,
        limit: u32,
        bundle: bool,
    ) -> RecvMulti {
        RecvMulti { source, group, arrivals, limit, bundle, stopping: false }
    }
}

impl RecvMulti {
    /// One buffer has come.
    fn append(&mut self, number: u16, len: u64) -> AfterPart {
        let pool = self.group.buffers().pool();
        let appended = match u32::try_from(len) {
            // Nothing is only said at the end, and needs no buffer.
            Ok(0) | Err(_) => Appended::Refused,
            Ok(len) => self.arrivals.append(pool, number, len),
        };
        match appended {
            Appended::Refused => {
                pool.give_back(number);
                AfterPart::Nothing
            }
            Appended::Held { held, .. } if held >= self.limit && !self.stopping => {
                self.stopping = true;
                AfterPart::Stop
            }
            Appended::Held { first: true, .. } => AfterPart::Wake,
            Appended::Held { .. } => AfterPart::Nothing,
        }
    }
}

impl Operation for RecvMulti {
    /// 0 at the end of the stream; anything else if only the operation has ended.
    type Output = io::Result<u64>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        let group = self.group.number();
        RawOperation::RecvMulti { source: self.source, group, bundle: self.bundle }
    }

    #[inline]
    fn beside(&self) -> *const () {
        Arc::as_ptr(&self.arrivals).cast()
    }

    fn part(&mut self, part: Part) -> AfterPart {
        let Some(mut number) = part.buffer else { return AfterPart::Nothing };
        let bytes = self.group.buffer_bytes() as u64;
        let mut left = part.result.unwrap_or(0);
        let mut after = AfterPart::Nothing;
        // A bundle fills one buffer after the other, in the order in which they were lent.
        loop {
            let next = self.group.buffers().pool().filled(number);
            match self.append(number, left.min(bytes)) {
                AfterPart::Nothing => {}
                // It is said once, and whoever took all in between undoes nothing of it.
                _ if after == AfterPart::Stop => {}
                more => after = more,
            }
            left = left.saturating_sub(bytes);
            if left == 0 {
                return after;
            }
            number = next;
        }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<u64> {
        // Of an operation that brings its own buffer the same word means something else: the
        // system's buffers are at an end.
        result.map_err(|error| match is_out_of_buffers(&error) {
            true => error::no_buffers(),
            false => error,
        })
    }

    fn cancelled(self) {}
}
