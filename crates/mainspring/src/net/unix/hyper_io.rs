//! The traits of `hyper::rt` on Unix streams and their halves; see `net/hyper_io.rs`.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::net::hyper_io::{poll_read, reads, writes};

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, UnixStream, WriteHalf};

reads!(UnixStream, &UnixStream, ReadHalf<'_>, OwnedReadHalf);
writes!(UnixStream, &UnixStream, WriteHalf<'_>, OwnedWriteHalf);
