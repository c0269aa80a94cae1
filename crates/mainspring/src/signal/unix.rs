//! Listening to Unix signals.
//!
//! # How a signal gets to a task
//!
//! ```text
//! handler: count += 1, ring every bell        (any thread; see sys/unix/signal.rs)
//!    └─ a byte ─▶ the bell of a driver ─ its turn ─▶ the receiver's waker: `Receiver::pump`
//!                                                      └─▶ the wakers of its listeners
//! ```
//!
//! A listener remembers the signal's count when it was made. It is ready when the count is
//! another. So nothing that arrives after [`signal`] has returned is lost, whenever the first wait
//! begins; several arrivals are one, and no listener can take anything from another.
//!
//! What has to be carried is only the wake. Each driver that asks has one [`Receiver`]. Nobody's
//! task reads the bell, since a task would need an executor, and could be slow or gone: the waker
//! that the driver wakes when the bell rings is the receiver itself. It empties the bell, asks to
//! be woken again, and wakes the listeners whose counts have changed. That happens in the turn of
//! the driver, outside its locks.

use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use crate::driver::{Handle, Registration};
use crate::error;
use crate::interest::Interest;
use crate::sys::signal as sys;
use crate::trigger::Trigger;

#[cfg(test)]
mod tests;

/// A signal, by its number.
///
/// ```
/// use mainspring::signal::SignalKind;
/// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalKind(i32);

impl SignalKind {
    /// The signal of this number. Whether there is one is checked when it is listened to.
    #[must_use]
    pub const fn from_raw(number: i32) -> SignalKind {
        SignalKind(number)
    }

    /// The number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// `SIGALRM`: a timer of `alarm(2)` ended.
    #[must_use]
    pub const fn alarm() -> SignalKind {
        SignalKind(sys::SIGALRM)
    }

    /// `SIGCHLD`: a child process changed its state.
    #[must_use]
    pub const fn child() -> SignalKind {
        SignalKind(sys::SIGCHLD)
    }

    /// `SIGHUP`: the terminal is gone; to a service, often: read your settings again.
    #[must_use]
    pub const fn hangup() -> SignalKind {
        SignalKind(sys::SIGHUP)
    }

    /// `SIGINT`: Ctrl-C.
    #[must_use]
    pub const fn interrupt() -> SignalKind {
        SignalKind(sys::SIGINT)
    }

    /// `SIGPIPE`: a write to a pipe that nobody reads.
    #[must_use]
    pub const fn pipe() -> SignalKind {
        SignalKind(sys::SIGPIPE)
    }

    /// `SIGQUIT`: Ctrl-\\.
    #[must_use]
    pub const fn quit() -> SignalKind {
        SignalKind(sys::SIGQUIT)
    }

    /// `SIGTERM`: a polite request to end.
    #[must_use]
    pub const fn terminate() -> SignalKind {
        SignalKind(sys::SIGTERM)
    }

    /// `SIGUSR1`: what the program makes of it.
    #[must_use]
    pub const fn user_defined1() -> SignalKind {
        SignalKind(sys::SIGUSR1)
    }

    /// `SIGUSR2`: what the program makes of it.
    #[must_use]
    pub const fn user_defined2() -> SignalKind {
        SignalKind(sys::SIGUSR2)
    }

    /// `SIGWINCH`: the terminal's window has another size.
    #[must_use]
    pub const fn window_change() -> SignalKind {
        SignalKind(sys::SIGWINCH)
    }

    /// Why it cannot be listened to, if it cannot.
    fn check(self) -> io::Result<()> {
        let number = self.0;
        let reason = if !sys::is_valid(number) {
            format!("there is no signal {number}: they have the numbers 1 to {}", sys::highest())
        } else if sys::is_forbidden(number) {
            format!(
                "signal {number} cannot be listened to: the system never delivers it, or it tells \
                 of a fault that would be repeated for ever"
            )
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
    }
}

/// Listens to a signal on the [current](Handle::current) driver.
///
/// From the first time that anybody listens to a signal, its default effect, which for most is the
/// end of the process, is off for good, also after all listeners are gone. What arrives after this
/// function has returned is not lost, whenever the first wait begins.
///
/// # Errors
///
/// `InvalidInput` for a number that is no signal, and for those that cannot be handled (`SIGKILL`,
/// `SIGSTOP`) or must not be (`SIGSEGV`, `SIGILL`, `SIGFPE`). If the driver was shut down, the
/// process is out of descriptors, or 1024 of its drivers listen already: that.
///
/// # Platforms
///
/// Unix. Real-time signals have names only by their numbers, and only on Linux.
///
/// ```no_run
/// use mainspring::signal::{SignalKind, signal};
///
/// mainspring::block_on(async {
///     let mut hangup = signal(SignalKind::hangup())?;
///     loop {
///         hangup.recv().await?;
///         // Read the settings again.
///     }
/// #   #[allow(unreachable_code)]
/// #   Ok::<(), std::io::Error>(())
/// })?
/// # ;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    Signal::on(&Handle::try_current()?, kind)
}

/// Waits for one Ctrl-C (`SIGINT`), from the first poll on.
///
/// What [`signal`] says of the default effect holds here as well: after this, Ctrl-C ends the
/// process only if the program does.
///
/// # Errors
///
/// Those of [`signal`] and [`Signal::recv`].
///
/// # Cancel safety
///
/// A Ctrl-C that comes when the future was dropped goes unheard. To wait again and again, keep a
/// [`Signal`].
pub async fn ctrl_c() -> io::Result<()> {
    signal(SignalKind::interrupt())?.recv().await
}

/// A listener to one signal; made by [`signal`].
///
/// ```
/// use mainspring::signal::{SignalKind, signal};
///
/// let mut driver = mainspring::Driver::new()?;
/// driver.block_on(async {
///     let usr2 = signal(SignalKind::user_defined2())?;
///     assert_eq!(usr2.kind(), SignalKind::user_defined2());
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Signal {
    kind: SignalKind,
    receiver: Arc<Receiver>,
    place: usize,
    /// The signal's count at the last look.
    seen: usize,
}

impl Signal {
    /// Listens to a signal on the driver of `handle`; see [`signal`].
    ///
    /// # Errors
    ///
    /// Those of [`signal`].
    pub fn on(handle: &Handle, kind: SignalKind) -> io::Result<Signal> {
        kind.check()?;
        let receiver = Receiver::of(handle)?;
        // Before the handler is there: what arrives from its first moment on is told.
        let seen = sys::count(kind.0);
        sys::install(kind.0).map_err(|error| {
            let reason = format!("the system refuses a handler for signal {}: {error}", kind.0);
            io::Error::new(error.kind(), reason)
        })?;
        let place = receiver.lock().add(kind, seen);
        Ok(Signal { kind, receiver, place, seen })
    }

    /// Which signal.
    #[must_use]
    pub fn kind(&self) -> SignalKind {
        self.kind
    }

    /// Waits until the signal has arrived, once or more often, since this listener was made or
    /// was told last.
    ///
    /// # Errors
    ///
    /// If the driver was shut down: listen anew, on another.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no signal.
    pub async fn recv(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The same for one task at a time: the last caller is the one that is woken.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The waker is left before the look: a signal that comes in between wakes it.
        let failed = self.receiver.wait(self.place, self.seen, cx.waker());
        let count = sys::count(self.kind.0);
        if count != self.seen {
            self.seen = count;
            return Poll::Ready(Ok(()));
        }
        failed.map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        let left = self.receiver.lock().remove(self.place);
        // A waker's drop may run a task's destructor, which may drop another listener.
        drop(left);
    }
}

/// The bell of one driver and those who listen there. It lives as long as its listeners.
#[derive(Debug)]
struct Receiver {
    // Dropped first: the bell goes to the next driver only when this one has let go of it.
    registration: Registration,
    bell: sys::Bell,
    /// Wakes the receiver itself, which it does not keep alive.
    waker: Waker,
    listeners: Mutex<Listeners>,
}

/// The receivers of all drivers that have one.
static RECEIVERS: Mutex<Vec<(Handle, Weak<Receiver>)>> = Mutex::new(Vec::new());

impl Receiver {
    /// The receiver of a driver.
    fn of(handle: &Handle) -> io::Result<Arc<Receiver>> {
        if handle.is_shutdown() {
            return Err(error::shut_down());
        }
        if let Some(receiver) = find(handle, &receivers()) {
            return Ok(receiver);
        }
        let made = Receiver::open(handle)?;
        let mut receivers = receivers();
        // Another thread may have been faster; then ours is dropped after the lock is released.
        let receiver = find(handle, &receivers).unwrap_or_else(|| {
            receivers.push((handle.clone(), Arc::downgrade(&made)));
            Arc::clone(&made)
        });
        drop(receivers);
        Ok(receiver)
    }

    fn open(handle: &Handle) -> io::Result<Arc<Receiver>> {
        let bell = sys::Bell::lend()?;
        let registration = handle.register(bell.reader(), Interest::READABLE, Trigger::Edge)?;
        let receiver = Arc::new_cyclic(|receiver| Receiver {
            registration,
            bell,
            waker: Waker::from(Arc::new(Pump(receiver.clone()))),
            listeners: Mutex::default(),
        });
        receiver.pump();
        let failure = receiver.lock().failure();
        failure.map_or(Ok(receiver), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Empties the bell, asks to be woken at its next ring, and wakes whom this one is for.
    fn pump(&self) {
        let mut cx = Context::from_waker(&self.waker);
        let failed = loop {
            let read = || self.bell.silence();
            match self.registration.poll_io(&mut cx, Interest::READABLE, read) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => break Some(error),
                Poll::Pending => break None,
            }
        };
        let due = self.lock().take_due(failed);
        for waker in due {
            // Foreign code: its panic, which the panic hook reports, is not the others' loss.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }

    /// Leaves a waker; returns why it would never be woken, if so.
    fn wait(&self, place: usize, seen: usize, waker: &Waker) -> Option<io::Error> {
        // Cloned and dropped by the task's code: both outside the lock.
        let waker = waker.clone();
        let mut listeners = self.lock();
        let replaced = match listeners.places[place].as_mut() {
            Some(listener) => {
                listener.seen = seen;
                listener.waker.replace(waker)
            }
            None => Some(waker),
        };
        let failure = listeners.failure();
        drop(listeners);
        drop(replaced);
        failure
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut receivers = receivers();
        let (living, gone) =
            receivers.drain(..).partition(|(_, receiver)| receiver.strong_count() != 0);
        *receivers = living;
        drop(receivers);
        // Dropping a driver's last handle runs wakers' destructors: not under the lock.
        drop::<Vec<_>>(gone);
    }
}

fn receivers() -> MutexGuard<'static, Vec<(Handle, Weak<Receiver>)>> {
    RECEIVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn find(handle: &Handle, receivers: &[(Handle, Weak<Receiver>)]) -> Option<Arc<Receiver>> {
    let mut same = receivers.iter().filter(|(other, _)| other.is_same(handle));
    same.find_map(|(_, receiver)| receiver.upgrade())
}

/// What the driver wakes when the bell rings.
struct Pump(Weak<Receiver>);

impl Wake for Pump {
    fn wake(self: Arc<Pump>) {
        if let Some(receiver) = self.0.upgrade() {
            receiver.pump();
        }
    }
}

/// Who listens on one driver.
#[derive(Debug, Default)]
struct Listeners {
    places: Vec<Option<Listener>>,
    failed: Option<Failure>,
}

#[derive(Debug)]
struct Listener {
    kind: SignalKind,
    seen: usize,
    waker: Option<Waker>,
}

/// Why a bell is not heard any more; told to each listener.
#[derive(Clone, Copy, Debug)]
enum Failure {
    ShutDown,
    System(i32),
    Other(io::ErrorKind),
}

impl Listeners {
    fn add(&mut self, kind: SignalKind, seen: usize) -> usize {
        let free = self.places.iter().position(Option::is_none);
        let place = free.unwrap_or(self.places.len());
        if place == self.places.len() {
            self.places.push(None);
        }
        self.places[place] = Some(Listener { kind, seen, waker: None });
        place
    }

    fn remove(&mut self, place: usize) -> Option<Listener> {
        self.places[place].take()
    }

    /// The wakers of those who have something to be told: a signal, or that there will be none.
    fn take_due(&mut self, failed: Option<io::Error>) -> Vec<Waker> {
        if let Some(error) = failed {
            self.failed = Some(Failure::of(&error));
        }
        let all = self.failed.is_some();
        let due = |listener: &&mut Listener| all || sys::count(listener.kind.0) != listener.seen;
        let due = self.places.iter_mut().flatten().filter(due);
        due.filter_map(|listener| listener.waker.take()).collect()
    }

    fn failure(&self) -> Option<io::Error> {
        self.failed.map(Failure::error)
    }
}

impl Failure {
    fn of(error: &io::Error) -> Failure {
        if error::is_shutdown(error) {
            return Failure::ShutDown;
        }
        error.raw_os_error().map_or(Failure::Other(error.kind()), Failure::System)
    }

    fn error(self) -> io::Error {
        match self {
            Failure::ShutDown => error::shut_down(),
            Failure::System(number) => io::Error::from_raw_os_error(number),
            Failure::Other(kind) => kind.into(),
        }
    }
}
