//! loom's primitives, which explore every interleaving.

pub(crate) use ::loom::sync::Arc;
pub(crate) use ::loom::sync::MutexGuard;
pub(crate) use ::loom::sync::atomic;

use ::std::time::Duration;

/// Counts threads, from 1 on; not under loom's eyes, because every run of a model counts on.
static THREADS: ::std::sync::atomic::AtomicU64 = ::std::sync::atomic::AtomicU64::new(1);

::loom::thread_local! {
    static NUMBER: u64 = THREADS.fetch_add(1, ::std::sync::atomic::Ordering::Relaxed);
}

/// A number of this thread of the model that no other has, or ever had, or ever gets; never 0.
pub(crate) fn thread_number() -> u64 {
    NUMBER.with(|number| *number)
}

/// A lock without poisoning.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(::loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(::loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("a thread of the model panicked while it held this lock")
    }
}

/// Threads that wait for a change of what a [`Mutex`] guards; in a model there is no time, so a
/// limit is none.
#[derive(Debug)]
pub(crate) struct Condvar(::loom::sync::Condvar);

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar(::loom::sync::Condvar::new())
    }
}

impl Condvar {
    /// Lets go of the lock for as long as `condition` holds.
    pub(crate) fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        _limit: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while condition(&mut guard) {
            let waited = self.0.wait(guard);
            guard = waited.expect("a thread of the model panicked while it held this lock");
        }
        guard
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A cell whose accesses loom watches.
#[derive(Debug, Default)]
pub(crate) struct UnsafeCell<T>(::loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(::loom::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(access)
    }
}
