//! The I/O traits of `hyper::rt` on every stream and half.
//!
//! A read goes straight into the memory the caller offers, which need not be initialised; that is
//! why this file has `unsafe`. Shutting down ends the writing side, as closing does in
//! `futures-io`.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

use super::byte_stream::ByteStream;
use super::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, WriteHalf};

pub(super) fn poll_read(
    stream: &ByteStream,
    cx: &mut Context<'_>,
    mut buffer: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    // SAFETY: the slice goes to a read and nowhere else, and a read only ever writes bytes: what
    // was initialised stays so.
    let unfilled = unsafe { buffer.as_mut() };
    let count = ready!(stream.poll_read_uninit(cx, unfilled))?;
    // SAFETY: `poll_read_uninit` promises that the first `count` bytes of the slice, which is the
    // unfilled part from its start, are initialised.
    unsafe { buffer.advance(count) };
    Poll::Ready(Ok(()))
}

/// For types with a method `bytes(&self) -> &ByteStream`.
macro_rules! reads {
    ($($type:ty),*) => {
        $(impl Read for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                poll_read(self.bytes(), cx, buffer)
            }
        })*
    };
}

/// The same for writing.
macro_rules! writes {
    ($($type:ty),*) => {
        $(impl Write for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.bytes().poll_write(cx, buffer)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.bytes().poll_write_vectored(cx, buffers)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.bytes().close())
            }
        })*
    };
}

reads!(TcpStream, &TcpStream, ReadHalf<'_>, OwnedReadHalf);
writes!(TcpStream, &TcpStream, WriteHalf<'_>, OwnedWriteHalf);

pub(super) use {reads, writes};
