//! Taking a connection.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Handle, Prepared, Subject, wrong_subject};
use crate::interest::Interest;
use crate::socket::{Socket, World};
use crate::source::RawSource;

use super::source::Source;

/// A socket that takes connections.
pub trait Listener: Source {
    /// A connection.
    type Stream;

    /// A connection that was taken.
    #[doc(hidden)]
    fn accepted(
        handle: &Handle,
        socket: Taken,
        location: &'static Location<'static>,
    ) -> io::Result<Self::Stream>;
}

/// The socket of a connection.
#[derive(Debug)]
pub struct Taken(pub(crate) Socket);

/// Takes one connection.
pub struct Accept<L> {
    source: RawSource,
    handle: Handle,
    location: &'static Location<'static>,
    /// The kernel whose number the result is.
    world: World,
    /// What an attempt has taken.
    taken: Option<Socket>,
    /// What is made of it; no value of it is here.
    of: PhantomData<fn() -> L>,
}

/// Takes one connection. The stream knows who its peer is.
///
/// ```
/// use mainspring::net::{TcpListener, TcpStream};
/// use mainspring::op;
/// mainspring::block_on(async {
///     let listener = TcpListener::bind("[::1]:0").await?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let stream = op::accept(&listener).await?;
///     assert_eq!(stream.peer_addr()?, client.local_addr()?);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The system's: that of a connection which failed before it was taken (`ConnectionAborted`) says
/// nothing about the next one; out of descriptors, the connection stays in the queue.
/// `QuotaExceeded` at the limit of operations or of sources; shutdown of the driver.
///
/// # Cancel safety
///
/// A connection that a dropped future has taken after all is closed (clause C11);
/// [`Submission::cancel`](crate::Submission::cancel) loses none.
#[track_caller]
pub fn accept<L: Listener + 'static>(listener: &L) -> Prepared<'_, Accept<L>> {
    let target = listener.target();
    let world = match target.subject() {
        Subject::Socket(socket) => socket.world(),
        _ => World::Os,
    };
    target.prepare(Accept {
        source: target.source(),
        handle: target.handle().clone(),
        location: Location::caller(),
        world,
        taken: None,
        of: PhantomData,
    })
}

impl<L> Accept<L> {
    /// The connection, once the kernel has said so or an attempt has taken it.
    fn socket(&mut self, result: io::Result<u64>) -> io::Result<Socket> {
        let number = result?;
        match self.taken.take() {
            Some(socket) => Ok(socket),
            None => self.world.accepted(number),
        }
    }
}

impl<L: Listener + 'static> Operation for Accept<L> {
    type Output = io::Result<L::Stream>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::Accept { source: self.source }
    }

    fn finish(mut self, result: io::Result<u64>) -> io::Result<L::Stream> {
        let socket = self.socket(result)?;
        L::accepted(&self.handle, Taken(socket), self.location)
    }

    fn cancelled(self) {}

    fn discard(mut self, result: io::Result<u64>) {
        drop(self.socket(result));
    }
}

impl<L: Listener + 'static> Emulation for Accept<L> {
    fn attempt(&mut self, subject: Subject<'_>) -> Attempt {
        let taken = match subject {
            Subject::Socket(socket) => socket.accept(),
            _ => wrong_subject(),
        };
        let result = taken.map(|(socket, _)| {
            self.taken = Some(socket);
            0
        });
        Attempt::of(result, Interest::READABLE)
    }
}

impl<L> fmt::Debug for Accept<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept").field("source", &self.source).finish_non_exhaustive()
    }
}
