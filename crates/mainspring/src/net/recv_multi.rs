//! What comes on a stream, in buffers of a group.
//!
//! # Two ways
//!
//! Where the kernel carries operations out, one that receives again and again is handed to it:
//! when data comes, the kernel takes a buffer of the group, fills it and says so, without having
//! been asked anew. Elsewhere, and where the kernel cannot, the stream waits for readiness, takes a
//! buffer and receives into it. Either way an idle connection has no buffer.
//!
//! # When the buffers are used up
//!
//! An operation that finds no buffer ends (`ENOBUFS`), and asking for it again at once would only
//! end it again. So such a stream goes the other way: it waits for readiness, and then in line for
//! a buffer that is given back; each one that is wakes one stream, the longest waiting. Once there
//! are buffers to spare, it goes back to the kernel's way.
//!
//! # When nobody takes what came
//!
//! The kernel goes on receiving into buffers whether or not the program keeps up. So when as many
//! buffers as the stream's limit hold data that was not taken, the operation is cancelled, and
//! begun anew when all was taken: meanwhile data waits in the socket, and the peer feels it. What
//! the kernel had received before it heard of the cancel is in the queue too, so the limit can be
//! exceeded by what came in that moment, though never by more than the group has.
//!
//! An operation also ends by itself when the kernel's queue of completions was full, and is begun
//! anew.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::completion::buffer_group::Lease;
use crate::completion::pool::{Arrivals, InOrder, Place};
use crate::driver::{BufferGroup, Running, Slot, budget};
use crate::error;
use crate::interest::Interest;
use crate::op::recv_multi::RecvMulti as Receiving;
use crate::sync::Arc;

use super::byte_stream::ByteStream;
use super::recv_direct::{Brought, OneByOne};

/// Buffers that may hold what nobody took, unless the caller says otherwise: enough that a busy
/// connection is seldom paused, and a stuck one keeps little from the others.
const LIMIT: u32 = 16;

/// What comes on a stream, in leased buffers, until its end or an error; see
/// [`TcpStream::recv_multi`](crate::net::TcpStream::recv_multi).
///
/// # Cancel safety
///
/// `next` loses nothing. Dropping the stream itself may lose what was received and not taken;
/// [`stop`](Self::stop) loses nothing.
///
/// ```
/// use futures::StreamExt;
/// use mainspring::net::{TcpListener, TcpStream};
/// # mainspring::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
/// client.write(b"hello").await?;
/// client.shutdown(std::net::Shutdown::Write)?;
///
/// let group = server.registration().handle().buffer_group(4, 1024)?;
/// let mut incoming = server.recv_multi(&group);
/// let mut got = Vec::new();
/// while let Some(lease) = incoming.next().await {
///     got.extend_from_slice(&lease?);
/// }
/// assert_eq!(got, b"hello");
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct RecvMulti<'a> {
    on: On<'a>,
    group: BufferGroup,
    arrivals: Arc<Arrivals>,
    in_order: InOrder,
    place: Option<Place>,
    limit: u32,
    bundle: bool,
    way: Way,
    state: State,
    stopped: bool,
}

/// What it comes on.
enum On<'a> {
    Stream(&'a ByteStream),
    /// Apart, because it is large, and every stream would be as large as this one.
    Direct(Box<OneByOne>),
}

/// Who receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The kernel, as long as it has buffers.
    Kernel,
    /// The kernel, once there are buffers again.
    Starved,
    /// This stream, when the socket is readable.
    Here,
}

enum State {
    /// Nothing was asked of the kernel.
    Idle,
    /// The kernel receives.
    Running(Running<Receiving>),
    /// It is over: this is to be said, and then nothing.
    Failed(io::Error),
    Over,
}

impl<'a> RecvMulti<'a> {
    pub(crate) fn new(stream: &'a ByteStream, group: &BufferGroup) -> RecvMulti<'a> {
        let own = stream.registration().handle().is_same(group.handle());
        RecvMulti::on(On::Stream(stream), own, group)
    }

    /// On a direct descriptor.
    pub(super) fn direct(slot: &std::sync::Arc<Slot>, group: &BufferGroup) -> RecvMulti<'a> {
        let own = slot.handle().is_same(group.handle());
        RecvMulti::on(On::Direct(Box::new(OneByOne::new(slot))), own, group)
    }

    fn on(on: On<'a>, own: bool, group: &BufferGroup) -> RecvMulti<'a> {
        let state = if own { State::Idle } else { State::Failed(error::other_driver()) };
        RecvMulti {
            on,
            group: group.clone(),
            arrivals: Arc::new(Arrivals::new()),
            in_order: InOrder::new(),
            place: None,
            limit: LIMIT,
            bundle: false,
            way: Way::Kernel,
            state,
            stopped: false,
        }
    }

    /// How many buffers may hold what came and was not taken before receiving pauses; 16 unless
    /// said otherwise, and at least one. To be said before the first item is awaited.
    ///
    /// What the kernel receives before it hears of the pause comes on top.
    pub fn limit(mut self, buffers: usize) -> RecvMulti<'a> {
        self.limit = u32::try_from(buffers).unwrap_or(u32::MAX).max(1);
        self
    }

    /// Lets the kernel fill several buffers at once, where it can: cheaper when much comes at a
    /// time. To be said before the first item is awaited.
    ///
    /// It is not so unless it is said, because then one connection on which much comes takes as
    /// many buffers of the group as that fills, whatever the [`limit`](Self::limit). Where that
    /// does no harm it pays: a stream at full speed over the loopback cost the receiving thread
    /// 1541 µs a mebibyte in single buffers of 512 bytes and 365 in bundles of them, 452 and 264
    /// with 4 KiB, 267 and 179 with 32 KiB (Linux 6.18, two processors; the program `bulk` of
    /// `crates/bench`).
    ///
    /// # Platforms
    ///
    /// io_uring since Linux 6.10; elsewhere it changes nothing.
    pub fn bundle(mut self) -> RecvMulti<'a> {
        self.bundle = true;
        self
    }

    /// Stops receiving: what was received and not taken is still given, then comes the end.
    ///
    /// After it, and not before, the connection may be read from in another way without missing
    /// anything.
    pub fn stop(&mut self) {
        self.stopped = true;
        self.group.buffers().pool().leave(&mut self.place);
        match &mut self.state {
            State::Running(running) => running.cancel(),
            State::Idle => {
                let goes_on = match &mut self.on {
                    On::Stream(_) => false,
                    On::Direct(direct) => direct.stop(),
                };
                if !goes_on {
                    self.state = State::Over;
                }
            }
            State::Failed(_) | State::Over => {}
        }
    }

    /// What the kernel has received and nobody took.
    fn take(&mut self) -> Option<Lease> {
        let pool = self.group.buffers().pool();
        let (number, len) = self.arrivals.take(pool, &mut self.in_order)?;
        Some(self.group.lease(number, len as usize))
    }

    /// Hands an operation to the kernel, if it is to receive.
    fn begin(&mut self) -> State {
        let receiving = matches!(&self.on, On::Direct(direct) if direct.is_receiving());
        if receiving || self.stopped {
            return State::Idle;
        }
        if self.way == Way::Starved && self.group.buffers().pool().has_some() {
            self.way = Way::Kernel;
        }
        if self.way != Way::Kernel {
            return State::Idle;
        }
        // The kernel takes the buffers itself: one that was kept for this stream is for others.
        self.group.buffers().pool().leave(&mut self.place);
        if let On::Direct(direct) = &mut self.on {
            direct.rest();
        }
        let begun = self.group.show().and_then(|known| {
            if !known {
                return Err(io::ErrorKind::Unsupported.into());
            }
            let source = match &self.on {
                On::Stream(stream) => stream.socket().raw_source(),
                On::Direct(direct) => direct.slot().source(),
            };
            let (group, arrivals) = (self.group.clone(), self.arrivals.clone());
            let operation = Receiving::new(source, group, arrivals, self.limit, self.bundle);
            Running::begin(self.group.handle(), operation)
        });
        match begun {
            Ok(running) => State::Running(running),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.way = Way::Here;
                State::Idle
            }
            Err(error) => State::Failed(error),
        }
    }

    /// The operation has ended with this.
    fn ended(&mut self, result: io::Result<u64>) -> State {
        match result {
            Ok(0) => return State::Over,
            // It ended by itself, or was paused.
            Ok(_) => {}
            Err(error) if error::is_cancelled(&error) => {}
            Err(error) if error::is_no_buffers(&error) => {
                self.group.note_exhausted();
                self.way = Way::Starved;
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.way = Way::Here,
            Err(error) => return State::Failed(error),
        }
        if self.stopped { State::Over } else { State::Idle }
    }

    /// Takes a buffer when there is something to receive, and receives into it.
    fn poll_here(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Lease>>> {
        let stream = match &mut self.on {
            On::Stream(stream) => *stream,
            On::Direct(direct) if self.stopped && !direct.is_receiving() => {
                return Poll::Ready(None);
            }
            On::Direct(direct) => {
                return match ready!(direct.poll(cx, &self.group, &mut self.place))? {
                    Brought::Lease(lease) => Poll::Ready(Some(Ok(lease))),
                    Brought::End => Poll::Ready(None),
                    Brought::Lent => self.found_lent(cx),
                };
            }
        };
        let free = if self.place.is_none() { self.group.take() } else { None };
        let mut lease = match free {
            Some(lease) => lease,
            None => {
                if self.place.is_none() {
                    // In line stands only who has something to receive.
                    ready!(stream.poll_ready(cx, Interest::READABLE))?;
                }
                match ready!(self.group.poll_take(cx, &mut self.place))? {
                    Some(lease) => lease,
                    None => return self.found_lent(cx),
                }
            }
        };
        // If there is nothing after all, the lease gives the buffer back.
        let count = ready!(stream.poll_read(cx, lease.room()))?;
        if count == 0 {
            return Poll::Ready(None);
        }
        lease.fill(count);
        Poll::Ready(Some(Ok(lease)))
    }
}

impl RecvMulti<'_> {
    /// Buffers are free, but the kernel has them.
    fn found_lent(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Lease>>> {
        if self.way == Way::Here {
            return Poll::Ready(Some(Err(lent())));
        }
        self.way = Way::Kernel;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Stream for RecvMulti<'_> {
    type Item = io::Result<Lease>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.way == Way::Kernel {
            ready!(budget::poll(cx));
        }
        loop {
            if let Some(lease) = this.take() {
                return Poll::Ready(Some(Ok(lease)));
            }
            match std::mem::replace(&mut this.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Failed(error) => return Poll::Ready(Some(Err(error))),
                State::Running(mut running) => match running.poll_end(cx) {
                    Poll::Ready(result) => this.state = this.ended(result),
                    Poll::Pending => {
                        this.state = State::Running(running);
                        // What came since the look above found no waker.
                        return match this.take() {
                            Some(lease) => Poll::Ready(Some(Ok(lease))),
                            None => Poll::Pending,
                        };
                    }
                },
                State::Idle => match this.begin() {
                    State::Idle => {
                        let polled = this.poll_here(cx);
                        if !matches!(polled, Poll::Ready(None | Some(Err(_)))) {
                            this.state = State::Idle;
                        }
                        return polled;
                    }
                    begun => this.state = begun,
                },
            }
        }
    }
}

impl fmt::Debug for RecvMulti<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle => "idle",
            State::Running(_) => "receiving",
            State::Failed(_) | State::Over => "over",
        };
        f.debug_struct("RecvMulti")
            .field("group", &self.group)
            .field("state", &state)
            .field("held", &self.arrivals.held())
            .finish_non_exhaustive()
    }
}

impl Drop for RecvMulti<'_> {
    fn drop(&mut self) {
        // The operation first, so that as little as possible comes for nobody.
        self.state = State::Over;
        let pool = self.group.buffers().pool();
        pool.leave(&mut self.place);
        self.arrivals.close(pool, &mut self.in_order);
    }
}

fn lent() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the free buffers of this group are the kernel's, and for this source it cannot take from \
         them: make a group of its own for sources of this kind",
    )
}
