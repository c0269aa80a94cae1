//! A console's input: a queue of records, of keys and of much else.
//!
//! The handle is signalled while there is a record in the queue, of whatever sort. Reading records
//! takes them as they are, and waits for one if there is none; reading bytes (`ReadFile`) takes
//! keys, throws everything else away, and in line mode waits for the end of a line.
//!
//! - <https://learn.microsoft.com/windows/console/readconsoleinput>
//! - <https://learn.microsoft.com/windows/console/low-level-console-input-functions>

use std::fs::File;
use std::io::{self, Read};
use std::mem::zeroed;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, OwnedHandle};

use windows_sys::Win32::Foundation::FALSE;
use windows_sys::Win32::System::Console::{
    FOCUS_EVENT, GetNumberOfConsoleInputEvents, INPUT_RECORD, KEY_EVENT, MENU_EVENT, MOUSE_EVENT,
    ReadConsoleInputW, WINDOW_BUFFER_SIZE_EVENT,
};

/// Records that are taken with one call at most.
const RECORDS_MAX: usize = 128;
/// Bytes that are taken with one call at most: the longest line of line mode.
const BYTES_MAX: usize = 4096;

/// A key that went down or up.
///
/// ```
/// fn is_enter(key: &mainspring::os::windows::KeyInput) -> bool {
///     key.pressed && key.unit == u16::from(b'\r')
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInput {
    /// Whether it went down.
    pub pressed: bool,
    /// How often, while it was held.
    pub repeats: u16,
    /// Which key, in the system's numbers (`VK_…`).
    pub key: u16,
    /// Which key, in the keyboard's numbers.
    pub scan_code: u16,
    /// What it stands for, in UTF-16; 0 if for nothing. A character beyond U+FFFF comes as two
    /// keys.
    pub unit: u16,
    /// What else was down (`SHIFT_PRESSED`, `LEFT_CTRL_PRESSED` …).
    pub modifiers: u32,
}

/// The mouse moved, or a button of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MouseInput {
    /// The column of the screen.
    pub column: i16,
    /// The row of the screen.
    pub row: i16,
    /// Which buttons are down, a bit each, and in the upper half how far the wheel went.
    pub buttons: u32,
    /// What else was down.
    pub modifiers: u32,
    /// What happened (`MOUSE_MOVED`, `DOUBLE_CLICK` …); 0 is a button.
    pub flags: u32,
}

/// Something that came from a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsoleEvent {
    /// A key.
    Key(KeyInput),
    /// The mouse, if the mode asks for it.
    Mouse(MouseInput),
    /// The screen has another size, if the mode asks for that.
    Resized {
        /// Columns of the whole buffer.
        columns: i16,
        /// Rows of the whole buffer.
        rows: i16,
    },
    /// The window was chosen, or left.
    Focus(bool),
    /// A menu's command.
    Menu(u32),
}

impl ConsoleEvent {
    fn of(record: &INPUT_RECORD) -> Option<ConsoleEvent> {
        let event = record.Event;
        Some(match u32::from(record.EventType) {
            KEY_EVENT => {
                // SAFETY: the type says which of the structures it is, here and below.
                let key = unsafe { event.KeyEvent };
                ConsoleEvent::Key(KeyInput {
                    pressed: key.bKeyDown != FALSE,
                    repeats: key.wRepeatCount,
                    key: key.wVirtualKeyCode,
                    scan_code: key.wVirtualScanCode,
                    // SAFETY: two numbers in one place, and the call for UTF-16 was made.
                    unit: unsafe { key.uChar.UnicodeChar },
                    modifiers: key.dwControlKeyState,
                })
            }
            MOUSE_EVENT => {
                // SAFETY: as above.
                let mouse = unsafe { event.MouseEvent };
                ConsoleEvent::Mouse(MouseInput {
                    column: mouse.dwMousePosition.X,
                    row: mouse.dwMousePosition.Y,
                    buttons: mouse.dwButtonState,
                    modifiers: mouse.dwControlKeyState,
                    flags: mouse.dwEventFlags,
                })
            }
            WINDOW_BUFFER_SIZE_EVENT => {
                // SAFETY: as above.
                let size = unsafe { event.WindowBufferSizeEvent }.dwSize;
                ConsoleEvent::Resized { columns: size.X, rows: size.Y }
            }
            // SAFETY: as above.
            FOCUS_EVENT => ConsoleEvent::Focus(unsafe { event.FocusEvent }.bSetFocus != FALSE),
            // SAFETY: as above.
            MENU_EVENT => ConsoleEvent::Menu(unsafe { event.MenuEvent }.dwCommandId),
            _ => return None,
        })
    }
}

/// The input of the console that this process is attached to.
pub(crate) fn open() -> io::Result<OwnedHandle> {
    // Writing is asked for because changing the mode is.
    File::options().read(true).write(true).open("CONIN$").map(OwnedHandle::from)
}

/// Records in the queue.
pub(crate) fn pending(input: BorrowedHandle<'_>) -> io::Result<u32> {
    let mut count = 0;
    // SAFETY: the call writes a number to the place for one.
    let told = unsafe { GetNumberOfConsoleInputEvents(input.as_raw_handle(), &raw mut count) };
    if told == FALSE { Err(io::Error::last_os_error()) } else { Ok(count) }
}

/// Takes records that are there; blocks if somebody else is faster.
pub(crate) fn events(input: BorrowedHandle<'_>) -> io::Result<Vec<ConsoleEvent>> {
    if pending(input)? == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: a structure of numbers, for which all zeroes are a value.
    let mut records: [INPUT_RECORD; RECORDS_MAX] = unsafe { zeroed() };
    let mut count = 0;
    // SAFETY: the call writes at most so many records, and how many they were.
    let read = unsafe {
        let room = RECORDS_MAX as u32;
        ReadConsoleInputW(input.as_raw_handle(), records.as_mut_ptr(), room, &raw mut count)
    };
    if read == FALSE {
        return Err(io::Error::last_os_error());
    }
    let read = &records[..(count as usize).min(RECORDS_MAX)];
    Ok(read.iter().filter_map(ConsoleEvent::of).collect())
}

/// Takes bytes, and blocks until there are some: in line mode a whole line. None at the end.
pub(crate) fn bytes(input: BorrowedHandle<'_>) -> io::Result<Vec<u8>> {
    let mut room = vec![0; BYTES_MAX];
    let count = File::from(input.try_clone_to_owned()?).read(&mut room)?;
    room.truncate(count);
    Ok(room)
}
