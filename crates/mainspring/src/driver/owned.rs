//! Any source of the system, made asynchronous.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::error;
use crate::interest::Interest;
use crate::sys::{AsSource, raw_source};
use crate::trigger::Trigger;

use super::handle::Handle;
use super::registration::{ReadyEvent, Registration};

/// A source and its registration: `Async::new(anything with a descriptor)`.
///
/// The source is yours to use through [`get_ref`](Self::get_ref); calls on it that would block
/// are made with [`read_with`](Self::read_with) and its siblings. Should the source inside be
/// replaced by another descriptor, every wait fails with an error that says so: the registration
/// goes on naming the descriptor it was made for and never touches the other's events.
///
/// ```
/// use mainspring::Async;
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// let (a, mut b) = UnixStream::pair()?;
/// a.set_nonblocking(true)?;
/// let a = Async::new(a)?;
/// b.write_all(b"hello")?;
/// let mut buffer = [0; 8];
/// let n = futures::executor::block_on(a.read_with(|mut io| io.read(&mut buffer)))?;
/// assert_eq!(&buffer[..n], b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Async<T: AsSource> {
    // Dropped first: the kernel is told before the descriptor is closed.
    registration: Registration,
    source: T,
}

impl<T: AsSource> Async<T> {
    /// Registers `source`, which must be in non-blocking mode, with the current driver, edge
    /// triggered.
    ///
    /// # Errors
    ///
    /// Those of [`Registration::new`].
    #[track_caller]
    pub fn new(source: T) -> io::Result<Async<T>> {
        Async::with_handle(&Handle::try_current()?, source)
    }

    /// Registers `source` with the driver of `handle`.
    ///
    /// # Errors
    ///
    /// Those of [`Registration::new`].
    #[track_caller]
    pub fn with_handle(handle: &Handle, source: T) -> io::Result<Async<T>> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        Async::with_interest(handle, source, interest, Trigger::Edge)
    }

    /// Registers `source` for `interest` only, with the trigger of the caller's choice.
    ///
    /// # Errors
    ///
    /// Those of [`Registration::new`].
    #[track_caller]
    pub fn with_interest(
        handle: &Handle,
        source: T,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<Async<T>> {
        let registration = handle.register(&source, interest, trigger)?;
        Ok(Async { registration, source })
    }

    /// The source.
    pub fn get_ref(&self) -> &T {
        &self.source
    }

    /// The source, to be changed but not replaced.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.source
    }

    /// The registration.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// Ends the registration and gives the source back.
    pub fn into_inner(self) -> T {
        let Async { registration, source } = self;
        drop(registration);
        source
    }

    /// Whether the source is still the one that was registered (clause C5).
    fn check(&self) -> io::Result<()> {
        if raw_source(&self.source) == self.registration.source() {
            Ok(())
        } else {
            Err(error::source_replaced())
        }
    }

    /// Waits until a read will not block.
    ///
    /// # Errors
    ///
    /// Those of [`Registration::ready`], and if the source was replaced.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn readable(&self) -> io::Result<ReadyEvent> {
        self.check()?;
        self.registration.ready(Interest::READABLE).await
    }

    /// Waits until a write will not block; see [`readable`](Self::readable).
    ///
    /// # Errors
    ///
    /// Those of [`readable`](Self::readable).
    pub async fn writable(&self) -> io::Result<ReadyEvent> {
        self.check()?;
        self.registration.ready(Interest::WRITABLE).await
    }

    /// Calls `op` on the source until it says something else than `WouldBlock`, waiting for
    /// readability in between.
    ///
    /// # Errors
    ///
    /// Those of `op` and of [`readable`](Self::readable).
    ///
    /// # Cancel safety
    ///
    /// `op` runs to its end or not at all.
    pub async fn read_with<R>(&self, mut op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.check()?;
        self.registration.async_io(Interest::READABLE, || op(&self.source)).await
    }

    /// The same for writes.
    ///
    /// # Errors
    ///
    /// Those of `op` and of [`writable`](Self::writable).
    ///
    /// # Cancel safety
    ///
    /// `op` runs to its end or not at all.
    pub async fn write_with<R>(&self, mut op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.check()?;
        self.registration.async_io(Interest::WRITABLE, || op(&self.source)).await
    }

    /// Ready when a read will not block. One task a direction: the last caller is the one that is
    /// woken.
    ///
    /// # Errors
    ///
    /// Those of [`readable`](Self::readable).
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReadyEvent>> {
        self.check()?;
        self.registration.poll_ready(cx, Interest::READABLE)
    }

    /// Ready when a write will not block; see [`poll_readable`](Self::poll_readable).
    ///
    /// # Errors
    ///
    /// Those of [`writable`](Self::writable).
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<ReadyEvent>> {
        self.check()?;
        self.registration.poll_ready(cx, Interest::WRITABLE)
    }

    /// Calls `op` on the source once, if it looks ready for `interest` or was never waited for.
    ///
    /// With [`readable`](Self::readable), the loop that [`read_with`](Self::read_with) is, written
    /// by hand:
    ///
    /// ```
    /// use mainspring::{Async, Interest};
    /// use std::io::{ErrorKind, Read, Write};
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (a, mut b) = UnixStream::pair()?;
    /// a.set_nonblocking(true)?;
    /// let a = Async::new(a)?;
    /// let mut buffer = [0; 8];
    /// let error = a.try_io(Interest::READABLE, |mut io| io.read(&mut buffer)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
    /// b.write_all(b"hello")?;
    /// futures::executor::block_on(a.readable())?;
    /// assert_eq!(a.try_io(Interest::READABLE, |mut io| io.read(&mut buffer))?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Registration::try_io`], and if the source was replaced.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        op: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.check()?;
        self.registration.try_io(interest, || op(&self.source))
    }

    fn poll_with<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        op: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.check()?;
        let mut op = op;
        // A call that a signal interrupted is made again, as the standard library's helpers do.
        loop {
            match ready!(self.registration.poll_io(cx, interest, &mut op)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

/// Whether a call is made again, now or when the source is ready.
fn is_retried(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl<T: AsSource> Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_flush_source(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        // Tried without a look at the readiness: most sources have nothing to flush, and need no
        // room to say so.
        match (&self.source).flush() {
            Err(error) if is_retried(&error) => {
                self.poll_with(cx, Interest::WRITABLE, || (&self.source).flush())
            }
            done => Poll::Ready(done),
        }
    }
}

/// Implements the traits of futures-io for an owned and for a borrowed `Async`, so that one task
/// may read while another writes.
macro_rules! byte_stream {
    ($stream:ty, $($bound:tt)*) => {
        impl<T: AsSource $($bound)*> AsyncRead for $stream
        where
            for<'a> &'a T: Read,
        {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_with(cx, Interest::READABLE, || (&self.source).read(buffer))
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let read = || (&self.source).read_vectored(buffers);
                self.poll_with(cx, Interest::READABLE, read)
            }
        }

        impl<T: AsSource $($bound)*> AsyncWrite for $stream
        where
            for<'a> &'a T: Write,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_with(cx, Interest::WRITABLE, || (&self.source).write(buffer))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let write = || (&self.source).write_vectored(buffers);
                self.poll_with(cx, Interest::WRITABLE, write)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush_source(cx)
            }

            /// Flushes. How a source is shut down depends on what it is: `get_ref` is the way to
            /// it.
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush_source(cx)
            }
        }
    };
}

byte_stream!(Async<T>, + Unpin);
byte_stream!(&Async<T>,);
