//! Connecting a socket that the operation owns.
//!
//! `connect` on a non-blocking socket starts the attempt. When it has ended, either way, the
//! socket becomes writable, and the pending error says how it ended. A report of writability
//! alone proves nothing, so the peer's address is asked for too: there is none before there is a
//! connection.
//!
//! <https://man7.org/linux/man-pages/man2/connect.2.html>

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::task::{Context, Poll, ready};

use socket2::SockAddr;

use crate::completion::operation::{Operation, RawMemory, RawOperation};
use crate::driver::{Attempt, Emulation, Handle, Prepared, ReadyEvent, Registration, Subject};
use crate::interest::Interest;
use crate::socket::{self, Socket, not_connected};
use crate::source::RawSource;

/// A socket that is to be connected.
pub trait Unconnected {
    /// How the other end is named.
    type Address;
    /// The connection.
    type Stream;

    /// The system's form of an address.
    #[doc(hidden)]
    fn name(address: &Self::Address) -> SockAddr;

    /// The driver it is for, and its registration there.
    #[doc(hidden)]
    fn register(self, location: &'static Location<'static>) -> (Handle, io::Result<Registered>);

    /// The connection that has come about.
    #[doc(hidden)]
    fn connected(registered: Registered) -> Self::Stream;
}

/// A socket with its registration.
#[derive(Debug)]
pub struct Registered {
    // Dropped first: the kernel is told before the socket is closed.
    pub(crate) registration: Registration,
    pub(crate) socket: Socket,
}

/// Connects a socket.
pub struct Connect<C> {
    /// There, unless it could not be registered.
    registered: Option<Registered>,
    address: SockAddr,
    begun: bool,
    /// What the socket was ready for when the attempt was not over after all.
    seen: Option<ReadyEvent>,
    /// What is made of it; no value of it is here.
    of: PhantomData<fn() -> C>,
}

/// Connects a socket to an address: the operation owns the socket, and gives the stream.
///
/// [`TcpStream::connect`](crate::net::TcpStream::connect) does all of it for any address or name.
///
/// ```
/// use mainspring::net::{TcpListener, TcpSocket};
/// use mainspring::op;
/// mainspring::block_on(async {
///     let listener = TcpListener::bind("[::1]:0").await?;
///     let stream = op::connect(TcpSocket::new_v6()?, &listener.local_addr()?).await?;
///     assert_eq!(stream.peer_addr()?, listener.local_addr()?);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The system's (`ConnectionRefused`, …), which close the socket; those of registering it;
/// `QuotaExceeded` at the limit of operations; shutdown of the driver.
///
/// # Cancel safety
///
/// Dropping the future gives the attempt up and closes the socket.
#[track_caller]
pub fn connect<C: Unconnected + 'static>(
    socket: C,
    address: &C::Address,
) -> Prepared<'static, Connect<C>> {
    let (handle, registered) = socket.register(Location::caller());
    Connect::prepare(handle, registered, C::name(address))
}

impl<C: Unconnected + 'static> Connect<C> {
    pub(crate) fn prepare(
        handle: Handle,
        registered: io::Result<Registered>,
        address: SockAddr,
    ) -> Prepared<'static, Connect<C>> {
        let (registered, refused) = match registered {
            Ok(registered) => (Some(registered), None),
            Err(error) => (None, Some(error)),
        };
        let operation = Connect { registered, address, begun: false, seen: None, of: PhantomData };
        Prepared::alone(operation).at_home(handle).unless(refused)
    }

    /// Tries to begin, or looks how it went.
    fn go_on(&mut self) -> Attempt {
        let Some(Registered { socket, .. }) = &self.registered else {
            return Attempt::Completed(Err(io::ErrorKind::InvalidInput.into()));
        };
        if self.begun {
            // Before it is reported there is no outcome, whatever the socket says: Wine's names
            // its peer from the first moment on.
            return self.seen.map_or(Attempt::WaitOwn, |seen| outcome(socket, seen));
        }
        match socket.connect(&self.address) {
            Ok(socket::Connect::Done) => Attempt::Completed(Ok(0)),
            Ok(socket::Connect::InProgress) => {
                self.begun = true;
                Attempt::WaitOwn
            }
            Err(error) => Attempt::Completed(Err(error)),
        }
    }
}

/// How an attempt went, of a socket that was reported ready.
fn outcome(socket: &Socket, seen: ReadyEvent) -> Attempt {
    match socket.take_error() {
        Ok(None) => {}
        Ok(Some(error)) | Err(error) => return Attempt::Completed(Err(error)),
    }
    match socket.peer_address() {
        Ok(_) => Attempt::Completed(Ok(0)),
        Err(error) => {
            let over = seen.ready().is_write_closed();
            match not_connected(&error) && !over {
                true => Attempt::WaitOwn,
                false => Attempt::Completed(Err(error)),
            }
        }
    }
}

impl<C: Unconnected + 'static> Operation for Connect<C> {
    type Output = io::Result<C::Stream>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        let start = self.address.as_ptr().cast_mut().cast();
        let address = RawMemory { start, len: self.address.len() as usize };
        let source = self
            .registered
            .as_ref()
            .map_or(RawSource(u64::MAX), |registered| registered.registration.source());
        RawOperation::Connect { source, address }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<C::Stream> {
        result?;
        self.registered.map(C::connected).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    fn cancelled(self) {}
}

impl<C: Unconnected + 'static> Emulation for Connect<C> {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        self.go_on()
    }

    fn own_source(&self) -> Option<&Registration> {
        self.registered.as_ref().map(|registered| &registered.registration)
    }

    fn poll_own(&mut self, _handle: &Handle, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(Registered { registration, .. }) = &self.registered else {
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        };
        // It did not hold.
        if let Some(event) = self.seen.take() {
            registration.clear(event);
        }
        self.seen = Some(ready!(registration.poll_ready(cx, Interest::WRITABLE))?);
        Poll::Ready(Ok(()))
    }
}

impl<C> fmt::Debug for Connect<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("registered", &self.registered)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "sim"))]
mod tests;
