//! A connected stream socket with its registration: what every stream type of `net` is made of.
//!
//! A call is tried first; only one that would block makes the kernel watch the socket, and only
//! for the direction that waits. A transfer that is shorter than it could have been says that
//! there is no more for now, and saves the call that would say `WouldBlock` (clause C2). That is
//! not so beside urgent data, where a read stops at the mark although more may lie behind it; the
//! registration therefore asks for `PRIORITY` too. Nor is it so on a Unix socket where a
//! descriptor was sent: a read stops there, closes the descriptor that nobody asked for, and says
//! so ([`Read::whole`]).
//!
//! # Cancel safety
//!
//! Every transfer is one call that is made to its end or not at all, and its result is returned
//! in the same poll: a future that is dropped has read and written nothing.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::panic::Location;
use std::task::{Context, Poll};

use crate::driver::{Handle, Registration};
use crate::interest::Interest;
use crate::op::connect::Registered;
use crate::ready::Ready;
use crate::socket::{self, Read, Socket, full_transfer};
use crate::trigger::Trigger;

/// All that a stream may wait for.
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE).add(Interest::PRIORITY);

/// A stream socket and its registration.
#[derive(Debug)]
pub(crate) struct ByteStream {
    // Dropped first: the kernel is told before the socket is closed.
    registration: Registration,
    socket: Socket,
    /// Whether descriptors may travel with the bytes: it is a Unix socket.
    carries: bool,
}

impl ByteStream {
    /// Registers `socket`; `location` is the line of the program that asked for it.
    pub(crate) fn new(
        handle: &Handle,
        socket: Socket,
        location: &'static Location<'static>,
    ) -> io::Result<ByteStream> {
        socket.check(handle)?;
        let source = socket.raw_source();
        let registration =
            Registration::located(handle, source, INTEREST, Trigger::Edge, location)?;
        Ok(ByteStream { registration, socket, carries: false })
    }

    /// Says that this is a Unix stream, whose reads stop where descriptors were sent.
    #[allow(dead_code, reason = "only Unix streams carry descriptors")]
    pub(crate) fn carrying(self) -> ByteStream {
        ByteStream { carries: true, ..self }
    }

    /// Reads once; `whole` becomes false if the read stopped although there may be more.
    #[inline]
    fn recv(&self, buffer: &mut [u8], whole: &mut bool) -> io::Result<usize> {
        match self.carries {
            true => stopped(self.socket.recv_unix(&mut [IoSliceMut::new(buffer)]), whole),
            false => self.socket.recv(buffer, false),
        }
    }

    fn recv_uninit(&self, buffer: &mut [MaybeUninit<u8>], whole: &mut bool) -> io::Result<usize> {
        match self.carries {
            true => stopped(self.socket.recv_unix_uninit(buffer), whole),
            false => self.socket.recv_uninit(buffer),
        }
    }

    fn recv_vectored(&self, buffers: &mut [IoSliceMut<'_>], whole: &mut bool) -> io::Result<usize> {
        match self.carries {
            true => stopped(self.socket.recv_unix(buffers), whole),
            false => self.socket.recv_vectored(buffers),
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// What an operation takes over.
    pub(crate) fn into_registered(self) -> Registered {
        Registered { registration: self.registration, socket: self.socket }
    }

    /// From what an operation had taken over.
    pub(crate) fn of(Registered { registration, socket }: Registered) -> ByteStream {
        ByteStream { registration, socket, carries: false }
    }

    /// Ends the registration and gives the socket back.
    pub(crate) fn into_socket(self) -> Socket {
        let ByteStream { registration, socket, .. } = self;
        drop(registration);
        socket
    }

    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.registration.ready(interest).await?.ready())
    }

    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, interest).map_ok(drop)
    }

    #[inline]
    pub(crate) fn read(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        let len = full_transfer([buffer.len()].into_iter());
        let read = move |whole: &mut bool| self.recv(buffer, whole);
        self.registration.transfer(|| Interest::READABLE, len, read)
    }

    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let len = full_transfer([buffer.len()].into_iter());
        let read = |whole: &mut bool| self.recv(buffer, whole);
        self.registration.poll_transfer(cx, Interest::READABLE, len, read)
    }

    /// Reads into memory that need not be initialised; the first so many bytes then are.
    #[allow(dead_code, reason = "only tokio's and hyper's traits read into such memory")]
    pub(crate) fn poll_read_uninit(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<usize>> {
        let len = full_transfer([buffer.len()].into_iter());
        let read = |whole: &mut bool| self.recv_uninit(buffer, whole);
        self.registration.poll_transfer(cx, Interest::READABLE, len, read)
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = full_transfer([buffer.len()].into_iter());
        let read = |whole: &mut bool| self.recv(buffer, whole);
        self.registration.try_transfer(Interest::READABLE, len, read)
    }

    pub(crate) fn read_vectored(
        &self,
        buffers: &mut [IoSliceMut<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        let len = full_transfer(buffers.iter().map(|buffer| buffer.len()));
        let read = move |whole: &mut bool| self.recv_vectored(buffers, whole);
        self.registration.transfer(|| Interest::READABLE, len, read)
    }

    pub(crate) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = full_transfer(buffers.iter().map(|buffer| buffer.len()));
        let read = |whole: &mut bool| self.recv_vectored(buffers, whole);
        self.registration.poll_transfer(cx, Interest::READABLE, len, read)
    }

    pub(crate) fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let len = full_transfer(buffers.iter().map(|buffer| buffer.len()));
        let read = |whole: &mut bool| self.recv_vectored(buffers, whole);
        self.registration.try_transfer(Interest::READABLE, len, read)
    }

    pub(crate) async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        // Not a transfer: what was looked at is still there, however much there was.
        self.registration.async_io(Interest::READABLE, || self.socket.recv(buffer, true)).await
    }

    pub(crate) fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration.poll_io(cx, Interest::READABLE, || self.socket.recv(buffer, true))
    }

    pub(crate) fn try_peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.registration.try_io(Interest::READABLE, || self.socket.recv(buffer, true))
    }

    #[inline]
    pub(crate) fn write(&self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> {
        let len = full_transfer([bytes.len()].into_iter());
        let write = move |_: &mut bool| self.socket.send(bytes);
        self.registration.transfer(|| Interest::WRITABLE, len, write)
    }

    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let len = full_transfer([bytes.len()].into_iter());
        let write = |_: &mut bool| self.socket.send(bytes);
        self.registration.poll_transfer(cx, Interest::WRITABLE, len, write)
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let len = full_transfer([bytes.len()].into_iter());
        let write = |_: &mut bool| self.socket.send(bytes);
        self.registration.try_transfer(Interest::WRITABLE, len, write)
    }

    pub(crate) fn write_vectored(
        &self,
        buffers: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        let len = full_transfer(buffers.iter().map(|buffer| buffer.len()));
        let write = move |_: &mut bool| self.socket.send_vectored(buffers);
        self.registration.transfer(|| Interest::WRITABLE, len, write)
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = full_transfer(buffers.iter().map(|buffer| buffer.len()));
        let write = |_: &mut bool| self.socket.send_vectored(buffers);
        self.registration.poll_transfer(cx, Interest::WRITABLE, len, write)
    }

    pub(crate) fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let len = full_transfer(buffers.iter().map(|buffer| buffer.len()));
        let write = |_: &mut bool| self.socket.send_vectored(buffers);
        self.registration.try_transfer(Interest::WRITABLE, len, write)
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// Ends the writing side, as the close of the I/O traits asks. A connection that is gone
    /// already has nothing left to end.
    pub(crate) fn close(&self) -> io::Result<()> {
        match self.socket.shutdown(Shutdown::Write) {
            Err(error) if socket::not_connected(&error) => Ok(()),
            result => result,
        }
    }
}

/// What a read from a Unix socket brought, with its reason to stop in `whole`.
fn stopped(read: io::Result<Read>, whole: &mut bool) -> io::Result<usize> {
    let Read { count, whole: went_all_the_way } = read?;
    *whole = went_all_the_way;
    Ok(count)
}
