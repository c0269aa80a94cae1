//! By what a console says to the processes that are attached to it.
//!
//! Each server has a console of its own. The test enters it for a moment and says it there; so
//! nobody hears it but the two, and the test has a handler that takes no notice.

use std::os::windows::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{Mutex, Once, PoisonError};

use windows_sys::Win32::System::Console::{
    ATTACH_PARENT_PROCESS, AttachConsole, CTRL_BREAK_EVENT, CTRL_C_EVENT, FreeConsole,
    GenerateConsoleCtrlEvent, SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::Threading::CREATE_NEW_CONSOLE;
use windows_sys::core::BOOL;

use super::Ending;

/// A process has one console at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What the system calls in the test: nothing comes of it.
unsafe extern "system" fn unmoved(_event: u32) -> BOOL {
    1
}

/// Gives a server a console of its own.
pub fn prepare(command: &mut Command) {
    command.creation_flags(CREATE_NEW_CONSOLE);
}

/// Tells a server to end.
pub fn tell(child: &Child, ending: Ending) {
    static HANDLER: Once = Once::new();
    let event = match ending {
        Ending::Interrupt => CTRL_C_EVENT,
        Ending::Terminate => CTRL_BREAK_EVENT,
    };
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // It fails where the test has none.
    // SAFETY: a call without pointers.
    unsafe { FreeConsole() };
    // SAFETY: the same.
    let entered = unsafe { AttachConsole(child.id()) };
    assert_ne!(entered, 0, "the server's console: {}", std::io::Error::last_os_error());
    HANDLER.call_once(|| {
        // SAFETY: the routine is a function of this program and lives as long as it does.
        let installed = unsafe { SetConsoleCtrlHandler(Some(unmoved), 1) };
        assert_ne!(installed, 0, "{}", std::io::Error::last_os_error());
    });
    // SAFETY: a call without pointers.
    let said = unsafe { GenerateConsoleCtrlEvent(event, 0) };
    let error = std::io::Error::last_os_error();
    // SAFETY: the same.
    unsafe { FreeConsole() };
    // Back home, if there is one.
    // SAFETY: the same.
    unsafe { AttachConsole(ATTACH_PARENT_PROCESS) };
    assert_ne!(said, 0, "{ending:?}: {error}");
}
