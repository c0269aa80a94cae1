//! Tasks of one thread.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use crate::rt::queue::{Local, Tag, schedule};

#[cfg(test)]
mod tests;

/// A future of more bytes lies in an allocation of its own. `async-task` would see to that from
/// 2048 bytes on, and put there also what it and we add, at the far end: one more page to touch in
/// every poll.
const FUTURE_IN_TASK_MAX: usize = 1920;

/// Runs `future` beside the others of the [`block_on`](crate::block_on) that runs on this thread.
///
/// It is polled from the next round on, in the order of the wakes, and dropped with the `block_on`
/// if it has not ended by then. It need not be `Send`: it never leaves the thread. A panic in it
/// ends it alone: the panic hook reports it, and the handle gives the payload to whoever joins.
///
/// A task costs one allocation, two if its future is larger than two kilobytes; a wake none.
///
/// # Panics
///
/// If no `block_on` runs on this thread; [`try_spawn_local`] returns the error instead.
///
/// ```
/// use mainspring::rt::spawn_local;
///
/// mainspring::block_on(async {
///     let first = spawn_local(async { "first" });
///     let broken = spawn_local(async { panic!("of this task alone") });
///     assert_eq!(first.await.unwrap(), "first");
///     assert!(broken.await.unwrap_err().is_panic());
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match try_spawn_local(future) {
        Ok(handle) => handle,
        Err(error) => panic!("{error}"),
    }
}

/// The same as [`spawn_local`].
///
/// # Errors
///
/// If no `block_on` runs on this thread. The future is dropped.
pub fn try_spawn_local<F>(future: F) -> io::Result<JoinHandle<F::Output>>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let local = Local::current().ok_or_else(|| {
        io::Error::other(
            "a task was spawned on a thread that runs no `block_on`: spawn it from inside the \
             future given to `mainspring::block_on` or `Driver::block_on`",
        )
    })?;
    Ok(if size_of::<F>() > FUTURE_IN_TASK_MAX {
        spawn_in(local, Box::pin(future))
    } else {
        spawn_in(local, future)
    })
}

fn spawn_in<F>(local: Rc<Local>, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let place = local.tasks().borrow_mut().take_place();
    let task = Supervised { future: Some(future), life: Life { local: Rc::clone(&local), place } };
    let builder = async_task::Builder::new().metadata(Tag::new(local.shared(), size_of_val(&task)));
    let (runnable, task) = builder.spawn_local(|_| task, schedule);
    let waker = runnable.waker();
    if local.is_closing() {
        // A destructor at the very end spawned it; its turn would never come.
        local.run(runnable);
    } else {
        let _none = local.tasks().borrow_mut().put(place, &waker);
        runnable.schedule();
    }
    JoinHandle { task: Some(task), waker }
}

/// Lets the others be polled, and the driver look for I/O when its time has come, before it goes
/// on.
///
/// ```
/// mainspring::block_on(mainspring::rt::yield_now())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pin_project! {
    /// A task's future, its panics kept from the loop.
    struct Supervised<F> {
        #[pin]
        future: Option<F>,
        life: Life,
    }
}

impl<F: Future> Future for Supervised<F> {
    type Output = Outcome<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut task = self.project();
        let mut poll = || match task.future.as_mut().as_pin_mut() {
            Some(future) if !task.life.local.is_aborting() => future.poll(cx).map(Ok),
            _ => Poll::Ready(Err(aborted())),
        };
        let polled = catch_unwind(AssertUnwindSafe(&mut poll));
        let result = ready!(polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(panic)))));
        let mut outcome = Outcome(Some(result));
        // A destructor is the task's code as well.
        let end = AssertUnwindSafe(|| task.future.set(None));
        if let Err(panic) = catch_unwind(end) {
            outcome = Outcome(Some(Err(panicked(panic))));
        }
        Poll::Ready(outcome)
    }
}

/// A task's place among the living.
#[derive(Debug)]
struct Life {
    local: Rc<Local>,
    place: usize,
}

impl Drop for Life {
    fn drop(&mut self) {
        let left = self.local.tasks().borrow_mut().release(self.place);
        // The last waker of a task takes its memory along; not inside the borrow.
        drop(left);
    }
}

/// What a task came to. If nobody joins, it is dropped by the loop, where its destructor's panic
/// must end.
struct Outcome<T>(Option<Result<T, JoinError>>);

impl<T> Drop for Outcome<T> {
    fn drop(&mut self) {
        let result = self.0.take();
        // The panic hook has reported it, and there is nobody else to tell.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(result)));
    }
}

/// A task, to be waited for or aborted. Dropping the handle detaches the task: it goes on.
///
/// ```
/// use mainspring::rt::spawn_local;
///
/// mainspring::block_on(async {
///     let endless = spawn_local(std::future::pending::<()>());
///     endless.abort();
///     assert!(endless.await.unwrap_err().is_aborted());
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "dropping the handle detaches the task; say `drop` or `detach` if that is meant"]
pub struct JoinHandle<T> {
    /// `None` once the result was taken.
    task: Option<async_task::Task<Outcome<T>, Tag>>,
    waker: Waker,
}

impl<T> JoinHandle<T> {
    /// Asks for the end of the task: instead of its next poll its future is dropped. It may still
    /// end by itself before. What became of it is known by waiting for the handle.
    pub fn abort(&self) {
        if let Some(task) = &self.task {
            task.metadata().request_abort(&self.waker);
        }
    }

    /// Lets the task go on by itself; the same as dropping the handle.
    pub fn detach(self) {}

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(|task| task.is_finished())
    }
}

/// Ready with what the task returned, or with why it returned nothing.
impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(task) = &mut self.task else { return Poll::Ready(Err(JoinError(Cause::Joined))) };
        let mut outcome = ready!(Pin::new(task).poll(cx));
        self.task = None;
        Poll::Ready(outcome.0.take().unwrap_or(Err(JoinError(Cause::Joined))))
    }
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.detach();
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// Why a task, or a core of [`per_core`](crate::rt::per_core), returned nothing.
///
/// ```
/// use mainspring::rt::spawn_local;
/// let error = mainspring::block_on(async {
///     spawn_local(async { panic!("the reason") }).await.unwrap_err()
/// })?;
/// assert_eq!(error.to_string(), "the task panicked: the reason");
/// assert_eq!(error.into_panic().unwrap().downcast_ref(), Some(&"the reason"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct JoinError(Cause);

enum Cause {
    /// The payload; under a lock only so that the error is `Sync`, as `io::Error` asks.
    Panicked(Mutex<Box<dyn Any + Send>>),
    Aborted,
    /// It returned something that was taken before.
    Joined,
    /// The driver it ran on failed.
    Driver(io::Error),
}

impl JoinError {
    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Cause::Panicked(_))
    }

    /// Whether the task was aborted, or dropped at the end of its `block_on`.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        matches!(self.0, Cause::Aborted)
    }

    /// What the task panicked with, to look into or to
    /// [go on with](std::panic::resume_unwind).
    ///
    /// # Errors
    ///
    /// The error itself, if the task did not panic.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        match self.0 {
            Cause::Panicked(payload) => {
                Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            _ => Err(self),
        }
    }
}

/// The error of a core that was told to stop at once.
pub(super) fn aborted() -> JoinError {
    JoinError(Cause::Aborted)
}

/// The error of a core whose driver failed.
pub(super) fn driver_failed(error: io::Error) -> JoinError {
    JoinError(Cause::Driver(error))
}

/// The error of a panic that was caught.
pub(super) fn panicked(payload: Box<dyn Any + Send>) -> JoinError {
    JoinError(Cause::Panicked(Mutex::new(payload)))
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Panicked(payload) => {
                let payload = payload.lock().unwrap_or_else(PoisonError::into_inner);
                let message = payload.downcast_ref::<&str>().copied();
                match message.or_else(|| payload.downcast_ref::<String>().map(String::as_str)) {
                    Some(message) => write!(f, "the task panicked: {message}"),
                    None => f.write_str("the task panicked"),
                }
            }
            Cause::Aborted => f.write_str("the task was aborted before it ended"),
            Cause::Joined => f.write_str("the task's result was taken before"),
            Cause::Driver(error) => write!(f, "its driver failed: {error}"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Cause::Driver(error) => Some(error),
            _ => None,
        }
    }
}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        io::Error::other(error)
    }
}
