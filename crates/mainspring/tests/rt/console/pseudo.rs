//! A console without a window, and a child in it.
//!
//! The one that the system would make for a child needs a screen, which a machine for tests may not
//! have. What is written to the pseudo console's screen goes to a pipe that nobody needs to read.

use std::ffi::OsStr;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::time::Duration;
use std::{env, io, mem, ptr, thread};

use windows_sys::Win32::Foundation::{FALSE, HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Console::{COORD, ClosePseudoConsole, CreatePseudoConsole, HPCON};
use windows_sys::Win32::System::Pipes::CreatePipe;
use windows_sys::Win32::System::Threading::{
    CREATE_UNICODE_ENVIRONMENT, CreateProcessW, DeleteProcThreadAttributeList,
    EXTENDED_STARTUPINFO_PRESENT, GetExitCodeProcess, InitializeProcThreadAttributeList,
    PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, PROCESS_INFORMATION, STARTF_USESTDHANDLES, STARTUPINFOEXW,
    TerminateProcess, UpdateProcThreadAttribute, WaitForSingleObject,
};

/// The console.
pub struct PseudoConsole {
    console: HPCON,
    _input: OwnedHandle,
    screen: Option<thread::JoinHandle<()>>,
}

/// A process in it.
pub struct Inside(OwnedHandle);

fn check(done: i32) {
    assert_ne!(done, FALSE, "{}", io::Error::last_os_error());
}

fn own(handle: HANDLE) -> OwnedHandle {
    // SAFETY: the callers have made it just now, and it is nobody else's.
    unsafe { OwnedHandle::from_raw_handle(handle) }
}

fn pipe() -> (OwnedHandle, OwnedHandle) {
    let (mut reader, mut writer) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the call writes two handles to the places for them.
    check(unsafe { CreatePipe(&raw mut reader, &raw mut writer, ptr::null(), 0) });
    (own(reader), own(writer))
}

fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

impl PseudoConsole {
    pub fn new() -> PseudoConsole {
        let ((input, typed), (shown, screen)) = (pipe(), pipe());
        let mut console = 0;
        // SAFETY: both handles are open; the call takes copies of them, and writes a number.
        let made = unsafe {
            let size = COORD { X: 80, Y: 25 };
            let (input, screen) = (input.as_raw_handle(), screen.as_raw_handle());
            CreatePseudoConsole(size, input, screen, 0, &raw mut console)
        };
        assert!(made >= 0, "a pseudo console: {made:x}");
        // A screen that nobody reads would stand still one day.
        let screen = thread::spawn(move || {
            let _ = io::copy(&mut std::fs::File::from(shown), &mut io::sink());
        });
        PseudoConsole { console, _input: typed, screen: Some(screen) }
    }

    /// Starts this program once more, with one more variable.
    pub fn start(&self, arguments: &str, variable: (&str, &str)) -> Inside {
        let mut len = 0;
        // SAFETY: the call writes how much room it wants, and fails.
        unsafe { InitializeProcThreadAttributeList(ptr::null_mut(), 1, 0, &raw mut len) };
        let mut room = vec![0_usize; len.div_ceil(size_of::<usize>())];
        let list = room.as_mut_ptr().cast();
        // SAFETY: there is as much room as it wants.
        check(unsafe { InitializeProcThreadAttributeList(list, 1, 0, &raw mut len) });
        // SAFETY: the list was made, and the value of this attribute is the console itself.
        check(unsafe {
            let (what, size) = (PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE as usize, size_of::<HPCON>());
            let console = self.console as *const _;
            UpdateProcThreadAttribute(list, 0, what, console, size, ptr::null_mut(), ptr::null())
        });
        // SAFETY: a structure of numbers and pointers, for which all zeroes are a value.
        let mut start: STARTUPINFOEXW = unsafe { mem::zeroed() };
        start.StartupInfo.cb = size_of::<STARTUPINFOEXW>() as u32;
        // None of ours: the streams are the console's.
        start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
        start.lpAttributeList = list;
        let program = env::current_exe().unwrap();
        let mut line = wide(OsStr::new(&format!("\"{}\" {arguments}", program.display())));
        let mut environment = Vec::new();
        for (name, value) in env::vars_os() {
            environment.extend(name.encode_wide().chain([u16::from(b'=')]));
            environment.extend(wide(&value));
        }
        environment.extend(wide(OsStr::new(&format!("{}={}", variable.0, variable.1))));
        environment.push(0);
        // SAFETY: as above.
        let mut process: PROCESS_INFORMATION = unsafe { mem::zeroed() };
        // SAFETY: each text ends with a zero, the line may be written to, and everything lives
        // until the call returns.
        check(unsafe {
            CreateProcessW(
                wide(program.as_os_str()).as_ptr(),
                line.as_mut_ptr(),
                ptr::null(),
                ptr::null(),
                FALSE,
                EXTENDED_STARTUPINFO_PRESENT | CREATE_UNICODE_ENVIRONMENT,
                environment.as_ptr().cast(),
                ptr::null(),
                &raw const start.StartupInfo,
                &raw mut process,
            )
        });
        // SAFETY: the list was made, and is not used any more.
        unsafe { DeleteProcThreadAttributeList(list) };
        drop(own(process.hThread));
        Inside(own(process.hProcess))
    }
}

impl Drop for PseudoConsole {
    fn drop(&mut self) {
        // SAFETY: it was made, and is closed once.
        unsafe { ClosePseudoConsole(self.console) };
        if let Some(screen) = self.screen.take() {
            let _ = screen.join();
        }
    }
}

impl Inside {
    /// How it ended.
    ///
    /// # Panics
    ///
    /// If it has not within this time.
    pub fn code(self, patience: Duration) -> i32 {
        let process = self.0.as_raw_handle();
        // SAFETY: a call without pointers on an open handle.
        let met = unsafe { WaitForSingleObject(process, patience.as_millis() as u32) };
        if met != WAIT_OBJECT_0 {
            // SAFETY: the same.
            unsafe { TerminateProcess(process, 1) };
            panic!("the child does not end");
        }
        let mut code = 0;
        // SAFETY: an open handle, and a place for a number.
        check(unsafe { GetExitCodeProcess(process, &raw mut code) });
        code as i32
    }
}
