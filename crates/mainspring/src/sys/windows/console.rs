//! Ctrl-C and its relatives.
//!
//! The system calls the handlers of a process on a thread that it makes for each event, so a
//! handler may do what any thread may, take locks included. The last handler installed is asked
//! first; one that says that it has dealt with the event ends the asking, and if none does, the
//! process ends.
//!
//! - <https://learn.microsoft.com/windows/console/handlerroutine>

use std::io;
use std::sync::{Mutex, PoisonError};

use windows_sys::Win32::Foundation::{FALSE, TRUE};
use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;
use windows_sys::core::BOOL;

pub(crate) use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT,
};

/// What is told of an event; it says whether the event was dealt with.
type Handler = fn(u32) -> bool;

/// The handler, once it is installed.
static HANDLER: Mutex<Option<Handler>> = Mutex::new(None);

/// What the system calls.
///
/// # Safety
///
/// The system's part: `event` is the number of one.
unsafe extern "system" fn told(event: u32) -> BOOL {
    let handler = *HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
    if handler.is_some_and(|handler| handler(event)) { TRUE } else { FALSE }
}

/// Installs `handler` for the whole process, unless it is there.
pub(crate) fn install(handler: Handler) -> io::Result<()> {
    let mut installed = HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
    if installed.is_some() {
        return Ok(());
    }
    // SAFETY: the routine is a function of this program and lives as long as it does.
    if unsafe { SetConsoleCtrlHandler(Some(told), TRUE) } == FALSE {
        return Err(io::Error::last_os_error());
    }
    *installed = Some(handler);
    Ok(())
}
