//! Taking a connection into a table of direct descriptors.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{
    Attempt, DirectDescriptors, Emulation, Place, Prepared, Slot, Subject, wrong_subject,
};
use crate::error;
use crate::interest::Interest;
use crate::op::accept::{Listener, Taken};
use crate::socket::Socket;
use crate::source::RawSource;

use super::{DirectStream, explain};

/// Takes one connection into a table; see [`DirectDescriptors::accept`].
pub struct AcceptDirect<L> {
    source: RawSource,
    /// There until it is filled.
    place: Option<Place>,
    table: DirectDescriptors,
    location: &'static Location<'static>,
    /// What an attempt has taken.
    taken: Option<Socket>,
    /// What is made of it; no value of it is here.
    of: PhantomData<fn() -> L>,
}

impl DirectDescriptors {
    /// Takes one connection into the table.
    ///
    /// # Errors
    ///
    /// `QuotaExceeded` if no place of the table is free, and at the limit of operations or of
    /// sources; `InvalidInput` if the listener is another driver's; the system's: that of a
    /// connection which failed before it was taken (`ConnectionAborted`) says nothing about the
    /// next one; shutdown of the driver.
    ///
    /// # Cancel safety
    ///
    /// A connection that a dropped future has taken after all is closed (clause C11);
    /// [`Submission::cancel`](crate::Submission::cancel) loses none.
    #[track_caller]
    pub fn accept<'a, L: Listener + 'static>(
        &self,
        listener: &'a L,
    ) -> Prepared<'a, AcceptDirect<L>> {
        self.accept_at(listener, Location::caller())
    }

    /// The same, on account of this line of the program.
    pub(super) fn accept_at<'a, L: Listener + 'static>(
        &self,
        listener: &'a L,
        location: &'static Location<'static>,
    ) -> Prepared<'a, AcceptDirect<L>> {
        let target = listener.target();
        let (place, refused) = match self.reserve() {
            _ if !target.handle().is_same(self.handle()) => (None, Some(error::other_driver())),
            Ok(place) => (Some(place), None),
            Err(error) => (None, Some(error)),
        };
        let operation = AcceptDirect {
            source: target.source(),
            place,
            table: self.clone(),
            location,
            taken: None,
            of: PhantomData,
        };
        target.prepare(operation).unless(refused)
    }
}

impl<L> AcceptDirect<L> {
    /// What the kernel has put into the table; nothing if an attempt has taken the connection.
    fn slot(&mut self, result: &io::Result<u64>) -> Option<Slot> {
        let slot = result.as_ref().ok().filter(|_| self.taken.is_none())?;
        self.place.take().map(|place| place.filled(*slot))
    }
}

impl<L: Listener + 'static> Operation for AcceptDirect<L> {
    type Output = io::Result<DirectStream<L::Stream>>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::AcceptDirect { source: self.source }
    }

    fn finish(mut self, result: io::Result<u64>) -> Self::Output {
        if let Some(slot) = self.slot(&result) {
            return Ok(DirectStream::in_table(slot));
        }
        result.map_err(explain)?;
        let (Some(socket), Some(place)) = (self.taken, self.place) else { return wrong_subject() };
        let stream = L::accepted(self.table.handle(), Taken(socket), self.location)?;
        Ok(DirectStream::ordinary(stream, place))
    }

    fn cancelled(self) {}

    fn discard(mut self, result: io::Result<u64>) {
        drop(self.slot(&result));
    }
}

impl<L: Listener + 'static> Emulation for AcceptDirect<L> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let taken = match subject {
            Subject::Socket(socket) => socket.accept(),
            _ => wrong_subject(),
        };
        let result = taken.map(|(socket, _)| {
            self.taken = Some(socket);
            0
        });
        Attempt::of(result, Interest::READABLE)
    }
}

impl<L> fmt::Debug for AcceptDirect<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptDirect").field("source", &self.source).finish_non_exhaustive()
    }
}
