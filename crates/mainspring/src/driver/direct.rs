//! Tables of direct descriptors, and who has which place.
//!
//! A table is a promise of so many places. Whoever begins an operation that makes a descriptor
//! takes one first, and has it until the descriptor is closed: so the bound is the same on each
//! kind, and the kernel's own table, in which all tables of a driver lie, is never full. A place is
//! closed once, by the drop of its [`Slot`] or by an operation that took it over; the promise goes
//! back after that.

use std::fmt;
use std::io;

use crate::error;
use crate::source::RawSource;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicUsize, Ordering};

use super::handle::Handle;

/// Places of all tables of a driver together (clause C13).
const PLACES_MAX: usize = 4096;

/// A table of direct descriptors; see [`Handle::direct_descriptors`].
///
/// [`accept`](Self::accept) and [`open_direct`](crate::fs::OpenOptions::open_direct) put
/// descriptors into it. Cheap to clone; the clones are the same table. It lasts as long as one of
/// them, or of its descriptors.
#[derive(Clone)]
pub struct DirectDescriptors(Arc<Table>);

struct Table {
    handle: Handle,
    places: usize,
    taken: AtomicUsize,
}

impl Handle {
    /// Makes a table of `places` direct descriptors: files and connections that have no number in
    /// the process. An operation on one spares the kernel the look into the table that all threads
    /// share, they do not count against the limit of open files, and no child inherits them. What
    /// they can do is what operations do: there is no readiness and no number to give away.
    ///
    /// A descriptor of the table is closed when it is dropped, and at the end of the driver.
    ///
    /// ```
    /// use mainspring::{net::{TcpListener, TcpStream}, op};
    /// mainspring::block_on(async {
    ///     let table = mainspring::Handle::current().direct_descriptors(8)?;
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let stream = table.accept(&listener).await?;
    ///     client.write(b"hello").await?;
    ///     let (received, buffer) = op::recv(&stream, vec![0; 16]).await;
    ///     assert_eq!(&buffer[..received?], b"hello");
    ///     assert_eq!(table.in_use(), 1);
    ///     stream.close().await?;
    ///     assert_eq!(table.in_use(), 0);
    ///     Ok::<(), std::io::Error>(())
    /// })??;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidInput` for no place, and for more than the driver has left of its 4096 or the limit
    /// of open files allows; that the driver was shut down.
    ///
    /// # Platforms
    ///
    /// io_uring since Linux 5.19. Elsewhere the same types stand for ordinary descriptors.
    pub fn direct_descriptors(&self, places: usize) -> io::Result<DirectDescriptors> {
        if self.is_shutdown() {
            return Err(error::shut_down());
        }
        let promised = &self.shared().direct;
        let total = take(promised, places, PLACES_MAX).ok_or_else(error::too_many_direct)?;
        // From here on the drop of the table gives its places back.
        let table = Table { handle: self.clone(), places, taken: AtomicUsize::new(0) };
        match self.shared().backend.make_direct(total) {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
            _ => Ok(DirectDescriptors(Arc::new(table))),
        }
    }
}

/// Takes so many of what there is, and says how many are taken then.
fn take(taken: &AtomicUsize, count: usize, all: usize) -> Option<usize> {
    let more = |now: usize| now.checked_add(count).filter(|&then| count != 0 && then <= all);
    let before = taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
    Some(before + count)
}

impl DirectDescriptors {
    /// How many places there are.
    #[must_use]
    pub fn places(&self) -> usize {
        self.0.places
    }

    /// Places that are taken: by descriptors, and by operations that are to make one.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.0.taken.load(Ordering::Acquire)
    }

    /// The driver of the table.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// A place for a descriptor that is to be made.
    pub(crate) fn reserve(&self) -> io::Result<Place> {
        match take(&self.0.taken, 1, self.0.places) {
            Some(_) => Ok(Place(self.0.clone())),
            None => Err(error::direct_table_full()),
        }
    }
}

impl fmt::Debug for DirectDescriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectDescriptors")
            .field("places", &self.places())
            .field("in_use", &self.in_use())
            .finish_non_exhaustive()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.handle.shared().direct.fetch_sub(self.places, Ordering::AcqRel);
    }
}

/// The promise of a place.
pub(crate) struct Place(Arc<Table>);

impl Place {
    /// The place that the kernel has found.
    pub(crate) fn filled(self, slot: u64) -> Slot {
        Slot { number: Some(slot as u32), place: self }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A place with something in it. Dropping it closes that.
#[derive(Debug)]
pub(crate) struct Slot {
    /// None once it was closed.
    number: Option<u32>,
    /// Dropped after that.
    place: Place,
}

impl Slot {
    pub(crate) fn handle(&self) -> &Handle {
        &self.place.0.handle
    }

    /// What operations call it; after its end nothing that is.
    pub(crate) fn source(&self) -> RawSource {
        RawSource::direct(self.number.unwrap_or(u32::MAX))
    }

    /// Somebody else has closed it.
    pub(crate) fn set_closed(&mut self) {
        self.number = None;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            self.handle().shared().backend.close_direct(number);
        }
    }
}
