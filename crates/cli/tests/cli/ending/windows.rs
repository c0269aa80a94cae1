//! By what a console says to the processes that are attached to it.
//!
//! Each server has a console of its own. The test enters it for a moment and says it there; so
//! nobody hears it but the two, and the test has a handler that takes no notice.

use std::os::windows::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use windows_sys::Win32::System::Console::{
    ATTACH_PARENT_PROCESS, AttachConsole, CTRL_BREAK_EVENT, CTRL_C_EVENT, FreeConsole,
    GenerateConsoleCtrlEvent, GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
    SetConsoleCtrlHandler, SetStdHandle,
};
use windows_sys::Win32::System::Threading::CREATE_NEW_CONSOLE;
use windows_sys::core::BOOL;

use super::Ending;
use crate::server::PATIENCE;

/// A process has one console at a time.
static ALONE: Mutex<()> = Mutex::new(());
/// How often the test itself was told.
static HEARD: AtomicUsize = AtomicUsize::new(0);

/// What the system calls in the test, on a thread of its own.
///
/// # Safety
///
/// None: any number will do.
unsafe extern "system" fn unmoved(_event: u32) -> BOOL {
    HEARD.fetch_add(1, Ordering::Relaxed);
    1
}

/// Gives a server a console of its own.
pub fn prepare(command: &mut Command) {
    command.creation_flags(CREATE_NEW_CONSOLE);
}

/// Tells a server to end.
pub fn tell(child: &Child, ending: Ending) {
    let event = match ending {
        Ending::Interrupt => CTRL_C_EVENT,
        Ending::Terminate => CTRL_BREAK_EVENT,
    };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Who enters a console gets its streams for his own.
    let streams = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE].map(|which| {
        // SAFETY: a call without pointers.
        (which, unsafe { GetStdHandle(which) })
    });
    // It fails where the test has none.
    // SAFETY: a call without pointers.
    unsafe { FreeConsole() };
    // SAFETY: the same.
    let entered = unsafe { AttachConsole(child.id()) };
    assert_ne!(entered, 0, "the server's console: {}", std::io::Error::last_os_error());
    // Each time anew: who enters a console may find the handlers of the one before gone.
    // SAFETY: the routine is a function of this program and lives as long as it does.
    let installed = unsafe { SetConsoleCtrlHandler(Some(unmoved), 1) };
    assert_ne!(installed, 0, "{}", std::io::Error::last_os_error());
    let before = HEARD.load(Ordering::Relaxed);
    // SAFETY: a call without pointers.
    let said = unsafe { GenerateConsoleCtrlEvent(event, 0) };
    assert_ne!(said, 0, "{ending:?}: {}", std::io::Error::last_os_error());
    // Whoever leaves before it was told, is told without a handler, and ends.
    let begin = Instant::now();
    while HEARD.load(Ordering::Relaxed) == before {
        assert!(begin.elapsed() < PATIENCE, "{ending:?} is not heard");
        thread::yield_now();
    }
    // SAFETY: the same.
    unsafe { FreeConsole() };
    // Back home, if there is one.
    // SAFETY: the same.
    unsafe { AttachConsole(ATTACH_PARENT_PROCESS) };
    for (which, stream) in streams {
        // SAFETY: the handle was this stream's before, and nobody has closed it.
        let restored = unsafe { SetStdHandle(which, stream) };
        assert_ne!(restored, 0, "{}", std::io::Error::last_os_error());
    }
}
