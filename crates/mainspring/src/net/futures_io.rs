//! The traits of `futures-io` on every stream and half.
//!
//! Closing ends the writing side; the reading side goes on until the peer has ended its own.
//! Nothing is buffered here, so a flush has nothing to do.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, WriteHalf};

/// For types with a method `bytes(&self) -> &ByteStream`.
macro_rules! reads {
    ($($type:ty),*) => {
        $(impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.bytes().poll_read(cx, buffer)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.bytes().poll_read_vectored(cx, buffers)
            }
        })*
    };
}

/// The same for writing.
macro_rules! writes {
    ($($type:ty),*) => {
        $(impl AsyncWrite for $type {
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

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.bytes().close())
            }
        })*
    };
}

reads!(TcpStream, &TcpStream, ReadHalf<'_>, OwnedReadHalf);
writes!(TcpStream, &TcpStream, WriteHalf<'_>, OwnedWriteHalf);

pub(super) use {reads, writes};
