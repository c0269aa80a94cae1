//! Groups of buffers that belong to a driver.
//!
//! A group is memory and a pool of free buffers first, and works on every backend: whoever is to
//! receive takes a buffer, receives, and hands the buffer out. Where the kernel can choose the
//! buffer itself, the group is shown to it when an operation first names it, and taken back when
//! nobody names it any more.

use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};

use crate::completion::buffer_group::{Buffers, Lease};
use crate::completion::pool::{Place, Taken};
use crate::error;
use crate::sync::{Arc, Mutex};
use crate::sys::huge_pages;

use super::handle::Handle;

/// Groups of one driver at a time (clause C13). Where the kernel knows them it keeps a page or more
/// for each; programs have one to a few.
const GROUPS_MAX: usize = 1024;

/// A number of equal buffers, from which [leases](Lease) are handed out; see
/// [`Handle::buffer_group`].
///
/// Cheap to clone; the clones are the same group.
///
/// A task that keeps leases and awaits more needs a group that has more: tasks that together keep
/// every buffer and each await another one wait for ever.
#[derive(Clone)]
pub struct BufferGroup(Arc<Group>);

struct Group {
    handle: Handle,
    number: u16,
    buffers: Arc<Buffers>,
    /// Whether the kernel knows the group; unknown until an operation first names it.
    known: Mutex<Option<bool>>,
}

impl Handle {
    /// Makes a group of `count` buffers of `bytes` each, to receive into with
    /// [`TcpStream::recv_multi`](crate::net::TcpStream::recv_multi).
    ///
    /// Make one for many connections: it needs as many buffers as are dealt with at once, and not
    /// as there are connections. Its memory is one allocation, of which pages that were never
    /// used cost nothing where the system gave it anew. A group of 2 MiB or more in all asks for
    /// huge pages: then a page is 2 MiB.
    ///
    /// # Errors
    ///
    /// `InvalidInput` unless `count` is a power of two, at most 32768 (what io_uring takes), and
    /// `bytes` more than 0 and less than 4 GiB; `OutOfMemory`; `QuotaExceeded` at 1024 groups of
    /// one driver; that the driver was shut down.
    ///
    /// ```
    /// let driver = mainspring::Driver::new()?;
    /// let group = driver.handle().buffer_group(64, 4096)?;
    /// assert_eq!((group.count(), group.buffer_bytes(), group.in_use()), (64, 4096, 0));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn buffer_group(&self, count: usize, bytes: usize) -> io::Result<BufferGroup> {
        if self.is_shutdown() {
            return Err(error::shut_down());
        }
        let buffers = Buffers::new(count, bytes)?;
        let (start, len) = buffers.all();
        huge_pages::prefer(start, len);
        let number = self.shared().groups.insert(&buffers)?;
        let group = Group { handle: self.clone(), number, buffers, known: Mutex::new(None) };
        Ok(BufferGroup(Arc::new(group)))
    }
}

impl BufferGroup {
    /// How many buffers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.buffers.pool().count() as usize
    }

    /// Bytes of one buffer.
    #[must_use]
    pub fn buffer_bytes(&self) -> usize {
        self.0.buffers.bytes()
    }

    /// Buffers that hold something: leases, and what has come and was not taken yet.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.0.buffers.pool().in_use() as usize
    }

    /// How often something was there to be received and no buffer for it, and had to wait. If this
    /// grows, the group is too small or its leases are kept too long.
    #[must_use]
    pub fn exhausted(&self) -> u64 {
        self.0.buffers.pool().exhausted()
    }

    /// Whether both are the same group.
    #[must_use]
    pub fn is_same(&self, other: &BufferGroup) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.0.handle
    }

    pub(crate) fn buffers(&self) -> &Arc<Buffers> {
        &self.0.buffers
    }

    /// What operations call it.
    pub(crate) fn number(&self) -> u16 {
        self.0.number
    }

    /// Shows the group to the kernel, the first time; whether operations may name it.
    ///
    /// # Errors
    ///
    /// If the kernel knows such groups and could not take this one now.
    pub(crate) fn show(&self) -> io::Result<bool> {
        let mut known = self.0.known.lock();
        if let Some(known) = *known {
            return Ok(known);
        }
        match self.0.handle.shared().backend.add_group(self.0.number, &self.0.buffers) {
            Ok(()) => *known = Some(true),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => *known = Some(false),
            Err(error) => return Err(error),
        }
        Ok(*known == Some(true))
    }

    /// Something was there to be received, and no buffer for it.
    pub(crate) fn note_exhausted(&self) {
        self.buffers().pool().note_exhausted();
        self.handle().shared().counters.buffers_exhausted();
    }

    /// A buffer, if one is free and nobody waits.
    pub(crate) fn take(&self) -> Option<Lease> {
        self.buffers().pool().take().map(|number| self.lease(number, 0))
    }

    /// A buffer, or a place in the line of those who wait for one; none if the kernel has some that
    /// only it can give.
    ///
    /// # Errors
    ///
    /// That the driver was shut down.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        place: &mut Option<Place>,
    ) -> Poll<io::Result<Option<Lease>>> {
        Poll::Ready(match ready!(self.buffers().pool().poll_take(place, cx.waker())) {
            Taken::Number(number) => Ok(Some(self.lease(number, 0))),
            Taken::Lent => Ok(None),
            Taken::Closed => Err(error::shut_down()),
        })
    }

    /// A buffer that somebody had the number of, and has no more.
    pub(crate) fn lease(&self, number: u16, len: usize) -> Lease {
        Buffers::lease(self.buffers(), number, len)
    }
}

impl fmt::Debug for BufferGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferGroup")
            .field("count", &self.count())
            .field("buffer_bytes", &self.buffer_bytes())
            .field("in_use", &self.in_use())
            .finish_non_exhaustive()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let shared = self.handle.shared();
        // No operation names the group any more: each has a clone.
        if *self.known.lock() == Some(true) {
            shared.backend.remove_group(self.number);
        }
        shared.groups.remove(self.number);
    }
}

/// The groups of a driver, by number.
pub(super) struct Groups(Mutex<Vec<Option<Arc<Buffers>>>>);

impl Groups {
    pub(super) fn new() -> Groups {
        Groups(Mutex::new(Vec::new()))
    }

    pub(super) fn insert(&self, buffers: &Arc<Buffers>) -> io::Result<u16> {
        let mut groups = self.0.lock();
        let free = groups.iter().position(Option::is_none);
        let number = free.unwrap_or(groups.len());
        if number >= GROUPS_MAX {
            return Err(error::too_many_groups());
        }
        if free.is_none() {
            groups.push(None);
        }
        groups[number] = Some(buffers.clone());
        Ok(number as u16)
    }

    pub(super) fn remove(&self, number: u16) {
        let removed = self.0.lock()[usize::from(number)].take();
        // Memory is freed outside the lock.
        drop(removed);
    }

    /// Nobody waits for a buffer any more (clause C14).
    pub(super) fn shutdown(&self) {
        let groups: Vec<_> = self.0.lock().iter().flatten().cloned().collect();
        for buffers in groups {
            buffers.pool().close();
        }
    }
}
