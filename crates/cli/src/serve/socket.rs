//! A connection's socket as hyper sees it: watched, counted, and closed without loss.
//!
//! # Closing
//!
//! A socket that is closed while bytes of the client lie unread in it is reset, and a reset throws
//! away what the kernel has not delivered yet: the end of the last response. A client that sends
//! one request after the other, or a body that nobody wants, would meet that. So our side is shut
//! first, and what still comes is read and dropped until the client shuts its side too, for a short
//! time and a limited number of bytes (RFC 9112, section 9.6).

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use mainspring::net::TcpStream;

use super::statistics::Statistics;
use super::watch::Watch;

/// Bytes of one read: more than the head of nearly every request.
const READ_MAX: usize = 8 * 1024;
/// Bytes that are read and dropped at the end of a connection: as much as a client can have sent
/// before it heard of the end, on a fast line.
const DROPPED_MAX: usize = 1024 * 1024;

/// A connection's socket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    watch: Rc<Watch>,
    statistics: Rc<Statistics>,
    /// The client has shut its side.
    ended: bool,
    dropped: usize,
}

impl Socket {
    /// Takes over a connection.
    pub fn new(stream: TcpStream, watch: Rc<Watch>, statistics: Rc<Statistics>) -> Socket {
        Socket { stream, watch, statistics, ended: false, dropped: 0 }
    }

    /// The connection itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn note(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Ready(Ok(count)) => {
                self.watch.wrote(Instant::now());
                let bytes = &self.statistics.bytes;
                bytes.set(bytes.get() + *count as u64);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.watch.blocked(Instant::now()),
        }
    }

    /// Reads into `space`; what was read is at its beginning.
    fn read_some<'a>(
        &mut self,
        cx: &mut Context<'_>,
        space: &'a mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<ReadBuf<'a>>> {
        let mut read = ReadBuf::uninit(space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, read.unfilled()))?;
        self.ended |= read.filled().is_empty();
        Poll::Ready(Ok(read))
    }
}

impl Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        // A cursor does not tell what was put into it; so the bytes, seldom more than a few
        // hundred, take the way over a buffer of our own.
        let mut space = [MaybeUninit::uninit(); READ_MAX];
        let room = buffer.remaining().min(READ_MAX);
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        let read = ready!(socket.read_some(cx, &mut space[..room]))?;
        if !read.filled().is_empty() {
            socket.watch.read(Instant::now());
            buffer.put_slice(read.filled());
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let written = Pin::new(&mut socket.stream).poll_write(cx, bytes);
        socket.note(&written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let written = Pin::new(&mut socket.stream).poll_write_vectored(cx, buffers);
        socket.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    /// Shuts our side, then waits for the client's.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        if !socket.watch.is_closing() {
            ready!(Write::poll_shutdown(Pin::new(&mut socket.stream), cx))?;
            socket.watch.close(Instant::now());
        }
        let mut space = [MaybeUninit::uninit(); READ_MAX];
        while !socket.ended && socket.dropped < DROPPED_MAX {
            // A client that resets the connection has closed its side as well.
            let Ok(read) = ready!(socket.read_some(cx, &mut space)) else { break };
            socket.dropped += read.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}
