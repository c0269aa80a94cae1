//! tokio's I/O traits on Unix streams and their halves; see `net/tokio_io.rs`.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::tokio_io::{poll_read, reads, writes};

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, UnixStream, WriteHalf};

reads!(UnixStream, &UnixStream, ReadHalf<'_>, OwnedReadHalf);
writes!(UnixStream, &UnixStream, WriteHalf<'_>, OwnedWriteHalf);
