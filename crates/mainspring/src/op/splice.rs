//! Bytes between a pipe and another source, without copying them through the program.

use std::io;

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Prepared, Subject, wrong_subject};
use crate::error::{self, would_block};
use crate::interest::Interest;
use crate::ready::Ready;
use crate::source::RawSource;
use crate::sys::{BorrowedSource, poll, splice as sys};

use super::source::Source;

/// The source's own position: neither end has another.
const OWN_POSITION: i64 = -1;

/// Moves bytes from one source to another, of which one is a pipe.
#[derive(Debug)]
pub struct Splice {
    from: RawSource,
    to: RawSource,
    len: u32,
}

/// Moves up to `len` bytes from one source to another, of which one has to be a pipe: what has
/// come, as far as there is room for it. The number of bytes is the result; 0 is the end of what
/// `from` gives.
///
/// Both are registered with the same driver; more than 4 GiB are not moved at a time.
///
/// # Platforms
///
/// Linux and Android.
///
/// ```
/// use mainspring::{Async, net::UnixStream, op};
/// use rustix::pipe::{PipeFlags, pipe_with};
/// mainspring::block_on(async {
///     let (a, b) = UnixStream::pair()?;
///     let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
///     let writer = Async::new(writer)?;
///     op::send(&a, "through a pipe").await.0?;
///     assert_eq!(op::splice(&b, &writer, 1 << 16).await?, 14);
///     let mut said = [0; 14];
///     assert_eq!(rustix::io::read(&reader, &mut said)?, 14);
///     assert_eq!(&said, b"through a pipe");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// `InvalidInput` if neither is a pipe; `Unsupported` if one is simulated; `BrokenPipe` and the
/// like if nobody will read what `to` takes; `QuotaExceeded` at the limit of operations; shutdown
/// of the driver.
///
/// # Cancel safety
///
/// A dropped future may have moved bytes; [`Submission::cancel`](crate::Submission::cancel) tells.
pub fn splice<'a>(
    from: &'a (impl Source + ?Sized),
    to: &'a (impl Source + ?Sized),
    len: usize,
) -> Prepared<'a, Splice> {
    let (from, to) = (from.target(), to.target());
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    let operation = Splice { from: from.source(), to: to.source(), len };
    let prepared = from.prepare(operation).with_other(to.registration());
    match borrowed(from.subject()).and_then(|from| Ok((from, borrowed(to.subject())?))) {
        Ok((from, to)) => prepared.about(Subject::Two { from, to }),
        Err(error) => prepared.unless(Some(error)),
    }
    .unless(to.is_replaced().then(error::source_replaced))
}

/// The descriptor of an object.
fn borrowed(subject: Subject<'_>) -> io::Result<BorrowedSource<'_>> {
    match subject {
        Subject::Socket(socket) => socket.os().map(sys::borrowed),
        Subject::Datagrams { socket, .. } => Ok(sys::borrowed(socket)),
        Subject::Descriptor(descriptor) => Ok(descriptor),
        Subject::Two { .. } | Subject::Nothing => wrong_subject(),
    }
}

impl Operation for Splice {
    type Output = io::Result<usize>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Splice {
            from: self.from,
            from_offset: OWN_POSITION,
            to: self.to,
            to_offset: OWN_POSITION,
            len: self.len,
            flags: sys::NONBLOCK,
        }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<usize> {
        result.map(|count| count as usize)
    }

    fn cancelled(self) {}
}

impl Emulation for Splice {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let Subject::Two { from, to } = subject else {
            return Attempt::Completed(wrong_subject());
        };
        match sys::splice(from, to, self.len as usize) {
            Err(error) if would_block(&error) => {}
            moved => return Attempt::of_bytes(moved, Interest::READABLE),
        }
        // One of the two would block, and the call does not say which.
        match poll::look(from, Interest::READABLE) {
            Ok(Ready::EMPTY) => Attempt::Wait(Interest::READABLE),
            Ok(_) => Attempt::WaitOther(Interest::WRITABLE),
            Err(error) => Attempt::Completed(Err(error)),
        }
    }
}
