//! The traits of `futures-io` on Unix streams and their halves; see `net/futures_io.rs`.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::net::futures_io::{reads, writes};

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, UnixStream, WriteHalf};

reads!(UnixStream, &UnixStream, ReadHalf<'_>, OwnedReadHalf);
writes!(UnixStream, &UnixStream, WriteHalf<'_>, OwnedWriteHalf);
