//! Objects of the system's, as the tests need them.

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use windows_sys::Win32::Foundation::{DuplicateHandle, FALSE, HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    CREATE_WAITABLE_TIMER_MANUAL_RESET, CreateEventW, CreateMutexW, CreateSemaphoreW,
    CreateWaitableTimerExW, GetCurrentProcess, ReleaseSemaphore, ResetEvent,
    SYNCHRONIZATION_SYNCHRONIZE, SetEvent, SetWaitableTimer, TIMER_ALL_ACCESS, WaitForSingleObject,
};

fn own(handle: HANDLE) -> OwnedHandle {
    assert!(!handle.is_null(), "{}", io::Error::last_os_error());
    // SAFETY: a handle that was made just now, and is nobody else's.
    unsafe { OwnedHandle::from_raw_handle(handle) }
}

/// Another handle of the same object.
fn double(handle: &OwnedHandle) -> OwnedHandle {
    handle.as_handle().try_clone_to_owned().unwrap()
}

/// Whether an object is signalled at once: that is a wait that has succeeded.
fn look(handle: &OwnedHandle) -> bool {
    // SAFETY: a call without pointers on an open handle.
    unsafe { WaitForSingleObject(handle.as_raw_handle(), 0) == WAIT_OBJECT_0 }
}

/// A handle of the same object with which it can be waited for and no more.
pub fn only_to_wait(handle: &OwnedHandle) -> OwnedHandle {
    let mut poor = ptr::null_mut();
    // SAFETY: a call that cannot fail, and needs nothing.
    let process = unsafe { GetCurrentProcess() };
    let (handle, rights) = (handle.as_raw_handle(), SYNCHRONIZATION_SYNCHRONIZE);
    // SAFETY: the call writes a handle to the place for one; the other one is open.
    let done =
        unsafe { DuplicateHandle(process, handle, process, &raw mut poor, rights, FALSE, 0) };
    assert_ne!(done, FALSE, "{}", io::Error::last_os_error());
    own(poor)
}

#[derive(Clone)]
pub struct Event(Arc<OwnedHandle>);

impl Event {
    pub fn reset_by_hand() -> Event {
        Event::new(true)
    }

    pub fn reset_by_waits() -> Event {
        Event::new(false)
    }

    fn new(by_hand: bool) -> Event {
        // SAFETY: no attributes and no name.
        let event = unsafe { CreateEventW(ptr::null(), by_hand.into(), FALSE, ptr::null()) };
        Event(Arc::new(own(event)))
    }

    pub fn handle(&self) -> OwnedHandle {
        double(&self.0)
    }

    pub fn set(&self) {
        // SAFETY: a call without pointers on an open handle.
        assert_ne!(unsafe { SetEvent(self.0.as_raw_handle()) }, FALSE);
    }

    pub fn reset(&self) {
        // SAFETY: a call without pointers on an open handle.
        assert_ne!(unsafe { ResetEvent(self.0.as_raw_handle()) }, FALSE);
    }

    /// Whether it was set; if waits reset it, it is reset now.
    pub fn take(&self) -> bool {
        look(&self.0)
    }
}

#[derive(Clone)]
pub struct Semaphore(Arc<OwnedHandle>);

impl Semaphore {
    pub fn new() -> Semaphore {
        // SAFETY: no attributes and no name.
        Semaphore(Arc::new(own(unsafe { CreateSemaphoreW(ptr::null(), 0, 1000, ptr::null()) })))
    }

    pub fn handle(&self) -> OwnedHandle {
        double(&self.0)
    }

    pub fn release(&self) {
        // SAFETY: the number before is not asked for.
        let released = unsafe { ReleaseSemaphore(self.0.as_raw_handle(), 1, ptr::null_mut()) };
        assert_ne!(released, FALSE);
    }

    /// Whether there was a permit; there is one fewer now.
    pub fn take(&self) -> bool {
        look(&self.0)
    }
}

/// A timer, and what sets it.
pub fn timer(by_hand: bool) -> (OwnedHandle, impl Fn(Duration)) {
    let how = if by_hand { CREATE_WAITABLE_TIMER_MANUAL_RESET } else { 0 };
    // SAFETY: no attributes and no name.
    let timer = unsafe { CreateWaitableTimerExW(ptr::null(), ptr::null(), how, TIMER_ALL_ACCESS) };
    let timer = own(timer);
    let sets = double(&timer);
    let set = move |after: Duration| {
        // Negative is from now on, in units of a hundred nanoseconds.
        let due = -i64::try_from(after.as_nanos() / 100).unwrap();
        // SAFETY: the call reads one number; there is no routine.
        let set = unsafe {
            let timer = sets.as_raw_handle();
            SetWaitableTimer(timer, &raw const due, 0, None, ptr::null(), FALSE)
        };
        assert_ne!(set, FALSE, "{}", io::Error::last_os_error());
    };
    (timer, set)
}

pub fn mutex() -> OwnedHandle {
    // SAFETY: no attributes and no name.
    own(unsafe { CreateMutexW(ptr::null(), FALSE, ptr::null()) })
}
