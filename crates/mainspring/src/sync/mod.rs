//! Atomics, locks and cells under one name, so that loom can take their place.
//!
//! Code that is to be checked under loom imports from here and from nowhere else. The lock has
//! no poisoning: no user code ever runs under one of this crate's locks, so a panic cannot leave
//! a guarded value half changed.

#[cfg(loom)]
mod loom;
#[cfg(not(loom))]
mod std;

#[cfg(loom)]
pub(crate) use self::loom::{Arc, Condvar, Mutex, MutexGuard, UnsafeCell, atomic};
#[cfg(not(loom))]
pub(crate) use self::std::{Arc, Condvar, Mutex, MutexGuard, UnsafeCell, atomic};
