//! Which driver a thread is with, and the one that is there when it is with none.

use std::cell::RefCell;
use std::io;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use crate::time::Clock;

use super::builder::Builder;
use super::handle::Handle;

thread_local! {
    static ENTERED: RefCell<Vec<Handle>> = const { RefCell::new(Vec::new()) };
}

/// The process-wide driver, once somebody needed it.
static BACKGROUND: Mutex<Option<Handle>> = Mutex::new(None);

/// Keeps a driver the current one of this thread; see [`Handle::enter`].
#[derive(Debug)]
#[must_use = "the driver is left again when the guard is dropped"]
pub struct Entered {
    depth: usize,
    /// The guard belongs to the thread it was made on.
    _not_send: PhantomData<*const ()>,
}

pub(super) fn current() -> io::Result<Handle> {
    let entered = ENTERED.with_borrow(|entered| entered.last().cloned());
    match entered {
        Some(handle) => Ok(handle),
        None => background(),
    }
}

pub(super) fn enter(handle: &Handle) -> Entered {
    ENTERED.with_borrow_mut(|entered| {
        entered.push(handle.clone());
        Entered { depth: entered.len(), _not_send: PhantomData }
    })
}

/// Shows `look` the clock of the driver this thread is turning or has entered, or a real one if it
/// is with none: reading the time starts no driver.
pub(super) fn with_clock<R>(look: impl FnOnce(&Clock) -> R) -> R {
    ENTERED.with_borrow(|entered| match entered.last() {
        Some(handle) => look(handle.clock()),
        None => look(&Clock::real()),
    })
}

/// Whether `handle` is the current driver already; a turn then has nothing to do.
pub(super) fn is_current(handle: &Handle) -> bool {
    ENTERED.with_borrow(|entered| entered.last().is_some_and(|last| last.is_same(handle)))
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Dropped out of order, a guard takes the younger ones with it: what they guarded is left
        // too, and never is a driver current whose guard is gone.
        let left = ENTERED.with_borrow_mut(|entered| {
            let depth = (self.depth - 1).min(entered.len());
            entered.split_off(depth)
        });
        drop(left);
    }
}

/// The process-wide driver. It is started under the lock, so that two threads that need it at
/// once share one; an attempt that failed is made again by the next caller.
pub(super) fn background() -> io::Result<Handle> {
    let mut background = BACKGROUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = background.as_ref().filter(|handle| !handle.is_shutdown()) {
        return Ok(handle.clone());
    }
    let mut driver = Builder::new().build()?;
    let handle = driver.handle();
    std::thread::Builder::new().name("mainspring".into()).spawn(move || {
        // An unusable queue ends the thread; dropping the driver shuts it down, so that every
        // waiter learns of it, and the next caller starts a fresh one.
        while driver.turn(None).is_ok() {}
    })?;
    *background = Some(handle.clone());
    Ok(handle)
}
