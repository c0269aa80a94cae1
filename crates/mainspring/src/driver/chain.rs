//! Operations one after the other, each only if the one before has succeeded.
//!
//! Where the kernel has chains, all of them are handed over at once and it begins the next when one
//! is done: nobody is woken in between. Elsewhere the chain is one future that submits them in
//! turn. What breaks a chain is the same: an error, or a transfer that fell short.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::backend::Batch;
use crate::error;

use super::emulation::Emulation;
use super::handle::Handle;
use super::submission::{Prepared, Submission};

/// A chain of operations, as a future of all their results.
///
/// Each result is what the operation alone would give. Of those behind the one that broke the chain
/// it is an error of which [`is_chain_broken`](crate::is_chain_broken) is true; their buffers come
/// back with it.
///
/// # Cancel safety
///
/// Dropping it cancels what was not done by then; see [`Submission`]. With
/// [`cancel`](Self::cancel) nothing is lost.
#[must_use = "futures do nothing unless awaited"]
pub struct Chain<L> {
    links: L,
    state: State,
    cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was handed over yet.
    Fresh,
    /// The kernel has all of them.
    Native,
    /// This one is under way, and those before it are done.
    InTurn(usize),
    /// The results were given.
    Over,
}

impl<L: Links> Chain<L> {
    fn new(links: L) -> Chain<L> {
        Chain { links, state: State::Fresh, cancelled: false }
    }

    /// Asks for what was not done yet to end early, and awaits the end of all. Of an operation that
    /// was stopped in time, the result is an error of which
    /// [`is_cancelled`](crate::is_cancelled) is true.
    pub fn cancel(mut self) -> Chain<L> {
        self.cancelled = true;
        self.links.show(&mut |links| links.iter_mut().for_each(|link| link.cancel()));
        self
    }

    /// Hands all of them over at once, if the kernel has chains; else they go one by one.
    fn begin(&mut self) -> State {
        let mut state = State::InTurn(0);
        self.links.show(&mut |links| {
            links.iter_mut().for_each(|link| link.join_chain());
            let Some(handle) = links.first().and_then(|link| link.handle()).cloned() else {
                return;
            };
            if !handle.has_operations() || handle.is_shutdown() {
                return;
            }
            let mut batch = Batch::new(&handle.shared().operations);
            // A buffer's own code may panic when it is asked for its memory.
            let stage = || links.iter_mut().try_for_each(|link| link.stage(&mut batch));
            let staged = catch_unwind(AssertUnwindSafe(stage));
            let begun = match staged {
                Ok(Ok(())) => handle.shared().backend.begin_chain(batch),
                Ok(Err(error)) => Err(error),
                Err(payload) => {
                    links.iter_mut().for_each(|link| link.unstage(&handle));
                    resume_unwind(payload);
                }
            };
            match begun {
                Ok(()) => state = State::Native,
                Err(_) => links.iter_mut().for_each(|link| {
                    link.unstage(&handle);
                    link.stand_alone();
                }),
            }
            if handle.is_shutdown() {
                // Handed over while the driver was drained: what the drain did not see comes back.
                links.iter_mut().for_each(|link| link.take_back(&handle));
            }
        });
        state
    }

    /// Polls all of them; ready when each has ended.
    fn poll_native(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut all = Poll::Ready(());
        self.links.show(&mut |links| {
            for link in links.iter_mut() {
                if link.poll(cx).is_pending() {
                    all = Poll::Pending;
                }
            }
        });
        ready!(all);
        if self.cancelled {
            return Poll::Ready(());
        }
        let mut renewed = None;
        self.links.show(&mut |links| {
            let Some(broken) = links.iter().position(|link| link.breaks()) else { return };
            if links[broken].is_cancelled() {
                // Nobody asked, and those before it are done: one of them the kernel left to us, or
                // the thread that handed them over has ended.
                links[broken..].iter_mut().for_each(|link| link.renew());
                renewed = Some(broken);
            } else {
                links[broken + 1..].iter_mut().for_each(|link| link.explain());
            }
        });
        match renewed {
            None => Poll::Ready(()),
            Some(first) => {
                self.state = State::InTurn(first);
                self.poll_in_turn(first, cx)
            }
        }
    }

    /// Polls one after the other from `first` on; ready when each has ended.
    fn poll_in_turn(&mut self, first: usize, cx: &mut Context<'_>) -> Poll<()> {
        let cancelled = self.cancelled;
        let mut under_way = None;
        self.links.show(&mut |links| {
            for at in first..links.len() {
                if links[at].poll(cx).is_pending() {
                    under_way = Some(at);
                    return;
                }
                if links[at].breaks() && !cancelled {
                    links[at + 1..].iter_mut().for_each(|link| link.break_off());
                    return;
                }
            }
        });
        match under_way {
            Some(at) => {
                self.state = State::InTurn(at);
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

impl<L: Links + Unpin> Future for Chain<L> {
    type Output = L::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<L::Output> {
        if self.state == State::Fresh {
            self.state = if self.cancelled { State::InTurn(0) } else { self.begin() };
        }
        match self.state {
            State::Native => ready!(self.poll_native(cx)),
            State::InTurn(first) => ready!(self.poll_in_turn(first, cx)),
            State::Fresh | State::Over => panic!("a chain was polled after its results were given"),
        }
        self.state = State::Over;
        Poll::Ready(self.links.finish())
    }
}

impl<L> fmt::Debug for Chain<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("state", &self.state).finish_non_exhaustive()
    }
}

/// One operation of a chain.
pub struct Link<'a, O: Emulation> {
    submission: Submission<'a, O>,
    ended: Option<(O, io::Result<u64>)>,
}

/// One operation of a chain, whatever its type.
pub trait Step {
    /// The driver that it is settled on, if it is settled.
    #[doc(hidden)]
    fn handle(&self) -> Option<&Handle>;

    /// Told before everything else that it is one of several.
    #[doc(hidden)]
    fn join_chain(&mut self);

    /// Puts it into its slot and into the batch.
    #[doc(hidden)]
    fn stage(&mut self, batch: &mut Batch<'_>) -> io::Result<()>;

    /// Takes it back from a batch that was not begun.
    #[doc(hidden)]
    fn unstage(&mut self, handle: &Handle);

    /// Told that it is begun by itself: if the kernel ends it and nobody asked for that, it is not
    /// for one before it.
    #[doc(hidden)]
    fn stand_alone(&mut self);

    /// Takes it back from a driver that was shut down meanwhile, if it can be.
    #[doc(hidden)]
    fn take_back(&mut self, handle: &Handle);

    /// Whether it has ended; else `cx` is woken when it has.
    #[doc(hidden)]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Whether it has ended and those behind it are not to be begun.
    #[doc(hidden)]
    fn breaks(&self) -> bool;

    /// Whether it has ended because it was cancelled.
    #[doc(hidden)]
    fn is_cancelled(&self) -> bool;

    /// Makes one that was cancelled as if it had never been begun.
    #[doc(hidden)]
    fn renew(&mut self);

    /// Ends it without beginning it.
    #[doc(hidden)]
    fn break_off(&mut self);

    /// The kernel cancelled it because of one before it: says so.
    #[doc(hidden)]
    fn explain(&mut self);

    /// Asks for its end, unless it has ended.
    #[doc(hidden)]
    fn cancel(&mut self);
}

impl<O: Emulation> Step for Link<'_, O> {
    fn handle(&self) -> Option<&Handle> {
        self.submission.handle()
    }

    fn join_chain(&mut self) {
        self.submission.join_chain();
    }

    fn stage(&mut self, batch: &mut Batch<'_>) -> io::Result<()> {
        self.submission.stage(batch)
    }

    fn unstage(&mut self, handle: &Handle) {
        self.submission.unstage(handle);
    }

    fn stand_alone(&mut self) {
        match self.submission.end_fresh(error::chain_broken) {
            Some((operation, Err(error))) if error::is_chain_broken(&error) => {
                self.submission.renew(operation);
            }
            // It was refused before it was begun.
            ended => self.ended = ended,
        }
    }

    fn take_back(&mut self, handle: &Handle) {
        self.submission.take_back_from(handle);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended.is_none() {
            self.ended = Some(ready!(self.submission.poll_end(cx)));
        }
        Poll::Ready(())
    }

    fn breaks(&self) -> bool {
        self.ended.as_ref().is_some_and(|(operation, result)| match result {
            Ok(result) => operation.falls_short(*result),
            Err(_) => true,
        })
    }

    fn is_cancelled(&self) -> bool {
        let cancelled =
            |(_, result): &(O, io::Result<u64>)| result.as_ref().is_err_and(error::is_cancelled);
        self.ended.as_ref().is_some_and(cancelled)
    }

    fn renew(&mut self) {
        if self.is_cancelled() {
            if let Some((operation, _)) = self.ended.take() {
                self.submission.renew(operation);
            }
        }
    }

    fn break_off(&mut self) {
        if self.ended.is_none() {
            self.ended = self.submission.end_fresh(error::chain_broken);
        }
    }

    fn explain(&mut self) {
        if self.is_cancelled() {
            if let Some((_, result)) = &mut self.ended {
                *result = Err(error::chain_broken());
            }
        }
    }

    fn cancel(&mut self) {
        if self.ended.is_none() {
            self.submission.request_cancel();
        }
    }
}

// The operation moves into its slot before the kernel learns its address: nothing here is pinned.
impl<O: Emulation> Unpin for Link<'_, O> {}

impl<O: Emulation> Link<'_, O> {
    fn finish(&mut self) -> O::Output {
        let (operation, result) = self.ended.take().expect("a chain is finished when all ended");
        operation.finish(result)
    }
}

impl<O: Emulation> Drop for Link<'_, O> {
    fn drop(&mut self) {
        // It had ended, and another one of the chain had not when that was dropped.
        if let Some((operation, result)) = self.ended.take() {
            operation.discard(result);
        }
    }
}

/// The operations of a chain: a tuple of them.
pub trait Links {
    /// The results, one for each.
    type Output;

    /// Shows all of them, in order.
    #[doc(hidden)]
    fn show(&mut self, act: &mut dyn FnMut(&mut [&mut dyn Step]));

    /// Gives the results, after all have ended.
    #[doc(hidden)]
    fn finish(&mut self) -> Self::Output;
}

/// What can be made a chain: a tuple of two to eight prepared operations.
pub trait Chained {
    /// The operations of the chain.
    type Links: Links;

    /// Makes the chain, on `handle` or, without one, the driver that one of its operations is
    /// settled on, or else the current one.
    #[doc(hidden)]
    fn link(self, handle: Option<&Handle>) -> Chain<Self::Links>;
}

macro_rules! tuples {
    ($(($($operation:ident $at:tt),+)),+ $(,)?) => {$(
        impl<'a, $($operation: Emulation),+> Chained for ($(Prepared<'a, $operation>,)+) {
            type Links = ($(Link<'a, $operation>,)+);

            fn link(self, handle: Option<&Handle>) -> Chain<Self::Links> {
                let settled = handle$(.or(self.$at.settled()))+.cloned();
                let handle = settled.map_or_else(Handle::try_current, Ok);
                Chain::new(($(Link { submission: self.$at.submit_on(&handle), ended: None },)+))
            }
        }

        impl<$($operation: Emulation),+> Links for ($(Link<'_, $operation>,)+) {
            type Output = ($($operation::Output,)+);

            fn show(&mut self, act: &mut dyn FnMut(&mut [&mut dyn Step])) {
                act(&mut [$(&mut self.$at),+]);
            }

            fn finish(&mut self) -> Self::Output {
                ($(self.$at.finish(),)+)
            }
        }
    )+};
}

tuples!(
    (A 0, B 1),
    (A 0, B 1, C 2),
    (A 0, B 1, C 2, D 3),
    (A 0, B 1, C 2, D 3, E 4),
    (A 0, B 1, C 2, D 3, E 4, F 5),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6),
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7),
);
