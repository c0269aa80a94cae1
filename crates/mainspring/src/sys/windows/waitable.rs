//! Objects that are signalled: events, processes, threads, timers, semaphores, a console's input.
//!
//! Who waits for an object may take its signal: one wait that succeeds makes an event that resets
//! itself unsignalled, and takes one from a semaphore. A process that has ended, an event that is
//! reset by hand and unread input stay signalled for everybody. What a wait takes is the object's
//! [`Nature`], and it matters when nobody wants the signal any more that a wait has taken: then it
//! is [given back](give_back), where there is a way.
//!
//! A wait among everything else that a driver waits for is made by the kernel, on a completion port
//! and by a packet ([`wait_packet`](super::wait_packet)), or by a [`Wait`] of this file:
//!
//! - *for what lasts, by the system's thread pool*: it waits for many objects with few threads.
//! - *for what a wait takes, by a thread each*, and [`THREADS_MAX`] of them. The pool cannot be
//!   asked what became of a signal: a wait that is ended may have taken one a moment before, or
//!   even afterwards (its thread goes on to wait for what it was told before, as seen under Wine),
//!   and then nobody is called. A thread of our own knows what its wait returned.
//!
//! # Who is first
//!
//! Two come to a wait: the call that the object is signalled, and the drop. They agree by one
//! atomic word:
//!
//! - *the call comes first*: it wakes the task. The drop does not wait for it, because a waker is
//!   foreign code: it may want a lock that the dropping thread has.
//! - *the drop comes first*: it waits until no call is under way and none will come
//!   (`UnregisterWaitEx` with `INVALID_HANDLE_VALUE`, or the end of the thread). A call that came
//!   too late wakes nobody, and notes that it has taken a signal. Nothing foreign runs in it, so
//!   this wait is short.
//!
//! What both share is counted. The count of the pool's call is given back by the call or, if the
//! drop has prevented it, by the drop: so once.
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
use std::os::windows::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::ptr;
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};

use windows_sys::Win32::Foundation::{
    FALSE, HANDLE, INVALID_HANDLE_VALUE, NTSTATUS, TRUE, WAIT_FAILED, WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, GetExitCodeProcess, INFINITE, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION,
    PROCESS_SYNCHRONIZE, RegisterWaitForSingleObject, ReleaseSemaphore, SetEvent, UnregisterWaitEx,
    WT_EXECUTEONLYONCE, WaitForMultipleObjects, WaitForSingleObject,
};

use crate::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
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

/// Undoes a wait that has succeeded and that nobody wants. Returns how many signals were taken and
/// cannot be given back: none, or that one, and what was taken to find out.
pub(crate) fn give_back(object: BorrowedHandle<'_>, nature: Nature) -> usize {
    match nature {
        Nature::Lasting => 0,
        // SAFETY: a call without pointers on a borrowed handle.
        Nature::Event => usize::from(unsafe { SetEvent(raw(object)) } == FALSE),
        Nature::Semaphore => {
            // SAFETY: the number before is not asked for.
            let given = unsafe { ReleaseSemaphore(raw(object), 1, ptr::null_mut()) };
            usize::from(given == FALSE)
        }
        // What is still there after it was taken twice was never taken.
        Nature::Unclear => match (0..2).take_while(|_| matches!(look(object), Ok(true))).count() {
            2 => 0,
            taken => 1 + taken,
        },
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

/// It waits, and neither has come.
const WAITING: u8 = 0;
/// The call came first.
const SIGNALLED: u8 = 1;
/// The drop came first.
const GIVEN_UP: u8 = 2;
/// The call came all the same.
const LATE: u8 = 3;

/// Threads of this process that wait for an object each (clause C13). A thread costs its stack, of
/// which a page or two is used, and nothing else that would matter before this many.
pub(crate) const THREADS_MAX: usize = 1024;
/// The room for a stack: the waker runs on it.
const STACK: usize = 256 * 1024;

/// How many there are.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// A wait that somebody else makes, and is told of.
#[derive(Debug)]
pub(crate) struct Wait {
    by: Option<By>,
    told: Arc<Told>,
    /// Open for as long as it is waited for.
    _object: Arc<OwnedHandle>,
    /// Whether the signal went to somebody.
    used: bool,
}

/// Who waits.
#[derive(Debug)]
enum By {
    /// The system's pool, by its name for the wait.
    Pool(HANDLE),
    /// A thread, until this event is set.
    Thread(JoinHandle<()>, Arc<OwnedHandle>),
}

// SAFETY: a wait of the pool's belongs to the process and to no thread.
unsafe impl Send for By {}
// SAFETY: the number in it is used by the drop alone.
unsafe impl Sync for By {}

/// What the call and the wait share.
#[derive(Debug)]
struct Told {
    state: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Wait {
    /// Begins to wait.
    ///
    /// # Errors
    ///
    /// The system's; `QuotaExceeded` at the limit of threads.
    pub(crate) fn new(object: &Arc<OwnedHandle>, nature: Nature) -> io::Result<Wait> {
        let told = Arc::new(Told { state: AtomicU8::new(WAITING), waker: Mutex::new(None) });
        let by = match nature {
            Nature::Lasting => begin_in_pool(object.as_handle(), &told)?,
            _ => begin_on_thread(object, &told)?,
        };
        Ok(Wait { by: Some(by), told, _object: Arc::clone(object), used: false })
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
        let Some(by) = self.by.take() else { return false };
        let (order, state) = (Ordering::AcqRel, &self.told.state);
        if state.compare_exchange(WAITING, GIVEN_UP, order, Ordering::Acquire).is_err() {
            // The call has come, and has all it needs; it may be under way.
            if let By::Pool(wait) = by {
                // SAFETY: the wait is ended here alone; that a call is under way is no error.
                unsafe { UnregisterWaitEx(wait, ptr::null_mut()) };
            }
            return !self.used;
        }
        match by {
            By::Pool(wait) => {
                // SAFETY: the wait is ended here alone. When this returns no call is under way.
                let ended = unsafe { UnregisterWaitEx(wait, INVALID_HANDLE_VALUE) };
                if ended != FALSE && state.load(Ordering::Acquire) != LATE {
                    // SAFETY: the call that had this count never comes.
                    unsafe { Arc::decrement_strong_count(Arc::as_ptr(&self.told)) };
                }
            }
            By::Thread(thread, end) => {
                // SAFETY: a call without pointers on an open handle.
                let told = unsafe { SetEvent(raw(end.as_handle())) };
                // It ends at once. If it could not be told, its end is not waited for.
                if told != FALSE {
                    let _ = thread.join();
                }
            }
        }
        state.load(Ordering::Acquire) == LATE
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.end();
    }
}

impl Told {
    /// The object is signalled, and a wait has succeeded.
    fn signal(&self) {
        let order = Ordering::AcqRel;
        if self.state.compare_exchange(WAITING, SIGNALLED, order, Ordering::Acquire).is_err() {
            self.state.store(LATE, Ordering::Release);
            return;
        }
        let waker = self.waker.lock().take();
        // A panic of a waker's must not leave through the system's code.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.map(Waker::wake)));
    }
}

fn begin_in_pool(object: BorrowedHandle<'_>, told: &Arc<Told>) -> io::Result<By> {
    let context = Arc::into_raw(Arc::clone(told));
    let mut wait = ptr::null_mut();
    // SAFETY: the context is a count of its own, which the one call takes; the object is kept open,
    // and the wait is written to the place for it.
    let begun = unsafe {
        let (object, context) = (raw(object), context.cast());
        let once = WT_EXECUTEONLYONCE;
        RegisterWaitForSingleObject(&raw mut wait, object, Some(call), context, INFINITE, once)
    };
    if begun != FALSE {
        return Ok(By::Pool(wait));
    }
    let error = io::Error::last_os_error();
    // SAFETY: there is no wait, hence no call that would take the count.
    unsafe { Arc::decrement_strong_count(context) };
    Err(error)
}

/// What the pool calls.
///
/// # Safety
///
/// The system's part: `context` is what the wait was begun with, and this is its only call.
unsafe extern "system" fn call(context: *mut c_void, _timed_out: bool) {
    // SAFETY: a count that was made for this call.
    let told = unsafe { Arc::from_raw(context.cast_const().cast::<Told>()) };
    told.signal();
}

/// One of the threads there are, counted.
struct Counted;

impl Counted {
    fn new() -> io::Result<Counted> {
        if THREADS.fetch_add(1, Ordering::Relaxed) < THREADS_MAX {
            return Ok(Counted);
        }
        THREADS.fetch_sub(1, Ordering::Relaxed);
        let text = format!(
            "{THREADS_MAX} waits for events, semaphores and timers are under way, each with a \
             thread: let some end before beginning more"
        );
        Err(io::Error::new(io::ErrorKind::QuotaExceeded, text))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}

fn begin_on_thread(object: &Arc<OwnedHandle>, told: &Arc<Told>) -> io::Result<By> {
    let counted = Counted::new()?;
    // SAFETY: no attributes and no name.
    let event = unsafe { CreateEventW(ptr::null(), TRUE, FALSE, ptr::null()) };
    if event.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a handle that was made just now, and is nobody else's.
    let end = Arc::new(unsafe { OwnedHandle::from_raw_handle(event) });
    let (object, told, asked) = (Arc::clone(object), Arc::clone(told), Arc::clone(&end));
    let waits = move || {
        let _counted = counted;
        let objects = [raw(object.as_handle()), raw(asked.as_handle())];
        // SAFETY: two handles, which are open for as long as this function has them.
        let met = unsafe { WaitForMultipleObjects(2, objects.as_ptr(), FALSE, INFINITE) };
        // Of two the first is told, and only what is told was taken.
        if met == WAIT_OBJECT_0 {
            told.signal();
        }
    };
    let thread = thread::Builder::new().name("mainspring wait".to_string()).stack_size(STACK);
    Ok(By::Thread(thread.spawn(waits)?, end))
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::System::Threading::CreateSemaphoreW;

    use super::*;

    /// Signals of a semaphore can be counted, whatever it is taken for.
    #[test]
    fn c11_a_signal_of_unclear_nature_that_is_not_there_twice_was_taken() {
        for (there, lost, left) in [(0, 1, 0), (1, 2, 0), (2, 0, 0), (3, 0, 1)] {
            // SAFETY: no attributes and no name.
            let semaphore = unsafe { CreateSemaphoreW(ptr::null(), there, 9, ptr::null()) };
            assert!(!semaphore.is_null());
            // SAFETY: a handle that was made just now, and is nobody else's.
            let semaphore = unsafe { OwnedHandle::from_raw_handle(semaphore) };
            assert_eq!(give_back(semaphore.as_handle(), Nature::Unclear), lost, "of {there}");
            for _ in 0..left {
                assert!(look(semaphore.as_handle()).expect("a semaphore"));
            }
            assert!(!look(semaphore.as_handle()).expect("a semaphore"), "of {there}");
        }
    }

    #[test]
    fn c13_threads_are_limited_and_the_limit_is_told() {
        // SAFETY: no attributes and no name.
        let event = unsafe { CreateEventW(ptr::null(), FALSE, TRUE, ptr::null()) };
        assert!(!event.is_null());
        // SAFETY: a handle that was made just now, and is nobody else's.
        let event = Arc::new(unsafe { OwnedHandle::from_raw_handle(event) });
        let all: Vec<Counted> =
            (0..THREADS_MAX).map(|_| Counted::new().expect("not the limit yet")).collect();
        let refused = Wait::new(&event, Nature::Event).expect_err("the limit");
        assert_eq!(refused.kind(), io::ErrorKind::QuotaExceeded);
        assert!(refused.to_string().contains("1024"), "{refused}");
        let lasting = Wait::new(&event, Nature::Lasting).expect("the pool has no such limit");
        drop((lasting, all));
        Wait::new(&event, Nature::Event).expect("there is room again");
    }
}
