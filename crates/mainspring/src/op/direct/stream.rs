//! A connection in a table of direct descriptors.

use std::fmt;
use std::sync::Arc;

use crate::driver::{Place, Prepared, Slot};
use crate::op::source::{Endpoint, Source, Stream, Target};

use super::CloseDirect;

/// A connection without a number in the process; [`DirectDescriptors::accept`] makes it.
///
/// It is an object of operations: [`op::recv`](crate::op::recv), [`op::send`](crate::op::send),
/// [`op::shutdown`](crate::op::shutdown) and [`op::poll`](crate::op::poll). Dropping it closes it,
/// with the driver's next turn at the latest, and so does the end of the driver.
///
/// [`DirectDescriptors::accept`]: crate::DirectDescriptors::accept
pub struct DirectStream<S>(Held<S>);

enum Held<S> {
    Slot(Arc<Slot>),
    /// Where the kernel has no table. The stream is dropped before its place.
    Ordinary(S, Place),
}

impl<S> DirectStream<S> {
    pub(super) fn in_table(slot: Slot) -> DirectStream<S> {
        DirectStream(Held::Slot(Arc::new(slot)))
    }

    pub(super) fn ordinary(stream: S, place: Place) -> DirectStream<S> {
        DirectStream(Held::Ordinary(stream, place))
    }

    /// Whether it is in the kernel's table, and not an ordinary descriptor that stands for it.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        matches!(self.0, Held::Slot(_))
    }

    /// Its place in the table, or the ordinary stream that stands for it.
    pub(crate) fn place(&self) -> Result<&Arc<Slot>, &S> {
        match &self.0 {
            Held::Slot(slot) => Ok(slot),
            Held::Ordinary(stream, _) => Err(stream),
        }
    }

    /// Closes it, and is ready when that is done. Whatever becomes of it, it is closed: also when
    /// it is dropped or cancelled.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn close(self) -> Prepared<'static, CloseDirect> {
        match self.0 {
            Held::Slot(slot) => CloseDirect::prepare(Some(slot)),
            Held::Ordinary(stream, place) => {
                drop((stream, place));
                CloseDirect::prepare(None)
            }
        }
    }
}

impl<S: Stream> Source for DirectStream<S> {
    fn target(&self) -> Target<'_> {
        match &self.0 {
            Held::Slot(slot) => Target::direct(slot),
            Held::Ordinary(stream, _) => stream.target(),
        }
    }
}

impl<S: Stream> Endpoint for DirectStream<S> {}

impl<S: Stream> Stream for DirectStream<S> {}

impl<S> fmt::Debug for DirectStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectStream").field("is_direct", &self.is_direct()).finish_non_exhaustive()
    }
}
