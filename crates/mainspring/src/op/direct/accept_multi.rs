//! Taking connections into a table of direct descriptors until told to stop.
//!
//! The kernel could take them all by one operation; but it takes what is there, and each would be
//! in a place that nobody has promised. So a few operations are under way that take one each, and
//! have a promise each: what waits in the listener's queue is taken in one turn, and the table is
//! never fuller than it may be. On a ring another operation costs no call.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::driver::{Cancelling, DirectDescriptors, Outcome, Submission};
use crate::op::accept::Listener;

use super::{AcceptDirect, DirectStream};

/// Operations under way at a time, unless the caller says otherwise: what a turn takes at once.
const LIMIT: usize = 8;

/// Connections that are taken into a table as they come; see
/// [`DirectDescriptors::accept_multi`].
///
/// It ends only after [`stop`](Self::stop).
///
/// # Cancel safety
///
/// `next` loses nothing. Dropping this closes connections that were accepted and not taken;
/// [`stop`](Self::stop) loses none.
#[must_use = "streams do nothing unless polled"]
pub struct AcceptDirectMulti<'a, L: Listener + 'static> {
    table: DirectDescriptors,
    listener: &'a L,
    limit: usize,
    under_way: VecDeque<Taking<'a, L>>,
    stopped: bool,
    location: &'static Location<'static>,
}

/// One operation.
enum Taking<'a, L: Listener + 'static> {
    UnderWay(Submission<'a, AcceptDirect<L>>),
    Stopping(Cancelling<'a, AcceptDirect<L>>),
}

impl DirectDescriptors {
    /// Takes connections into the table as they come, a few at a time, so that the kernel need not
    /// be asked for each when it has come. No more are taken than the table has places for.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use mainspring::net::{TcpListener, TcpStream};
    /// mainspring::block_on(async {
    ///     let table = mainspring::Handle::current().direct_descriptors(8)?;
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let _client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let mut connections = table.accept_multi(&listener).limit(4);
    ///     let stream = connections.next().await.expect("it was not stopped")?;
    ///     connections.stop();
    ///     assert!(connections.next().await.is_none());
    ///     stream.close().await
    /// })??;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The items': those of [`accept`](Self::accept), `QuotaExceeded` if all places are taken by
    /// descriptors. None ends the stream: the next item may be a connection.
    #[track_caller]
    pub fn accept_multi<'a, L: Listener + 'static>(
        &self,
        listener: &'a L,
    ) -> AcceptDirectMulti<'a, L> {
        AcceptDirectMulti {
            table: self.clone(),
            listener,
            limit: LIMIT,
            under_way: VecDeque::new(),
            stopped: false,
            location: Location::caller(),
        }
    }
}

impl<L: Listener + 'static> AcceptDirectMulti<'_, L> {
    /// How many connections may be taken before the first of them is asked for; 8 unless said
    /// otherwise, and at least one. Each has a place of the table from the beginning.
    pub fn limit(mut self, connections: usize) -> Self {
        self.limit = connections.max(1);
        self
    }

    /// Stops: connections that were taken are still given, then comes the end.
    pub fn stop(&mut self) {
        self.stopped = true;
        let all = std::mem::take(&mut self.under_way).into_iter();
        self.under_way = all
            .map(|taking| match taking {
                Taking::UnderWay(submission) => Taking::Stopping(submission.cancel()),
                stopping @ Taking::Stopping(_) => stopping,
            })
            .collect();
    }

    /// Begins as many as there may be, one in any case: that one says what is the matter.
    fn begin(&mut self) {
        // Elsewhere than in a kernel each that waits is one more who is woken for nothing.
        let limit = if self.table.handle().has_operations() { self.limit } else { 1 };
        while self.under_way.len() < limit {
            let full = self.table.in_use() >= self.table.places();
            if full && !self.under_way.is_empty() {
                break;
            }
            let accepting = self.table.accept_at(self.listener, self.location);
            self.under_way.push_back(Taking::UnderWay(accepting.submit()));
        }
    }
}

impl<L: Listener + 'static> Stream for AcceptDirectMulti<'_, L> {
    type Item = io::Result<DirectStream<L::Stream>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if !this.stopped {
            this.begin();
        }
        let mut at = 0;
        while let Some(taking) = this.under_way.get_mut(at) {
            let ended = match taking {
                Taking::UnderWay(submission) => Pin::new(submission).poll(cx).map(Some),
                Taking::Stopping(cancelling) => Pin::new(cancelling).poll(cx).map(completed),
            };
            match ended {
                Poll::Pending => at += 1,
                Poll::Ready(ended) => {
                    this.under_way.remove(at);
                    if let Some(ended) = ended {
                        return Poll::Ready(Some(ended));
                    }
                }
            }
        }
        if this.under_way.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }
}

/// What an operation came to that was asked to end, if it had taken a connection.
fn completed<S>(outcome: Outcome<io::Result<S>, ()>) -> Option<io::Result<S>> {
    match outcome {
        Outcome::Completed(Ok(stream)) => Some(Ok(stream)),
        Outcome::Completed(Err(_)) | Outcome::Cancelled(()) => None,
    }
}

impl<L: Listener + 'static> fmt::Debug for AcceptDirectMulti<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptDirectMulti")
            .field("table", &self.table)
            .field("under_way", &self.under_way.len())
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}
