//! Listening to what a Windows console says: Ctrl-C, Ctrl-Break, and that it is about to close.
//!
//! The system calls a handler on a thread of its own (`sys/windows/console.rs`). It adds one to the
//! count of the event and wakes whom it concerns. A listener remembers the count when it was made
//! and is ready when the count is another: nothing that arrives after [`signal`] has returned is
//! lost, several arrivals are one, and no listener can take anything from another.
//!
//! After a close, a logoff or a shutdown Windows ends the process as soon as the handler returns,
//! or after a time of its own: five seconds by default, twenty for a service at a shutdown. So the
//! handler does not return, and the process is held until it ends by itself (when `main` returns,
//! or with [`exit`](std::process::exit)) or that time is up, whichever comes first. Nobody has to
//! say that the program is done; nothing can make the time longer.
//!
//! - <https://learn.microsoft.com/windows/console/handlerroutine>

use std::future::poll_fn;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::driver::{Handle, Timer};
use crate::error;
use crate::sys::console;

/// What a console can say.
///
/// ```
/// use mainspring::signal::SignalKind;
/// assert_ne!(SignalKind::interrupt(), SignalKind::terminate());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(u8);

/// The events there are, each with its bit.
const EVENTS: [(u32, u8); 5] = [
    (console::CTRL_C_EVENT, 1),
    (console::CTRL_BREAK_EVENT, 1 << 1),
    (console::CTRL_CLOSE_EVENT, 1 << 2),
    (console::CTRL_LOGOFF_EVENT, 1 << 3),
    (console::CTRL_SHUTDOWN_EVENT, 1 << 4),
];

impl SignalKind {
    /// Ctrl-C. A process that was started in a process group of its own does not hear it.
    #[must_use]
    pub const fn interrupt() -> SignalKind {
        SignalKind(1)
    }

    /// Ctrl-Break; what one process says to the group of another is this.
    #[must_use]
    pub const fn ctrl_break() -> SignalKind {
        SignalKind(1 << 1)
    }

    /// The console is closed, or the user ends the process in the task manager's list of windows.
    /// The process has five seconds left.
    #[must_use]
    pub const fn close() -> SignalKind {
        SignalKind(1 << 2)
    }

    /// A user logs off, and only services are told, of any user's: the others are ended before. The
    /// process has five seconds left.
    #[must_use]
    pub const fn logoff() -> SignalKind {
        SignalKind(1 << 3)
    }

    /// The machine shuts down, and only services are told. They have twenty seconds left.
    #[must_use]
    pub const fn shutdown() -> SignalKind {
        SignalKind(1 << 4)
    }

    /// Any of [`close`](Self::close), [`logoff`](Self::logoff) and [`shutdown`](Self::shutdown):
    /// the process has a few seconds left.
    #[must_use]
    pub const fn terminate() -> SignalKind {
        SignalKind((1 << 2) | (1 << 3) | (1 << 4))
    }

    fn of_event(event: u32) -> Option<SignalKind> {
        let known = EVENTS.into_iter().find(|(number, _)| *number == event);
        known.map(|(_, bit)| SignalKind(bit))
    }

    fn intersects(self, other: SignalKind) -> bool {
        self.0 & other.0 != 0
    }
}

/// Listens to a signal on the [current](Handle::current) driver.
///
/// From the first listener on, the default effect of the signal, to end the process, is gone for
/// good.
///
/// # Errors
///
/// If there is no driver, or the system takes no handler.
///
/// ```
/// let ctrl_break = mainspring::signal::signal(mainspring::signal::SignalKind::ctrl_break())?;
/// # drop(ctrl_break);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    Signal::on(&Handle::try_current()?, kind)
}

/// Waits for one Ctrl-C, from the first poll on.
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

/// Implements the same wait for the other events.
macro_rules! once {
    ($($(#[$doc:meta])* $name:ident $kind:ident)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Those of [`signal`] and [`Signal::recv`].
        ///
        /// # Cancel safety
        ///
        /// An event that comes when the future was dropped goes unheard.
        pub async fn $name() -> io::Result<()> {
            signal(SignalKind::$kind())?.recv().await
        }
    )*};
}

once! {
    /// Waits for one Ctrl-Break, from the first poll on.
    ctrl_break ctrl_break
    /// Waits for the console to be closed, from the first poll on; the process is held for what is
    /// left to do, see [`SignalKind::close`].
    ctrl_close close
    /// Waits for a logoff, from the first poll on; see [`SignalKind::logoff`].
    ctrl_logoff logoff
    /// Waits for a shutdown of the machine, from the first poll on; see [`SignalKind::shutdown`].
    ctrl_shutdown shutdown
}

/// A listener to one signal; made by [`signal`].
///
/// ```
/// use mainspring::signal::{SignalKind, signal};
/// let interrupt = signal(SignalKind::interrupt())?;
/// assert_eq!(interrupt.kind(), SignalKind::interrupt());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Signal {
    kind: SignalKind,
    handle: Handle,
    place: usize,
    /// The signal's count at the last look.
    seen: usize,
    /// Never due: the end of the driver is told to timers.
    end_of_driver: Option<Timer>,
}

/// What has come, and who is to be told.
#[derive(Debug)]
struct State {
    /// Arrivals of each of [`EVENTS`].
    counts: [usize; EVENTS.len()],
    /// What anybody has ever listened to.
    heard: SignalKind,
    listeners: Vec<Listener>,
}

#[derive(Debug)]
enum Listener {
    Free,
    Listening(SignalKind, Option<Waker>),
}

impl State {
    /// Arrivals of all events of a kind.
    fn count(&self, kind: SignalKind) -> usize {
        let of_kind = |(_, (_, bit)): &(&usize, (u32, u8))| kind.intersects(SignalKind(*bit));
        let counts = self.counts.iter().zip(EVENTS).filter(of_kind);
        counts.fold(0, |sum, (count, _)| sum.wrapping_add(*count))
    }
}

static STATE: Mutex<State> =
    Mutex::new(State { counts: [0; EVENTS.len()], heard: SignalKind(0), listeners: Vec::new() });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Signal {
    /// Listens to a signal on the driver of `handle`; see [`signal`].
    ///
    /// # Errors
    ///
    /// Those of [`signal`].
    pub fn on(handle: &Handle, kind: SignalKind) -> io::Result<Signal> {
        if handle.is_shutdown() {
            return Err(error::shut_down());
        }
        console::install(handler)?;
        let mut state = state();
        state.heard.0 |= kind.0;
        let seen = state.count(kind);
        let free = state.listeners.iter().position(|one| matches!(one, Listener::Free));
        let place = free.unwrap_or_else(|| {
            state.listeners.push(Listener::Free);
            state.listeners.len() - 1
        });
        state.listeners[place] = Listener::Listening(kind, None);
        Ok(Signal { kind, handle: handle.clone(), place, seen, end_of_driver: None })
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
        // A waker is cloned and dropped by the task's code: never under the lock.
        let waker = Listener::Listening(self.kind, Some(cx.waker().clone()));
        let mut state = state();
        let count = state.count(self.kind);
        if count != self.seen {
            self.seen = count;
            drop(state);
            return Poll::Ready(Ok(()));
        }
        let before = std::mem::replace(&mut state.listeners[self.place], waker);
        drop(state);
        drop(before);
        let end = self.end_of_driver.get_or_insert_with(|| Timer::new(&self.handle, u64::MAX));
        if end.poll(cx.waker()).is_ready() || self.handle.is_shutdown() {
            return Poll::Ready(Err(error::shut_down()));
        }
        Poll::Pending
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        let left = std::mem::replace(&mut state().listeners[self.place], Listener::Free);
        drop(left);
    }
}

/// Runs on a thread of the system's, for each event.
fn handler(event: u32) -> bool {
    let Some(kind) = SignalKind::of_event(event) else { return false };
    if !arrived(kind) {
        return false;
    }
    if kind.intersects(SignalKind::terminate()) {
        // The process would end with this call; now it ends by itself, or a few seconds from now.
        loop {
            std::thread::park();
        }
    }
    true
}

/// Counts an arrival and wakes whom it concerns; false if nobody has ever listened.
fn arrived(kind: SignalKind) -> bool {
    let mut wakers = Vec::new();
    let mut state = state();
    if !state.heard.intersects(kind) {
        return false;
    }
    for (count, (_, bit)) in state.counts.iter_mut().zip(EVENTS) {
        *count = count.wrapping_add(usize::from(kind.0 == bit));
    }
    for listener in &mut state.listeners {
        if let Listener::Listening(of, waker) = listener {
            if of.intersects(kind) {
                wakers.extend(waker.take());
            }
        }
    }
    drop(state);
    for waker in wakers {
        waker.wake();
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_listener_of_a_kind_is_told_once_and_no_other() {
        let mut driver = crate::Driver::new().expect("a driver");
        let handle = driver.handle();
        let listen = |kind| Signal::on(&handle, kind).expect("a listener");
        let (mut first, mut second) =
            (listen(SignalKind::ctrl_break()), listen(SignalKind::ctrl_break()));
        let mut other = listen(SignalKind::interrupt());
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(first.poll_recv(cx).is_pending());
        let event = std::thread::spawn(|| {
            assert!(handler(console::CTRL_BREAK_EVENT));
            assert!(handler(console::CTRL_BREAK_EVENT));
        });
        driver.block_on(first.recv()).expect("it turns").expect("a signal");
        event.join().expect("the system's thread");
        driver.block_on(second.recv()).expect("it turns").expect("a signal");
        let _ = first.poll_recv(cx);
        for one in [&mut first, &mut second, &mut other] {
            assert!(one.poll_recv(cx).is_pending(), "{one:?}");
        }
        assert!(!handler(77), "nobody knows this one");
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(first.poll_recv(&mut Context::from_waker(&waker)).is_pending());
        driver.shutdown();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "nobody was told of the end");
        assert!(matches!(first.poll_recv(cx), Poll::Ready(Err(_))));
    }

    #[test]
    fn an_end_that_is_near_is_told_and_the_process_is_held() {
        let driver = crate::Driver::new().expect("a driver");
        let handle = driver.handle();
        let listen = |kind| Signal::on(&handle, kind).expect("a listener");
        let (mut close, mut any) = (listen(SignalKind::close()), listen(SignalKind::terminate()));
        let mut shutdown = listen(SignalKind::shutdown());
        let cx = &mut Context::from_waker(Waker::noop());
        // It never returns: the thread ends with the process.
        let event = std::thread::spawn(|| handler(console::CTRL_CLOSE_EVENT));
        while close.poll_recv(cx).is_pending() {
            std::thread::yield_now();
        }
        assert!(any.poll_recv(cx).is_ready());
        assert!(shutdown.poll_recv(cx).is_pending());
        for one in [&mut close, &mut any] {
            assert!(one.poll_recv(cx).is_pending(), "{one:?}");
        }
        assert!(!event.is_finished(), "the process is held");
    }
}
