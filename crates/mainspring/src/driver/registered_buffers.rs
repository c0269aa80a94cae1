//! Buffers whose memory the kernel knows beforehand.
//!
//! For each transfer without a copy (direct I/O, a send without copying) the kernel looks up the
//! pages of the buffer and keeps them from moving, and afterwards lets go of them. For buffers that
//! are used again and again it can do so once: they are registered. Which operations are on such
//! memory their buffers tell, so nothing else changes; where memory cannot be registered, or not so
//! much of it, these are ordinary buffers, and [say](RegisteredBuffers::standing) why.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::task::{Context, Poll, ready};

use crate::completion::buffer_group::{Buffers, Lease};
use crate::completion::pool::{Place, Taken};
use crate::error;
use crate::sync::Arc;
use crate::sys::huge_pages;

use super::handle::Handle;

/// Buffers that the kernel knows, if it can; see [`Handle::register_buffers`].
///
/// Cheap to clone; the clones are the same buffers.
///
/// ```
/// # mainspring::block_on(async {
/// let buffers = mainspring::Handle::current().register_buffers(4, 4096)?;
/// let mut buffer = buffers.get().await?;
/// buffer.extend_from_slice(b"hello");
/// assert_eq!(&buffer[..], b"hello");
/// assert_eq!(buffers.in_use(), 1);
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct RegisteredBuffers(Arc<Registered>);

struct Registered {
    handle: Handle,
    number: u16,
    buffers: Arc<Buffers>,
    /// Whether the kernel was asked to know them.
    shown: bool,
}

/// What buffers are to the kernel; see [`RegisteredBuffers::standing`].
///
/// ```
/// use mainspring::Standing;
/// let driver = mainspring::Driver::new()?;
/// match driver.handle().register_buffers(4, 4096)?.standing() {
///     Standing::Registered => println!("the kernel has looked them up"),
///     Standing::Asked => println!("it will, at the driver's next turn"),
///     Standing::Ordinary(why) => println!("{why}"),
///     _ => {}
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing<'a> {
    /// The kernel knows their memory, and operations on it spare it the look-up.
    Registered,
    /// The thread that turns the driver will ask the kernel, with its next turn: only it may. Until
    /// then they are ordinary ones.
    Asked,
    /// They are ordinary buffers: the reason, and the remedy if there is one.
    Ordinary(&'a str),
}

impl Handle {
    /// Makes `count` buffers of `bytes` each and, where it can, registers their memory with the
    /// kernel, so that direct I/O and sends without copying need not look it up each time. They lie
    /// on pages, so with whole pages of `bytes` each is fit for direct I/O.
    ///
    /// Whatever reads or writes a file with one of them at this driver, or sends one without
    /// copying, uses the registration: there is nothing to be said at the call. At another driver
    /// they are like any buffer.
    ///
    /// When the last clone is dropped and no buffer is out, the kernel lets go of the memory at
    /// once; on a pinned driver it does so on that driver's thread, which is woken for it if the
    /// drop is on another. While buffers are out the memory stays known and locked, and goes with
    /// the first turn that begins after the last of them has come back. A sleeping driver is not
    /// woken for that: [`unpark`](Handle::unpark) it where the memory is to go soon.
    ///
    /// All of the memory is touched by this, so for much of it the call takes its time.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("mainspring-known-{}", std::process::id()));
    /// # std::fs::write(&path, "hello")?;
    /// use mainspring::fs::File;
    /// mainspring::block_on(async {
    ///     let buffers = mainspring::Handle::current().register_buffers(4, 4096)?;
    ///     let file = File::open(&path).await?;
    ///     let (read, buffer) = file.read_at(buffers.get().await?, 0).await;
    ///     assert_eq!((read?, &buffer[..]), (5, b"hello".as_slice()));
    ///     Ok::<(), std::io::Error>(())
    /// })??;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`buffer_group`](Self::buffer_group). That memory cannot be registered, or not so
    /// much of it, is none: then these are ordinary buffers, and
    /// [`standing`](RegisteredBuffers::standing) says why.
    ///
    /// # Platforms
    ///
    /// `uring` registers the memory, up to 1 GiB a call, against the process's limit of locked
    /// memory (`ulimit -l`) unless it has `CAP_IPC_LOCK`. Elsewhere these are ordinary buffers on
    /// pages.
    pub fn register_buffers(&self, count: usize, bytes: usize) -> io::Result<RegisteredBuffers> {
        if self.is_shutdown() {
            return Err(error::shut_down());
        }
        let buffers = Buffers::new(count, bytes)?;
        let (start, len) = buffers.all();
        huge_pages::prefer(start, len);
        let shared = self.shared();
        let number = shared.registered.insert(&buffers)?;
        let shown = shared.backend.register_memory(number, &buffers).is_ok();
        if !shown {
            buffers.refuse(NOT_HERE.into());
        }
        let registered = Registered { handle: self.clone(), number, buffers, shown };
        Ok(RegisteredBuffers(Arc::new(registered)))
    }
}

impl RegisteredBuffers {
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

    /// Whether the kernel knows the buffers, or why not.
    #[must_use]
    pub fn standing(&self) -> Standing<'_> {
        let buffers = &self.0.buffers;
        if buffers.region().is_some() {
            return Standing::Registered;
        }
        buffers.refusal().map_or(Standing::Asked, Standing::Ordinary)
    }

    /// Buffers that are out.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.0.buffers.pool().in_use() as usize
    }

    /// An empty buffer, if one is free and nobody waits for one.
    #[must_use]
    pub fn take(&self) -> Option<Lease> {
        self.0.buffers.pool().take().map(|number| Buffers::lease(&self.0.buffers, number, 0))
    }

    /// An empty buffer, as soon as there is one: whoever has waited longest gets the next that is
    /// given back.
    ///
    /// # Errors
    ///
    /// That the driver was shut down, and none is free.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped leaves the line.
    pub fn get(&self) -> impl Future<Output = io::Result<Lease>> + Send + '_ {
        let mut taking = Taking { buffers: &self.0.buffers, place: None };
        async move { poll_fn(|cx| taking.poll(cx)).await }
    }
}

/// One who waits for a buffer.
struct Taking<'a> {
    buffers: &'a Arc<Buffers>,
    place: Option<Place>,
}

impl Taking<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Lease>> {
        Poll::Ready(match ready!(self.buffers.pool().poll_take(&mut self.place, cx.waker())) {
            Taken::Number(number) => Ok(Buffers::lease(self.buffers, number, 0)),
            Taken::Lent | Taken::Closed => Err(error::shut_down()),
        })
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        self.buffers.pool().leave(&mut self.place);
    }
}

impl fmt::Debug for RegisteredBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredBuffers")
            .field("count", &self.count())
            .field("buffer_bytes", &self.buffer_bytes())
            .field("in_use", &self.in_use())
            .field("standing", &self.standing())
            .finish_non_exhaustive()
    }
}

/// Why they are ordinary where there is nothing to be asked.
const NOT_HERE: &str = "the driver's backend registers no memory with the kernel: choose `uring`, \
                        and mask none of its features";

impl Drop for Registered {
    fn drop(&mut self) {
        let shared = self.handle.shared();
        // Leases that are out go on as ordinary buffers; operations under way are let finish.
        if self.shown {
            shared.backend.unregister_memory(self.number);
        }
        shared.registered.remove(self.number);
    }
}
