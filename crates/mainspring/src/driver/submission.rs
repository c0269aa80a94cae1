//! Operations as futures.
//!
//! A [`Prepared`] operation becomes a [`Submission`] and is handed over when that is first polled:
//! to the kernel where the backend carries operations out, and from then on the kernel has its
//! buffer; elsewhere the submission carries it out itself, by trying when the source is ready, or
//! on the pool of blocking threads for what has no readiness. The one who awaits sees no
//! difference.
//!
//! ```text
//!            ┌─ native ──▶ slot of the driver ─▶ kernel ─▶ completion ─┐
//! Prepared ──┼─ ready ───▶ try, wait for the source, try again ────────┼─▶ result and buffer
//!            └─ blocking ▶ thread of the pool ─────────────────────────┘
//! ```

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::backend::Batch;
use crate::backend::contract::{Cancel, Support};
use crate::completion::operation_set::Abandoned;
use crate::error;
use crate::token::Token;

use super::budget;
use super::direct::Slot;
use super::emulation::{Attempt, Emulation, Subject};
use super::handle::Handle;
use super::on_pool::{OnPool, carry};
use super::registration::{ReadyEvent, ReadyFuture, Registration};
use super::timers::Timer;

/// An operation that is ready to be submitted.
///
/// Awaiting it submits it to the driver of its source, or the [current](Handle::current) one if it
/// has no source; [`Handle::submit`] names the driver.
#[must_use = "an operation does nothing unless it is submitted and awaited"]
pub struct Prepared<'a, O> {
    registration: Option<&'a Registration>,
    /// The other source of an operation on two.
    other: Option<&'a Registration>,
    /// The direct descriptor it is on.
    direct: Option<Arc<Slot>>,
    /// The driver of an operation that owns its source.
    home: Option<Handle>,
    subject: Subject<'a>,
    operation: O,
    /// Why it is not even submitted.
    refused: Option<io::Error>,
}

impl<'a, O: Emulation> Prepared<'a, O> {
    /// An operation on a registered source.
    #[inline]
    pub(crate) fn on(
        registration: &'a Registration,
        subject: Subject<'a>,
        operation: O,
    ) -> Prepared<'a, O> {
        Prepared { registration: Some(registration), subject, ..Prepared::alone(operation) }
    }

    /// An operation on nothing that is registered: a path, a time.
    #[inline]
    pub(crate) fn alone(operation: O) -> Prepared<'a, O> {
        Prepared {
            registration: None,
            other: None,
            direct: None,
            home: None,
            subject: Subject::Nothing,
            operation,
            refused: None,
        }
    }

    /// An operation on a direct descriptor, which is not closed before its future is gone.
    pub(crate) fn on_direct(slot: &Arc<Slot>, operation: O) -> Prepared<'a, O> {
        Prepared { direct: Some(Arc::clone(slot)), ..Prepared::alone(operation) }
    }

    /// Says that a second source is waited for, too.
    #[allow(dead_code, reason = "operations that only some systems have say it")]
    pub(crate) fn with_other(self, other: Option<&'a Registration>) -> Prepared<'a, O> {
        Prepared { other, ..self }
    }

    /// Says what it is on, if that is not what it was prepared on.
    #[allow(dead_code, reason = "operations that only some systems have say it")]
    pub(crate) fn about(self, subject: Subject<'a>) -> Prepared<'a, O> {
        Prepared { subject, ..self }
    }

    /// Says which driver it is for, if it owns its source.
    pub(crate) fn at_home(self, home: Handle) -> Prepared<'a, O> {
        Prepared { home: Some(home), ..self }
    }

    /// Makes it fail with this error, if there is one, as soon as it is submitted.
    #[inline]
    pub(crate) fn unless(self, refused: Option<io::Error>) -> Prepared<'a, O> {
        Prepared { refused: self.refused.or(refused), ..self }
    }

    /// The driver it belongs to, if that is settled.
    pub(super) fn settled(&self) -> Option<&Handle> {
        let direct = || self.direct.as_ref().map(|slot| slot.handle());
        self.registration.map(Registration::handle).or_else(direct).or(self.home.as_ref())
    }

    /// Submits it to the driver it belongs to.
    #[inline]
    pub(crate) fn submit(mut self) -> Submission<'a, O> {
        if self.refused.is_none() && self.other.is_none() && self.direct.is_none() {
            // The usual ones: nothing to compare.
            let home = match (self.registration, self.home.take()) {
                (Some(registration), _) => Ok(Home::On(registration, None)),
                (None, Some(home)) => Ok(Home::With(home)),
                (None, None) => Handle::try_current().map(Home::With),
            };
            return match home {
                Ok(home) => Submission::new(home, self.subject, State::Fresh(self.operation)),
                Err(error) => Submission::failed(error, self.operation),
            };
        }
        self.submit_settled()
    }

    /// The same where there is something to compare, or that was refused.
    fn submit_settled(self) -> Submission<'a, O> {
        match self.settled().cloned().map_or_else(Handle::try_current, Ok) {
            Ok(handle) => self.submit_to(handle),
            Err(error) => Submission::failed(error, self.operation),
        }
    }

    /// Submits it to a driver, if there is one.
    pub(super) fn submit_on(self, handle: &io::Result<Handle>) -> Submission<'a, O> {
        match handle {
            Ok(handle) => self.submit_to(handle.clone()),
            Err(error) => {
                let error = io::Error::new(error.kind(), error.to_string());
                Submission::failed(error, self.operation)
            }
        }
    }

    fn submit_to(self, handle: Handle) -> Submission<'a, O> {
        if let Some(error) = self.refused {
            return Submission::failed(error, self.operation);
        }
        let others = [self.settled(), self.other.map(Registration::handle)];
        if others.into_iter().flatten().any(|settled| !settled.is_same(&handle)) {
            return Submission::failed(error::other_driver(), self.operation);
        }
        let home = match (self.registration, self.direct) {
            (Some(registration), _) => Home::On(registration, self.other),
            (None, Some(slot)) => Home::Direct(slot),
            (None, None) => Home::With(handle),
        };
        Submission::new(home, self.subject, State::Fresh(self.operation))
    }
}

impl<'a, O: Emulation> IntoFuture for Prepared<'a, O> {
    type Output = O::Output;
    type IntoFuture = Submission<'a, O>;

    #[inline]
    fn into_future(self) -> Submission<'a, O> {
        self.submit()
    }
}

impl<O> fmt::Debug for Prepared<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = std::any::type_name::<O>();
        f.debug_struct("Prepared").field("operation", &name).finish_non_exhaustive()
    }
}

impl Handle {
    /// Submits an operation to this driver. It is handed over when the future is first polled.
    ///
    /// # Errors
    ///
    /// The future's: what the operation itself meets; `InvalidInput` if its source is registered
    /// with another driver; `QuotaExceeded` at the limit of operations; and that the driver was
    /// shut down. Each gives the buffer back.
    pub fn submit<'a, O: Emulation>(&self, operation: Prepared<'a, O>) -> Submission<'a, O> {
        operation.submit_to(self.clone())
    }
}

/// What became of an operation that was asked to end early (clause C11).
#[derive(Debug)]
pub enum Outcome<C, K> {
    /// It had completed, or could not be stopped any more: its result, and the buffer.
    Completed(C),
    /// It was stopped, and has moved nothing: the buffer.
    Cancelled(K),
}

/// The driver of a submission.
enum Home<'a> {
    /// That of a source, and of a second one if there is one.
    On(&'a Registration, Option<&'a Registration>),
    /// That of a direct descriptor. Should the future be forgotten, so is the descriptor: an
    /// operation that waits to be handed over never meets another one in its place.
    Direct(Arc<Slot>),
    With(Handle),
    Nowhere,
}

impl<'a> Home<'a> {
    #[inline]
    fn handle(&self) -> Option<&Handle> {
        match self {
            Home::On(registration, _) => Some(registration.handle()),
            Home::Direct(slot) => Some(slot.handle()),
            Home::With(handle) => Some(handle),
            Home::Nowhere => None,
        }
    }

    /// The source that an attempt waits for, or the other one of two.
    #[inline]
    fn source(&self, other: bool) -> Option<&'a Registration> {
        match *self {
            Home::On(_, second) if other => second,
            Home::On(first, _) => Some(first),
            _ => None,
        }
    }
}

enum State<'a, O: Emulation> {
    /// Not handed over yet.
    Fresh(O),
    /// The kernel has it, under this token.
    Native(Token),
    /// This future tries it whenever a source is ready.
    Trying { operation: O, between: Between<'a> },
    /// This future finishes it at a time.
    Timed { operation: O, timer: Timer },
    /// A thread of the pool has it, or will have.
    Blocking(OnPool<O>),
    /// It is over, and nobody has asked for the result yet.
    Ended(O, io::Result<u64>),
    /// The result was given.
    Over,
}

/// What there is between two attempts: one of these, so that one room does for both.
enum Between<'a> {
    /// The next may be made.
    Nothing,
    /// The next is to be made after this.
    Waits(Wait<'a>),
    /// The next is made because of this.
    Seen(Seen<'a>),
}

/// A wait before the next attempt.
enum Wait<'a> {
    /// For a source.
    Source { registration: &'a Registration, ready: ReadyFuture<'a> },
    /// For a time.
    Pause(Timer),
}

impl<'a> Wait<'a> {
    /// Ready with what a source is ready for, if it was for one.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Seen<'a>>>> {
        match self {
            Wait::Source { registration, ready } => {
                let registration = *registration;
                let event = ready!(Pin::new(ready).poll(cx))?;
                Poll::Ready(Ok(Some(Seen { registration, event })))
            }
            // Shutdown fires it too, and is looked for before the attempt.
            Wait::Pause(timer) => timer.poll(cx.waker()).map(|()| Ok(None)),
        }
    }
}

/// What follows an attempt.
enum Next<'a, O: Emulation> {
    /// Another one, after a wait.
    Wait(O, Option<Wait<'a>>),
    /// Another one, when the task is woken.
    Stay(O),
    State(State<'a, O>),
}

/// What a source was ready for, before an attempt.
struct Seen<'a> {
    registration: &'a Registration,
    event: ReadyEvent,
}

/// The future of an operation.
///
/// # Cancel safety
///
/// Dropping it asks the kernel to cancel the operation; the buffer is freed, and a descriptor that
/// was made after all is closed, when the kernel has let go. What was received by then is lost with
/// it: [`cancel`](Self::cancel) loses nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct Submission<'a, O: Emulation> {
    home: Home<'a>,
    subject: Subject<'a>,
    state: State<'a, O>,
    cancelled: bool,
    /// It is one of a chain, which alone knows why the kernel has ended it.
    linked: bool,
}

// The operation moves into its slot before the kernel learns its address: nothing here is pinned.
impl<O: Emulation> Unpin for Submission<'_, O> {}

impl<'a, O: Emulation> Submission<'a, O> {
    #[inline]
    fn new(home: Home<'a>, subject: Subject<'a>, state: State<'a, O>) -> Submission<'a, O> {
        Submission { home, subject, state, cancelled: false, linked: false }
    }

    fn failed(error: io::Error, operation: O) -> Submission<'a, O> {
        Submission::new(Home::Nowhere, Subject::Nothing, State::Ended(operation, Err(error)))
    }

    /// Asks for the operation to end early, and awaits its end: the result if it was too late, the
    /// buffer in any case.
    ///
    /// On a pool of blocking threads an operation that has begun is not stopped; one that waits for
    /// a thread never begins.
    pub fn cancel(mut self) -> Cancelling<'a, O> {
        self.request_cancel();
        Cancelling(self)
    }

    /// Asks for the operation to end early.
    pub(super) fn request_cancel(&mut self) {
        self.cancelled = true;
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Fresh(mut operation)
            | State::Trying { mut operation, .. }
            | State::Timed { mut operation, .. } => {
                let result = operation.result(Err(error::cancelled()));
                State::Ended(operation, result)
            }
            State::Native(token) => self.cancel_native(token),
            State::Blocking(on_pool) => {
                on_pool.give_up();
                State::Blocking(on_pool)
            }
            state @ (State::Ended(..) | State::Over) => state,
        };
    }

    /// The driver it is on.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.home.handle()
    }

    /// It is to be one of a chain.
    pub(super) fn join_chain(&mut self) {
        self.linked = true;
        if let State::Fresh(operation) = &mut self.state {
            operation.join_chain();
        }
    }

    /// Puts the operation into its slot and into a batch that is to be begun.
    pub(super) fn stage(&mut self, batch: &mut Batch<'_>) -> io::Result<()> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Fresh(operation) => match batch.add(operation) {
                Ok(token) => {
                    self.state = State::Native(token);
                    Ok(())
                }
                Err((error, operation)) => {
                    self.state = State::Fresh(operation);
                    Err(error)
                }
            },
            state => {
                self.state = state;
                Err(io::ErrorKind::Unsupported.into())
            }
        }
    }

    /// Takes the operation out of its slot again, of a batch that was not begun.
    pub(super) fn unstage(&mut self, handle: &Handle) {
        if let State::Native(token) = self.state {
            self.state = State::Fresh(handle.shared().operations.withdraw(token));
        }
    }

    /// Takes it back from a driver that was shut down when it was handed over.
    pub(super) fn take_back_from(&mut self, handle: &Handle) {
        if let State::Native(token) = self.state {
            self.state = Self::take_back(handle, token, error::shut_down);
        }
    }

    /// Takes the operation of a chain that is broken, with its error if it had one already.
    pub(super) fn end_fresh(&mut self, error: fn() -> io::Error) -> Option<(O, io::Result<u64>)> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Fresh(operation) => Some((operation, Err(error()))),
            State::Ended(operation, result) => Some((operation, result)),
            state => {
                self.state = state;
                None
            }
        }
    }

    /// Begins anew with the operation, which has ended without having been begun.
    pub(super) fn renew(&mut self, operation: O) {
        self.linked = false;
        self.state = State::Fresh(operation);
    }

    fn cancel_native(&self, token: Token) -> State<'a, O> {
        let Some(handle) = self.home.handle() else { return State::Over };
        Self::take_back(handle, token, error::cancelled)
    }

    /// Ends an operation early: it comes back with `error` if the kernel never saw it.
    fn take_back(handle: &Handle, token: Token, error: fn() -> io::Error) -> State<'a, O> {
        match handle.shared().backend.cancel(token) {
            Cancel::Requested => State::Native(token),
            Cancel::Withdrawn => {
                let operation = handle.shared().operations.withdraw(token);
                State::Ended(operation, Err(error()))
            }
        }
    }

    /// Hands the operation over.
    #[inline]
    fn begin(&self, operation: O) -> State<'a, O> {
        let Some(handle) = self.home.handle() else { return State::Over };
        if handle.is_shutdown() {
            return State::Ended(operation, Err(error::shut_down()));
        }
        let own = operation.own_source().or(self.home.source(false));
        if handle.completion() == Support::Emulated
            || !own.is_none_or(Registration::is_adopted)
            || !operation.is_adopted(handle)
        {
            return State::Trying { operation, between: Between::Nothing };
        }
        match handle.begin(operation) {
            // Handed over while the driver was drained: what the drain did not see comes back.
            Ok(token) if handle.is_shutdown() => Self::take_back(handle, token, error::shut_down),
            Ok(token) => State::Native(token),
            Err((error, operation)) if error.kind() == io::ErrorKind::Unsupported => {
                State::Trying { operation, between: Between::Nothing }
            }
            Err((error, operation)) => State::Ended(operation, Err(error)),
        }
    }

    /// Goes on until the operation is over or waits for something.
    #[inline]
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<(O, io::Result<u64>)> {
        if let State::Fresh(_) = self.state {
            if O::MAY_END_AT_ONCE {
                if let Some(end) = ready!(self.poll_at_once(cx)) {
                    return Poll::Ready(end);
                }
            }
            if let State::Fresh(operation) = std::mem::replace(&mut self.state, State::Over) {
                self.go_on(self.begin(operation));
            }
        }
        if let State::Native(token) = self.state {
            // The usual way of an operation that the kernel carries out.
            if let Some(end) = ready!(self.poll_native(token, cx)) {
                return Poll::Ready(end);
            }
        }
        self.poll_on(cx)
    }

    /// Ready with the end if the operation needs no help, and without one if it is to be begun.
    #[inline]
    fn poll_at_once(&mut self, cx: &mut Context<'_>) -> Poll<Option<(O, io::Result<u64>)>> {
        let native =
            |handle: &Handle| handle.completion() == Support::Native && !handle.is_shutdown();
        if self.linked || !self.home.handle().is_some_and(native) {
            return Poll::Ready(None);
        }
        // Nothing else would keep a task that reads from having the thread for itself.
        ready!(budget::poll(cx));
        let State::Fresh(operation) = &mut self.state else { return Poll::Ready(None) };
        let Some(result) = operation.at_once() else { return Poll::Ready(None) };
        match std::mem::replace(&mut self.state, State::Over) {
            State::Fresh(operation) => Poll::Ready(Some((operation, Ok(result)))),
            state => {
                self.state = state;
                Poll::Ready(None)
            }
        }
    }

    /// The same, for what does not go the usual way.
    fn poll_on(&mut self, cx: &mut Context<'_>) -> Poll<(O, io::Result<u64>)> {
        loop {
            if let State::Native(token) = self.state {
                if let Some(end) = ready!(self.poll_native(token, cx)) {
                    return Poll::Ready(end);
                }
            }
            self.state = match std::mem::replace(&mut self.state, State::Over) {
                State::Fresh(operation) => self.begin(operation),
                state @ State::Native(_) => state,
                State::Trying { operation, between } => {
                    match self.poll_trying(operation, between, cx) {
                        Poll::Ready(state) => state,
                        Poll::Pending => return Poll::Pending,
                    }
                }
                State::Timed { operation, mut timer } => match timer.poll(cx.waker()) {
                    Poll::Ready(()) if timer.handle().is_shutdown() => {
                        State::Ended(operation, Err(error::shut_down()))
                    }
                    Poll::Ready(()) => State::Ended(operation, Ok(0)),
                    Poll::Pending => {
                        self.state = State::Timed { operation, timer };
                        return Poll::Pending;
                    }
                },
                State::Blocking(mut on_pool) => match Pin::new(&mut on_pool.task).poll(cx) {
                    Poll::Ready(carried) => return Poll::Ready(carried.into_parts()),
                    Poll::Pending => {
                        self.state = State::Blocking(on_pool);
                        return Poll::Pending;
                    }
                },
                State::Ended(operation, result) => return Poll::Ready((operation, result)),
                State::Over => panic!("an operation was polled after its result was given"),
            };
        }
    }

    /// Ready with the end; without one, when there is another state.
    #[inline]
    fn poll_native(
        &mut self,
        token: Token,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(O, io::Result<u64>)>> {
        // The state stays until there is another: the task's waker may panic.
        let Some(handle) = self.home.handle() else { return Poll::Pending };
        let operations = &handle.shared().operations;
        let (mut operation, last) = ready!(operations.poll::<O>(token, cx.waker()));
        Poll::Ready(match last {
            Ok(_) => {
                let result = operation.result(last);
                self.settle(operation, result)
            }
            Err(error) => self.settle_error(operation, error),
        })
    }

    /// Takes another state after one that holds nothing, which is not dropped therefore.
    #[inline]
    fn go_on(&mut self, state: State<'a, O>) {
        let former = std::mem::replace(&mut self.state, state);
        debug_assert!(matches!(former, State::Native(_) | State::Over));
        std::mem::forget(former);
    }

    /// Settles the last completion of an operation, if it is an error.
    fn settle_error(&mut self, mut operation: O, error: io::Error) -> Option<(O, io::Result<u64>)> {
        let shut_down = self.home.handle().is_some_and(Handle::is_shutdown);
        let error = match error::is_cancelled(&error) {
            // Nobody here asked: it was the end of the driver.
            true if !self.cancelled && shut_down => error::shut_down(),
            true if !self.cancelled && !self.linked => {
                // Nobody asked: the thread that handed it over has ended, and the kernel ended
                // what that had begun. It has moved nothing, and another thread turns now.
                self.state = State::Fresh(operation);
                return None;
            }
            _ => error,
        };
        let result = operation.result(Err(error));
        self.settle(operation, result)
    }

    /// Settles what an operation has come to: its end, or another attempt.
    #[inline]
    fn settle(&mut self, operation: O, result: io::Result<u64>) -> Option<(O, io::Result<u64>)> {
        match result {
            Err(error) if is_left_to_us(&error) => self.go_on(match self.cancelled {
                true => State::Ended(operation, Err(error::cancelled())),
                false => State::Trying { operation, between: Between::Nothing },
            }),
            result => {
                self.go_on(State::Over);
                return Some((operation, result));
            }
        }
        None
    }

    /// Tries the operation, and waits for its source while it would block.
    fn poll_trying(
        &mut self,
        mut operation: O,
        mut between: Between<'a>,
        cx: &mut Context<'_>,
    ) -> Poll<State<'a, O>> {
        loop {
            if let Between::Waits(wait) = &mut between {
                between = match wait.poll(cx) {
                    Poll::Ready(Ok(None)) => Between::Nothing,
                    Poll::Ready(Ok(Some(seen))) => {
                        operation.note_ready(seen.event.ready());
                        Between::Seen(seen)
                    }
                    Poll::Ready(Err(error)) => {
                        return Poll::Ready(State::Ended(operation, Err(error)));
                    }
                    Poll::Pending => {
                        self.state = State::Trying { operation, between };
                        return Poll::Pending;
                    }
                };
            }
            let Some(handle) = self.home.handle() else { return Poll::Ready(State::Over) };
            if handle.is_shutdown() {
                return Poll::Ready(State::Ended(operation, Err(error::shut_down())));
            }
            if budget::poll(cx).is_pending() {
                self.state = State::Trying { operation, between };
                return Poll::Pending;
            }
            let wait = match self.attempt(operation, handle, cx) {
                Next::Wait(same, wait) => {
                    operation = same;
                    wait
                }
                Next::Stay(operation) => {
                    self.state = State::Trying { operation, between };
                    return Poll::Pending;
                }
                Next::State(state) => return Poll::Ready(state),
            };
            // What was seen before the attempt did not hold.
            if let Between::Seen(Seen { registration, event }) = between {
                registration.clear(event);
            }
            between = wait.map_or(Between::Nothing, Between::Waits);
        }
    }

    /// Tries the operation once.
    fn attempt(&self, mut operation: O, handle: &Handle, cx: &mut Context<'_>) -> Next<'a, O> {
        if let Home::Direct(_) = self.home {
            // Only the kernel reaches what that is.
            return Next::State(State::Ended(operation, Err(error::not_on_direct())));
        }
        let (other, interest) = match operation.attempt(self.subject) {
            Attempt::Completed(result) => return Next::State(State::Ended(operation, result)),
            Attempt::Blocking => return Next::State(State::Blocking(carry(operation))),
            Attempt::Until(deadline_ns) => {
                let timer = Timer::new(handle, deadline_ns);
                return Next::State(State::Timed { operation, timer });
            }
            Attempt::After(wait) => {
                let timer = Timer::new(handle, handle.clock().deadline_after_ns(wait));
                return Next::State(State::Timed { operation, timer });
            }
            Attempt::Pause(wait) => {
                let timer = Timer::new(handle, handle.clock().deadline_after_ns(wait));
                return Next::Wait(operation, Some(Wait::Pause(timer)));
            }
            Attempt::WaitOwn => {
                return match operation.poll_own(handle, cx) {
                    Poll::Ready(Ok(())) => Next::Wait(operation, None),
                    Poll::Ready(Err(error)) => Next::State(State::Ended(operation, Err(error))),
                    Poll::Pending => Next::Stay(operation),
                };
            }
            Attempt::Wait(interest) => (false, interest),
            Attempt::WaitOther(interest) => (true, interest),
        };
        match self.home.source(other) {
            Some(registration) => {
                let ready = registration.ready(interest);
                Next::Wait(operation, Some(Wait::Source { registration, ready }))
            }
            None => Next::State(State::Ended(operation, Err(nothing_to_wait_for()))),
        }
    }
}

impl<O: Emulation> Future for Submission<'_, O> {
    type Output = O::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Output> {
        let (operation, result) = ready!(self.poll_end(cx));
        Poll::Ready(operation.finish(result))
    }
}

impl<O: Emulation> Drop for Submission<'_, O> {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.state, State::Over) {
            self.give_up();
        }
    }
}

impl<O: Emulation> Submission<'_, O> {
    /// Ends what nobody waits for any more.
    #[cold]
    fn give_up(&mut self) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Native(token) => {
                let Some(handle) = self.home.handle() else { return };
                let shared = handle.shared();
                // If it had ended, it is discarded by now.
                let Abandoned::Running(left) = shared.operations.abandon(token) else { return };
                // Once asked for, a cancel is on its way.
                if !self.cancelled && shared.backend.cancel(token) == Cancel::Withdrawn {
                    shared.operations.discard(token, Err(error::cancelled()));
                }
                drop(left);
            }
            State::Ended(operation, result) => operation.discard(result),
            // A thread that has begun goes on; `Carried` discards what it brings.
            State::Blocking(on_pool) => {
                on_pool.give_up();
                on_pool.task.detach();
            }
            State::Fresh(_) | State::Trying { .. } | State::Timed { .. } | State::Over => {}
        }
    }
}

impl<O: Emulation> fmt::Debug for Submission<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Fresh(_) => "fresh",
            State::Native(_) => "submitted",
            State::Trying { .. } | State::Timed { .. } => "waiting",
            State::Blocking(_) => "on a blocking thread",
            State::Ended(..) | State::Over => "over",
        };
        let name = std::any::type_name::<O>();
        f.debug_struct("Submission").field("operation", &name).field("state", &state).finish()
    }
}

/// The future of an operation that was asked to end early; see [`Submission::cancel`].
///
/// # Cancel safety
///
/// That of [`Submission`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Cancelling<'a, O: Emulation>(Submission<'a, O>);

impl<O: Emulation> Future for Cancelling<'_, O> {
    type Output = Outcome<O::Output, O::Kept>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (operation, result) = ready!(self.0.poll_end(cx));
        Poll::Ready(match result {
            Err(error) if error::is_cancelled(&error) => Outcome::Cancelled(operation.cancelled()),
            result => Outcome::Completed(operation.finish(result)),
        })
    }
}

/// Whether the kernel did nothing, and the submission is to do it instead: it would not wait, as
/// for a pipe in non-blocking mode, or cannot do this to this source.
fn is_left_to_us(error: &io::Error) -> bool {
    error::would_block(error) || error.kind() == io::ErrorKind::Unsupported
}

fn nothing_to_wait_for() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this operation waits for a source, and this driver's backend waits for registered ones \
         only: prepare it on an object of the driver",
    )
}
