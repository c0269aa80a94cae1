//! By what a console says to the processes that are attached to it.
//!
//! Each server has a console of its own. A helper, this program once more, enters it and says it
//! there, and takes no notice itself. The test stays out: who enters a console gets its streams.

use std::os::windows::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use std::{env, io, thread};

use windows_sys::Win32::System::Console::{
    AttachConsole, CTRL_BREAK_EVENT, CTRL_C_EVENT, GenerateConsoleCtrlEvent, SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::Threading::{CREATE_NEW_CONSOLE, DETACHED_PROCESS};
use windows_sys::core::BOOL;

use super::Ending;
use crate::server::PATIENCE;

/// To the helper: the server's process, and the event.
const TELL: &str = "MAINSPRING_TEST_TELL";

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
    let mut helper = Command::new(env::current_exe().unwrap());
    helper.args(["--exact", "ending::windows::the_one_who_tells"]);
    helper.env(TELL, format!("{} {event}", child.id())).creation_flags(DETACHED_PROCESS);
    helper.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(helper.status().unwrap().success(), "{ending:?} was not told");
}

/// The helper's part; as a test, nothing is to be told.
#[test]
fn the_one_who_tells() {
    let Ok(told) = env::var(TELL) else { return };
    let (process, event) = told.split_once(' ').unwrap();
    say(process.parse().unwrap(), event.parse().unwrap());
}

/// Whether the helper itself was told.
static HEARD: AtomicBool = AtomicBool::new(false);

/// What the system calls in the helper, on a thread of its own.
///
/// # Safety
///
/// None: any number will do.
unsafe extern "system" fn unmoved(_event: u32) -> BOOL {
    HEARD.store(true, Ordering::Relaxed);
    1
}

fn say(process: u32, event: u32) {
    // SAFETY: a call without pointers.
    let entered = unsafe { AttachConsole(process) };
    assert_ne!(entered, 0, "the server's console: {}", io::Error::last_os_error());
    // SAFETY: the routine is a function of this program and lives as long as it does.
    let installed = unsafe { SetConsoleCtrlHandler(Some(unmoved), 1) };
    assert_ne!(installed, 0, "{}", io::Error::last_os_error());
    // SAFETY: a call without pointers.
    let said = unsafe { GenerateConsoleCtrlEvent(event, 0) };
    assert_ne!(said, 0, "{}", io::Error::last_os_error());
    let begin = Instant::now();
    while !HEARD.load(Ordering::Relaxed) {
        assert!(begin.elapsed() < PATIENCE, "it is not heard");
        thread::yield_now();
    }
}
