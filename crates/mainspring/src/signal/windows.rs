//! Listening to what a Windows console says: Ctrl-C, Ctrl-Break, and that it is about to close.
//!
//! The system calls a handler on a thread of its own (`sys/windows/console.rs`). It adds one to the
//! count of the event and wakes whom it concerns. A listener remembers the count when it was made
//! and is ready when the count is another: nothing that arrives after [`signal`] has returned is
//! lost, several arrivals are one, and no listener can take anything from another.
//!
//! After a close, a logoff or a shutdown Windows ends the process as soon as the handler returns,
//! or after a few seconds of its own choice. So the handler does not return: the program has that
//! time to come to its end.

use std::future::poll_fn;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::driver::Handle;
use crate::error;
use crate::sys::console;

/// What a console can say.
///
/// ```
/// use mainspring::signal::SignalKind;
/// assert_ne!(SignalKind::interrupt(), SignalKind::terminate());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(usize);

/// The kinds there are.
const KINDS: usize = 3;

impl SignalKind {
    /// Ctrl-C.
    #[must_use]
    pub const fn interrupt() -> SignalKind {
        SignalKind(0)
    }

    /// Ctrl-Break.
    #[must_use]
    pub const fn ctrl_break() -> SignalKind {
        SignalKind(1)
    }

    /// The console is closed, the user logs off, or the machine shuts down: the process has a few
    /// seconds left.
    #[must_use]
    pub const fn terminate() -> SignalKind {
        SignalKind(2)
    }

    fn of_event(event: u32) -> Option<SignalKind> {
        match event {
            console::CTRL_C_EVENT => Some(SignalKind::interrupt()),
            console::CTRL_BREAK_EVENT => Some(SignalKind::ctrl_break()),
            console::CTRL_CLOSE_EVENT
            | console::CTRL_LOGOFF_EVENT
            | console::CTRL_SHUTDOWN_EVENT => Some(SignalKind::terminate()),
            _ => None,
        }
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
}

/// What has come, and who is to be told.
#[derive(Debug)]
struct State {
    counts: [usize; KINDS],
    /// Whether anybody has ever listened.
    heard: [bool; KINDS],
    listeners: Vec<Listener>,
}

#[derive(Debug)]
enum Listener {
    Free,
    Listening(SignalKind, Option<Waker>),
}

static STATE: Mutex<State> =
    Mutex::new(State { counts: [0; KINDS], heard: [false; KINDS], listeners: Vec::new() });

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
        state.heard[kind.0] = true;
        let seen = state.counts[kind.0];
        let free = state.listeners.iter().position(|one| matches!(one, Listener::Free));
        let place = free.unwrap_or_else(|| {
            state.listeners.push(Listener::Free);
            state.listeners.len() - 1
        });
        state.listeners[place] = Listener::Listening(kind, None);
        Ok(Signal { kind, handle: handle.clone(), place, seen })
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
        let count = state.counts[self.kind.0];
        if count != self.seen {
            self.seen = count;
            drop(state);
            return Poll::Ready(Ok(()));
        }
        let before = std::mem::replace(&mut state.listeners[self.place], waker);
        drop(state);
        drop(before);
        if self.handle.is_shutdown() {
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
    if kind == SignalKind::terminate() {
        // The process ends with this call, or a few seconds from now.
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
    if !state.heard[kind.0] {
        return false;
    }
    state.counts[kind.0] = state.counts[kind.0].wrapping_add(1);
    for listener in &mut state.listeners {
        if let Listener::Listening(of, waker) = listener {
            if *of == kind {
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
    use super::*;

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
        driver.shutdown();
        assert!(matches!(first.poll_recv(cx), Poll::Ready(Err(_))));
    }
}
