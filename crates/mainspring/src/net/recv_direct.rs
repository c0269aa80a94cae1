//! What comes on a direct descriptor, in buffers of a group.
//!
//! Where the kernel fills the group, this is what [`RecvMulti`] does everywhere. Where it does not,
//! or the group has run out, there is no readiness to wait for: a descriptor without a number has
//! none. So an operation asks the kernel whether something has come, the stream takes a buffer or
//! waits in line for one, and another operation receives into it. That takes three steps and not
//! one, but an idle connection has no buffer this way either.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::completion::buffer_group::Lease;
use crate::completion::pool::Place;
use crate::driver::{BufferGroup, Cancelling, Outcome, Slot, Submission};
use crate::interest::Interest;
use crate::op::{self, DirectStream};

use super::{RecvMulti, TcpStream};

/// One receive without readiness, in its three steps.
pub(super) struct OneByOne {
    slot: Arc<Slot>,
    step: Step,
}

enum Step {
    Idle,
    /// Something is to come.
    Asks(Submission<'static, op::Poll>),
    /// It has come, and a buffer is to be had for it.
    Waits,
    Receives(Submission<'static, op::Recv<Lease>>),
    /// It is to be the last, and may have received something.
    Stops(Cancelling<'static, op::Recv<Lease>>),
}

/// What a step came to.
pub(super) enum Brought {
    /// A buffer with something in it.
    Lease(Lease),
    /// The end of what comes.
    End,
    /// Free buffers are the kernel's.
    Lent,
}

impl OneByOne {
    pub(super) fn new(slot: &Arc<Slot>) -> OneByOne {
        OneByOne { slot: Arc::clone(slot), step: Step::Idle }
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// Whether it may have received something that nobody has yet.
    pub(super) fn is_receiving(&self) -> bool {
        matches!(self.step, Step::Receives(_) | Step::Stops(_))
    }

    /// The kernel's own way is gone now; what this had asked is of no use.
    pub(super) fn rest(&mut self) {
        self.step = Step::Idle;
    }

    /// Receives nothing more than it may have received already. False if that is nothing.
    pub(super) fn stop(&mut self) -> bool {
        self.step = match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Receives(receiving) => Step::Stops(receiving.cancel()),
            stops @ Step::Stops(_) => stops,
            Step::Idle | Step::Asks(_) | Step::Waits => Step::Idle,
        };
        self.is_receiving()
    }

    /// Goes on to the next buffer that was filled.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        group: &BufferGroup,
        place: &mut Option<Place>,
    ) -> Poll<io::Result<Brought>> {
        loop {
            let (received, lease) = match &mut self.step {
                Step::Idle => {
                    let asking = op::Poll::direct(&self.slot, Interest::READABLE);
                    self.step = Step::Asks(asking.into_future());
                    continue;
                }
                Step::Asks(asking) => {
                    let asked = ready!(Pin::new(asking).poll(cx));
                    self.step = Step::Idle;
                    asked?;
                    self.step = Step::Waits;
                    continue;
                }
                Step::Waits => {
                    let Some(lease) = ready!(group.poll_take(cx, place))? else {
                        return Poll::Ready(Ok(Brought::Lent));
                    };
                    let receiving = op::Recv::direct(&self.slot, lease);
                    self.step = Step::Receives(receiving.into_future());
                    continue;
                }
                Step::Receives(receiving) => ready!(Pin::new(receiving).poll(cx)),
                Step::Stops(stopping) => match ready!(Pin::new(stopping).poll(cx)) {
                    Outcome::Completed(completed) => completed,
                    Outcome::Cancelled(_) => {
                        self.step = Step::Idle;
                        return Poll::Ready(Ok(Brought::End));
                    }
                },
            };
            self.step = Step::Idle;
            return Poll::Ready(received.map(|count| match count {
                0 => Brought::End,
                _ => Brought::Lease(lease),
            }));
        }
    }
}

impl DirectStream<TcpStream> {
    /// What comes, in buffers of `group` that give themselves back, until the end of the stream or
    /// an error; see [`TcpStream::recv_multi`].
    ///
    /// # Errors
    ///
    /// The items': the system's, and `InvalidInput` if the group is of another driver. The stream
    /// ends with the first.
    pub fn recv_multi(&self, group: &BufferGroup) -> RecvMulti<'_> {
        recv_multi(self, group, TcpStream::recv_multi)
    }
}

/// What comes on a descriptor, which is `ordinary`'s matter if it is not direct.
pub(super) fn recv_multi<'a, S>(
    stream: &'a DirectStream<S>,
    group: &BufferGroup,
    ordinary: impl FnOnce(&'a S, &BufferGroup) -> RecvMulti<'a>,
) -> RecvMulti<'a> {
    match stream.place() {
        Ok(slot) => RecvMulti::direct(slot, group),
        Err(stream) => ordinary(stream, group),
    }
}
