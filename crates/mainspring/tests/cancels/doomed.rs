//! An operation of any sort, to be given up, and its buffer, which is counted.

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};
use mainspring::{Cancelling, Chain, Chained, Emulation, IoBuf, IoBufMut, Submission};

static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// A buffer that is missed when it is not dropped.
pub struct Counted(Vec<u8>);

impl Counted {
    pub fn new(len: usize) -> Counted {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Counted(vec![7; len])
    }

    /// How many there are.
    pub fn alive() -> usize {
        ALIVE.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Whoever still writes to it finds out that it is somebody else's.
        self.0.fill(9);
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

impl IoBuf for Counted {
    fn filled(&self) -> &[u8] {
        &self.0
    }
}

impl IoBufMut for Counted {
    fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        IoBufMut::memory(&mut self.0)
    }

    unsafe fn set_filled(&mut self, len: usize) {
        // SAFETY: the caller's promise, about the same memory.
        unsafe { self.0.set_filled(len) };
    }
}

/// What asking for the end comes to.
pub type Ending<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// An operation under way.
pub trait Doomed<'a>: Send {
    /// True if it is over, and not to be polled again.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> bool;

    /// Asks for its end.
    fn cancel(self: Box<Self>) -> Ending<'a>;
}

impl<'a, O: Emulation> Doomed<'a> for Submission<'a, O>
where
    Submission<'a, O>: Send,
{
    fn poll_once(&mut self, cx: &mut Context<'_>) -> bool {
        Pin::new(self).poll(cx).is_ready()
    }

    fn cancel(self: Box<Self>) -> Ending<'a> {
        Box::pin(Cancelled(Submission::cancel(*self)))
    }
}

/// Awaits the end, and drops what it gives.
struct Cancelled<'a, O: Emulation>(Cancelling<'a, O>);

impl<O: Emulation> Future for Cancelled<'_, O> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

/// Several operations in a row.
pub struct InChain<T: Chained>(pub Chain<T::Links>);

impl<'a, T: Chained + 'a> Doomed<'a> for InChain<T>
where
    Chain<T::Links>: Future + Unpin + Send + 'a,
{
    fn poll_once(&mut self, cx: &mut Context<'_>) -> bool {
        Pin::new(&mut self.0).poll(cx).is_ready()
    }

    fn cancel(self: Box<Self>) -> Ending<'a> {
        let ending = self.0.cancel();
        Box::pin(async move { drop(ending.await) })
    }
}

/// One operation with many results, and how it is stopped.
pub struct Flow<S>(pub S, pub fn(&mut S));

impl<'a, S: Stream + Unpin + Send + 'a> Doomed<'a> for Flow<S> {
    fn poll_once(&mut self, cx: &mut Context<'_>) -> bool {
        // What it brings is dropped here.
        matches!(self.0.poll_next_unpin(cx), Poll::Ready(None))
    }

    fn cancel(mut self: Box<Self>) -> Ending<'a> {
        (self.1)(&mut self.0);
        Box::pin(async move { while self.0.next().await.is_some() {} })
    }
}

/// A future that has no other end than to be dropped.
pub struct Dropped<F>(pub Pin<Box<F>>);

impl<'a, F: Future + Send + 'a> Doomed<'a> for Dropped<F> {
    fn poll_once(&mut self, cx: &mut Context<'_>) -> bool {
        self.0.as_mut().poll(cx).is_ready()
    }

    fn cancel(self: Box<Self>) -> Ending<'a> {
        drop(self);
        Box::pin(std::future::ready(()))
    }
}
