//! What is sent: bytes that are there already, or a file read piece by piece.
//!
//! At most two pieces of a file are in memory, one on its way to the socket and one being read
//! (how, is told in `reading`), and the next read begins only when the connection asks for more: a
//! slow client holds up nobody and makes nothing grow.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::flight::Flight;
use super::reading::{File, Reading, read_exact_at};
use super::shelf::{Piece, Shelf};

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
    /// The first piece, and the file of which more is to be sent.
    Stream {
        /// The first piece.
        first: Bytes,
        /// The file.
        file: std::fs::File,
        /// Where the next piece begins.
        offset: u64,
        /// Bytes from there on.
        rest: u64,
    },
}

/// The body of a response on its way to the socket.
pub struct Body {
    stage: Stage,
    /// The file, if there is one, and where the next read begins.
    file: Option<(File, u64)>,
    /// Bytes not handed over yet.
    remaining: u64,
    shelf: Rc<Shelf>,
    /// Tells the connection when the body was sent or given up.
    flight: Flight,
}

enum Stage {
    Ready(Bytes),
    Reading(Reading),
    Read(io::Result<usize>, Vec<u8>),
    Done,
}

impl Body {
    /// The body of `content`, for the response that `flight` stands for.
    pub fn new(content: Content, mut flight: Flight, shelf: &Rc<Shelf>) -> Body {
        let (stage, file, remaining) = match content {
            Content::Empty => (Stage::Done, None, 0),
            Content::Whole(bytes) if bytes.is_empty() => (Stage::Done, None, 0),
            Content::Whole(bytes) => {
                let length = bytes.len() as u64;
                (Stage::Ready(bytes), None, length)
            }
            Content::Stream { first, file, offset, rest } => {
                let length = first.len() as u64 + rest;
                (Stage::Ready(first), Some((File::from_std(file), offset)), length)
            }
        };
        if remaining == 0 {
            flight.complete();
        }
        Body { stage, file, remaining, shelf: Rc::clone(shelf), flight }
    }

    /// Takes a piece off, and begins to read the next one if there is any.
    fn hand_over(&mut self, piece: Piece, length: usize, cx: &mut Context<'_>) -> Frame<Piece> {
        self.remaining = self.remaining.saturating_sub(length as u64);
        self.stage = match &self.file {
            Some((file, offset)) if self.remaining > 0 => {
                begin(file.read_at(self.shelf.take(PIECE), *offset), cx)
            }
            _ => Stage::Done,
        };
        if self.remaining == 0 {
            self.flight.complete();
        }
        Frame::data(piece)
    }

    /// What a read brought, as far as it was promised: the file may have grown.
    fn received(&mut self, read: io::Result<usize>, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        if read? == 0 {
            return Err(became_shorter());
        }
        bytes.truncate(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        if let Some((_, offset)) = &mut self.file {
            *offset += bytes.len() as u64;
        }
        Ok(bytes)
    }
}

/// Hands a read over at once: it is to go on while the piece before it is sent.
fn begin(mut reading: Reading, cx: &mut Context<'_>) -> Stage {
    match Pin::new(&mut reading).poll(cx) {
        Poll::Ready((read, bytes)) => Stage::Read(read, bytes),
        Poll::Pending => Stage::Reading(reading),
    }
}

impl hyper::body::Body for Body {
    type Data = Piece;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Piece>>>> {
        let body = &mut *self;
        let (read, bytes) = match std::mem::replace(&mut body.stage, Stage::Done) {
            Stage::Done => return Poll::Ready(None),
            Stage::Ready(bytes) => {
                let length = bytes.len();
                return Poll::Ready(Some(Ok(body.hand_over(Piece::Own(bytes), length, cx))));
            }
            Stage::Read(read, bytes) => (read, bytes),
            Stage::Reading(mut reading) => {
                let Poll::Ready(ended) = Pin::new(&mut reading).poll(cx) else {
                    body.stage = Stage::Reading(reading);
                    return Poll::Pending;
                };
                ended
            }
        };
        let bytes = body.received(read, bytes)?;
        let length = bytes.len();
        let piece = Piece::lent(bytes, &body.shelf);
        Poll::Ready(Some(Ok(body.hand_over(piece, length, cx))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Reads the first piece of a part that begins at `offset` and of which `remaining` bytes are
/// promised; blocks for as long as the file system does.
///
/// # Errors
///
/// The system's, and the end of a file that became shorter: what was promised cannot be kept, and
/// the client must not take what it got for all of it.
pub fn read_piece(file: &std::fs::File, offset: u64, remaining: u64) -> io::Result<Bytes> {
    let length = usize::try_from(remaining).unwrap_or(PIECE).min(PIECE);
    let mut bytes = vec![0; length];
    read_exact_at(file, &mut bytes, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => became_shorter(),
        _ => error,
    })?;
    Ok(bytes.into())
}

fn became_shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")
}
