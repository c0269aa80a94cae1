//! Waiting for an object to be signalled.
//!
//! Where the driver's port can have it, the kernel waits and tells in a packet; elsewhere a thread
//! waits, the system's pool's or one of our own (`sys/windows/waitable.rs`), and wakes the task.
//!
//! A wait that succeeds may take the signal, and its future may be gone by then. So a signal that
//! nobody was told of is given back to its object, which is everybody's. Where that cannot be done
//! (a timer, an event or a semaphore that this handle may only wait for), it is kept for the next
//! wait with the same handle.

use std::io;
use std::os::windows::io::{AsHandle, OwnedHandle};
use std::task::{Context, Poll, Waker};

use crate::completion::operation::{Operation, RawOperation};
use crate::driver::{Attempt, Emulation, Handle, Prepared, Subject, Timer};
use crate::sync::{Arc, Mutex};
use crate::sys::handle::source_of;
use crate::sys::waitable::{self, Nature, Wait};

/// An object, and the signals of it that were taken for nobody.
#[derive(Debug)]
pub(crate) struct Signals {
    object: Arc<OwnedHandle>,
    nature: Nature,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    signals: usize,
    /// Those who wait, each with a number of its own.
    waiting: Vec<(u64, Waker)>,
    /// The last number.
    last: u64,
}

impl Signals {
    /// Those of an object, none yet.
    pub(crate) fn of(object: OwnedHandle) -> Arc<Signals> {
        let nature = waitable::nature_of(object.as_handle());
        let kept = Mutex::new(Kept::default());
        Arc::new(Signals { object: Arc::new(object), nature, kept })
    }

    pub(crate) fn object(&self) -> &OwnedHandle {
        &self.object
    }

    /// A wait has taken a signal, and nobody is there to be told.
    fn give_back(&self) {
        let taken = waitable::give_back(self.object.as_handle(), self.nature);
        if taken == 0 {
            return;
        }
        let mut kept = self.kept.lock();
        kept.signals += taken;
        let waiting = std::mem::take(&mut kept.waiting);
        drop(kept);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Takes a signal that was kept; without one, `waker` is woken if there is one, as long as
    /// `place` is held.
    pub(crate) fn poll_kept(&self, place: &mut Place<'_>, waker: &Waker) -> Poll<()> {
        if self.nature == Nature::Lasting {
            return Poll::Pending;
        }
        // A waker is cloned and dropped by the task's code: never under the lock.
        let waker = waker.clone();
        let mut kept = self.kept.lock();
        if kept.signals != 0 {
            kept.signals -= 1;
            return Poll::Ready(());
        }
        let number = *place.number.get_or_insert_with(|| {
            kept.last += 1;
            kept.last
        });
        let before = match kept.waiting.iter_mut().find(|(at, _)| *at == number) {
            Some((_, before)) => Some(std::mem::replace(before, waker)),
            None => {
                kept.waiting.push((number, waker));
                None
            }
        };
        drop(kept);
        drop(before);
        Poll::Pending
    }
}

/// The place of one who waits for a signal that is given back.
pub(crate) struct Place<'a> {
    signals: &'a Signals,
    number: Option<u64>,
}

impl<'a> Place<'a> {
    pub(crate) fn of(signals: &'a Signals) -> Place<'a> {
        Place { signals, number: None }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut kept = self.signals.kept.lock();
        let at = kept.waiting.iter().position(|(at, _)| *at == number);
        let left = at.map(|at| kept.waiting.swap_remove(at));
        drop(kept);
        drop(left);
    }
}

/// Waits until an object is signalled.
#[derive(Debug)]
pub(crate) struct WaitObject {
    signals: Arc<Signals>,
    watch: Option<Watch>,
}

impl WaitObject {
    pub(crate) fn new(signals: &Arc<Signals>) -> WaitObject {
        WaitObject { signals: Arc::clone(signals), watch: None }
    }

    pub(crate) fn prepare(signals: &Arc<Signals>) -> Prepared<'static, WaitObject> {
        Prepared::alone(WaitObject::new(signals))
    }
}

/// A wait of somebody else's for this operation.
#[derive(Debug)]
struct Watch {
    wait: Option<Wait>,
    signals: Arc<Signals>,
    /// Never due: the end of the driver is told to timers.
    end_of_driver: Option<Timer>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.wait.as_mut().is_some_and(Wait::end) {
            self.signals.give_back();
        }
    }
}

impl Operation for WaitObject {
    type Output = io::Result<()>;
    type Kept = ();

    fn raw(&mut self) -> RawOperation {
        RawOperation::WaitObject { source: source_of(self.signals.object()) }
    }

    fn finish(self, result: io::Result<u64>) -> io::Result<()> {
        result.map(drop)
    }

    fn cancelled(self) {}

    fn discard(self, result: io::Result<u64>) {
        if result.is_ok() {
            self.signals.give_back();
        }
    }
}

impl Emulation for WaitObject {
    fn attempt(&mut self, _subject: Subject<'_>) -> Attempt {
        if let Some(Watch { wait, .. }) = &mut self.watch {
            if !wait.as_ref().is_some_and(Wait::is_signalled) {
                return Attempt::WaitOwn;
            }
            if let Some(wait) = wait.take() {
                wait.take();
            }
            return Attempt::Completed(Ok(0));
        }
        match waitable::look(self.signals.object.as_handle()) {
            Ok(false) => {}
            looked => return Attempt::Completed(looked.map(|_| 0)),
        }
        match Wait::new(&self.signals.object, self.signals.nature) {
            Ok(wait) => {
                let signals = Arc::clone(&self.signals);
                self.watch = Some(Watch { wait: Some(wait), signals, end_of_driver: None });
                Attempt::WaitOwn
            }
            Err(error) => Attempt::Completed(Err(error)),
        }
    }

    fn poll_own(&mut self, handle: &Handle, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if handle.simulation().is_some() {
            return Poll::Ready(Err(of_the_system()));
        }
        let Some(Watch { wait: Some(wait), end_of_driver, .. }) = &mut self.watch else {
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        };
        let end = end_of_driver.get_or_insert_with(|| Timer::new(handle, u64::MAX));
        if end.poll(cx.waker()).is_ready() {
            // What follows looks whether the driver was shut down.
            return Poll::Ready(Ok(()));
        }
        wait.poll(cx.waker()).map(Ok)
    }
}

/// A simulated driver is asked for an object of the system's.
pub(crate) fn of_the_system() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "events, processes and consoles are the system's, and the driver is simulated: use a \
         driver of another kind",
    )
}
