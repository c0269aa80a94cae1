//! Consoles: what they say to processes, and what is typed into them.
//!
//! Each test is a child, this program once more, in a console of its own or in none: events go to
//! all processes of a console, and this one is to hear none of them. The child says what it did by
//! the code it ends with.
//!
//! Wine does not carry Ctrl-Break to those who listen: it is shown in the handler alone.

mod pseudo;

use std::io::ErrorKind;
use std::os::windows::io::AsHandle;
use std::os::windows::process::CommandExt;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::task::Poll;
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use mainspring::os::windows::{
    ConsoleEvent, ConsoleInput, IoModel, Registered, SourceKind, Waitable, classify, register,
};
use mainspring::signal::{SignalKind, ctrl_c, signal};
use mainspring::time::timeout;
use mainspring::{Handle, block_on};
use windows_sys::Win32::System::Console::{
    CTRL_C_EVENT, FlushConsoleInputBuffer, GenerateConsoleCtrlEvent, INPUT_RECORD, INPUT_RECORD_0,
    KEY_EVENT, KEY_EVENT_RECORD, KEY_EVENT_RECORD_0, WriteConsoleInputW,
};
use windows_sys::Win32::System::Threading::DETACHED_PROCESS;

use crate::watchdog::watch;
use pseudo::PseudoConsole;

/// To a child: its part.
const PART: &str = "MAINSPRING_TEST_PART";
/// The code of a child that has done its part.
const DONE: i32 = 42;
/// What Windows gives a process that an event of the console has ended.
const ENDED_BY_CONTROL: i32 = 0xc000_013a_u32 as i32;
/// Longer than any part takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// The child's side: as a test, there is nothing to do.
#[test]
fn the_child() {
    let Ok(part) = env::var(PART) else { return };
    let parts: &[(&str, fn())] = &[
        ("hears ctrl-c", hears_ctrl_c),
        ("does not listen", does_not_listen),
        ("takes events", takes_events),
        ("reads lines", reads_lines),
        ("has no console", has_no_console),
    ];
    let (_, play) = parts.iter().find(|(name, _)| *name == part).expect("a part there is");
    play();
    std::process::exit(DONE);
}

fn command(part: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "console::the_child", "--nocapture"]).env(PART, part);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// How a child ended.
fn code(mut child: Child) -> Option<i32> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if begin.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the child does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn in_a_console(part: &str) -> i32 {
    let _watchdog = watch();
    let console = PseudoConsole::new();
    console.start("--exact console::the_child --nocapture", (PART, part)).code(PATIENCE)
}

/// Says an event to everybody of this console.
fn say(event: u32) {
    // SAFETY: a call without pointers.
    let said = unsafe { GenerateConsoleCtrlEvent(event, 0) };
    assert_ne!(said, 0, "{}", io::Error::last_os_error());
}

#[test]
fn ctrl_c_is_told_end_to_end() {
    assert_eq!(in_a_console("hears ctrl-c"), DONE);
}

fn hears_ctrl_c() {
    block_on(async {
        let mut first = signal(SignalKind::interrupt()).unwrap();
        let mut second = signal(SignalKind::interrupt()).unwrap();
        let mut others = [signal(SignalKind::ctrl_break()), signal(SignalKind::terminate())];
        for _ in 0..3 {
            say(CTRL_C_EVENT);
            first.recv().await.unwrap();
            second.recv().await.unwrap();
            for other in &mut others {
                let other = other.as_mut().unwrap();
                assert!(futures::poll!(pin!(other.recv())).is_pending());
            }
        }
        let mut once = pin!(ctrl_c());
        assert!(futures::poll!(&mut once).is_pending());
        say(CTRL_C_EVENT);
        once.await.unwrap();
    })
    .unwrap();
}

#[test]
fn an_event_that_nobody_listens_to_ends_the_process() {
    assert_eq!(in_a_console("does not listen"), ENDED_BY_CONTROL);
}

fn does_not_listen() {
    // To something else.
    let _listener = block_on(async { signal(SignalKind::close()).unwrap() }).unwrap();
    say(CTRL_C_EVENT);
    thread::sleep(PATIENCE);
}

/// A key that goes down, or up, for a character.
fn key(pressed: bool, unit: u8) -> INPUT_RECORD {
    let key = KEY_EVENT_RECORD {
        bKeyDown: pressed.into(),
        wRepeatCount: 1,
        // The keys of letters have the numbers of the large ones, and that of the end of a line its
        // own.
        wVirtualKeyCode: unit.to_ascii_uppercase().into(),
        wVirtualScanCode: 0,
        uChar: KEY_EVENT_RECORD_0 { UnicodeChar: unit.into() },
        dwControlKeyState: 0,
    };
    INPUT_RECORD { EventType: KEY_EVENT as u16, Event: INPUT_RECORD_0 { KeyEvent: key } }
}

/// Types into the console of this process.
fn type_in(text: &str) {
    use std::os::windows::io::AsRawHandle;
    let input = fs::File::options().read(true).write(true).open("CONIN$").unwrap();
    let keys: Vec<INPUT_RECORD> =
        text.bytes().flat_map(|unit| [key(true, unit), key(false, unit)]).collect();
    let mut written = 0;
    // SAFETY: the call reads so many records, and writes how many it took.
    let done = unsafe {
        let count = keys.len() as u32;
        WriteConsoleInputW(input.as_raw_handle(), keys.as_ptr(), count, &raw mut written)
    };
    assert!(done != 0 && written as usize == keys.len(), "{}", io::Error::last_os_error());
}

/// Forgets what came of itself, such as that the window was chosen.
fn flush(input: &ConsoleInput) {
    use std::os::windows::io::AsRawHandle;
    // SAFETY: a call without pointers on an open handle.
    let flushed = unsafe { FlushConsoleInputBuffer(input.as_handle().as_raw_handle()) };
    assert_ne!(flushed, 0, "{}", io::Error::last_os_error());
}

#[test]
fn a_consoles_events_are_awaited_and_taken() {
    assert_eq!(in_a_console("takes events"), DONE);
}

fn takes_events() {
    let screen = fs::File::options().read(true).write(true).open("CONOUT$").unwrap();
    assert_eq!(classify(&screen).unwrap(), (SourceKind::Console, IoModel::Blocking));
    block_on(async {
        let refused = register(&Handle::current(), screen.into()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        let input = ConsoleInput::open().unwrap();
        assert_eq!(classify(&input).unwrap(), (SourceKind::Console, IoModel::Waitable));
        flush(&input);
        assert!(timeout(Duration::from_millis(20), input.ready()).await.is_err());
        {
            let mut wait = pin!(input.events());
            assert!(futures::poll!(&mut wait).is_pending());
            let types = thread::spawn(|| type_in("a"));
            let events = wait.await.unwrap();
            types.join().unwrap();
            let ConsoleEvent::Key(key) = events[0] else { panic!("{events:?}") };
            assert!(key.pressed && key.unit == u16::from(b'a') && key.repeats == 1, "{key:?}");
            assert_eq!(events.len(), 2, "{events:?}");
        }
        // What a read has taken that was given up is there for the next.
        for _ in 0..20 {
            let mut wait = Box::pin(input.events());
            assert!(futures::poll!(&mut wait).is_pending());
            type_in("b");
            input.ready().await.ok();
            // A thread has begun to read, or has ended by now.
            let mut keys = match futures::poll!(&mut wait) {
                Poll::Ready(events) => events.unwrap().len(),
                Poll::Pending => 0,
            };
            drop(wait);
            while keys < 2 {
                keys += input.events().await.unwrap().len();
            }
            assert_eq!(keys, 2);
        }
        let other = input.as_handle().try_clone_to_owned().unwrap();
        let other = register(&Handle::current(), other).unwrap();
        assert!(matches!(other, Registered::Console(_)), "{other:?}");
        let other = input.as_handle().try_clone_to_owned().unwrap();
        let other = Waitable::new(other).unwrap();
        type_in("c");
        other.wait().await.unwrap();
    })
    .unwrap();
}

#[test]
fn lines_are_read_as_the_console_hands_them_on() {
    assert_eq!(in_a_console("reads lines"), DONE);
}

fn reads_lines() {
    block_on(async {
        let input = ConsoleInput::open().unwrap();
        flush(&input);
        type_in("hi");
        {
            // There is input, and no line: a thread has begun to read.
            input.ready().await.unwrap();
            let mut read = pin!(input.read());
            let early = timeout(Duration::from_millis(50), &mut read).await;
            assert!(early.is_err(), "{early:?}");
        }
        // It was given up, and goes on.
        type_in("\r");
        assert_eq!(input.read().await.unwrap(), b"hi\r\n");
        type_in("ho\r");
        assert_eq!(input.read().await.unwrap(), b"ho\r\n");
    })
    .unwrap();
}

#[test]
fn without_a_console_there_is_no_input_and_words_say_so() {
    let _watchdog = watch();
    let child = command("has no console").creation_flags(DETACHED_PROCESS).spawn().unwrap();
    assert_eq!(code(child), Some(DONE));
}

fn has_no_console() {
    block_on(async {
        let refused = ConsoleInput::open().unwrap_err();
        assert!(refused.to_string().contains("no console"), "{refused}");
        // A listener is no error: a console may be made later.
        let mut listener = signal(SignalKind::interrupt()).unwrap();
        assert!(futures::poll!(pin!(listener.recv())).is_pending());
    })
    .unwrap();
}
