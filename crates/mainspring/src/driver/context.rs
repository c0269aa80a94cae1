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

/// The depth of a guard that is in no list, because its thread has dropped it.
const DEPTH_MAX: usize = usize::MAX;

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

#[inline]
pub(super) fn current() -> io::Result<Handle> {
    match look(|entered| entered.last().cloned()).flatten() {
        Some(handle) => Ok(handle),
        None => background(),
    }
}

/// What `look` finds in the list; `None` on a thread that ends and has dropped it already. A
/// destructor that runs later still may ask, enter, and leave what it entered long before.
#[inline]
fn look<R>(look: impl FnOnce(&mut Vec<Handle>) -> R) -> Option<R> {
    ENTERED.try_with(|entered| look(&mut entered.borrow_mut())).ok()
}

pub(super) fn enter(handle: &Handle) -> Entered {
    let depth = look(|entered| {
        entered.push(handle.clone());
        entered.len()
    });
    Entered { depth: depth.unwrap_or(DEPTH_MAX), _not_send: PhantomData }
}

/// Shows `look` the clock of the driver this thread is turning or has entered, or a real one if it
/// is with none: reading the time starts no driver.
pub(super) fn with_clock<R>(look: impl FnOnce(&Clock) -> R) -> R {
    // A clone, because `look` is not to run inside the list.
    let clock = self::look(|entered| entered.last().map(|handle| handle.clock().clone()));
    look(&clock.flatten().unwrap_or_else(Clock::real))
}

/// Whether `handle` is the current driver already; a turn then has nothing to do.
#[inline]
pub(super) fn is_current(handle: &Handle) -> bool {
    look(|entered| entered.last().is_some_and(|last| last.is_same(handle))).unwrap_or(false)
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Dropped out of order, a guard takes the younger ones with it: what they guarded is left
        // too, and never is a driver current whose guard is gone.
        let left = look(|entered| {
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
