//! The standard library's primitives.

pub(crate) use ::std::sync::Arc;
pub(crate) use ::std::sync::MutexGuard;
pub(crate) use ::std::sync::atomic;

use ::std::sync::PoisonError;
use ::std::sync::atomic::{AtomicU64, Ordering};

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
