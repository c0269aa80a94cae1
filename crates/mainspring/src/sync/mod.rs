//! Atomics, locks and cells under one name, so that loom can take their place.
//!
//! Code that is to be checked under loom imports from here and from nowhere else. The lock has
//! no poisoning: no user code ever runs under one of this crate's locks, so a panic cannot leave
//! a guarded value half changed.

#[cfg(loom)]
mod loom;
#[allow(unsafe_code)]
mod owned_cell;
mod pages;
#[allow(unsafe_code)]
mod prefetch;
#[cfg(not(loom))]
mod std;
#[allow(unsafe_code)]
pub(crate) mod waker_slot;

#[cfg(loom)]
pub(crate) use self::loom::{Arc, Condvar, Mutex, MutexGuard, UnsafeCell, atomic, thread_number};
pub(crate) use self::owned_cell::{OwnedCell, Owner};
pub(crate) use self::pages::{INDEX_BITS, Pages, Position};
pub(crate) use self::prefetch::{fetch_at, prefetch};
#[cfg(not(loom))]
pub(crate) use self::std::{Arc, Condvar, Mutex, MutexGuard, UnsafeCell, atomic, thread_number};
