//! What is sent: bytes that are there already, or a file read piece by piece.
//!
//! A regular file is always "ready", and its read blocks all the same while the disk turns; so
//! files are read on a pool of threads. At most two pieces of a file are in memory, one on its way
//! to the socket and one being read, and the next read begins only when the connection asks for
//! more: a slow client holds up nobody and makes nothing grow.

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use blocking::{Task, unblock};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::flight::Flight;

/// The bytes of one read. Large enough that the hop to another thread is small beside the copy,
/// small enough that ten thousand slow downloads fit in a gigabyte.
pub const PIECE: usize = 64 * 1024;

/// What an answer contains, made on any thread.
#[derive(Debug)]
pub enum Content {
    /// Nothing.
    Empty,
    /// All of it at once.
    Whole(Bytes),
    /// The first piece, and the file positioned behind it with so many bytes to come.
    Stream(Bytes, File, u64),
}

/// The body of a response on its way to the socket.
pub struct Body {
    stage: Stage,
    /// Bytes not handed over yet.
    remaining: u64,
    /// Tells the connection when the body was sent or given up.
    flight: Flight,
}

enum Stage {
    Ready(Bytes),
    First(Bytes, File),
    Reading(Task<io::Result<(Bytes, File)>>),
    Done,
}

impl Body {
    /// The body of `content`, for the response that `flight` stands for.
    pub fn new(content: Content, mut flight: Flight) -> Body {
        let (stage, remaining) = match content {
            Content::Empty => (Stage::Done, 0),
            Content::Whole(bytes) if bytes.is_empty() => (Stage::Done, 0),
            Content::Whole(bytes) => {
                let length = bytes.len() as u64;
                (Stage::Ready(bytes), length)
            }
            Content::Stream(first, file, rest) => {
                let length = first.len() as u64 + rest;
                (Stage::First(first, file), length)
            }
        };
        if remaining == 0 {
            flight.complete();
        }
        Body { stage, remaining, flight }
    }

    /// Takes a piece off, and begins to read the next one if there is any.
    fn hand_over(&mut self, bytes: Bytes, file: Option<File>) -> Frame<Bytes> {
        self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
        self.stage = match file {
            Some(file) if self.remaining > 0 => Stage::Reading(read_on(file, self.remaining)),
            _ => Stage::Done,
        };
        if self.remaining == 0 {
            self.flight.complete();
        }
        Frame::data(bytes)
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let body = &mut *self;
        let (bytes, file) = match std::mem::replace(&mut body.stage, Stage::Done) {
            Stage::Done => return Poll::Ready(None),
            Stage::Ready(bytes) => (bytes, None),
            Stage::First(bytes, file) => (bytes, Some(file)),
            Stage::Reading(mut task) => {
                let Poll::Ready(read) = Pin::new(&mut task).poll(cx) else {
                    body.stage = Stage::Reading(task);
                    return Poll::Pending;
                };
                let (bytes, file) = read?;
                (bytes, Some(file))
            }
        };
        Poll::Ready(Some(Ok(body.hand_over(bytes, file))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Reads the next piece on the pool.
fn read_on(mut file: File, remaining: u64) -> Task<io::Result<(Bytes, File)>> {
    unblock(move || {
        let bytes = read_piece(&mut file, remaining)?;
        Ok((bytes, file))
    })
}

/// Reads a piece of a file of which `remaining` bytes are promised.
///
/// # Errors
///
/// The system's, and the end of a file that became shorter: what was promised cannot be kept, and
/// the client must not take what it got for all of it.
pub fn read_piece(file: &mut File, remaining: u64) -> io::Result<Bytes> {
    let length = usize::try_from(remaining).unwrap_or(PIECE).min(PIECE);
    let mut bytes = Vec::with_capacity(length);
    file.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file became shorter while it was sent",
        ));
    }
    Ok(bytes.into())
}
