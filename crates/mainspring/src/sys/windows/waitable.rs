//! Objects that are signalled: events, processes, threads, timers, semaphores, a console's input.
//!
//! Who waits for an object may take its signal: one wait that succeeds makes an event that resets
//! itself unsignalled, and takes one from a semaphore. A process that has ended, an event that is
//! reset by hand and unread input stay signalled for everybody. What a wait takes is the object's
//! [`Nature`], and it matters when nobody wants the signal any more that a wait has taken: then it
//! is [given back](give_back), where there is a way.
//!
//! A wait among everything else that a driver waits for is made by the system's thread pool
//! ([`PoolWait`]), or, on a completion port, by a packet ([`wait_packet`](super::wait_packet)).
//!
//! # The pool's waits
//!
//! The pool calls once, on a thread of its own, when the object is signalled. There are two ends,
//! that call and the drop of the [`PoolWait`], and they agree by one atomic word:
//!
//! - *the call comes first*: it wakes the task. The drop does not wait for it, because a waker is
//!   foreign code: it may want a lock that the dropping thread has.
//! - *the drop comes first*: it waits until no call is under way and none will come
//!   (`UnregisterWaitEx` with `INVALID_HANDLE_VALUE`). A call that came too late wakes nobody, and
//!   notes that it has taken a signal. Nothing foreign runs in it, so this wait is short.
//!
//! What both share is counted. The call's count is given back by the call or, if the drop has
//! prevented it, by the drop: so once.
//!
//! The pool's waiting thread does not make the call itself (`WT_EXECUTEINWAITTHREAD`): it waits for
//! others too, and a slow waker would hold them up.
//!
//! - <https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-registerwaitforsingleobject>
//! - <https://learn.microsoft.com/windows/win32/api/threadpoollegacyapiset/nf-threadpoollegacyapiset-unregisterwaitex>
//! - <https://learn.microsoft.com/windows/win32/sync/wait-functions>

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::ptr;
use std::task::{Poll, Waker};

use std::os::windows::process::ExitStatusExt;
use windows_sys::Win32::Foundation::{
    FALSE, HANDLE, INVALID_HANDLE_VALUE, NTSTATUS, WAIT_FAILED, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Threading::{
    GetExitCodeProcess, INFINITE, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION,
    PROCESS_SYNCHRONIZE, RegisterWaitForSingleObject, ReleaseSemaphore, SetEvent, UnregisterWaitEx,
    WT_EXECUTEONLYONCE, WaitForSingleObject,
};

use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Arc, Mutex};

use super::handle;
use super::wait_packet::ntdll;

/// What a wait that succeeds does to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Nothing: it stays signalled.
    Lasting,
    /// It resets an event.
    Event,
    /// It takes one from a semaphore.
    Semaphore,
    /// The one or the other: a timer, or an event that does not tell its sort.
    Unclear,
}

/// What waits do to an object.
/// The objects are those that [`handle`](super::handle) takes for waitable: a mutex is none.
pub(crate) fn nature_of(object: BorrowedHandle<'_>) -> Nature {
    match handle::type_name(object).as_deref() {
        Ok("Event") => match is_reset_by_waits(object) {
            Some(true) => Nature::Event,
            Some(false) => Nature::Lasting,
            None => Nature::Unclear,
        },
        Ok("Semaphore") => Nature::Semaphore,
        Ok("Timer") => Nature::Unclear,
        _ => Nature::Lasting,
    }
}

/// `NtQueryEvent`, which writes two numbers: the sort, and whether it is signalled.
type QueryEvent = unsafe extern "system" fn(HANDLE, i32, *mut c_void, u32, *mut u32) -> NTSTATUS;

/// Whether an event is reset by the wait that succeeds; `None` if the handle may not ask.
fn is_reset_by_waits(event: BorrowedHandle<'_>) -> Option<bool> {
    const RESET_BY_WAITS: i32 = 1;
    let query = ntdll(c"NtQueryEvent")?;
    // SAFETY: the function of this name has this signature.
    let query =
        unsafe { std::mem::transmute::<unsafe extern "system" fn() -> isize, QueryEvent>(query) };
    let mut answer = [0_i32; 2];
    let len = size_of_val(&answer) as u32;
    // SAFETY: the call writes at most so many bytes; the handle is borrowed.
    let status = unsafe { query(raw(event), 0, answer.as_mut_ptr().cast(), len, ptr::null_mut()) };
    (status >= 0).then_some(answer[0] == RESET_BY_WAITS)
}

fn raw(object: BorrowedHandle<'_>) -> HANDLE {
    object.as_raw_handle()
}

/// Whether the object is signalled; if so, this was a wait that has succeeded.
pub(crate) fn look(object: BorrowedHandle<'_>) -> io::Result<bool> {
    // SAFETY: a call without pointers on a borrowed handle.
    match unsafe { WaitForSingleObject(raw(object), 0) } {
        WAIT_FAILED => Err(io::Error::last_os_error()),
        WAIT_TIMEOUT => Ok(false),
        _ => Ok(true),
    }
}

/// Undoes a wait that has succeeded and that nobody wants; false if there is no way.
pub(crate) fn give_back(object: BorrowedHandle<'_>, nature: Nature) -> bool {
    match nature {
        Nature::Lasting => true,
        // SAFETY: a call without pointers on a borrowed handle.
        Nature::Event => unsafe { SetEvent(raw(object)) != FALSE },
        // SAFETY: the number before is not asked for.
        Nature::Semaphore => unsafe { ReleaseSemaphore(raw(object), 1, ptr::null_mut()) != FALSE },
        // What is still there after it was taken twice was never taken.
        Nature::Unclear => (0..2).all(|_| matches!(look(object), Ok(true))),
    }
}

/// A process by its number, to be waited for.
pub(crate) fn process(number: u32) -> io::Result<OwnedHandle> {
    let rights = PROCESS_SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION;
    // SAFETY: a call without pointers.
    let process = unsafe { OpenProcess(rights, FALSE, number) };
    if process.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a handle that was made just now, and is nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(process) })
}

/// How a process that has ended did so.
pub(crate) fn exit_status(process: BorrowedHandle<'_>) -> io::Result<ExitStatus> {
    let mut code = 0;
    // SAFETY: the call writes a number to the place for one.
    let told = unsafe { GetExitCodeProcess(raw(process), &raw mut code) };
    if told == FALSE { Err(io::Error::last_os_error()) } else { Ok(ExitStatus::from_raw(code)) }
}

/// The pool waits, and neither end was met.
const WAITING: u8 = 0;
/// The call came first.
const SIGNALLED: u8 = 1;
/// The drop came first.
const GIVEN_UP: u8 = 2;
/// The call came all the same.
const LATE: u8 = 3;

/// A wait by the system's thread pool.
#[derive(Debug)]
pub(crate) struct PoolWait {
    wait: HANDLE,
    told: Arc<Told>,
    /// Open for as long as the pool waits for it.
    _object: Arc<OwnedHandle>,
    /// Whether the signal went to somebody.
    used: bool,
}

// SAFETY: a wait belongs to the process and to no thread.
unsafe impl Send for PoolWait {}
// SAFETY: the number in it is used by the drop alone.
unsafe impl Sync for PoolWait {}

/// What the call and the wait share.
#[derive(Debug)]
struct Told {
    state: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl PoolWait {
    /// Begins to wait.
    pub(crate) fn new(object: &Arc<OwnedHandle>) -> io::Result<PoolWait> {
        let told = Arc::new(Told { state: AtomicU8::new(WAITING), waker: Mutex::new(None) });
        let context = Arc::into_raw(Arc::clone(&told));
        let mut wait = ptr::null_mut();
        // SAFETY: the context is a count of its own, which the one call takes; the object is kept
        // open, and the wait is written to the place for it.
        let begun = unsafe {
            RegisterWaitForSingleObject(
                &raw mut wait,
                raw(object.as_handle()),
                Some(signalled),
                context.cast(),
                INFINITE,
                WT_EXECUTEONLYONCE,
            )
        };
        if begun == FALSE {
            let error = io::Error::last_os_error();
            // SAFETY: there is no wait, hence no call that would take the count.
            unsafe { Arc::decrement_strong_count(context) };
            return Err(error);
        }
        Ok(PoolWait { wait, told, _object: Arc::clone(object), used: false })
    }

    /// Ready when the object was signalled; until then `waker` is woken when it is.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<()> {
        if self.is_signalled() {
            return Poll::Ready(());
        }
        // A waker is cloned and dropped by the task's code: never under the lock.
        let waker = waker.clone();
        let before = self.told.waker.lock().replace(waker);
        drop(before);
        if self.is_signalled() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether the object was signalled.
    pub(crate) fn is_signalled(&self) -> bool {
        self.told.state.load(Ordering::Acquire) == SIGNALLED
    }

    /// The signal has gone to somebody.
    pub(crate) fn take(mut self) {
        self.used = true;
    }

    /// Ends the wait; whether it has taken a signal that went to nobody. Once.
    pub(crate) fn end(&mut self) -> bool {
        let wait = std::mem::replace(&mut self.wait, ptr::null_mut());
        if wait.is_null() {
            return false;
        }
        let (order, state) = (Ordering::AcqRel, &self.told.state);
        if state.compare_exchange(WAITING, GIVEN_UP, order, Ordering::Acquire).is_err() {
            // SAFETY: the wait is ended here alone. The call has come, and has all it needs; that
            // it may be under way is no error.
            unsafe { UnregisterWaitEx(wait, ptr::null_mut()) };
            return !std::mem::replace(&mut self.used, true);
        }
        // SAFETY: the wait is ended here alone. When this returns no call is under way.
        let ended = unsafe { UnregisterWaitEx(wait, INVALID_HANDLE_VALUE) };
        if state.load(Ordering::Acquire) == LATE {
            return true;
        }
        if ended != FALSE {
            // SAFETY: the call that had this count never comes.
            unsafe { Arc::decrement_strong_count(Arc::as_ptr(&self.told)) };
        }
        false
    }
}

impl Drop for PoolWait {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the pool calls.
///
/// # Safety
///
/// The system's part: `context` is what the wait was begun with, and this is its only call.
unsafe extern "system" fn signalled(context: *mut c_void, _timed_out: bool) {
    // SAFETY: a count that was made for this call.
    let told = unsafe { Arc::from_raw(context.cast_const().cast::<Told>()) };
    let (order, state) = (Ordering::AcqRel, &told.state);
    if state.compare_exchange(WAITING, SIGNALLED, order, Ordering::Acquire).is_err() {
        state.store(LATE, Ordering::Release);
        return;
    }
    let waker = told.waker.lock().take();
    // A panic of a waker's must not leave through the system's code.
    let _ = catch_unwind(AssertUnwindSafe(|| waker.map(Waker::wake)));
}
