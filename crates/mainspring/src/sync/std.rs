//! The standard library's primitives.

pub(crate) use ::std::sync::Arc;
pub(crate) use ::std::sync::MutexGuard;
pub(crate) use ::std::sync::atomic;

use ::std::sync::PoisonError;
use ::std::sync::atomic::{AtomicU64, Ordering};
use ::std::time::Duration;

/// Counts threads, from 1 on.
static THREADS: AtomicU64 = AtomicU64::new(1);

::std::thread_local! {
    static NUMBER: u64 = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// A number of this thread that no other has, or ever had, or ever gets; never 0.
#[inline]
pub(crate) fn thread_number() -> u64 {
    NUMBER.with(|number| *number)
}

/// A lock without poisoning.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(::std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Mutex<T> {
        Mutex(::std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads that wait for a change of what a [`Mutex`] guards.
#[derive(Debug, Default)]
pub(crate) struct Condvar(::std::sync::Condvar);

impl Condvar {
    /// Lets go of the lock for as long as `condition` holds, at most for `limit`.
    pub(crate) fn wait_while<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
        condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        let waited = self.0.wait_timeout_while(guard, limit, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A cell whose accesses loom can watch.
#[derive(Debug, Default)]
pub(crate) struct UnsafeCell<T>(::std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(::std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}
